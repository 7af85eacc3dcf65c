/*
 * recursive_steps.h
 *	  WITH RECURSIVE: each step fetches the rows that belong to those of the step before.
 */
#ifndef SHARDEXT_RECURSIVE_STEPS_H
#define SHARDEXT_RECURSIVE_STEPS_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/* Changes WITH RECURSIVE clauses of a SELECT, at whatever level, in place. */
extern void recursive_steps_look_up(Query *query);

#endif
