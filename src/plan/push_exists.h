/*
 * push_exists.h
 *	  EXISTS asks whether there is a row, not what is in it.
 */
#ifndef SHARDEXT_PUSH_EXISTS_H
#define SHARDEXT_PUSH_EXISTS_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/* At all levels of the query, which is changed. */
extern void push_simplify_exists(Query *query);

#endif
