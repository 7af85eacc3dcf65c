/*
 * reference_change.c
 *	  Rows of a reference table that another node has written, on this copy.
 *
 * The other node has run the statement, its triggers, checks and policies;
 * here rows are put in, changed and taken away as they were there, in the same
 * order. A row is found by the replica identity (the primary key, if nothing
 * else was said), or, without one, by being the same in all columns: which of
 * several equal rows is taken makes no difference.
 *
 * Of the triggers only those of foreign keys fire whose other table is no
 * reference table: rows of shards, and of home tables, that refer to the copy
 * are this node's business. Between reference tables the other node has seen
 * to it, and what that changed comes as changes of those tables. Who writes the rows owns the table; if that is not
 * the user of the statement, foreign keys are looked after in another call, as he (row_keys.c).
 *
 * A row that is not found means that the copies differ: 40001.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "base/pg_compat.h"
#include "catalog/table_map.h"
#include "exec/reference_change.h"
#include "exec/row_keys.h"
#include "exec/row_pack.h"
#include "exec/row_triggers.h"
#include "exec/statement_command.h"
#include "route/route.h"

/* This copy while it is written. */
typedef struct Copy
{
	Relation	table;
	EState	   *estate;
	ResultRelInfo *target;
	CommandId	command;
	bool		keys_later;		/* foreign keys are looked after by who asks for that */

	/* finding rows */
	Oid			key;			/* index; InvalidOid: whole rows are compared */
	TupleTableSlot *found;
	Snapshot	snapshot;		/* of the scan, registered */
	TableScanDesc scan;
	bool		ended;			/* it has come to the end of the table once for the row looked for */
} Copy;

TupleDesc
reference_change_columns(Relation table)
{
	TupleDesc	row = RelationGetDescr(table);
	TupleDesc	desc = CreateTemplateTupleDesc(row->natts + 1);

	TupleDescInitEntry(desc, 1, "change", INT4OID, -1, 0);
	for (int i = 0; i < row->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(row, i);
		bool		dropped = att->attisdropped;

		TupleDescInitEntry(desc, i + 2, NULL, dropped ? INT4OID : att->atttypid, dropped ? -1 : att->atttypmod, 0);
	}
	return desc;
}

Bitmapset *
reference_change_key(Relation table)
{
	return OidIsValid(RelationGetReplicaIndex(table)) ?
		RelationGetIndexAttrBitmap(table, INDEX_ATTR_BITMAP_IDENTITY_KEY) : NULL;
}

/* ---------- triggers ---------- */

/* Does it keep a foreign key between the copy and a table that is no reference table, or a deferrable unique key? */
static bool
fires_here(const Trigger *trigger)
{
	const TableInfo *other;

	if (!trigger->tgisinternal)
		return false;
	if (trigger->tgfoid == F_UNIQUE_KEY_RECHECK)
		return true;
	if (RI_FKey_trigger_type(trigger->tgfoid) != RI_TRIGGER_PK || !OidIsValid(trigger->tgconstrrelid))
		return false;
	other = table_info(trigger->tgconstrrelid);
	return other == NULL || other->kind != TABLE_REFERENCE;
}

TriggerDesc *
reference_change_triggers(TriggerDesc *triggers)
{
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		if (!fires_here(&triggers->triggers[i]))
			triggers->triggers[i].tgenabled = TRIGGER_DISABLED;
	}
	return triggers;
}

/* ---------- finding a row ---------- */

pg_noreturn static void
raise_not_found(const Copy *copy)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("the copies of reference table \"%s\" do not agree", RelationGetRelationName(copy->table)),
			 errdetail("This node's copy does not have a row that was changed on the node of the statement."),
			 errhint("Repeat the transaction; if it fails again, compare the copies.")));
	pg_unreachable();
}

static bool
same_row(TupleTableSlot *a, TupleTableSlot *b)
{
	TupleDesc	desc = a->tts_tupleDescriptor;

	slot_getallattrs(a);
	slot_getallattrs(b);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped)
			continue;
		if (a->tts_isnull[i] != b->tts_isnull[i])
			return false;
		if (!a->tts_isnull[i] && !datum_image_eq(a->tts_values[i], b->tts_values[i], att->attbyval, att->attlen))
			return false;
	}
	return true;
}

/* What the transaction sees now, but nothing of this command. */
static Snapshot
snapshot_before(const Copy *copy)
{
	Snapshot	result;

	PushCopiedSnapshot(GetLatestSnapshot());
	GetActiveSnapshot()->curcid = copy->command;
	result = RegisterSnapshot(GetActiveSnapshot());
	PopActiveSnapshot();
	return result;
}

/*
 * The next row that is equal to wanted. The scan goes on where the row before
 * was found, since rows mostly come in the order in which they lie, and once
 * around.
 */
static void
scan_for(Copy *copy, TupleTableSlot *wanted)
{
	if (copy->scan == NULL)
	{
		copy->snapshot = snapshot_before(copy);
		copy->scan = table_beginscan(copy->table, copy->snapshot, 0, NULL);
	}
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (table_scan_getnextslot(copy->scan, ForwardScanDirection, copy->found))
		{
			if (same_row(copy->found, wanted))
				return;
			continue;
		}
		if (copy->ended)
			raise_not_found(copy);
		copy->ended = true;
		table_rescan(copy->scan, NULL);
	}
}

static void
find_row(Copy *copy, TupleTableSlot *wanted)
{
	if (!OidIsValid(copy->key))
		scan_for(copy, wanted);
	else if (!RelationFindReplTupleByIndex(copy->table, copy->key, LockTupleExclusive, wanted, copy->found))
		raise_not_found(copy);
}

/* Is the row written? No: an equal row is to be looked for, as this command has written this one before. */
static bool
is_written(const Copy *copy, TM_Result result)
{
	if (result == TM_Ok)
		return true;
	if (result != TM_SelfModified || OidIsValid(copy->key))
		raise_not_found(copy);
	return false;
}

/* ---------- the changes ---------- */

static void
insert_row(Copy *copy, TupleTableSlot *row)
{
	List	   *recheck = NIL;

	table_tuple_insert(copy->table, row, copy->command, 0, NULL);
	if (copy->target->ri_NumIndices > 0)
		recheck = sx_insert_index_tuples(copy->target, row, copy->estate);
	ExecARInsertTriggers(copy->estate, copy->target, row, recheck, NULL);
	list_free(recheck);
}

static void
update_row(Copy *copy, TupleTableSlot *old, TupleTableSlot *row)
{
	SX_UPDATE_INDEXES_TYPE which;
	TM_FailureData failure;
	LockTupleMode mode;
	List	   *recheck = NIL;
	ItemPointerData ctid;

	copy->ended = false;
	do
	{
		find_row(copy, old);
		ctid = copy->found->tts_tid;
	} while (!is_written(copy, table_tuple_update(copy->table, &ctid, row, copy->command, GetActiveSnapshot(),
												  InvalidSnapshot, true, &failure, &mode, &which)));
	if (copy->target->ri_NumIndices > 0 && which)
		recheck = sx_update_index_tuples(copy->target, row, copy->estate, which);
	ExecARUpdateTriggers(copy->estate, copy->target, NULL, NULL, &ctid, NULL, row, recheck, NULL, false);
	if (copy->keys_later)
		row_keys_note(copy->table, ROUTE_NO_SHARD, ROW_KEYS_OF_COPIES, &ctid, &row->tts_tid);
	list_free(recheck);
}

static void
delete_row(Copy *copy, TupleTableSlot *old)
{
	TM_FailureData failure;
	ItemPointerData ctid;

	copy->ended = false;
	do
	{
		find_row(copy, old);
		ctid = copy->found->tts_tid;
	} while (!is_written(copy, table_tuple_delete(copy->table, &ctid, copy->command, GetActiveSnapshot(),
												  InvalidSnapshot, true, &failure, false)));
	ExecARDeleteTriggers(copy->estate, copy->target, &ctid, NULL, NULL, false);
	if (copy->keys_later)
		row_keys_note(copy->table, ROUTE_NO_SHARD, ROW_KEYS_OF_COPIES, &ctid, NULL);
}

/* The row of an entry, as one of the table. */
static void
take_row(TupleTableSlot *entry, TupleTableSlot *row)
{
	int			natts = row->tts_tupleDescriptor->natts;

	slot_getallattrs(entry);
	ExecClearTuple(row);
	memcpy(row->tts_values, entry->tts_values + 1, sizeof(Datum) * natts);
	memcpy(row->tts_isnull, entry->tts_isnull + 1, sizeof(bool) * natts);
	ExecStoreVirtualTuple(row);
	ExecMaterializeSlot(row);
}

static void
apply_changes(Copy *copy, Tuplestorestate *changes, TupleDesc columns)
{
	TupleTableSlot *entry = ExecInitExtraTupleSlot(copy->estate, columns, &TTSOpsMinimalTuple);
	TupleTableSlot *row = ExecInitExtraTupleSlot(copy->estate, RelationGetDescr(copy->table), &TTSOpsVirtual);
	TupleTableSlot *old = ExecInitExtraTupleSlot(copy->estate, RelationGetDescr(copy->table), &TTSOpsVirtual);

	while (tuplestore_gettupleslot(changes, true, false, entry))
	{
		bool		isnull;
		ReferenceChange change = (ReferenceChange) DatumGetInt32(slot_getattr(entry, 1, &isnull));

		CHECK_FOR_INTERRUPTS();
		ResetPerTupleExprContext(copy->estate);
		switch (change)
		{
			case REFERENCE_INSERT:
				take_row(entry, row);
				insert_row(copy, row);
				break;
			case REFERENCE_FIND:
				take_row(entry, old);
				break;
			case REFERENCE_UPDATE:
				take_row(entry, row);
				update_row(copy, old, row);
				break;
			case REFERENCE_DELETE:
				take_row(entry, old);
				delete_row(copy, old);
				break;
		}
	}
}

/* ---------- the whole ---------- */

static void
begin_copy(Copy *copy, Relation table, bool keys_later)
{
	MemoryContext old;

	memset(copy, 0, sizeof(Copy));
	copy->table = table;
	copy->command = statement_command_id();
	copy->keys_later = keys_later;
	copy->estate = CreateExecutorState();
	old = MemoryContextSwitchTo(copy->estate->es_query_cxt);
	copy->target = makeNode(ResultRelInfo);
	InitResultRelInfo(copy->target, table, 0, NULL, 0);
	copy->target->ri_TrigDesc = reference_change_triggers(copy->target->ri_TrigDesc);
	if (keys_later)
		copy->target->ri_TrigDesc = row_triggers_of_shard(copy->target->ri_TrigDesc, false);
	ExecOpenIndices(copy->target, false);
	copy->estate->es_opened_result_relations = list_make1(copy->target);
	copy->estate->es_output_cid = copy->command;
	copy->key = RelationGetReplicaIndex(table);
	copy->found = table_slot_create(table, &copy->estate->es_tupleTable);
	MemoryContextSwitchTo(old);
	AfterTriggerBeginQuery();
}

static void
end_copy(Copy *copy)
{
	ExecClearTuple(copy->found);
	if (copy->scan != NULL)
	{
		table_endscan(copy->scan);
		UnregisterSnapshot(copy->snapshot);
	}
	AfterTriggerEndQuery(copy->estate);
	ExecResetTupleTable(copy->estate->es_tupleTable, false);
	ExecCloseResultRelations(copy->estate);
	FreeExecutorState(copy->estate);
}

void
reference_change_apply(Relation table, const bytea *packed, bool keys_later)
{
	TupleDesc	columns = reference_change_columns(table);
	Tuplestorestate *changes = tuplestore_begin_heap(false, false, work_mem);
	Copy		copy;

	row_pack_read(packed, columns, changes);
	begin_copy(&copy, table, keys_later);
	apply_changes(&copy, changes, columns);
	end_copy(&copy);
	tuplestore_end(changes);
}
