/*
 * shard_fill.c
 *	  Rows between an ordinary table and the shard tables of all nodes.
 *
 * shard_fill: one scan of the table; each row's shard is computed and its id
 * columns are verified; the rows are sorted by shard (maintenance_work_mem, then
 * on disk), so that one shard table at a time is written: those of this node by
 * heap inserts, the others by one COPY per shard. Within a shard they keep their
 * order, which indexes profit from that follow it (by time). Constraints, indexes and
 * triggers come later, so nothing fires; every row was valid before.
 *
 * shard_collect is the way back: shard after shard, rows are read and inserted
 * into the heap; then the table's indexes are rebuilt.
 *
 * Locks: the caller holds ACCESS EXCLUSIVE on the table on every node. Memory:
 * a sort of maintenance_work_mem, and one row.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/tuplesort.h"

#include "base/pg_compat.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "catalog/table_map.h"
#include "ddl/copy_text.h"
#include "ddl/shard_fill.h"
#include "ddl/table_definition.h"
#include "dxact/dxact.h"
#include "id/id_layout.h"

/* A NOTICE says how far we are each time so many rows have been moved. */
#define ROWS_PER_NOTICE 1000000

/* Where the rows of one shard go at present. */
typedef struct FillTarget
{
	int			shard;			/* ROUTE_NO_SHARD: none yet */
	Relation	local;			/* shard table of this node, or NULL */
	TupleTableSlot *slot;
	BulkInsertState bulk;
	NodeConn   *conn;			/* COPY to the owner, or NULL */
} FillTarget;

static void
report_progress(uint64 rows, const char *name, const char *verb)
{
	if (rows % ROWS_PER_NOTICE == 0)
		ereport(NOTICE, (errmsg(UINT64_FORMAT " rows of \"%s\" %s", rows, name, verb)));
}

/* What is sorted by: the shard, then the number of the row in the table. */
#define ROW_BITS			48
#define PLACE_OF_ROW(shard, row)	(((int64) (shard) << ROW_BITS) | (int64) (row))
#define PLACE_SHARD(place)	((int) ((place) >> ROW_BITS))

static TupleDesc
desc_with_place(TupleDesc desc)
{
	TupleDesc	sorted = CreateTemplateTupleDesc(desc->natts + 1);

	for (int i = 1; i <= desc->natts; i++)
		TupleDescCopyEntry(sorted, i, desc, i);
	TupleDescInitEntry(sorted, desc->natts + 1, "place", INT8OID, -1, 0);
	return sorted;
}

/* The shard of a row. ERROR when the key is NULL or an id column belongs to another shard. */
static int
shard_of_row(const TablePlan *plan, TupleTableSlot *slot)
{
	Datum		keys[ROUTE_MAX_KEYS];
	int			shard;
	int			attnum = -1;

	for (int i = 0; i < plan->nkeys; i++)
	{
		AttrNumber	key = plan->keys[i];

		if (slot->tts_isnull[key - 1])
			ereport(ERROR,
					(errcode(ERRCODE_NOT_NULL_VIOLATION),
					 errmsg("null value in column \"%s\" of relation \"%s\" violates not-null constraint",
							get_attname(plan->relid, key, false), get_rel_name(plan->relid)),
					 errdetail("The column is the shard key."),
					 errtablecol(table_open(plan->relid, NoLock), key)));
		keys[i] = slot->tts_values[key - 1];
	}
	shard = route_shard(&plan->spec, keys);

	while ((attnum = bms_next_member(plan->id_columns, attnum)) >= 0)
	{
		int64		id;

		if (slot->tts_isnull[attnum - 1])
			continue;
		id = DatumGetInt64(slot->tts_values[attnum - 1]);
		if (id < 0 || id_layout_shard(id) != shard)
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("column \"%s\" of relation \"%s\" is not an id column",
							get_attname(plan->relid, attnum, false), get_rel_name(plan->relid)),
					 errdetail("Value " INT64_FORMAT " does not belong to logical shard %d, in which its row lies.",
							   id, shard),
					 errhint("Leave the column out of id_columns, give it no DEFAULT shardext.next_id(), "
							 "or choose another shard key.")));
	}
	return shard;
}

/* All rows, sorted by place. */
static Tuplesortstate *
sort_rows(const TablePlan *plan, Relation rel, TupleDesc sorted_desc)
{
	AttrNumber	sort_column = sorted_desc->natts;
	Oid			less = Int8LessOperator;
	Oid			collation = InvalidOid;
	bool		nulls_first = false;
	Tuplesortstate *sort = tuplesort_begin_heap(sorted_desc, 1, &sort_column, &less, &collation, &nulls_first,
												maintenance_work_mem, NULL, TUPLESORT_NONE);
	TupleTableSlot *in = table_slot_create(rel, NULL);
	TupleTableSlot *out = MakeSingleTupleTableSlot(sorted_desc, &TTSOpsVirtual);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);
	int			natts = RelationGetDescr(rel)->natts;
	int64		rows = 0;

	while (table_scan_getnextslot(scan, ForwardScanDirection, in))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(in);
		ExecClearTuple(out);
		memcpy(out->tts_values, in->tts_values, sizeof(Datum) * natts);
		memcpy(out->tts_isnull, in->tts_isnull, sizeof(bool) * natts);
		out->tts_values[natts] = Int64GetDatum(PLACE_OF_ROW(shard_of_row(plan, in), rows++));
		out->tts_isnull[natts] = false;
		ExecStoreVirtualTuple(out);
		tuplesort_puttupleslot(sort, out);
	}
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	ExecDropSingleTupleTableSlot(in);
	ExecDropSingleTupleTableSlot(out);
	tuplesort_performsort(sort);
	return sort;
}

static void
target_close(FillTarget *target)
{
	if (target->local != NULL)
	{
		FreeBulkInsertState(target->bulk);
		table_finish_bulk_insert(target->local, 0);
		ExecDropSingleTupleTableSlot(target->slot);
		table_close(target->local, NoLock);
	}
	else if (target->conn != NULL)
		(void) conn_copy_end(target->conn, NULL);
	memset(target, 0, sizeof(FillTarget));
	target->shard = ROUTE_NO_SHARD;
}

static void
target_open(FillTarget *target, const TablePlan *plan, int shard, const CopyText *text)
{
	int			owner = shard_map_owner(shard, NULL);

	target->shard = shard;
	if (owner == node_self())
	{
		Oid			relid = table_shard_relid(plan->relid, shard);

		if (!OidIsValid(relid))
			elog(ERROR, "no shard table of relation %u in shard %d", plan->relid, shard);
		target->local = table_open(relid, RowExclusiveLock);
		target->slot = MakeSingleTupleTableSlot(RelationGetDescr(target->local), &TTSOpsVirtual);
		target->bulk = GetBulkInsertState();
	}
	else
	{
		char		schema[NAMEDATALEN];
		const char *name = quote_qualified_identifier(shard_schema_name(shard, schema), get_rel_name(plan->relid));

		target->conn = dxact_connection(owner, GetUserId(), DXACT_WRITE);
		conn_copy_start(target->conn, psprintf("COPY %s%s FROM STDIN", name, copy_text_columns(text)));
	}
}

static void
store_row(Relation rel, TupleTableSlot *slot, BulkInsertState bulk, const Datum *values, const bool *nulls)
{
	int			natts = slot->tts_tupleDescriptor->natts;

	ExecClearTuple(slot);
	memcpy(slot->tts_values, values, sizeof(Datum) * natts);
	memcpy(slot->tts_isnull, nulls, sizeof(bool) * natts);
	ExecStoreVirtualTuple(slot);
	table_tuple_insert(rel, slot, GetCurrentCommandId(true), TABLE_INSERT_SKIP_FSM, bulk);
}

void
shard_fill(const TablePlan *plan)
{
	Relation	rel = table_open(plan->relid, NoLock);
	TupleDesc	sorted_desc = desc_with_place(RelationGetDescr(rel));
	int			natts = RelationGetDescr(rel)->natts;
	Tuplesortstate *sort = sort_rows(plan, rel, sorted_desc);
	TupleTableSlot *row = MakeSingleTupleTableSlot(sorted_desc, &TTSOpsMinimalTuple);
	CopyText   *text = copy_text_begin(RelationGetDescr(rel));
	FillTarget	target = {ROUTE_NO_SHARD};
	StringInfoData line;
	uint64		rows = 0;

	initStringInfo(&line);
	while (tuplesort_gettupleslot(sort, true, false, row, NULL))
	{
		int			shard;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(row);
		shard = PLACE_SHARD(DatumGetInt64(row->tts_values[natts]));
		if (shard != target.shard)
		{
			target_close(&target);
			target_open(&target, plan, shard, text);
		}
		if (target.local != NULL)
			store_row(target.local, target.slot, target.bulk, row->tts_values, row->tts_isnull);
		else
		{
			resetStringInfo(&line);
			copy_text_row(text, row->tts_values, row->tts_isnull, &line);
			conn_copy_data(target.conn, line.data, line.len);
		}
		report_progress(++rows, RelationGetRelationName(rel), "placed in their shards");
	}
	target_close(&target);
	copy_text_end(text);
	ExecDropSingleTupleTableSlot(row);
	tuplesort_end(sort);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

void
copy_table_to_node(Oid relid, int node_id)
{
	Relation	rel = table_open(relid, AccessShareLock);
	CopyText   *text = copy_text_begin(RelationGetDescr(rel));
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);
	NodeConn   *conn = dxact_connection(node_id, GetUserId(), DXACT_WRITE);
	StringInfoData line;
	uint64		rows = 0;

	initStringInfo(&line);
	conn_copy_start(conn, psprintf("COPY %s%s FROM STDIN", relation_qualified_name(relid), copy_text_columns(text)));
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		resetStringInfo(&line);
		copy_text_row(text, slot->tts_values, slot->tts_isnull, &line);
		conn_copy_data(conn, line.data, line.len);
		report_progress(++rows, RelationGetRelationName(rel), "copied");
	}
	(void) conn_copy_end(conn, NULL);
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	ExecDropSingleTupleTableSlot(slot);
	copy_text_end(text);
	table_close(rel, NoLock);
}

/* ------------------------------------------------------------------------
 * The way back
 * ------------------------------------------------------------------------
 */

static uint64
collect_local(Relation rel, int shard, TupleTableSlot *out, BulkInsertState bulk)
{
	Relation	source = table_open(table_shard_relid(RelationGetRelid(rel), shard), AccessShareLock);
	TupleTableSlot *in = table_slot_create(source, NULL);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan(source, snapshot, 0, NULL);
	uint64		rows = 0;

	while (table_scan_getnextslot(scan, ForwardScanDirection, in))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(in);
		store_row(rel, out, bulk, in->tts_values, in->tts_isnull);
		rows++;
	}
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	ExecDropSingleTupleTableSlot(in);
	table_close(source, NoLock);
	return rows;
}

/* Every column that is not dropped, generated ones included: what is stored is what comes back. */
static char *
select_all_columns(Relation rel, int shard)
{
	TupleDesc	desc = RelationGetDescr(rel);
	StringInfoData sql;
	char		schema[NAMEDATALEN];
	const char *separator = "SELECT ";

	initStringInfo(&sql);
	for (int i = 0; i < desc->natts; i++)
	{
		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		appendStringInfo(&sql, "%s%s", separator, quote_identifier(NameStr(TupleDescAttr(desc, i)->attname)));
		separator = ", ";
	}
	appendStringInfo(&sql, "%s FROM ONLY %s", strcmp(separator, ", ") == 0 ? "" : "SELECT",
					 quote_qualified_identifier(shard_schema_name(shard, schema), RelationGetRelationName(rel)));
	return sql.data;
}

static void
row_from_result(Relation rel, PGresult *result, AttInMetadata *input, Datum *values, bool *nulls)
{
	TupleDesc	desc = RelationGetDescr(rel);
	int			column = 0;

	for (int i = 0; i < desc->natts; i++)
	{
		nulls[i] = true;
		values[i] = (Datum) 0;
		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		nulls[i] = PQgetisnull(result, 0, column);
		values[i] = InputFunctionCall(&input->attinfuncs[i], nulls[i] ? NULL : PQgetvalue(result, 0, column),
									  input->attioparams[i], input->atttypmods[i]);
		column++;
	}
}

static uint64
collect_remote(Relation rel, int shard, int owner, TupleTableSlot *out, BulkInsertState bulk)
{
	TupleDesc	desc = RelationGetDescr(rel);
	AttInMetadata *input = TupleDescGetAttInMetadata(desc);
	Datum	   *values = palloc(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * desc->natts);
	MemoryContext per_row_cxt = AllocSetContextCreate(CurrentMemoryContext, "row of a shard", ALLOCSET_DEFAULT_SIZES);
	ConnStream	stream = {0};
	PGresult   *result;
	uint64		rows = 0;

	conn_stream_start(dxact_connection(owner, GetUserId(), DXACT_WRITE), &stream, select_all_columns(rel, shard),
					  NULL, false, false);
	while ((result = conn_stream_next(&stream)) != NULL)
	{
		if (PQresultStatus(result) == PGRES_SINGLE_TUPLE)
		{
			MemoryContext caller_cxt = MemoryContextSwitchTo(per_row_cxt);

			row_from_result(rel, result, input, values, nulls);
			store_row(rel, out, bulk, values, nulls);
			MemoryContextSwitchTo(caller_cxt);
			MemoryContextReset(per_row_cxt);
			rows++;
		}
		conn_result_free(result);
	}
	conn_stream_close(&stream);
	MemoryContextDelete(per_row_cxt);
	return rows;
}

void
shard_collect(Oid relid)
{
	Relation	rel = table_open(relid, NoLock);
	TupleTableSlot *out = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsVirtual);
	BulkInsertState bulk = GetBulkInsertState();
	CopyText   *settings = copy_text_begin(RelationGetDescr(rel));	/* for the text that comes */
	uint64		rows = 0;

	for (int shard = 0; shard < shard_map_count(); shard++)
	{
		int			owner = shard_map_owner(shard, NULL);

		if (owner == node_self())
			rows += collect_local(rel, shard, out, bulk);
		else
			rows += collect_remote(rel, shard, owner, out, bulk);
	}
	copy_text_end(settings);
	FreeBulkInsertState(bulk);
	table_finish_bulk_insert(rel, 0);
	ExecDropSingleTupleTableSlot(out);
	table_close(rel, NoLock);
	CommandCounterIncrement();
	if (rows > 0)
		sx_reindex_relation(relid);
}
