/*
 * push_arrays.h
 *	  Arrays of values that a level around computes, in the conditions of one below it.
 */
#ifndef SHARDEXT_PUSH_ARRAYS_H
#define SHARDEXT_PUSH_ARRAYS_H

#include "postgres.h"

#include "nodes/parsenodes.h"

/*
 * In WHERE of the level, a copy of a sub-SELECT in FROM of the one around it, such arrays become parameters, for which
 * there are inputs then (push_broadcast.h).
 */
extern void push_arrays_as_inputs(Query *level, const Query *around, int *next_param, List **inputs);

/* What stands in the level's place, above the fragment with such inputs, is not pulled up: they refer to that one. */
extern void push_arrays_keep_level(Query *above);

#endif
