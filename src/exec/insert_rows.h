/*
 * insert_rows.h
 *	  Rows of one INSERT into a sharded table on their way to their shards: one
 *	  statement per node.
 */
#ifndef SHARDEXT_INSERT_ROWS_H
#define SHARDEXT_INSERT_ROWS_H

#include "postgres.h"
#include "executor/executor.h"
#include "nodes/bitmapset.h"

#include "exec/insert_batch.h"
#include "exec/insert_shards.h"
#include "exec/row_arrays.h"

/* The name under which the statement for local shards finds its rows. */
#define INSERT_ROWS_TABLE	"*rows*"

typedef struct RowSender RowSender;

/*
 * As insert_sender_make. here: a coordinator has sent the rows, all must be for shards of this node; if they are not,
 * none is written and the coordinator is told.
 */
extern RowSender *row_sender_make(const InsertForm *form, const Oid *types, const char *query_string, bool here,
								  EState *estate, ExprContext *econtext, TupleTableSlot *returning,
								  InsertReturned returned, void *arg);

/* A row for a shard; values are copied. Sends when more bytes than the limit have come together. */
extern void row_sender_add(RowSender *sender, int shard, const Bitmapset *made_by_owner,
						   const Datum *values, const bool *nulls, Size limit);

/* All rows at once, as a coordinator has sent them; the last column is their shards. They are not copied. */
extern void row_sender_take(RowSender *sender, const RowArrays *rows);

/* Send what is left of the rows that the node has given, and wait for all nodes; rows written in all. */
extern uint64 row_sender_finish(RowSender *sender, const PlanState *node);

/* Give up: connections are left usable. */
extern void row_sender_end(RowSender *sender);

#endif
