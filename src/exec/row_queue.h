/*
 * row_queue.h
 *	  Writes of single rows of a sharded table that wait to be sent to other
 *	  nodes, many in one statement.
 */
#ifndef SHARDEXT_ROW_QUEUE_H
#define SHARDEXT_ROW_QUEUE_H

#include "postgres.h"
#include "executor/tuptable.h"
#include "storage/itemptr.h"
#include "utils/rel.h"

#include "exec/row_access.h"
#include "exec/row_triggers.h"

typedef struct RowQueue RowQueue;

/* For rows of shell, in CurrentMemoryContext. command and keys as in row_there.h. */
extern RowQueue *row_queue_make(Relation shell, uint32 command, RowKeys keys);

/* Is a row so small that it is better sent with others? */
extern bool row_queue_takes(TupleTableSlot *slot);

/*
 * A write that cannot fail but by an error: an insert, or one of a row that is locked in its latest version and was
 * not written by the command. Everything is copied. slot NULL: a delete. Sends what has come together, if it is much.
 */
extern void row_queue_add(RowQueue *queue, int shard, RowWriteKind kind, const ItemPointerData *ctid,
						  TupleTableSlot *slot);

/* Send all, and wait until it is done. If this is undone with a subtransaction, all waits again. */
extern void row_queue_flush(RowQueue *queue);

/* Is that under way? Then an error is one of any of the writes. */
extern bool row_queue_is_sending(void);

/*
 * A queue of another kind: rows to be inserted unless a row is in the way (row_access.h), in one of the indexes of
 * these names or in any. Run, it tells of each by its number what row_there_insert_unless() would say, and the row's
 * ctid or that of the one in the way; rows for one shard are tried in the order in which they were added.
 */
typedef void (*RowTried) (void *arg, int number, TM_Result result, ItemPointer ctid);

extern RowQueue *row_queue_make_tries(Relation shell, uint32 command, List *arbiters);
extern void row_queue_add_try(RowQueue *queue, int shard, int number, TupleTableSlot *slot);
extern void row_queue_run_tries(RowQueue *queue, RowTried tried, void *arg);

extern void row_queue_preload(void);

#endif
