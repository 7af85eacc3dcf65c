/*
 * push_apart.h
 *	  Parts in a statement that writes.
 */
#ifndef SHARDEXT_PUSH_APART_H
#define SHARDEXT_PUSH_APART_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/* Put a sub-SELECT around each part that the planner might take into the level that writes. Changes the Query. */
extern void push_keep_apart(Query *query);

#endif
