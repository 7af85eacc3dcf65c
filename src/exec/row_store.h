/*
 * row_store.h
 *	  Rows of an INSERT stored in shard tables of this node without an executor.
 */
#ifndef SHARDEXT_ROW_STORE_H
#define SHARDEXT_ROW_STORE_H

#include "postgres.h"
#include "nodes/execnodes.h"
#include "nodes/parsenodes.h"

#include "catalog/shard_map.h"

/* Rows one after the other, each of width values. */
typedef struct StoredRows
{
	int			width;
	const Datum *values;
	const bool *nulls;
	const int  *shards;			/* by row */
	int			nrows;
	int		   *rows;			/* those to be stored, by shard */
} StoredRows;

/* The rows of the list, by shard. */
extern int *rows_by_shard(const List *rows, const int *shards);

/*
 * May rows be stored that way: is the Query for a shard an INSERT that yields nothing, of a row's values and of
 * constants, into a sharded table that needs nothing but checks and index entries?
 */
extern bool row_store_takes(const Query *query);

/* Store the rows. SHARD_OK, or why not, of which shard: then none has been stored. estate: of the statement. */
extern ShardVerdict row_store_write(const Query *query, const StoredRows *rows, EState *estate, int *refused);

#endif
