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

typedef struct RowQueue RowQueue;

/* For rows of shell, in CurrentMemoryContext. command as in row_there.h. */
extern RowQueue *row_queue_make(Relation shell, uint32 command);

/* Is a row so small that it is better sent with others? */
extern bool row_queue_takes(TupleTableSlot *slot);

/*
 * A write that cannot fail but by an error: an insert, or one of a row that is locked in its latest version and was
 * not written by the command. Everything is copied. slot NULL: a delete. Sends what has come together, if it is much.
 */
extern void row_queue_add(RowQueue *queue, int shard, RowWriteKind kind, const ItemPointerData *ctid,
						  TupleTableSlot *slot);

/* Send all, and wait until it is done. */
extern void row_queue_flush(RowQueue *queue);

#endif
