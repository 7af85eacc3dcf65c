/*
 * push_conditions.h
 *	  Conditions on what a sub-SELECT groups by are asked of its rows.
 */
#ifndef SHARDEXT_PUSH_CONDITIONS_H
#define SHARDEXT_PUSH_CONDITIONS_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/* Put conditions of an UPDATE or DELETE into the sub-SELECTs in FROM, where the same rows are left. Changes it. */
extern void push_conditions(Query *query);

#endif
