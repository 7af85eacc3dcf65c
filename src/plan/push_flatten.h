/*
 * push_flatten.h
 *	  Sub-SELECTs of FROM that only join and filter become part of their level.
 */
#ifndef SHARDEXT_PUSH_FLATTEN_H
#define SHARDEXT_PUSH_FLATTEN_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/* Changes the Query (a copy) in place, all rows staying the same; false: there was nothing to change. */
extern bool push_flatten(Query *query);

/* Does anything refer to the whole row, or to system columns, of this entry of the Query? */
extern bool push_names_whole_row(const Query *query, Index varno);

#endif
