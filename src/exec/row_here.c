/*
 * row_here.c
 *	  Single rows of shards of this node, by their ctid.
 *
 * Steps: open the shard's table, ask the fence, let heap do it, make index
 * entries. The slots are the caller's, of the shell: the columns of both are
 * the same.
 *
 * Unique constraints, NULLs and guards are checked here. What fires triggers, applies
 * policies, and evaluates the other CHECK constraints as who writes the row, is the
 * executor over the shell, on the coordinator. Only the
 * internal triggers of deferrable unique constraints, and of foreign keys where
 * that makes no difference (row_triggers.c), are of the shard's table.
 *
 * A row that the transaction itself has changed since is reported as
 * TM_SelfModified also when that was a command of this node before the present
 * one: a coordinator's command is several of an other node's.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/snapmgr.h"

#include "base/errors.h"
#include "base/pg_compat.h"
#include "catalog/shard_map.h"
#include "catalog/table_map.h"
#include "exec/guard_check.h"
#include "exec/row_here.h"
#include "exec/row_keys.h"
#include "exec/row_triggers.h"
#include "exec/shard_scope.h"

/* ---------- the shard's table ---------- */

static Relation
open_table(Relation shell, int shard, LOCKMODE lock, ShardAccess access, Snapshot snapshot)
{
	Oid			relid = table_shard_relid(RelationGetRelid(shell), shard);
	ShardVerdict verdict;

	if (!OidIsValid(relid))
		shard_map_raise(shard, SHARD_MOVED);
	LockRelationOid(relid, lock);
	/* it may be gone by now */
	verdict = shard_map_check(shard, access, snapshot);
	if (verdict != SHARD_OK)
		shard_map_raise(shard, verdict);
	return table_open(relid, NoLock);
}

/* What may be done with this version, and its header; false: there is none. */
static bool
version_state(Relation table, ItemPointer ctid, CommandId command, TM_Result *result, HeapTupleHeaderData *header)
{
	HeapTupleData tuple;
	Buffer		buffer;

	tuple.t_self = *ctid;
	if (!heap_fetch(table, SnapshotAny, &tuple, &buffer, false))
		return false;
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	*result = HeapTupleSatisfiesUpdate(&tuple, command, buffer);
	memcpy(header, tuple.t_data, SizeofHeapTupleHeader);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	ReleaseBuffer(buffer);
	return true;
}

/* TM_SelfModified: our own transaction has changed this version before this command; TM_Deleted: there is none. */
static TM_Result
look_at_version(Relation table, ItemPointer ctid, CommandId command, TM_FailureData *failure)
{
	HeapTupleHeaderData header;
	TM_Result	result;

	failure->ctid = *ctid;
	failure->traversed = false;
	if (!version_state(table, ctid, command, &result, &header))
		return TM_Deleted;
	if (result != TM_Invisible)
		return TM_Ok;
	failure->xmax = GetCurrentTransactionId();
	failure->cmax = command;
	return TM_SelfModified;
}

static void
show_as_shell(Relation shell, TupleTableSlot *slot)
{
	slot->tts_tableOid = RelationGetRelid(shell);
}

/* ---------- reading ---------- */

bool
row_here_fetch(Relation shell, int shard, ItemPointer ctid, Snapshot snapshot, TupleTableSlot *slot)
{
	Relation	table = open_table(shell, shard, AccessShareLock, SHARD_READ, NULL);
	bool		found = table_tuple_fetch_row_version(table, ctid, snapshot, slot);

	if (found)
		show_as_shell(shell, slot);
	table_close(table, NoLock);
	return found;
}

bool
row_here_fetch_latest(Relation shell, int shard, ItemPointer ctid, Snapshot snapshot, TupleTableSlot *slot)
{
	Relation	table = open_table(shell, shard, AccessShareLock, SHARD_READ, snapshot);
	TableScanDesc scan = table_beginscan_tid(table, snapshot);
	bool		found = false;

	table_tuple_get_latest_tid(scan, ctid);
	found = table_tuple_fetch_row_version(table, ctid, snapshot, slot);
	table_endscan(scan);
	if (found)
		show_as_shell(shell, slot);
	table_close(table, NoLock);
	return found;
}

bool
row_here_is_skipped(Oid shell, int shard, ItemPointer ctid, LockClauseStrength strength)
{
	Relation	table = table_open(table_shard_relid(shell, shard), NoLock);
	HeapTupleHeaderData header;
	TM_Result	result;
	bool		found = version_state(table, ctid, GetCurrentCommandId(false), &result, &header);

	table_close(table, NoLock);
	if (!found || result != TM_BeingModified || (header.t_infomask & HEAP_XMAX_IS_MULTI) ||
		TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetRawXmax(&header)))
		return false;
	/* KEY SHARE alone lets others change what is no key */
	return strength == LCS_FORUPDATE ||
		(strength == LCS_FORNOKEYUPDATE && !HEAP_XMAX_IS_KEYSHR_LOCKED(header.t_infomask));
}

TM_Result
row_here_lock(Relation shell, int shard, ItemPointer ctid, TupleTableSlot *slot, CommandId command,
			  LockTupleMode mode, LockWaitPolicy policy, uint8 flags, TM_FailureData *failure)
{
	Relation	table = open_table(shell, shard, RowShareLock, SHARD_WRITE, NULL);
	volatile TM_Result result = look_at_version(table, ctid, command, failure);

	if (result == TM_Ok)
	{
		SHARD_SCOPE(shard, false);
		{
			result = table_tuple_lock(table, ctid, GetActiveSnapshot(), slot, command, mode, policy, flags, failure);
		}
		SHARD_SCOPE_END();
	}
	if (result == TM_Ok)
		show_as_shell(shell, slot);
	table_close(table, NoLock);
	return result;
}

/* ---------- writing ---------- */

typedef struct RowWriter
{
	Relation	table;
	int			shard;
	CommandId	command;
	RowKeys		keys;
	EState	   *estate;
	ResultRelInfo *target;
} RowWriter;

static RowWriter
begin_write(Relation shell, int shard, CommandId command, RowKeys keys)
{
	RowWriter	writer;
	MemoryContext old;

	writer.table = open_table(shell, shard, RowExclusiveLock, SHARD_WRITE, NULL);
	writer.shard = shard;
	writer.command = command;
	writer.keys = keys;
	writer.estate = CreateExecutorState();
	old = MemoryContextSwitchTo(writer.estate->es_query_cxt);
	writer.target = makeNode(ResultRelInfo);
	InitResultRelInfo(writer.target, writer.table, 0, NULL, 0);
	writer.target->ri_TrigDesc = row_triggers_of_shard(writer.target->ri_TrigDesc, keys == ROW_KEYS_AT_ONCE);
	MemoryContextSwitchTo(old);
	return writer;
}

static void
end_write(RowWriter *writer)
{
	ExecCloseIndices(writer->target);
	ExecCloseResultRelations(writer->estate);	/* that triggers have opened */
	ExecResetTupleTable(writer->estate->es_tupleTable, false);
	FreeExecutorState(writer->estate);
	table_close(writer->table, NoLock);
}

static void
check_row(RowWriter *writer, TupleTableSlot *slot)
{
	slot->tts_tableOid = RelationGetRelid(writer->table);
	if (RelationGetDescr(writer->table)->constr == NULL)
		return;
	guard_check_attach_alone(writer->target, writer->estate);
	ExecConstraints(writer->target, slot, writer->estate);
}

/*
 * A row has been written: its foreign keys, and unique constraints that are to be checked at the end of the statement
 * or the transaction. ctid is that of the version before, slot the new one.
 */
static void
fire_triggers(RowWriter *writer, CmdType command, ItemPointer ctid, TupleTableSlot *slot, List *recheck)
{
	if (writer->keys == ROW_KEYS_AT_END)
		row_keys_note(writer->table, writer->shard, writer->command, ctid, slot != NULL ? &slot->tts_tid : NULL);
	if (writer->target->ri_TrigDesc == NULL)
		return;
	AfterTriggerBeginQuery();
	switch (command)
	{
		case CMD_INSERT:
			ExecARInsertTriggers(writer->estate, writer->target, slot, recheck, NULL);
			break;
		case CMD_UPDATE:
			ExecARUpdateTriggers(writer->estate, writer->target, NULL, NULL, ctid, NULL, slot, recheck, NULL, false);
			break;
		default:
			ExecARDeleteTriggers(writer->estate, writer->target, ctid, NULL, NULL, false);
			break;
	}
	AfterTriggerEndQuery(writer->estate);
}

void
row_here_insert(Relation shell, int shard, TupleTableSlot *slot, CommandId command, RowKeys keys)
{
	SHARD_SCOPE(shard, true);
	{
		RowWriter	writer = begin_write(shell, shard, command, keys);
		List	   *recheck = NIL;

		check_row(&writer, slot);
		table_tuple_insert(writer.table, slot, command, 0, NULL);
		ExecOpenIndices(writer.target, false);
		if (writer.target->ri_NumIndices > 0)
			recheck = sx_insert_index_tuples(writer.target, slot, writer.estate);
		fire_triggers(&writer, CMD_INSERT, NULL, slot, recheck);
		end_write(&writer);
		show_as_shell(shell, slot);
	}
	SHARD_SCOPE_END();
}

/* The shard table's indexes of these names. */
static List *
find_indexes(const RowWriter *writer, List *names)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, names)
	{
		for (int i = 0; i < writer->target->ri_NumIndices; i++)
		{
			Relation	index = writer->target->ri_IndexRelationDescs[i];

			if (strcmp(RelationGetRelationName(index), (const char *) lfirst(lc)) == 0)
				result = lappend_oid(result, RelationGetRelid(index));
		}
	}
	if (list_length(result) != list_length(names))
		elog(ERROR, "relation %u does not have the indexes of its shell", RelationGetRelid(writer->table));
	return result;
}

/* As ModifyTable does it: look, put it in for others to see but not to count on, look again. */
static bool
insert_unless(RowWriter *writer, TupleTableSlot *slot, CommandId command, List *arbiters, ItemPointer conflict)
{
	for (;;)
	{
		List	   *recheck;
		bool		failed = false;
		uint32		token;

		CHECK_FOR_INTERRUPTS();
		if (!sx_check_index_constraints(writer->target, slot, writer->estate, conflict, arbiters))
			return false;
		token = SpeculativeInsertionLockAcquire(GetCurrentTransactionId());
		table_tuple_insert_speculative(writer->table, slot, command, 0, NULL, token);
		recheck = sx_insert_index_tuples_unless(writer->target, slot, writer->estate, &failed, arbiters);
		table_tuple_complete_speculative(writer->table, slot, token, !failed);
		SpeculativeInsertionLockRelease(GetCurrentTransactionId());
		if (!failed)
		{
			fire_triggers(writer, CMD_INSERT, NULL, slot, recheck);
			return true;
		}
		list_free(recheck);
	}
}

TM_Result
row_here_insert_unless(Relation shell, int shard, TupleTableSlot *slot, CommandId command, List *arbiters,
					   ItemPointer ctid)
{
	volatile TM_Result result = TM_Ok;

	SHARD_SCOPE(shard, true);
	{
		RowWriter	writer = begin_write(shell, shard, command, ROW_KEYS_BY_TRIGGERS);
		TM_FailureData failure;

		check_row(&writer, slot);
		ExecOpenIndices(writer.target, true);
		if (insert_unless(&writer, slot, command, find_indexes(&writer, arbiters), ctid))
			*ctid = slot->tts_tid;
		else
			result = look_at_version(writer.table, ctid, command, &failure) == TM_SelfModified ? TM_SelfModified :
				TM_Updated;
		end_write(&writer);
		show_as_shell(shell, slot);
	}
	SHARD_SCOPE_END();
	return result;
}

static TM_Result
update_row(RowWriter *writer, ItemPointer ctid, TupleTableSlot *slot, CommandId command, TM_FailureData *failure,
		   LockTupleMode *mode)
{
	SX_UPDATE_INDEXES_TYPE update_indexes;
	List	   *recheck = NIL;
	TM_Result	result;

	check_row(writer, slot);
	result = table_tuple_update(writer->table, ctid, slot, command, GetActiveSnapshot(), InvalidSnapshot, true,
								failure, mode, &update_indexes);
	if (result != TM_Ok)
		return result;
	if (update_indexes)
		ExecOpenIndices(writer->target, false);
	if (writer->target->ri_NumIndices > 0)
		recheck = sx_update_index_tuples(writer->target, slot, writer->estate, update_indexes);
	fire_triggers(writer, CMD_UPDATE, ctid, slot, recheck);
	return result;
}

TM_Result
row_here_update(Relation shell, int shard, ItemPointer ctid, TupleTableSlot *slot, CommandId command,
				RowKeys keys, TM_FailureData *failure, LockTupleMode *mode)
{
	volatile TM_Result result = TM_Ok;

	SHARD_SCOPE(shard, true);
	{
		RowWriter	writer = begin_write(shell, shard, command, keys);

		result = look_at_version(writer.table, ctid, command, failure);
		if (result == TM_Ok)
			result = update_row(&writer, ctid, slot, command, failure, mode);
		end_write(&writer);
		show_as_shell(shell, slot);
	}
	SHARD_SCOPE_END();
	return result;
}

TM_Result
row_here_delete(Relation shell, int shard, ItemPointer ctid, CommandId command, bool moving, RowKeys keys,
				TM_FailureData *failure)
{
	volatile TM_Result result = TM_Ok;

	SHARD_SCOPE(shard, false);
	{
		RowWriter	writer = begin_write(shell, shard, command, keys);

		result = look_at_version(writer.table, ctid, command, failure);
		if (result == TM_Ok)
			result = table_tuple_delete(writer.table, ctid, command, GetActiveSnapshot(), InvalidSnapshot, true,
										failure, moving);
		if (result == TM_Ok)
			fire_triggers(&writer, CMD_DELETE, ctid, NULL, NIL);
		end_write(&writer);
	}
	SHARD_SCOPE_END();
	return result;
}
