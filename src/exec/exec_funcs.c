/*
 * exec_funcs.c
 *	  SQL functions by which another node's executor reaches rows of this one:
 *	  shardext.internal_row_read(), internal_row_write(), internal_row_keys()
 *	  and internal_row_insert().
 *
 * They go round policies and triggers, which the coordinator applies, so they
 * are for those who may do that anyway: the owner of the table and superusers,
 * in a session that another node has opened.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"

#include "base/errors.h"
#include "base/pg_compat.h"
#include "base/settings.h"
#include "catalog/table_map.h"
#include "exec/row_access.h"
#include "exec/row_here.h"
#include "exec/row_keys.h"
#include "exec/statement_command.h"

PG_FUNCTION_INFO_V1(shardext_row_read);
PG_FUNCTION_INFO_V1(shardext_row_write);
PG_FUNCTION_INFO_V1(shardext_row_keys);
PG_FUNCTION_INFO_V1(shardext_row_insert);

/* The shell, if the caller may do what he likes with it. */
static Relation
open_shell(Oid relid, int shard)
{
	const TableInfo *table = table_info(relid);

	if (!session_is_forwarded() || !object_ownercheck(RelationRelationId, relid, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for rows of shards"),
				 errdetail("Only the table's owner may reach them this way, and only from another node."),
				 errhint("Use ordinary statements.")));
	if (table == NULL || table->kind != TABLE_SHARDED || shard < 0 || shard >= ROUTE_MAX_SHARDS)
		ereport(ERROR,
				(errcode(ERRCODE_SX_CATALOG_MISMATCH),
				 errmsg("relation %u has no shard %d on this node", relid, shard),
				 errdetail("The node that asked believes it a sharded table with this shard here."),
				 errhint("Compare shardext.tables on the nodes.")));
	return table_open(relid, AccessShareLock);
}

/* As other nodes are told: they cannot compare our command ids. */
static TM_Result
as_told(TM_Result result, CommandId command, const TM_FailureData *failure)
{
	return result == TM_SelfModified && failure->cmax != command ? ROW_CHANGED_LATER : result;
}

static Datum
row_datum(Relation shell, TupleTableSlot *slot)
{
	bool		should_free;
	HeapTuple	tuple = ExecFetchSlotHeapTuple(slot, false, &should_free);

	return heap_copy_tuple_as_datum(tuple, RelationGetDescr(shell));
}

/* internal_row_read(relation, shard, kind, ctid, mode, policy, flags): result, ctid, row */
Datum
shardext_row_read(PG_FUNCTION_ARGS)
{
	Relation	shell = open_shell(PG_GETARG_OID(0), PG_GETARG_INT32(1));
	int			shard = PG_GETARG_INT32(1);
	RowReadKind kind = (RowReadKind) PG_GETARG_INT32(2);
	ItemPointerData ctid = *(ItemPointer) PG_GETARG_POINTER(3);
	CommandId	command = kind == ROW_READ_LOCK ? statement_command_id() : InvalidCommandId;
	ReturnSetInfo *result_info = (ReturnSetInfo *) fcinfo->resultinfo;
	TupleTableSlot *slot = table_slot_create(shell, NULL);
	TM_FailureData failure = {0};
	TM_Result	result = TM_Deleted;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, true};

	failure.ctid = ctid;
	switch (kind)
	{
		case ROW_READ_ANY:
			result = row_here_fetch(shell, shard, &ctid, SnapshotAny, slot) ? TM_Ok : TM_Deleted;
			break;
		case ROW_READ_CURRENT:
			result = row_here_fetch(shell, shard, &ctid, SnapshotSelf, slot) ? TM_Ok : TM_Deleted;
			break;
		case ROW_READ_SEEN:
			result = row_here_fetch(shell, shard, &ctid, GetActiveSnapshot(), slot) ? TM_Ok : TM_Deleted;
			break;
		case ROW_READ_LATEST:
			result = row_here_fetch_latest(shell, shard, &ctid, GetActiveSnapshot(), slot) ? TM_Ok : TM_Deleted;
			break;
		case ROW_READ_LOCK:
			result = row_here_lock(shell, shard, &ctid, slot, command, (LockTupleMode) PG_GETARG_INT32(4),
								   (LockWaitPolicy) PG_GETARG_INT32(5), (uint8) PG_GETARG_INT32(6), &failure);
			result = as_told(result, command, &failure);
			break;
	}
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (result_info->setDesc->natts != lengthof(values))
		elog(ERROR, "unexpected columns of internal_row_read");
	values[0] = Int32GetDatum((int32) result);
	values[1] = BoolGetDatum(failure.traversed);
	values[2] = PointerGetDatum(result == TM_Ok ? &slot->tts_tid : &failure.ctid);
	if (result == TM_Ok)
	{
		values[3] = row_datum(shell, slot);
		nulls[3] = false;
	}
	tuplestore_putvalues(result_info->setResult, result_info->setDesc, values, nulls);
	ExecDropSingleTupleTableSlot(slot);
	table_close(shell, NoLock);
	return (Datum) 0;
}

/* A virtual slot of the shell's shape with the values of a row of its type. */
static TupleTableSlot *
slot_of_row(Relation shell, HeapTupleHeader row)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(shell), &TTSOpsVirtual);
	HeapTupleData tuple;

	if (HeapTupleHeaderGetTypeId(row) != shell->rd_rel->reltype)
		elog(ERROR, "a row of another type than that of relation %u", RelationGetRelid(shell));
	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = row;
	ExecClearTuple(slot);
	heap_deform_tuple(&tuple, slot->tts_tupleDescriptor, slot->tts_values, slot->tts_isnull);
	return ExecStoreVirtualTuple(slot);
}

/* internal_row_write(relation, shard, kind, ctid, row, keys): result, ctid, mode */
Datum
shardext_row_write(PG_FUNCTION_ARGS)
{
	Relation	shell = open_shell(PG_GETARG_OID(0), PG_GETARG_INT32(1));
	int			shard = PG_GETARG_INT32(1);
	RowWriteKind kind = (RowWriteKind) PG_GETARG_INT32(2);
	ItemPointerData ctid = *(ItemPointer) PG_GETARG_POINTER(3);
	RowKeys		keys = (RowKeys) PG_GETARG_INT32(5);
	CommandId	command = statement_command_id();
	LockTupleMode mode = LockTupleExclusive;
	TM_FailureData failure = {0};
	TM_Result	result = TM_Ok;
	TupleTableSlot *slot = NULL;
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "internal_row_write must return a row");
	if (kind == ROW_WRITE_INSERT || kind == ROW_WRITE_UPDATE)
		slot = slot_of_row(shell, PG_GETARG_HEAPTUPLEHEADER(4));
	failure.ctid = ctid;
	switch (kind)
	{
		case ROW_WRITE_INSERT:
			row_here_insert(shell, shard, slot, command, keys);
			break;
		case ROW_WRITE_UPDATE:
			result = row_here_update(shell, shard, &ctid, slot, command, keys, &failure, &mode);
			break;
		case ROW_WRITE_DELETE:
		case ROW_WRITE_MOVE:
			result = row_here_delete(shell, shard, &ctid, command, kind == ROW_WRITE_MOVE, keys, &failure);
			break;
	}
	values[0] = Int32GetDatum((int32) as_told(result, command, &failure));
	if (result == TM_Ok && slot != NULL)
		failure.ctid = slot->tts_tid;
	values[1] = PointerGetDatum(&failure.ctid);
	values[2] = Int32GetDatum((int32) mode);
	if (slot != NULL)
		ExecDropSingleTupleTableSlot(slot);
	table_close(shell, NoLock);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/*
 * internal_row_keys(copies): true, the command's rows of this node being written. For anybody: they are rows that
 * this transaction has written as their owner.
 */
Datum
shardext_row_keys(PG_FUNCTION_ARGS)
{
	if (!session_is_forwarded())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for foreign keys of rows"),
				 errdetail("They are looked after this way only if another node asks for it.")));
	row_keys_look(PG_GETARG_BOOL(0) ? ROW_KEYS_OF_COPIES : statement_command_id());
	PG_RETURN_BOOL(true);
}

static List *
names_of_array(ArrayType *array)
{
	List	   *result = NIL;
	Datum	   *names;
	int			n;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &names, NULL, &n);
	for (int i = 0; i < n; i++)
		result = lappend(result, TextDatumGetCString(names[i]));
	return result;
}

/* internal_row_insert(relation, shard, arbiters, row): result, ctid */
Datum
shardext_row_insert(PG_FUNCTION_ARGS)
{
	Relation	shell = open_shell(PG_GETARG_OID(0), PG_GETARG_INT32(1));
	TupleTableSlot *slot = slot_of_row(shell, PG_GETARG_HEAPTUPLEHEADER(3));
	ItemPointerData ctid;
	TM_Result	result;
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "internal_row_insert must return a row");
	result = row_here_insert_unless(shell, PG_GETARG_INT32(1), slot, statement_command_id(),
									names_of_array(PG_GETARG_ARRAYTYPE_P(2)), &ctid);
	values[0] = Int32GetDatum((int32) result);
	values[1] = PointerGetDatum(&ctid);
	ExecDropSingleTupleTableSlot(slot);
	table_close(shell, NoLock);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
