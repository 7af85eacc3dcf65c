/*
 * row_there.c
 *	  Single rows of shards of other nodes, by their ctid: a function of the node
 *	  that owns the shard (exec_funcs.c) does there what row_here.c does here.
 *
 * The other node runs it as the table's owner, or as the user if he may do all
 * that the owner may, in a connection of the user: rights and policies have been
 * looked at here.
 *
 * Each call is a round trip. Rows of a whole batch are fetched by row_ahead.c,
 * and written by row_queue.c.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/pg_compat.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "exec/remote_run.h"
#include "exec/row_there.h"

Oid
row_there_role(Relation shell)
{
	return object_ownercheck(RelationRelationId, RelationGetRelid(shell), GetUserId()) ? GetUserId() :
		shell->rd_rel->relowner;
}

const char *
row_there_shell_name(Relation shell)
{
	return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(shell)),
									  RelationGetRelationName(shell));
}

/* Run sql, of which one row comes, on the owner of a shard; the row is in *slot until its context goes. */
static TupleTableSlot *
ask_owner(Relation shell, uint32 command, int shard, const char *sql, TupleDesc desc, int nparams, const Oid *types,
		  const Datum *values, const bool *nulls)
{
	int			owner = shard_map_owner(shard, NULL);
	AttrNumber *attnos = palloc(sizeof(AttrNumber) * desc->natts);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	RemoteRun  *run;

	if (owner == 0)
		shard_map_raise(shard, SHARD_MOVED);
	for (int i = 0; i < desc->natts; i++)
		attnos[i] = i + 1;
	run = remote_run_make(sql, desc, desc->natts, attnos, nparams, types, true);
	remote_run_set_command(run, command);
	remote_run_set_acts_as(run, row_there_role(shell));
	remote_run_start(run, owner, GetUserId(), NULL, values, nulls, false);
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

static void
add_columns(TupleDesc desc, int after, Relation shell)
{
	TupleDesc	row = RelationGetDescr(shell);

	for (int i = 0; i < row->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(row, i);
		bool		dropped = att->attisdropped;

		TupleDescInitEntry(desc, after + i + 1, NULL, dropped ? INT4OID : att->atttypid,
						   dropped ? -1 : att->atttypmod, 0);
	}
}

/* .. of r."row" */
static void
append_columns(StringInfo sql, Relation shell)
{
	TupleDesc	row = RelationGetDescr(shell);

	for (int i = 0; i < row->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(row, i);

		if (att->attisdropped)
			appendStringInfoString(sql, ", NULL::pg_catalog.int4");
		else
			appendStringInfo(sql, ", (r.\"row\").%s", quote_identifier(NameStr(att->attname)));
	}
}

/* A slot of the shell's shape with these of an answer's values. */
static TupleTableSlot *
row_of_answer(Relation shell, TupleTableSlot *answer, int after)
{
	TupleDesc	desc = RelationGetDescr(shell);
	TupleTableSlot *row = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);

	memcpy(row->tts_values, answer->tts_values + after, sizeof(Datum) * desc->natts);
	memcpy(row->tts_isnull, answer->tts_isnull + after, sizeof(bool) * desc->natts);
	return ExecStoreVirtualTuple(row);
}

/* How internal_row_read is named in FROM, after its arguments. */
static void
append_read_columns(StringInfo sql, Relation shell)
{
	appendStringInfo(sql, " AS r(result pg_catalog.int4, traversed pg_catalog.bool, place pg_catalog.tid, \"row\" %s)",
					 row_there_shell_name(shell));
}

static TupleDesc
read_desc(Relation shell)
{
	TupleDesc	desc = CreateTemplateTupleDesc(READ_EXTRA + RelationGetDescr(shell)->natts);

	TupleDescInitEntry(desc, 1, "result", INT4OID, -1, 0);
	TupleDescInitEntry(desc, 2, "traversed", BOOLOID, -1, 0);
	TupleDescInitEntry(desc, 3, "place", TIDOID, -1, 0);
	add_columns(desc, READ_EXTRA, shell);
	return desc;
}

static char *
read_sql(Relation shell)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT r.result, r.traversed, r.place");
	append_columns(&sql, shell);
	appendStringInfo(&sql, " FROM shardext.internal_row_read(%s::pg_catalog.regclass, $1, $2, $3, $4, $5, $6)",
					 quote_literal_cstr(row_there_shell_name(shell)));
	append_read_columns(&sql, shell);
	return sql.data;
}

TM_Result
row_there_read(Relation shell, uint32 command, int shard, RowReadKind kind, ItemPointer ctid, LockTupleMode mode,
			   LockWaitPolicy policy, uint8 flags, TupleTableSlot *slot, TM_FailureData *failure)
{
	static const Oid types[] = {INT4OID, INT4OID, TIDOID, INT4OID, INT4OID, INT4OID};
	Datum		values[] = {Int32GetDatum(shard), Int32GetDatum(kind), PointerGetDatum(ctid),
	Int32GetDatum(mode), Int32GetDatum(policy), Int32GetDatum(flags)};
	bool		nulls[lengthof(types)] = {false};
	MemoryContext old;
	MemoryContext cxt = begin_request(&old);
	TupleTableSlot *answer = ask_owner(shell, command, shard, read_sql(shell), read_desc(shell), lengthof(types), types,
									   values, nulls);
	TM_Result	result = (TM_Result) DatumGetInt32(answer->tts_values[0]);
	ItemPointerData found = *(ItemPointer) DatumGetPointer(answer->tts_values[2]);

	slot_getallattrs(answer);
	failure->traversed = DatumGetBool(answer->tts_values[1]);
	failure->ctid = found;
	if (result == TM_Ok)
	{
		TupleTableSlot *row = row_of_answer(shell, answer, READ_EXTRA);

		*ctid = found;
		ExecCopySlot(slot, row);
		ExecMaterializeSlot(slot);
		ExecDropSingleTupleTableSlot(row);
	}
	end_request(cxt, old);
	return result;
}

/* ---------- many rows ---------- */

/* Those of one node. */
typedef struct ManyRows
{
	int			node_id;
	int			n;
	Datum	   *numbers;
	Datum	   *shards;
	Datum	   *ctids;
} ManyRows;

static List *
rows_by_owner(int n, const int *shards, const ItemPointerData *ctids)
{
	List	   *result = NIL;

	for (int i = 0; i < n; i++)
	{
		int			owner = shard_map_owner(shards[i], NULL);
		ManyRows   *rows = NULL;
		ListCell   *lc;

		if (owner == 0)
			shard_map_raise(shards[i], SHARD_MOVED);
		foreach(lc, result)
		{
			if (((ManyRows *) lfirst(lc))->node_id == owner)
				rows = (ManyRows *) lfirst(lc);
		}
		if (rows == NULL)
		{
			rows = palloc0(sizeof(ManyRows));
			rows->node_id = owner;
			rows->numbers = palloc(sizeof(Datum) * n);
			rows->shards = palloc(sizeof(Datum) * n);
			rows->ctids = palloc(sizeof(Datum) * n);
			result = lappend(result, rows);
		}
		rows->numbers[rows->n] = Int32GetDatum(i);
		rows->shards[rows->n] = Int32GetDatum(shards[i]);
		rows->ctids[rows->n++] = PointerGetDatum(&ctids[i]);
	}
	return result;
}

/* Number and result, then the columns of the shell. */
#define MANY_EXTRA 2

static char *
read_many_sql(Relation shell, RowReadKind kind, LockTupleMode mode, bool wants_rows)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT u.number, r.result");
	if (wants_rows)
		append_columns(&sql, shell);
	appendStringInfo(&sql, " FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3))"
					 " AS u(number, shard, place),"
					 " LATERAL shardext.internal_row_read(%s::pg_catalog.regclass, u.shard, %d, u.place, %d, %d, 0)",
					 quote_literal_cstr(row_there_shell_name(shell)), kind, mode, LockWaitBlock);
	append_read_columns(&sql, shell);
	return sql.data;
}

static TupleDesc
many_desc(Relation shell, bool wants_rows)
{
	TupleDesc	desc = CreateTemplateTupleDesc(MANY_EXTRA + (wants_rows ? RelationGetDescr(shell)->natts : 0));

	TupleDescInitEntry(desc, 1, "number", INT4OID, -1, 0);
	TupleDescInitEntry(desc, 2, "result", INT4OID, -1, 0);
	if (wants_rows)
		add_columns(desc, MANY_EXTRA, shell);
	return desc;
}

static void
start_many(RemoteRun *run, Relation shell, const ManyRows *rows)
{
	Datum	   *values = palloc(sizeof(Datum) * 3);
	bool	   *nulls = palloc0(sizeof(bool) * 3);

	values[0] = PointerGetDatum(construct_array(rows->numbers, rows->n, INT4OID, sizeof(int32), true, TYPALIGN_INT));
	values[1] = PointerGetDatum(construct_array(rows->shards, rows->n, INT4OID, sizeof(int32), true, TYPALIGN_INT));
	values[2] = PointerGetDatum(construct_array(rows->ctids, rows->n, TIDOID, sizeof(ItemPointerData), false,
												TYPALIGN_SHORT));
	remote_run_start(run, rows->node_id, GetUserId(), NULL, values, nulls, false);
}

void
row_there_read_many(Relation shell, uint32 command, RowReadKind kind, LockTupleMode mode, int n, const int *shards,
					const ItemPointerData *ctids, bool wants_rows, RowTaken taken, void *arg)
{
	static const Oid types[] = {INT4ARRAYOID, INT4ARRAYOID, TIDARRAYOID};
	MemoryContext old;
	MemoryContext cxt = begin_request(&old);
	TupleDesc	desc = many_desc(shell, wants_rows);
	TupleTableSlot *answer = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	RemoteRun  *run;
	ListCell   *lc;

	run = remote_run_make(read_many_sql(shell, kind, mode, wants_rows), desc, desc->natts, NULL, lengthof(types), types,
						  true);
	remote_run_set_command(run, command);
	remote_run_set_acts_as(run, row_there_role(shell));
	foreach(lc, rows_by_owner(n, shards, ctids))
		start_many(run, shell, (const ManyRows *) lfirst(lc));
	while (remote_run_next(run, answer))
	{
		TupleTableSlot *row = NULL;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(answer);
		if (DatumGetInt32(answer->tts_values[1]) != TM_Ok)
			continue;
		if (wants_rows)
			row = row_of_answer(shell, answer, MANY_EXTRA);
		taken(arg, DatumGetInt32(answer->tts_values[0]), row);
		if (row != NULL)
			ExecDropSingleTupleTableSlot(row);
	}
	remote_run_end(run);
	end_request(cxt, old);
}

/* ---------- holding shards ---------- */

static TupleDesc
hold_desc(void)
{
	TupleDesc	desc = CreateTemplateTupleDesc(3);

	TupleDescInitEntry(desc, 1, "shard", INT4OID, -1, 0);
	TupleDescInitEntry(desc, 2, "owner", INT4OID, -1, 0);
	TupleDescInitEntry(desc, 3, "version", INT8OID, -1, 0);
	return desc;
}

Bitmapset *
row_there_hold(Relation shell, uint32 command, int node_id, int shard)
{
	static const Oid types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(shard)};
	bool		nulls[] = {false};
	MemoryContext old;
	MemoryContext cxt = begin_request(&old);
	TupleDesc	desc = hold_desc();
	TupleTableSlot *answer = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	Bitmapset  *held = NULL;
	RemoteRun  *run;

	run = remote_run_make(psprintf("SELECT shard, owner, version FROM shardext.internal_hold_shard(%s, $1)",
								   quote_literal_cstr(row_there_shell_name(shell))),
						  desc, desc->natts, NULL, lengthof(types), types, true);
	remote_run_set_command(run, command);
	remote_run_set_acts_as(run, row_there_role(shell));
	remote_run_start(run, node_id, GetUserId(), NULL, values, nulls, false);
	while (remote_run_next(run, answer))
	{
		int			its;

		slot_getallattrs(answer);
		its = DatumGetInt32(answer->tts_values[0]);
		if (!answer->tts_isnull[1])
		{
			shard_map_hint(its, DatumGetInt32(answer->tts_values[1]), DatumGetInt64(answer->tts_values[2]));
			continue;
		}
		MemoryContextSwitchTo(old);
		held = bms_add_member(held, its);
		MemoryContextSwitchTo(cxt);
	}
	remote_run_end(run);
	end_request(cxt, old);
	return held;
}

/* ---------- writing ---------- */

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
	appendStringInfo(sql, ")::%s", row_there_shell_name(shell));
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
write_sql(Relation shell, bool with_row, RowKeys keys)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT w.result, w.place_now, w.mode"
					 " FROM shardext.internal_row_write(%s::pg_catalog.regclass, $1, $2, $3, ",
					 quote_literal_cstr(row_there_shell_name(shell)));
	if (with_row)
		append_row(&sql, shell, 3);
	else
		appendStringInfoString(&sql, "ROW()");
	appendStringInfo(&sql, ", %d) AS w", (int) keys);
	return sql.data;
}

TM_Result
row_there_write(Relation shell, uint32 command, int shard, RowWriteKind kind, ItemPointer ctid, TupleTableSlot *slot,
				RowKeys keys, TM_FailureData *failure, LockTupleMode *mode)
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
	answer = ask_owner(shell, command, shard, write_sql(shell, slot != NULL, keys), desc, n, types, values,
					   nulls);
	slot_getallattrs(answer);
	result = (TM_Result) DatumGetInt32(answer->tts_values[0]);
	*ctid = *(ItemPointer) DatumGetPointer(answer->tts_values[1]);
	failure->ctid = *ctid;
	if (mode != NULL)
		*mode = (LockTupleMode) DatumGetInt32(answer->tts_values[2]);
	end_request(cxt, old);
	return result;
}

void
row_there_look_after_keys(uint32 command, const Bitmapset *nodes)
{
	TupleDesc	desc = CreateTemplateTupleDesc(1);
	MemoryContext old;
	MemoryContext cxt = begin_request(&old);
	TupleTableSlot *answer;
	RemoteRun  *run;

	TupleDescInitEntry(desc, 1, "done", BOOLOID, -1, 0);
	answer = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	run = remote_run_make("SELECT shardext.internal_row_keys(false)", desc, 1, NULL, 0, NULL, true);
	remote_run_set_command(run, command);
	for (int node_id = -1; (node_id = bms_next_member(nodes, node_id)) >= 0;)
		remote_run_start(run, node_id, GetUserId(), NULL, NULL, NULL, false);
	while (remote_run_next(run, answer))
		CHECK_FOR_INTERRUPTS();
	remote_run_end(run);
	end_request(cxt, old);
}

static char *
insert_unless_sql(Relation shell, List *arbiters)
{
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT w.result, w.place_now"
					 " FROM shardext.internal_row_insert(%s::pg_catalog.regclass, $1, ARRAY[",
					 quote_literal_cstr(row_there_shell_name(shell)));
	foreach(lc, arbiters)
		appendStringInfo(&sql, "%s%s", foreach_current_index(lc) > 0 ? ", " : "",
						 quote_literal_cstr((const char *) lfirst(lc)));
	appendStringInfoString(&sql, "]::pg_catalog.text[], ");
	append_row(&sql, shell, 1);
	appendStringInfoString(&sql, ") AS w");
	return sql.data;
}

TM_Result
row_there_insert_unless(Relation shell, uint32 command, int shard, TupleTableSlot *slot, List *arbiters,
						ItemPointer ctid)
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
	answer = ask_owner(shell, command, shard, insert_unless_sql(shell, arbiters), desc, n, types, values, nulls);
	slot_getallattrs(answer);
	result = (TM_Result) DatumGetInt32(answer->tts_values[0]);
	*ctid = *(ItemPointer) DatumGetPointer(answer->tts_values[1]);
	end_request(cxt, old);
	return result;
}
