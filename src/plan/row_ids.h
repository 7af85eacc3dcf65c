/*
 * row_ids.h
 *	  Defaults next_id() of rows that the coordinator computes whole.
 */
#ifndef SHARDEXT_ROW_IDS_H
#define SHARDEXT_ROW_IDS_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/*
 * next_id() among the values of rows that the Query, or one inside of it,
 * inserts becomes next_id(shard of the row), where another value of the row
 * says that. Scribbles on the Query.
 */
extern void row_ids_place(Query *query);

#endif
