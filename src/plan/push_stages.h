/*
 * push_stages.h
 *	  Joins of a level that are brought together before the others.
 */
#ifndef SHARDEXT_PUSH_STAGES_H
#define SHARDEXT_PUSH_STAGES_H

#include "postgres.h"

#include "nodes/parsenodes.h"

/*
 * The level with one of its joins, that which costs least, made a sub-SELECT of FROM: a stage. *cost is what it costs
 * to bring its tables together. NULL: there is no join that can be.
 */
extern Query *push_add_stage(Query *query, double *cost);

/* Is it one? */
extern bool push_is_stage(const RangeTblEntry *rte);

/* A sub-SELECT as what is laid out: of a stage, its rows without the mark. */
extern Query *push_stage_rows(Query *query);

#endif
