/*
 * row_access.c
 *	  Single rows of sharded tables for PostgreSQL's executor on the coordinator.
 *
 * A statement that no other way takes runs under PostgreSQL's own executor:
 * LockRows, ModifyTable, MERGE, EvalPlanQual, triggers and policies over the
 * shell. It knows a row by its ctid, which for shells is a place
 * (row_place.h), and asks the table's access method to fetch, lock, insert,
 * change or delete it. The shell's access method comes here; the row is reached
 * in this process (row_here.h) or by a function of the node that owns the
 * shard. So concurrent changes, second hits of a row and the like are what
 * heap on that node says they are.
 *
 * An update that changes the shard deletes the row there and inserts it here;
 * whoever waits for the old row is told that it has moved, as with partitions.
 *
 * Rows of other nodes that were locked and fetched before (row_ahead.h) are taken from
 * there, and writes whose result is certain then may wait for others
 * (row_queue.h); every other access to the table's rows there sends those first.
 *
 * Not done here: indexes; the shell's are empty, the executor must not touch
 * them (row_access_attach; for ON CONFLICT see row_conflict.c).
 */
#include "postgres.h"

#include "access/xact.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/begun_in.h"
#include "base/settings.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "catalog/shell_am.h"
#include "catalog/table_map.h"
#include "exec/at_finish.h"
#include "exec/modify_rows.h"
#include "dxact/dxact.h"
#include "exec/row_access.h"
#include "exec/row_ahead.h"
#include "exec/row_conflict.h"
#include "exec/row_here.h"
#include "exec/row_hold.h"
#include "exec/row_keys.h"
#include "exec/row_modify.h"
#include "exec/row_place.h"
#include "exec/row_there.h"
#include "exec/statement_command.h"

/* The executions that write shells now; a reset callback takes them off. */
typedef struct WritingExecution
{
	EState	   *estate;
	BegunIn		begun;
	RowAhead   *ahead;			/* NULL: each row by itself */
	Relation	shell;			/* a table that it writes */
	RowKeys		keys;
	Bitmapset  *nodes;			/* that look after foreign keys at the end, other than this one */
	bool		is_first;		/* that writes on other nodes */
	struct WritingExecution *next;
	MemoryContextCallback on_reset;
} WritingExecution;

static WritingExecution *writing = NULL;

/* The execution that writes the shell; NULL: rows of it are locked only. */
static WritingExecution *
writer_of(Relation shell)
{
	for (WritingExecution *execution = writing; execution != NULL; execution = execution->next)
	{
		ListCell   *lc;

		if (begun_in_past(&execution->begun))
			continue;
		foreach(lc, execution->estate->es_opened_result_relations)
		{
			if (((ResultRelInfo *) lfirst(lc))->ri_RelationDesc == shell)
				return execution;
		}
	}
	return NULL;
}

/* Who looks after foreign keys of the shell's rows? */
static RowKeys
keys_of(Relation shell)
{
	const WritingExecution *writer = writer_of(shell);

	return writer != NULL ? writer->keys : ROW_KEYS_BY_TRIGGERS;
}

/* The batch of rows that it writes; NULL: there is none. */
static RowAhead *
ahead_of(Relation shell)
{
	const WritingExecution *writer = writer_of(shell);

	return writer != NULL && writer->ahead != NULL && row_ahead_is_for(writer->ahead, shell) ? writer->ahead : NULL;
}

/* Where writes of the shell may wait; NULL: nowhere. */
static RowQueue *
queue_of(Relation shell)
{
	const RowAhead *ahead = ahead_of(shell);

	return ahead != NULL ? row_ahead_queue(ahead) : NULL;
}

/* Other nodes are about to be asked for a row: what waits goes first. The number of the command. */
static uint32
begin_asking(Relation shell)
{
	const WritingExecution *writer = writer_of(shell);
	RowQueue   *queue = queue_of(shell);

	if (queue != NULL)
		row_queue_flush(queue);
	return writer != NULL ? statement_command(writer->estate) : 0;
}

/* A row is about to be inserted: the shard's owner is known, and stays it. */
static void
hold_shard(Relation shell, int shard)
{
	const WritingExecution *writer = writer_of(shell);

	row_hold_shard(shell, writer != NULL ? statement_command(writer->estate) : 0, shard);
}

/* ---------- wherever they are ---------- */

static bool
is_here(int shard)
{
	return shard_map_owner(shard, NULL) == node_self();
}

/* Is a row of this shard written here? If not, its owner may have to be told when all are written. */
static bool
is_written_here(Relation shell, int shard)
{
	int			owner = shard_map_owner(shard, NULL);
	WritingExecution *writer = owner == node_self() || owner == 0 ? NULL : writer_of(shell);
	MemoryContext old;

	if (writer != NULL && writer->keys == ROW_KEYS_AT_END && !bms_is_member(owner, writer->nodes))
	{
		old = MemoryContextSwitchTo(writer->estate->es_query_cxt);
		writer->nodes = bms_add_member(writer->nodes, owner);
		MemoryContextSwitchTo(old);
	}
	return owner == node_self();
}

static int
read_place(Relation shell, ItemPointer place, ItemPointer ctid)
{
	int			shard = row_place_read(place, ctid);

	if (shard == ROUTE_NO_SHARD)
		elog(ERROR, "ctid (%u,%u) of relation %u is no place of a row", ItemPointerGetBlockNumberNoCheck(place),
			 ItemPointerGetOffsetNumberNoCheck(place), RelationGetRelid(shell));
	return shard;
}

/* The slot shows a row of the shell at this place. */
static void
set_place(Relation shell, TupleTableSlot *slot, int shard, ItemPointer ctid)
{
	slot->tts_tableOid = RelationGetRelid(shell);
	row_place_make(shard, ctid, &slot->tts_tid);
}

static bool
fetch_version(Relation shell, ItemPointer place, RowReadKind kind, TupleTableSlot *slot)
{
	ItemPointerData ctid;
	int			shard = read_place(shell, place, &ctid);
	Snapshot	snapshot = kind == ROW_READ_ANY ? SnapshotAny :
		kind == ROW_READ_SEEN ? GetActiveSnapshot() : SnapshotSelf;
	TM_FailureData failure = {0};

	if (is_here(shard) ? !row_here_fetch(shell, shard, &ctid, snapshot, slot) :
		row_there_read(shell, begin_asking(shell), shard, kind, &ctid, LockTupleKeyShare, LockWaitBlock, 0, slot,
					   &failure) != TM_Ok)
		return false;
	set_place(shell, slot, shard, &ctid);
	return true;
}

/* May the row of another node be one that our transaction has inserted? */
static bool
may_be_ours(Relation shell)
{
	const WritingExecution *writer = writer_of(shell);

	return writer == NULL || !writer->is_first;
}

/*
 * A deferred foreign key that is not touched is looked at nevertheless if our transaction has inserted the row. Of a
 * row of another node only that knows: if it may be so, it looks as if we had.
 */
static void
show_as_ours(TupleTableSlot *slot)
{
	bool		should_free;
	HeapTuple	tuple = ExecFetchSlotHeapTuple(slot, true, &should_free);

	HeapTupleHeaderSetXmin(tuple->t_data, GetCurrentTransactionId());
}

static bool
fetch_row(Relation shell, ItemPointer place, TupleTableSlot *slot)
{
	const RowAhead *ahead = ahead_of(shell);
	ItemPointerData ctid;
	int			shard = row_place_read(place, &ctid);

	if (ahead != NULL && row_ahead_fetch(ahead, place, slot))
	{
		slot->tts_tableOid = RelationGetRelid(shell);
		slot->tts_tid = *place;
	}
	else if (!fetch_version(shell, place, ROW_READ_ANY, slot))
		return false;
	if (shard != ROUTE_NO_SHARD && !is_here(shard) && row_triggers_may_be_deferred(shell->trigdesc) &&
		may_be_ours(shell))
		show_as_ours(slot);
	return true;
}

static bool
is_current_row(Relation shell, ItemPointer place)
{
	TupleTableSlot *slot = table_slot_create(shell, NULL);
	bool		result = fetch_version(shell, place, ROW_READ_CURRENT, slot);

	ExecDropSingleTupleTableSlot(slot);
	return result;
}

/* Under REPEATABLE READ a row that came to be in the way after the snapshot was taken is an error. */
static bool
is_seen_row(Relation shell, ItemPointer place)
{
	TupleTableSlot *slot = table_slot_create(shell, NULL);

	if (!row_conflict_is_own(shell, place) && !fetch_version(shell, place, ROW_READ_SEEN, slot))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update")));
	ExecDropSingleTupleTableSlot(slot);
	return true;
}

bool
row_access_latest(Relation shell, ItemPointer place, Snapshot snapshot, TupleTableSlot *slot)
{
	ItemPointerData ctid;
	int			shard = row_place_read(place, &ctid);
	TM_FailureData failure = {0};

	if (shard == ROUTE_NO_SHARD)
		return false;
	if (is_here(shard) ? !row_here_fetch_latest(shell, shard, &ctid, snapshot, slot) :
		row_there_read(shell, begin_asking(shell), shard, ROW_READ_LATEST, &ctid, LockTupleKeyShare, LockWaitBlock, 0,
					   slot, &failure) != TM_Ok)
		return false;
	set_place(shell, slot, shard, &ctid);
	return true;
}

/*
 * What heap has said of a ctid, as a place. A row of our own statement's making looks like one of this command; what
 * something has changed that the statement has called, like one of a later command.
 */
static TM_Result
show_failure(int shard, TM_Result result, CommandId command, TM_FailureData *failure)
{
	ItemPointerData ctid = failure->ctid;
	bool		later = result == ROW_CHANGED_LATER;

	if (later)
		result = TM_SelfModified;
	if (result != TM_Ok && !ItemPointerIndicatesMovedPartitions(&ctid) && ItemPointerIsValid(&ctid))
		row_place_make(shard, &ctid, &failure->ctid);
	if (result == TM_SelfModified && !is_here(shard))
	{
		failure->xmax = GetCurrentTransactionId();
		failure->cmax = later ? command + 1 : command;
	}
	return result;
}

static TM_Result
lock_row(Relation shell, ItemPointer place, TupleTableSlot *slot, CommandId command, LockTupleMode mode,
		 LockWaitPolicy policy, uint8 flags, TM_FailureData *failure)
{
	const RowAhead *ahead = ahead_of(shell);
	ItemPointerData ctid;
	int			shard = read_place(shell, place, &ctid);
	TM_Result	result;

	if (ahead != NULL && row_ahead_fetch_locked(ahead, place, mode, slot))
	{
		slot->tts_tableOid = RelationGetRelid(shell);
		slot->tts_tid = *place;
		failure->traversed = false;
		return TM_Ok;
	}
	if (is_here(shard))
	{
		result = row_here_lock(shell, shard, &ctid, slot, command, mode, policy, flags, failure);
		ctid = slot->tts_tid;
	}
	else
		result = row_there_read(shell, begin_asking(shell), shard, ROW_READ_LOCK, &ctid, mode, policy, flags, slot,
								failure);
	result = show_failure(shard, result, command, failure);
	if (result == TM_Ok)
	{
		set_place(shell, slot, shard, &ctid);
		*place = slot->tts_tid;
	}
	return result;
}

int
row_access_shard(Relation shell, TupleTableSlot *slot, bool null_ok)
{
	const TableInfo *table = table_info(RelationGetRelid(shell));
	Datum		keys[ROUTE_MAX_KEYS];

	for (int i = 0; i < table->nkeys; i++)
	{
		bool		isnull;

		keys[i] = slot_getattr(slot, table->keys[i], &isnull);
		if (isnull && null_ok)
			return ROUTE_NO_SHARD;
		if (isnull)
			ereport(ERROR,
					(errcode(ERRCODE_NOT_NULL_VIOLATION),
					 errmsg("null value in column \"%s\" of relation \"%s\" violates not-null constraint",
							get_attname(table->relid, table->keys[i], false), RelationGetRelationName(shell)),
					 errdetail("The shard key says in which shard the row lies."),
					 errtablecol(shell, table->keys[i])));
	}
	return route_shard(&table->spec, keys);
}

/*
 * Have a row of another node written with others, if nobody has to know its new place: an insert (place is NULL), or a
 * row that is locked. False: it has to be done now.
 */
static bool
write_later(Relation shell, int shard, RowWriteKind kind, const ItemPointerData *place, const ItemPointerData *ctid,
			TupleTableSlot *slot)
{
	RowAhead   *ahead = ahead_of(shell);

	if (ahead == NULL || !row_ahead_may_wait(ahead, place, slot) || (slot != NULL && !row_queue_takes(slot)))
		return false;
	row_queue_add(row_ahead_queue(ahead), shard, kind, ctid, slot);
	row_ahead_keep(ahead, place, slot);
	if (slot != NULL)
		slot->tts_tableOid = RelationGetRelid(shell);
	return true;
}

/* Has the row at the place been locked for this write? Then that version is the latest, and nothing is in the way. */
static bool
is_locked(Relation shell, const ItemPointerData *place)
{
	RowAhead   *ahead = ahead_of(shell);

	return ahead != NULL && row_ahead_take_lock(ahead, place);
}

static void
insert_into(Relation shell, int shard, TupleTableSlot *slot, CommandId command)
{
	ItemPointerData ctid;
	TM_FailureData failure = {0};

	ItemPointerSet(&ctid, 0, FirstOffsetNumber);
	hold_shard(shell, shard);
	if (is_written_here(shell, shard))
	{
		row_here_insert(shell, shard, slot, command, keys_of(shell));
		ctid = slot->tts_tid;
	}
	else if (write_later(shell, shard, ROW_WRITE_INSERT, NULL, &ctid, slot))
		return;
	else
		(void) row_there_write(shell, begin_asking(shell), shard, ROW_WRITE_INSERT, &ctid, slot, keys_of(shell),
							   &failure, NULL);
	set_place(shell, slot, shard, &ctid);
}

static void
insert_row(Relation shell, TupleTableSlot *slot, CommandId command)
{
	insert_into(shell, row_access_shard(shell, slot, false), slot, command);
}

TM_Result
row_access_insert_unless(Relation shell, TupleTableSlot *slot, CommandId command, List *arbiters, ItemPointer place)
{
	RowAhead   *ahead = ahead_of(shell);
	ItemPointerData ctid;
	TM_Result	result;
	int			shard;

	if (ahead != NULL && row_ahead_take_try(ahead, &result, place))
		return result;
	shard = row_access_shard(shell, slot, false);
	hold_shard(shell, shard);
	result = is_here(shard) ? row_here_insert_unless(shell, shard, slot, command, arbiters, &ctid) :
		row_there_insert_unless(shell, begin_asking(shell), shard, slot, arbiters, &ctid);
	row_place_make(shard, &ctid, place);
	return result;
}

/* A delete, or the first half of a move. */
static TM_Result
delete_from(Relation shell, ItemPointer place, CommandId command, bool moving, TM_FailureData *failure)
{
	RowWriteKind kind = moving ? ROW_WRITE_MOVE : ROW_WRITE_DELETE;
	ItemPointerData ctid;
	int			shard = read_place(shell, place, &ctid);
	TM_Result	result;

	if (is_written_here(shell, shard))
		result = row_here_delete(shell, shard, &ctid, command, moving, keys_of(shell), failure);
	else if (is_locked(shell, place) && write_later(shell, shard, kind, place, &ctid, NULL))
		return TM_Ok;
	else
		result = row_there_write(shell, begin_asking(shell), shard, kind, &ctid, NULL, keys_of(shell), failure,
								 NULL);
	return show_failure(shard, result, command, failure);
}

static TM_Result
delete_row(Relation shell, ItemPointer place, CommandId command, TM_FailureData *failure)
{
	return delete_from(shell, place, command, false, failure);
}

static TM_Result
update_row(Relation shell, ItemPointer place, TupleTableSlot *slot, CommandId command, TM_FailureData *failure,
		   LockTupleMode *mode)
{
	ItemPointerData ctid;
	int			shard = read_place(shell, place, &ctid);
	int			to = row_access_shard(shell, slot, false);
	TM_Result	result;

	if (to != shard)
	{
		*mode = LockTupleExclusive;
		result = delete_from(shell, place, command, true, failure);
		if (result == TM_Ok)
			insert_into(shell, to, slot, command);
		return result;
	}
	if (is_written_here(shell, shard))
	{
		result = row_here_update(shell, shard, &ctid, slot, command, keys_of(shell), failure, mode);
		ctid = slot->tts_tid;
	}
	else if (is_locked(shell, place) && write_later(shell, shard, ROW_WRITE_UPDATE, place, &ctid, slot))
		return TM_Ok;
	else
		result = row_there_write(shell, begin_asking(shell), shard, ROW_WRITE_UPDATE, &ctid, slot, keys_of(shell),
								 failure, mode);
	result = show_failure(shard, result, command, failure);
	if (result == TM_Ok)
		set_place(shell, slot, shard, &ctid);
	return result;
}

/* ---------- executions ---------- */

static bool
is_written(Relation shell)
{
	return writer_of(shell) != NULL;
}

static void
execution_freed(void *arg)
{
	for (WritingExecution **link = &writing; *link != NULL; link = &(*link)->next)
	{
		if (*link == arg)
		{
			*link = (*link)->next;
			return;
		}
	}
}

static bool
writes_shell(const Plan *plan, const PlannedStmt *statement)
{
	const ModifyTable *modify = (const ModifyTable *) plan;
	const TableInfo *table;

	if (plan != NULL && modify_rows_is(plan))
		return true;
	if (plan == NULL || !IsA(plan, ModifyTable))
		return false;
	table = table_info(rt_fetch(linitial_int(modify->resultRelations), statement->rtable)->relid);
	return table != NULL && table->kind == TABLE_SHARDED;
}

void
row_access_prepare(QueryDesc *query_desc)
{
	const PlannedStmt *statement = query_desc->plannedstmt;
	bool		writes;
	ListCell   *lc;

	if ((statement->commandType == CMD_SELECT && !statement->hasModifyingCTE) || session_is_forwarded() ||
		shell_am_reads_empty())
		return;
	writes = writes_shell(statement->planTree, statement);
	foreach(lc, statement->subplans)
		writes |= writes_shell((Plan *) lfirst(lc), statement);
	if (writes)
		statement_command_begin(query_desc);
}

/* If nothing but foreign keys fires for rows, they are looked after where these lie; nothing is left to fire here. */
static RowKeys
leave_keys(const QueryDesc *query_desc, ResultRelInfo *target)
{
	const ModifyTable *plan = (const ModifyTable *) query_desc->planstate->plan;
	EState	   *estate = query_desc->estate;
	MemoryContext old;
	RowKeys		result;

	if (target->ri_TrigDesc == NULL || !IsA(plan, ModifyTable) || query_desc->plannedstmt->hasModifyingCTE ||
		plan->onConflictAction != ONCONFLICT_NONE || row_modify_keeps_actions(plan) ||
		row_modify_may_move(estate, target))
		return ROW_KEYS_BY_TRIGGERS;
	result = row_triggers_keys(target->ri_TrigDesc, RelationGetRelid(target->ri_RelationDesc), row_modify_events(plan),
							   ExecUpdateLockMode(estate, target) == LockTupleExclusive);
	if (result == ROW_KEYS_BY_TRIGGERS)
		return result;
	old = MemoryContextSwitchTo(estate->es_query_cxt);
	target->ri_TrigDesc = row_triggers_for_statements(target->ri_TrigDesc);
	MemoryContextSwitchTo(old);
	return result;
}

/* All rows are written. */
static void
look_after_keys(void *arg)
{
	const WritingExecution *execution = (const WritingExecution *) arg;
	uint32		command = begin_asking(execution->shell);

	if (!bms_is_empty(execution->nodes))
		row_there_look_after_keys(command, execution->nodes);
	row_keys_look(execution->estate->es_output_cid);
}

void
row_access_attach(const QueryDesc *query_desc)
{
	EState	   *estate = query_desc->estate;
	WritingExecution *execution = NULL;
	ListCell   *lc;

	foreach(lc, estate->es_opened_result_relations)
	{
		ResultRelInfo *target = (ResultRelInfo *) lfirst(lc);

		if (!shell_am_is(target->ri_RelationDesc) || shell_am_reads_empty() || session_is_forwarded())
			continue;
		/* the shell's indexes have no entries, and get none: they count as opened, and there are none */
		target->ri_NumIndices = 0;
		target->ri_IndexRelationDescs = MemoryContextAllocZero(estate->es_query_cxt, sizeof(Relation));
		if (execution != NULL)
			continue;
		execution = MemoryContextAllocZero(estate->es_query_cxt, sizeof(WritingExecution));
		execution->estate = estate;
		execution->shell = target->ri_RelationDesc;
		execution->begun = begun_in_now();
		execution->is_first = !dxact_has_written();
		execution->keys = leave_keys(query_desc, target);
		execution->ahead = row_ahead_attach(query_desc, execution->keys);
		execution->next = writing;
		execution->on_reset.func = execution_freed;
		execution->on_reset.arg = execution;
		MemoryContextRegisterResetCallback(estate->es_query_cxt, &execution->on_reset);
		writing = execution;
		if (execution->keys == ROW_KEYS_AT_END)
			(void) at_finish_add(estate, look_after_keys, execution);
	}
	if (execution != NULL)
		row_conflict_attach(query_desc, execution->ahead);
}

void
row_access_interrupt(bool may_write)
{
	for (const WritingExecution *execution = writing; execution != NULL; execution = execution->next)
	{
		if (execution->ahead != NULL && !begun_in_past(&execution->begun))
			row_ahead_interrupt(execution->ahead, may_write);
	}
}

static const ShellRows row_methods = {
	.is_written = is_written,
	.fetch = fetch_row,
	.is_current = is_current_row,
	.lock = lock_row,
	.insert = insert_row,
	.update = update_row,
	.remove = delete_row,
	.is_seen = is_seen_row,
	.is_checked = row_conflict_is_checked,
	.show_inserted = row_conflict_show,
	.insert_done = row_conflict_done,
	.fetch_conflict = row_conflict_fetch,
};

void
row_access_preload(void)
{
	shell_am_set_rows(&row_methods);
}
