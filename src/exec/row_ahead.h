/*
 * row_ahead.h
 *	  Custom Scan (Shard Row Batch), below a ModifyTable that writes a sharded
 *	  table row by row: batches of rows cost the round trips that single ones did.
 */
#ifndef SHARDEXT_ROW_AHEAD_H
#define SHARDEXT_ROW_AHEAD_H

#include "postgres.h"
#include "executor/execdesc.h"
#include "executor/tuptable.h"
#include "nodes/plannodes.h"
#include "utils/rel.h"

#include "exec/row_queue.h"
#include "exec/row_triggers.h"

typedef struct RowAhead RowAhead;

/*
 * Put a node between modify, of a finished plan, and what is below it. Reading ahead of the writes must make no
 * difference for what is below or for what modify evaluates: no functions that see their effects.
 */
extern void row_ahead_insert(ModifyTable *modify);

/*
 * The node of a started execution, ready for what its ModifyTable does; NULL: there is none, or it can do nothing.
 * keys: who looks after the rows' foreign keys.
 */
extern RowAhead *row_ahead_attach(const QueryDesc *query_desc, RowKeys keys);

/* Does it serve this shell? */
extern bool row_ahead_is_for(const RowAhead *ahead, Relation shell);

/* Was the row at this place fetched, or kept for AFTER triggers? Then it is in the slot. */
extern bool row_ahead_fetch(const RowAhead *ahead, const ItemPointerData *place, TupleTableSlot *slot);

/* Is that row locked in this version, and was not written yet? It is about to be, now. */
extern bool row_ahead_take_lock(RowAhead *ahead, const ItemPointerData *place);

/*
 * For an INSERT .. ON CONFLICT: have the rows of a batch that belong to other nodes tried at once, and those in their
 * way locked and fetched, if they are to be updated. What became of the row that the executor is at is told once;
 * false: it has to be tried now.
 */
extern void row_ahead_try(RowAhead *ahead, const ModifyTableState *state, List *arbiters);
extern bool row_ahead_take_try(RowAhead *ahead, TM_Result *result, ItemPointer place);

/* The row that the executor is at, or in its way, if it is the one at this place and has been locked so. */
extern bool row_ahead_fetch_locked(const RowAhead *ahead, const ItemPointerData *place, LockTupleMode mode,
								   TupleTableSlot *slot);

/*
 * A statement is about to run while the execution is under way. If that is a BEFORE trigger's, it must see what has
 * been written, and may change rows of the batch.
 */
extern void row_ahead_interrupt(RowAhead *ahead, bool may_write);

/* Where writes may wait; NULL: each is to be done at once. */
extern RowQueue *row_ahead_queue(const RowAhead *ahead);

/*
 * May a write wait, of the row at this place, which the executor is at (NULL: an insert), to what is in the slot (NULL:
 * a delete)? If it does, AFTER triggers will ask for both versions; the slot gets a place for that.
 */
extern bool row_ahead_may_wait(const RowAhead *ahead, const ItemPointerData *place, TupleTableSlot *slot);
extern void row_ahead_keep(RowAhead *ahead, const ItemPointerData *place, TupleTableSlot *slot);

extern void row_ahead_preload(void);

#endif
