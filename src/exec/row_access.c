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
 * The other node runs this as the table's owner, or as the user if he may do
 * all that the owner may: rights and policies have been looked at here.
 *
 * Not done here: indexes (the shell's are empty, the executor must not touch
 * them: row_access_attach; for ON CONFLICT see row_conflict.c) and batches: each
 * row is a round trip.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "parser/parsetree.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/errors.h"
#include "base/pg_compat.h"
#include "base/settings.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "catalog/shell_am.h"
#include "catalog/table_map.h"
#include "exec/remote_run.h"
#include "exec/row_access.h"
#include "exec/row_conflict.h"
#include "exec/row_here.h"
#include "exec/row_place.h"
#include "exec/statement_command.h"

/* The executions that write shells now; a reset callback takes them off. */
typedef struct WritingExecution
{
	EState	   *estate;
	struct WritingExecution *next;
	MemoryContextCallback on_reset;
} WritingExecution;

static WritingExecution *writing = NULL;

/* ---------- another node's rows ---------- */

static Oid
role_for_rows(Relation shell)
{
	return object_ownercheck(RelationRelationId, RelationGetRelid(shell), GetUserId()) ? GetUserId() :
		shell->rd_rel->relowner;
}

static const char *
shell_name(Relation shell)
{
	return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(shell)),
									  RelationGetRelationName(shell));
}

/* The execution that writes the shell; NULL: rows of it are locked only. */
static EState *
writer_of(Relation shell)
{
	for (WritingExecution *execution = writing; execution != NULL; execution = execution->next)
	{
		ListCell   *lc;

		foreach(lc, execution->estate->es_opened_result_relations)
		{
			if (((ResultRelInfo *) lfirst(lc))->ri_RelationDesc == shell)
				return execution->estate;
		}
	}
	return NULL;
}

/* Run sql, of which one row comes, on the owner of a shard; the row is in *slot until its context goes. */
static TupleTableSlot *
ask_owner(Relation shell, int shard, const char *sql, TupleDesc desc, int nparams, const Oid *types,
		  const Datum *values, const bool *nulls)
{
	int			owner = shard_map_owner(shard, NULL);
	const EState *writer = writer_of(shell);
	AttrNumber *attnos = palloc(sizeof(AttrNumber) * desc->natts);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	RemoteRun  *run;

	if (owner == 0)
		shard_map_raise(shard, SHARD_MOVED);
	for (int i = 0; i < desc->natts; i++)
		attnos[i] = i + 1;
	run = remote_run_make(sql, desc, desc->natts, attnos, nparams, types, true);
	if (writer != NULL)
		remote_run_set_command(run, statement_command(writer));
	remote_run_start(run, owner, role_for_rows(shell), NULL, values, nulls, false);
	if (!remote_run_next(run, slot))
		elog(ERROR, "node \"%s\" has said nothing about a row", node_name(owner));
	ExecMaterializeSlot(slot);
	remote_run_end(run);
	return slot;
}

static MemoryContext
begin_request(MemoryContext *old)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "shardext row", ALLOCSET_SMALL_SIZES);

	*old = MemoryContextSwitchTo(cxt);
	return cxt;
}

static void
end_request(MemoryContext cxt, MemoryContext old)
{
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}

/* Result, traversed and ctid, then the columns of the shell. */
#define READ_EXTRA 3

static TupleDesc
read_desc(Relation shell)
{
	TupleDesc	row = RelationGetDescr(shell);
	TupleDesc	desc = CreateTemplateTupleDesc(READ_EXTRA + row->natts);

	TupleDescInitEntry(desc, 1, "result", INT4OID, -1, 0);
	TupleDescInitEntry(desc, 2, "traversed", BOOLOID, -1, 0);
	TupleDescInitEntry(desc, 3, "place", TIDOID, -1, 0);
	for (int i = 0; i < row->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(row, i);
		bool		dropped = att->attisdropped;

		TupleDescInitEntry(desc, READ_EXTRA + i + 1, NULL, dropped ? INT4OID : att->atttypid,
						   dropped ? -1 : att->atttypmod, 0);
	}
	return desc;
}

static char *
read_sql(Relation shell)
{
	const char *name = shell_name(shell);
	TupleDesc	row = RelationGetDescr(shell);
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT r.result, r.traversed, r.place");
	for (int i = 0; i < row->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(row, i);

		if (att->attisdropped)
			appendStringInfoString(&sql, ", NULL::pg_catalog.int4");
		else
			appendStringInfo(&sql, ", (r.\"row\").%s", quote_identifier(NameStr(att->attname)));
	}
	appendStringInfo(&sql, " FROM shardext.internal_row_read(%s::pg_catalog.regclass, $1, $2, $3, $4, $5, $6)"
					 " AS r(result pg_catalog.int4, traversed pg_catalog.bool, place pg_catalog.tid, \"row\" %s)",
					 quote_literal_cstr(name), name);
	return sql.data;
}

/* As row_here_lock and its kin, on the owner; the ctid that it gives back is in *ctid or failure. */
static TM_Result
read_there(Relation shell, int shard, RowReadKind kind, ItemPointer ctid, LockTupleMode mode, LockWaitPolicy policy,
		   uint8 flags, TupleTableSlot *slot, TM_FailureData *failure)
{
	static const Oid types[] = {INT4OID, INT4OID, TIDOID, INT4OID, INT4OID, INT4OID};
	Datum		values[] = {Int32GetDatum(shard), Int32GetDatum(kind), PointerGetDatum(ctid),
	Int32GetDatum(mode), Int32GetDatum(policy), Int32GetDatum(flags)};
	bool		nulls[lengthof(types)] = {false};
	MemoryContext old;
	MemoryContext cxt = begin_request(&old);
	TupleTableSlot *answer = ask_owner(shell, shard, read_sql(shell), read_desc(shell), lengthof(types), types,
									   values, nulls);
	TM_Result	result = (TM_Result) DatumGetInt32(answer->tts_values[0]);
	ItemPointerData found = *(ItemPointer) DatumGetPointer(answer->tts_values[2]);

	slot_getallattrs(answer);
	failure->traversed = DatumGetBool(answer->tts_values[1]);
	failure->ctid = found;
	if (result == TM_Ok)
	{
		int			natts = slot->tts_tupleDescriptor->natts;
		TupleTableSlot *row = MakeSingleTupleTableSlot(slot->tts_tupleDescriptor, &TTSOpsVirtual);

		*ctid = found;
		memcpy(row->tts_values, answer->tts_values + READ_EXTRA, sizeof(Datum) * natts);
		memcpy(row->tts_isnull, answer->tts_isnull + READ_EXTRA, sizeof(bool) * natts);
		ExecStoreVirtualTuple(row);
		ExecCopySlot(slot, row);
		ExecMaterializeSlot(slot);
		ExecDropSingleTupleTableSlot(row);
	}
	end_request(cxt, old);
	return result;
}

/* ROW($n, ..)::shell, of the parameters after the first ones */
static void
append_row(StringInfo sql, Relation shell, int nfirst)
{
	TupleDesc	row = RelationGetDescr(shell);
	int			n = nfirst;

	appendStringInfoString(sql, "ROW(");
	for (int i = 0; i < row->natts; i++)
	{
		if (!TupleDescAttr(row, i)->attisdropped)
			appendStringInfo(sql, "%s$%d", n > nfirst ? ", " : "", n + 1), n++;
	}
	appendStringInfo(sql, ")::%s", shell_name(shell));
}

/* Their values, and the types, after n first ones; how many there are then. */
static int
add_row(TupleTableSlot *slot, int n, Oid *types, Datum *values, bool *nulls)
{
	TupleDesc	row = slot->tts_tupleDescriptor;

	for (int i = 0; i < row->natts; i++)
	{
		if (TupleDescAttr(row, i)->attisdropped)
			continue;
		types[n] = TupleDescAttr(row, i)->atttypid;
		values[n] = slot_getattr(slot, i + 1, &nulls[n]);
		n++;
	}
	return n;
}

static char *
write_sql(Relation shell, bool with_row)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT w.result, w.place_now, w.mode"
					 " FROM shardext.internal_row_write(%s::pg_catalog.regclass, $1, $2, $3, ",
					 quote_literal_cstr(shell_name(shell)));
	if (with_row)
		append_row(&sql, shell, 3);
	else
		appendStringInfoString(&sql, "ROW()");
	appendStringInfoString(&sql, ") AS w");
	return sql.data;
}

/* As row_here_insert, .._update and .._delete, on the owner. slot NULL: a delete. */
static TM_Result
write_there(Relation shell, int shard, RowWriteKind kind, ItemPointer ctid, TupleTableSlot *slot,
			TM_FailureData *failure, LockTupleMode *mode)
{
	TupleDesc	row = RelationGetDescr(shell);
	TupleDesc	desc = CreateTemplateTupleDesc(3);
	MemoryContext old;
	MemoryContext cxt = begin_request(&old);
	Oid		   *types = palloc(sizeof(Oid) * (row->natts + 3));
	Datum	   *values = palloc(sizeof(Datum) * (row->natts + 3));
	bool	   *nulls = palloc0(sizeof(bool) * (row->natts + 3));
	int			n = 3;
	TupleTableSlot *answer;
	TM_Result	result;

	TupleDescInitEntry(desc, 1, "result", INT4OID, -1, 0);
	TupleDescInitEntry(desc, 2, "place", TIDOID, -1, 0);
	TupleDescInitEntry(desc, 3, "mode", INT4OID, -1, 0);
	types[0] = types[1] = INT4OID;
	types[2] = TIDOID;
	values[0] = Int32GetDatum(shard);
	values[1] = Int32GetDatum(kind);
	values[2] = PointerGetDatum(ctid);
	if (slot != NULL)
		n = add_row(slot, n, types, values, nulls);
	answer = ask_owner(shell, shard, write_sql(shell, slot != NULL), desc, n, types, values, nulls);
	slot_getallattrs(answer);
	result = (TM_Result) DatumGetInt32(answer->tts_values[0]);
	*ctid = *(ItemPointer) DatumGetPointer(answer->tts_values[1]);
	failure->ctid = *ctid;
	if (mode != NULL)
		*mode = (LockTupleMode) DatumGetInt32(answer->tts_values[2]);
	end_request(cxt, old);
	return result;
}

static char *
insert_unless_sql(Relation shell, List *arbiters)
{
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT w.result, w.place_now"
					 " FROM shardext.internal_row_insert(%s::pg_catalog.regclass, $1, ARRAY[",
					 quote_literal_cstr(shell_name(shell)));
	foreach(lc, arbiters)
		appendStringInfo(&sql, "%s%s", foreach_current_index(lc) > 0 ? ", " : "",
						 quote_literal_cstr((const char *) lfirst(lc)));
	appendStringInfoString(&sql, "]::pg_catalog.text[], ");
	append_row(&sql, shell, 1);
	appendStringInfoString(&sql, ") AS w");
	return sql.data;
}

/* As row_here_insert_unless, on the owner. */
static TM_Result
insert_unless_there(Relation shell, int shard, TupleTableSlot *slot, List *arbiters, ItemPointer ctid)
{
	int			natts = RelationGetDescr(shell)->natts;
	TupleDesc	desc = CreateTemplateTupleDesc(2);
	MemoryContext old;
	MemoryContext cxt = begin_request(&old);
	Oid		   *types = palloc(sizeof(Oid) * (natts + 1));
	Datum	   *values = palloc(sizeof(Datum) * (natts + 1));
	bool	   *nulls = palloc0(sizeof(bool) * (natts + 1));
	TupleTableSlot *answer;
	TM_Result	result;
	int			n;

	TupleDescInitEntry(desc, 1, "result", INT4OID, -1, 0);
	TupleDescInitEntry(desc, 2, "place", TIDOID, -1, 0);
	types[0] = INT4OID;
	values[0] = Int32GetDatum(shard);
	n = add_row(slot, 1, types, values, nulls);
	answer = ask_owner(shell, shard, insert_unless_sql(shell, arbiters), desc, n, types, values, nulls);
	slot_getallattrs(answer);
	result = (TM_Result) DatumGetInt32(answer->tts_values[0]);
	*ctid = *(ItemPointer) DatumGetPointer(answer->tts_values[1]);
	end_request(cxt, old);
	return result;
}

/* ---------- wherever they are ---------- */

static bool
is_here(int shard)
{
	return shard_map_owner(shard, NULL) == node_self();
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
		read_there(shell, shard, kind, &ctid, LockTupleKeyShare, LockWaitBlock, 0, slot, &failure) != TM_Ok)
		return false;
	set_place(shell, slot, shard, &ctid);
	return true;
}

static bool
fetch_row(Relation shell, ItemPointer place, TupleTableSlot *slot)
{
	return fetch_version(shell, place, ROW_READ_ANY, slot);
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
		read_there(shell, shard, ROW_READ_LATEST, &ctid, LockTupleKeyShare, LockWaitBlock, 0, slot, &failure) != TM_Ok)
		return false;
	set_place(shell, slot, shard, &ctid);
	return true;
}

/* What heap has said of a ctid, as a place; a row of our own statement's making looks like one of this command. */
static void
show_failure(int shard, TM_Result result, CommandId command, TM_FailureData *failure)
{
	ItemPointerData ctid = failure->ctid;

	if (result != TM_Ok && !ItemPointerIndicatesMovedPartitions(&ctid) && ItemPointerIsValid(&ctid))
		row_place_make(shard, &ctid, &failure->ctid);
	if (result == TM_SelfModified && !is_here(shard))
	{
		failure->xmax = GetCurrentTransactionId();
		failure->cmax = command;
	}
}

static TM_Result
lock_row(Relation shell, ItemPointer place, TupleTableSlot *slot, CommandId command, LockTupleMode mode,
		 LockWaitPolicy policy, uint8 flags, TM_FailureData *failure)
{
	ItemPointerData ctid;
	int			shard = read_place(shell, place, &ctid);
	TM_Result	result;

	if (is_here(shard))
	{
		result = row_here_lock(shell, shard, &ctid, slot, command, mode, policy, flags, failure);
		ctid = slot->tts_tid;
	}
	else
		result = read_there(shell, shard, ROW_READ_LOCK, &ctid, mode, policy, flags, slot, failure);
	show_failure(shard, result, command, failure);
	if (result == TM_Ok)
	{
		set_place(shell, slot, shard, &ctid);
		*place = slot->tts_tid;
	}
	return result;
}

static int
shard_of_row(Relation shell, TupleTableSlot *slot)
{
	const TableInfo *table = table_info(RelationGetRelid(shell));
	Datum		keys[ROUTE_MAX_KEYS];

	for (int i = 0; i < table->nkeys; i++)
	{
		bool		isnull;

		keys[i] = slot_getattr(slot, table->keys[i], &isnull);
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

static void
insert_into(Relation shell, int shard, TupleTableSlot *slot, CommandId command)
{
	ItemPointerData ctid;
	TM_FailureData failure = {0};

	ItemPointerSet(&ctid, 0, FirstOffsetNumber);
	if (is_here(shard))
	{
		row_here_insert(shell, shard, slot, command);
		ctid = slot->tts_tid;
	}
	else
		(void) write_there(shell, shard, ROW_WRITE_INSERT, &ctid, slot, &failure, NULL);
	set_place(shell, slot, shard, &ctid);
}

static void
insert_row(Relation shell, TupleTableSlot *slot, CommandId command)
{
	insert_into(shell, shard_of_row(shell, slot), slot, command);
}

TM_Result
row_access_insert_unless(Relation shell, TupleTableSlot *slot, CommandId command, List *arbiters, ItemPointer place)
{
	int			shard = shard_of_row(shell, slot);
	ItemPointerData ctid;
	TM_Result	result = is_here(shard) ? row_here_insert_unless(shell, shard, slot, command, arbiters, &ctid) :
		insert_unless_there(shell, shard, slot, arbiters, &ctid);

	row_place_make(shard, &ctid, place);
	return result;
}

static TM_Result
delete_from(Relation shell, int shard, ItemPointer ctid, CommandId command, bool moving, TM_FailureData *failure)
{
	TM_Result	result = is_here(shard) ? row_here_delete(shell, shard, ctid, command, moving, failure) :
		write_there(shell, shard, moving ? ROW_WRITE_MOVE : ROW_WRITE_DELETE, ctid, NULL, failure, NULL);

	show_failure(shard, result, command, failure);
	return result;
}

static TM_Result
delete_row(Relation shell, ItemPointer place, CommandId command, TM_FailureData *failure)
{
	ItemPointerData ctid;
	int			shard = read_place(shell, place, &ctid);

	return delete_from(shell, shard, &ctid, command, false, failure);
}

static TM_Result
update_row(Relation shell, ItemPointer place, TupleTableSlot *slot, CommandId command, TM_FailureData *failure,
		   LockTupleMode *mode)
{
	ItemPointerData ctid;
	int			shard = read_place(shell, place, &ctid);
	int			to = shard_of_row(shell, slot);
	TM_Result	result;

	if (to != shard)
	{
		*mode = LockTupleExclusive;
		result = delete_from(shell, shard, &ctid, command, true, failure);
		if (result == TM_Ok)
			insert_into(shell, to, slot, command);
		return result;
	}
	if (is_here(shard))
	{
		result = row_here_update(shell, shard, &ctid, slot, command, failure, mode);
		ctid = slot->tts_tid;
	}
	else
		result = write_there(shell, shard, ROW_WRITE_UPDATE, &ctid, slot, failure, mode);
	show_failure(shard, result, command, failure);
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
		execution = MemoryContextAlloc(estate->es_query_cxt, sizeof(WritingExecution));
		execution->estate = estate;
		execution->next = writing;
		execution->on_reset.func = execution_freed;
		execution->on_reset.arg = execution;
		MemoryContextRegisterResetCallback(estate->es_query_cxt, &execution->on_reset);
		writing = execution;
	}
	if (execution != NULL)
		row_conflict_attach(query_desc);
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
