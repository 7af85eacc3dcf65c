/*
 * copy_by_row.h
 *	  COPY FROM into a sharded table whose triggers go to other shards: its rows
 *	  are inserted one by one.
 */
#ifndef SHARDEXT_COPY_BY_ROW_H
#define SHARDEXT_COPY_BY_ROW_H

#include "postgres.h"
#include "copy/copy_input.h"

/* Do triggers of the sharded table need more than the shard of their row, or give it another one? */
extern bool copy_by_row_is_needed(Relation table);

/* Insert the rows of the input under PostgreSQL's executor; returns how many were stored. */
extern uint64 copy_by_row(CopyInput *input, const char *query_string);

#endif
