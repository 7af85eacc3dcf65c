/*
 * reference_capture.c
 *	  What this node writes to its copy of a reference table, for the others.
 *
 * A statement that cannot be repeated on every node (triggers, MERGE, volatile
 * functions, other tables) runs under PostgreSQL's executor on this node's copy
 * alone. The executor is given, instead of the table's relcache entry, a
 * *double* of it whose access method is ours: it lets heap do the work on the
 * true entry and notes each row that was put in, changed or taken away, in that
 * order. The notes go to all other nodes (exec/reference_change.h) when they
 * have grown large, when something else reaches the other copies, and at the end.
 * There the foreign keys of shards are looked after when what has come is written. So what they
 * must not see before all of it is (a key that another row takes, ..) is kept together as long as it can be.
 *
 * A double holds pointers of the true entry. Those that the relcache may replace
 * while a relation is open (lists and sets of columns of indexes) are its own.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/begun_in.h"
#include "base/pg_compat.h"
#include "catalog/write_guard.h"
#include "exec/reference_call.h"
#include "exec/reference_capture.h"
#include "exec/reference_change.h"
#include "exec/row_pack.h"
#include "exec/row_triggers.h"

/* Notes of this size go to the other nodes at once. */
#define CAPTURE_BYTES	(1024 * 1024)
/* .. or of this size, if foreign keys should see all of the statement at once. */
#define CAPTURE_TOGETHER_BYTES	(256 * 1024 * 1024)

struct ReferenceCapture
{
	RelationData copy;			/* the double; must be first */
	Relation	table;
	EState	   *estate;
	TupleTableSlot *old;
	Bitmapset  *key;			/* columns that tell rows apart, offset; NULL: all do */

	/* notes */
	int			ncols;
	Oid		   *types;
	Datum	   *values;
	bool	   *nulls;
	MemoryContext notes_cxt;
	RowPack    *notes;			/* NULL: none */
	Size		limit;			/* of their size */
	bool		deletes_together;	/* foreign keys should see all rows that go */
	bool		updates_together;

	/* all of the backend */
	BegunIn		begun;
	ReferenceCapture *next;
	MemoryContextCallback on_reset;
};

static ReferenceCapture *captures = NULL;
static TableAmRoutine methods;

/* ---------- other nodes ---------- */

void
reference_capture_send(ReferenceCapture *capture)
{
	MemoryContext old;

	if (capture->notes == NULL)
		return;
	old = MemoryContextSwitchTo(capture->notes_cxt);
	reference_call_write(RelationGetRelid(capture->table), capture->estate, row_pack_get(capture->notes));
	MemoryContextSwitchTo(old);
	capture->notes = NULL;
	MemoryContextReset(capture->notes_cxt);
}

void
reference_capture_send_all(void)
{
	/* what is sent in a subtransaction inside of the statement would be undone with it */
	for (ReferenceCapture *capture = captures; capture != NULL; capture = capture->next)
	{
		if (begun_in_present(&capture->begun))
			reference_capture_send(capture);
	}
}

bool
reference_capture_lock(Oid table, bool wait)
{
	reference_capture_send_all();
	return reference_call_lock(table, wait);
}

const Trigger *
reference_capture_trigger(const TriggerDesc *triggers, CmdType command)
{
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (trigger->tgisinternal || trigger->tgenabled == TRIGGER_DISABLED || write_guard_is_trigger(trigger->tgname))
			continue;
		if ((command == CMD_INSERT && TRIGGER_FOR_INSERT(trigger->tgtype)) ||
			(command == CMD_UPDATE && TRIGGER_FOR_UPDATE(trigger->tgtype)) ||
			(command == CMD_DELETE && TRIGGER_FOR_DELETE(trigger->tgtype)))
			return trigger;
	}
	return NULL;
}

/* ---------- notes ---------- */

static void
note(ReferenceCapture *capture, ReferenceChange change, TupleTableSlot *row, const Bitmapset *columns)
{
	TupleDesc	desc = RelationGetDescr(capture->table);
	MemoryContext old = MemoryContextSwitchTo(capture->notes_cxt);

	if (capture->notes == NULL)
		capture->notes = row_pack_make(capture->ncols, capture->types);
	slot_getallattrs(row);
	capture->values[0] = Int32GetDatum((int32) change);
	capture->nulls[0] = false;
	for (int i = 0; i < desc->natts; i++)
	{
		capture->values[i + 1] = row->tts_values[i];
		capture->nulls[i + 1] = row->tts_isnull[i] || TupleDescAttr(desc, i)->attisdropped ||
			(columns != NULL && !bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, columns));
	}
	row_pack_add(capture->notes, capture->values, capture->nulls);
	MemoryContextSwitchTo(old);
}

/* Before a row is written: notes of the rows before go away if they are many. */
static void
make_room(ReferenceCapture *capture)
{
	if (capture->notes != NULL && MemoryContextMemAllocated(capture->notes_cxt, true) > capture->limit)
		reference_capture_send(capture);
}

static ReferenceCapture *
capture_of(Relation copy)
{
	return (ReferenceCapture *) copy;
}

static const TableAmRoutine *
heap(void)
{
	return GetHeapamTableAmRoutine();
}

static void
tuple_insert(Relation copy, TupleTableSlot *slot, CommandId command, int options, BulkInsertState bulk)
{
	ReferenceCapture *capture = capture_of(copy);

	make_room(capture);
	heap()->tuple_insert(capture->table, slot, command, options, bulk);
	note(capture, REFERENCE_INSERT, slot, NULL);
}

static void
multi_insert(Relation copy, TupleTableSlot **slots, int nslots, CommandId command, int options, BulkInsertState bulk)
{
	ReferenceCapture *capture = capture_of(copy);

	make_room(capture);
	heap()->multi_insert(capture->table, slots, nslots, command, options, bulk);
	for (int i = 0; i < nslots; i++)
		note(capture, REFERENCE_INSERT, slots[i], NULL);
}

static void
tuple_insert_speculative(Relation copy, TupleTableSlot *slot, CommandId command, int options, BulkInsertState bulk,
						 uint32 token)
{
	heap()->tuple_insert_speculative(capture_of(copy)->table, slot, command, options, bulk, token);
}

static void
tuple_complete_speculative(Relation copy, TupleTableSlot *slot, uint32 token, bool succeeded)
{
	ReferenceCapture *capture = capture_of(copy);

	heap()->tuple_complete_speculative(capture->table, slot, token, succeeded);
	if (!succeeded)
		return;
	make_room(capture);
	note(capture, REFERENCE_INSERT, slot, NULL);
}

static void
fetch_old(ReferenceCapture *capture, ItemPointer ctid)
{
	make_room(capture);
	if (!heap()->tuple_fetch_row_version(capture->table, ctid, SnapshotAny, capture->old))
		elog(ERROR, "row (%u,%u) of relation %u is gone", ItemPointerGetBlockNumberNoCheck(ctid),
			 ItemPointerGetOffsetNumberNoCheck(ctid), RelationGetRelid(capture->table));
}

static TM_Result
tuple_delete(Relation copy, ItemPointer ctid, CommandId command, Snapshot snapshot, Snapshot crosscheck, bool wait,
			 TM_FailureData *failure, bool changing_part)
{
	ReferenceCapture *capture = capture_of(copy);
	TM_Result	result;

	if (capture->deletes_together)
		capture->limit = CAPTURE_TOGETHER_BYTES;
	fetch_old(capture, ctid);
	result = heap()->tuple_delete(capture->table, ctid, command, snapshot, crosscheck, wait, failure, changing_part);
	if (result == TM_Ok)
		note(capture, REFERENCE_DELETE, capture->old, capture->key);
	ExecClearTuple(capture->old);
	return result;
}

static TM_Result
tuple_update(Relation copy, ItemPointer ctid, TupleTableSlot *slot, CommandId command, Snapshot snapshot,
			 Snapshot crosscheck, bool wait, TM_FailureData *failure, LockTupleMode *mode,
			 SX_UPDATE_INDEXES_TYPE *update_indexes)
{
	ReferenceCapture *capture = capture_of(copy);
	TM_Result	result;

	if (capture->updates_together)
		capture->limit = CAPTURE_TOGETHER_BYTES;
	fetch_old(capture, ctid);
	result = heap()->tuple_update(capture->table, ctid, slot, command, snapshot, crosscheck, wait, failure, mode,
								  update_indexes);
	if (result == TM_Ok)
	{
		note(capture, REFERENCE_FIND, capture->old, capture->key);
		note(capture, REFERENCE_UPDATE, slot, NULL);
	}
	ExecClearTuple(capture->old);
	return result;
}

static TM_Result
tuple_lock(Relation copy, ItemPointer ctid, Snapshot snapshot, TupleTableSlot *slot, CommandId command,
		   LockTupleMode mode, LockWaitPolicy policy, uint8 flags, TM_FailureData *failure)
{
	return heap()->tuple_lock(capture_of(copy)->table, ctid, snapshot, slot, command, mode, policy, flags, failure);
}

/* ---------- what only reads: on the true entry ---------- */

static TableScanDesc
scan_begin(Relation copy, Snapshot snapshot, int nkeys, struct ScanKeyData *keys, ParallelTableScanDesc parallel,
		   uint32 flags)
{
	return heap()->scan_begin(capture_of(copy)->table, snapshot, nkeys, keys, parallel, flags);
}

static struct IndexFetchTableData *
index_fetch_begin(Relation copy)
{
	return heap()->index_fetch_begin(capture_of(copy)->table);
}

static bool
tuple_fetch_row_version(Relation copy, ItemPointer ctid, Snapshot snapshot, TupleTableSlot *slot)
{
	return heap()->tuple_fetch_row_version(capture_of(copy)->table, ctid, snapshot, slot);
}

static bool
tuple_satisfies_snapshot(Relation copy, TupleTableSlot *slot, Snapshot snapshot)
{
	return heap()->tuple_satisfies_snapshot(capture_of(copy)->table, slot, snapshot);
}

static TransactionId
index_delete_tuples(Relation copy, TM_IndexDeleteOp *state)
{
	return heap()->index_delete_tuples(capture_of(copy)->table, state);
}

static void
finish_bulk_insert(Relation copy, int options)
{
}

void
reference_capture_preload(void)
{
	methods = *heap();
	methods.scan_begin = scan_begin;
	methods.index_fetch_begin = index_fetch_begin;
	methods.tuple_fetch_row_version = tuple_fetch_row_version;
	methods.tuple_satisfies_snapshot = tuple_satisfies_snapshot;
	methods.index_delete_tuples = index_delete_tuples;
	methods.tuple_insert = tuple_insert;
	methods.tuple_insert_speculative = tuple_insert_speculative;
	methods.tuple_complete_speculative = tuple_complete_speculative;
	methods.multi_insert = multi_insert;
	methods.tuple_delete = tuple_delete;
	methods.tuple_update = tuple_update;
	methods.tuple_lock = tuple_lock;
	methods.finish_bulk_insert = finish_bulk_insert;
}

/* ---------- begin and end ---------- */

static void
capture_freed(void *arg)
{
	ReferenceCapture *capture = (ReferenceCapture *) arg;

	list_free(capture->copy.rd_indexlist);
	sx_free_index_columns(&capture->copy);
	for (ReferenceCapture **link = &captures; *link != NULL; link = &(*link)->next)
	{
		if (*link == capture)
		{
			*link = capture->next;
			return;
		}
	}
}

static void
quiet_guard(TriggerDesc *triggers)
{
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		if (write_guard_is_trigger(triggers->triggers[i].tgname))
			triggers->triggers[i].tgenabled = TRIGGER_DISABLED;
	}
}

static void
make_double(ReferenceCapture *capture, Relation table)
{
	capture->table = table;
	capture->copy = *table;
	capture->copy.rd_tableam = &methods;
	capture->copy.rd_indexvalid = false;
	capture->copy.rd_indexlist = NIL;
	sx_forget_index_columns(&capture->copy);
}

ReferenceCapture *
reference_capture_begin(ResultRelInfo *target, EState *estate)
{
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);
	ReferenceCapture *capture = palloc0(sizeof(ReferenceCapture));
	Relation	table = target->ri_RelationDesc;
	TupleDesc	columns = reference_change_columns(table);

	/* opened now, for ON CONFLICT too, so that the executor does not look for them in the double */
	if (target->ri_IndexRelationDescs == NULL)
		ExecOpenIndices(target, true);
	make_double(capture, table);
	capture->estate = estate;
	capture->begun = begun_in_now();
	capture->old = table_slot_create(table, &estate->es_tupleTable);
	capture->key = reference_change_key(table);
	capture->ncols = columns->natts;
	capture->types = palloc(sizeof(Oid) * columns->natts);
	for (int i = 0; i < columns->natts; i++)
		capture->types[i] = TupleDescAttr(columns, i)->atttypid;
	capture->values = palloc(sizeof(Datum) * columns->natts);
	capture->nulls = palloc(sizeof(bool) * columns->natts);
	capture->notes_cxt = AllocSetContextCreate(estate->es_query_cxt, "shardext captured rows", ALLOCSET_DEFAULT_SIZES);
	capture->limit = CAPTURE_BYTES;
	capture->deletes_together = row_triggers_may_be_early(target->ri_TrigDesc, RelationGetRelid(table),
														  TRIGGER_TYPE_DELETE | TRIGGER_TYPE_INSERT, false);
	capture->updates_together = row_triggers_may_be_early(target->ri_TrigDesc, RelationGetRelid(table),
														  TRIGGER_TYPE_UPDATE,
														  ExecUpdateLockMode(estate, target) == LockTupleExclusive);
	capture->on_reset.func = capture_freed;
	capture->on_reset.arg = capture;
	MemoryContextRegisterResetCallback(estate->es_query_cxt, &capture->on_reset);
	capture->next = captures;
	captures = capture;

	quiet_guard(target->ri_TrigDesc);
	target->ri_RelationDesc = &capture->copy;
	MemoryContextSwitchTo(old);
	return capture;
}
