/*
 * insert_batch.h
 *	  Rows of one INSERT on their way to their shards: buffered per shard, sent
 *	  in batches, repeated when a shard has moved.
 */
#ifndef SHARDEXT_INSERT_BATCH_H
#define SHARDEXT_INSERT_BATCH_H

#include "postgres.h"
#include "executor/executor.h"
#include "nodes/bitmapset.h"

#include "exec/insert_shards.h"

typedef struct InsertSender InsertSender;

/* Called for each row that RETURNING gives; ordinal of the row it came from. */
typedef void (*InsertReturned) (void *arg, TupleTableSlot *slot, int64 ordinal);

/*
 * types: of form->attnos. returning: slot for rows of RETURNING, NULL without.
 * Lives in the current context, which must be that of the query.
 */
extern InsertSender *insert_sender_make(const InsertForm *form, const Oid *types, const char *query_string,
										bool one_statement, EState *estate, ExprContext *econtext,
										TupleTableSlot *returning, InsertReturned returned, void *arg);

/* A row for a shard; values are copied. Sends when enough has come together. */
extern void insert_sender_add(InsertSender *sender, int shard, const Bitmapset *made_by_owner,
							  const Datum *values, const bool *nulls);

/* Send what is left and wait for all nodes; rows written in all. */
extern uint64 insert_sender_finish(InsertSender *sender);

/* Give up: connections are left usable. */
extern void insert_sender_end(InsertSender *sender);

#endif
