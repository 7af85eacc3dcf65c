/*
 * stream_rows.c
 *	  What a stream of logical decoding says about rows, carried out in the copies
 *	  that this node has.
 *
 * One call carries out as many changes as have been put together on the other
 * side (stream_apply.c), in their order and one by one: a change costs what the
 * storage and the indexes cost, and neither a statement nor a plan. Nothing is kept
 * from call to call.
 *
 * Rows are found by the index that is the replica identity. Where that is the whole
 * row (tables without a primary key), one of the rows that are the same byte for
 * byte is taken; of equal rows it does not matter which. Rows travel as text, which
 * does not tell all bytes (the sign of a NaN, an array's room for NULLs that it does
 * not have): if none is the same, one of the same text is. Nobody else writes to a
 * copy, so the latest version of a row is the one that counts, and is not locked
 * first.
 *
 * What is computed for a row (constraints, indexes of expressions, checks of domains) is
 * the code of the table's owner, and runs as him.
 *
 * Triggers, foreign keys and rules stand aside, whatever they are enabled for:
 * their effects are in the stream, too. Constraints that are checked later were
 * checked by the source.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "base/pg_compat.h"
#include "catalog/namespace.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "catalog/table_map.h"
#include "executor/executor.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "move/stream_rows.h"
#include "nodes/makefuncs.h"
#include "replication/logicalproto.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* A column of the stream. */
typedef struct RowColumn
{
	AttrNumber	attno;			/* here */
	bool		in_key;			/* rows are found by it */
	FmgrInfo	input;
	Oid			input_param;
	FmgrInfo	output;
	int32		typmod;
} RowColumn;

typedef struct RowTable
{
	LogicalRepRelId id;			/* hash key */
	Relation	rel;
	ResultRelInfo *target;
	EState	   *estate;
	int			ncolumns;
	RowColumn  *columns;
	bool		has_key;		/* the stream says which row it means */
	/* how rows are found */
	Relation	index;			/* NULL: all are looked at */
	int			nkeys;
	ScanKey		keys;			/* of the index */
	IndexScanDesc scan;			/* of the index */
	/* rows */
	TupleTableSlot *old;		/* only what finds it */
	TupleTableSlot *new;
	TupleTableSlot *found;
} RowTable;

typedef struct RowStream
{
	HTAB	   *tables;
	const char *table;			/* for errors: the table and the column that are worked on, or NULL */
	const char *column;
	Oid			user;			/* while the table's owner is at work */
	int			sec_context;
	int			guc_level;
	MemoryContext chunk_cxt;
	MemoryContext per_change_cxt;
} RowStream;

static void
say_where(void *arg)
{
	const RowStream *stream = arg;

	if (stream->column != NULL)
		errcontext("change of %s that a move's stream has brought, column \"%s\"", stream->table, stream->column);
	else if (stream->table != NULL)
		errcontext("change of %s that a move's stream has brought", stream->table);
}

/* ---------- tables ---------- */

/* Nobody but a move writes to the copies of others' shards, and a move to nothing else. */
static void
check_copy(Relation rel)
{
	int			shard;

	if (!OidIsValid(table_shell_of(RelationGetRelid(rel), &shard)))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is no table of a logical shard", RelationGetRelationName(rel))));
	if (shard_map_owner(shard, NULL) == node_self())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("logical shard %d belongs to this node", shard),
				 errdetail("A stream changes only copies that a move has made, or left behind."),
				 errhint("This function is for moves.")));
}

static void
find_columns(RowTable *table, const LogicalRepRelation *remote)
{
	TupleDesc	desc = RelationGetDescr(table->rel);

	table->ncolumns = remote->natts;
	table->columns = palloc0(remote->natts * sizeof(RowColumn));
	table->has_key = remote->replident == REPLICA_IDENTITY_FULL || !bms_is_empty(remote->attkeys);
	for (int i = 0; i < remote->natts; i++)
	{
		RowColumn  *column = &table->columns[i];
		Oid			type;
		Oid			input;
		Oid			output;
		bool		is_varlena;

		column->attno = get_attnum(RelationGetRelid(table->rel), remote->attnames[i]);
		if (column->attno <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of relation \"%s\" does not exist", remote->attnames[i],
							RelationGetRelationName(table->rel))));
		column->in_key = remote->replident == REPLICA_IDENTITY_FULL || bms_is_member(i, remote->attkeys);
		column->typmod = TupleDescAttr(desc, column->attno - 1)->atttypmod;
		type = TupleDescAttr(desc, column->attno - 1)->atttypid;
		getTypeInputInfo(type, &input, &column->input_param);
		fmgr_info(input, &column->input);
		getTypeOutputInfo(type, &output, &is_varlena);
		fmgr_info(output, &column->output);
	}
}

static bool
is_key(const RowTable *table, AttrNumber attno)
{
	for (int i = 0; i < table->ncolumns; i++)
		if (table->columns[i].attno == attno)
			return table->columns[i].in_key;
	return false;
}

/* The index of the replica identity, if it is of columns that the stream names rows by. */
static void
find_index(RowTable *table)
{
	Oid			identity = RelationGetReplicaIndex(table->rel);
	Relation	index = NULL;

	for (int i = 0; i < table->target->ri_NumIndices; i++)
		if (RelationGetRelid(table->target->ri_IndexRelationDescs[i]) == identity)
			index = table->target->ri_IndexRelationDescs[i];
	if (index == NULL)
		return;
	table->nkeys = IndexRelationGetNumberOfKeyAttributes(index);
	table->keys = palloc0(table->nkeys * sizeof(ScanKeyData));
	for (int i = 0; i < table->nkeys; i++)
	{
		Oid			equality = get_opfamily_member(index->rd_opfamily[i], index->rd_opcintype[i],
												   index->rd_opcintype[i], BTEqualStrategyNumber);

		if (!OidIsValid(equality) || !is_key(table, index->rd_index->indkey.values[i]))
			return;
		ScanKeyInit(&table->keys[i], i + 1, BTEqualStrategyNumber, get_opcode(equality), (Datum) 0);
		table->keys[i].sk_collation = index->rd_indcollation[i];
	}
	table->index = index;
	table->scan = sx_index_beginscan(table->rel, index, SnapshotSelf, table->nkeys);
}

static void
open_table(RowTable *table, const LogicalRepRelation *remote)
{
	MemoryContext old;

	table->rel = table_openrv(makeRangeVar(remote->nspname, remote->relname, -1), RowExclusiveLock);
	check_copy(table->rel);
	table->estate = CreateExecutorState();
	old = MemoryContextSwitchTo(table->estate->es_query_cxt);
	table->target = makeNode(ResultRelInfo);
	InitResultRelInfo(table->target, table->rel, 0, NULL, 0);
	table->target->ri_TrigDesc = NULL;
	ExecOpenIndices(table->target, false);
	find_columns(table, remote);
	find_index(table);
	table->old = MakeSingleTupleTableSlot(RelationGetDescr(table->rel), &TTSOpsVirtual);
	table->new = MakeSingleTupleTableSlot(RelationGetDescr(table->rel), &TTSOpsVirtual);
	table->found = table_slot_create(table->rel, NULL);
	MemoryContextSwitchTo(old);
}

static void
close_table(RowTable *table)
{
	ExecDropSingleTupleTableSlot(table->old);
	ExecDropSingleTupleTableSlot(table->new);
	ExecDropSingleTupleTableSlot(table->found);
	if (table->scan != NULL)
		index_endscan(table->scan);
	ExecCloseIndices(table->target);
	FreeExecutorState(table->estate);
	table_close(table->rel, NoLock);
}

/* Names are read up to a zero byte, wherever that is: here one follows the message. */
static LogicalRepRelation *
read_relation(const StringInfo message)
{
	StringInfoData copy;

	initStringInfo(&copy);
	appendBinaryStringInfo(&copy, message->data + message->cursor, message->len - message->cursor);
	return logicalrep_read_rel(&copy);
}

static void
take_relation(RowStream *stream, StringInfo message)
{
	MemoryContext old = MemoryContextSwitchTo(stream->chunk_cxt);
	LogicalRepRelation *remote = read_relation(message);
	bool		found;
	RowTable   *table = hash_search(stream->tables, &remote->remoteid, HASH_ENTER, &found);

	/* told of again: it may look otherwise now */
	if (found)
		close_table(table);
	memset(table, 0, sizeof(RowTable));
	table->id = remote->remoteid;
	stream->table = quote_qualified_identifier(remote->nspname, remote->relname);
	open_table(table, remote);
	stream->table = NULL;
	MemoryContextSwitchTo(old);
}

static RowTable *
find_table(RowStream *stream, LogicalRepRelId id)
{
	RowTable   *table = hash_search(stream->tables, &id, HASH_FIND, NULL);

	if (table == NULL)
		elog(ERROR, "the stream has not told of relation %u", id);
	stream->table = RelationGetRelationName(table->rel);
	return table;
}

/* ---------- rows ---------- */

static void
read_value(RowStream *stream, RowTable *table, int i, const LogicalRepTupleData *tuple, TupleTableSlot *slot)
{
	RowColumn  *column = &table->columns[i];
	int			place = column->attno - 1;
	StringInfo	text = &tuple->colvalues[i];

	slot->tts_isnull[place] = tuple->colstatus[i] == LOGICALREP_COLUMN_NULL;
	if (slot->tts_isnull[place])
		return;
	if (tuple->colstatus[i] != LOGICALREP_COLUMN_TEXT)
		elog(ERROR, "column %d of a row of the stream has no value", i);
	stream->column = NameStr(TupleDescAttr(slot->tts_tupleDescriptor, place)->attname);
	slot->tts_values[place] = InputFunctionCall(&column->input, pg_client_to_server(text->data, text->len),
												column->input_param, column->typmod);
	stream->column = NULL;
}

static void
begin_row(const RowTable *table, const LogicalRepTupleData *tuple, TupleTableSlot *slot)
{
	if (tuple->ncols != table->ncolumns)
		elog(ERROR, "a row of the stream has %d columns, not %d", tuple->ncols, table->ncolumns);
	ExecClearTuple(slot);
	/* columns that are not in the stream: dropped ones, and (before 18) generated ones, which are computed anyway */
	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts * sizeof(bool));
}

/* The columns by which a row is found. */
static TupleTableSlot *
read_key(RowStream *stream, RowTable *table, const LogicalRepTupleData *tuple)
{
	begin_row(table, tuple, table->old);
	for (int i = 0; i < table->ncolumns; i++)
		if (table->columns[i].in_key)
			read_value(stream, table, i, tuple, table->old);
	return ExecStoreVirtualTuple(table->old);
}

/* A row as it shall be; long values that have not changed, which are not sent, are found's. */
static TupleTableSlot *
read_row(RowStream *stream, RowTable *table, const LogicalRepTupleData *tuple, TupleTableSlot *found)
{
	TupleTableSlot *new = table->new;

	begin_row(table, tuple, new);
	for (int i = 0; i < table->ncolumns; i++)
	{
		AttrNumber	attno = table->columns[i].attno;

		if (found != NULL && tuple->colstatus[i] == LOGICALREP_COLUMN_UNCHANGED)
			new->tts_values[attno - 1] = slot_getattr(found, attno, &new->tts_isnull[attno - 1]);
		else
			read_value(stream, table, i, tuple, new);
	}
	return ExecStoreVirtualTuple(new);
}

static bool
find_by_index(RowTable *table, TupleTableSlot *key)
{
	MemoryContext old;
	bool		found;

	for (int i = 0; i < table->nkeys; i++)
	{
		int			place = table->index->rd_index->indkey.values[i] - 1;

		/* of an identity no column may be null */
		if (key->tts_isnull[place])
			return false;
		table->keys[i].sk_argument = key->tts_values[place];
	}
	/* the scan keeps what it allocates for the next row */
	old = MemoryContextSwitchTo(table->estate->es_query_cxt);
	index_rescan(table->scan, table->keys, table->nkeys, NULL, 0);
	found = index_getnext_slot(table->scan, ForwardScanDirection, table->found);
	MemoryContextSwitchTo(old);
	return found;
}

static bool
is_same_text(RowColumn *column, Datum a, Datum b)
{
	return strcmp(OutputFunctionCall(&column->output, a), OutputFunctionCall(&column->output, b)) == 0;
}

/* Is it the row? by_text: values of different bytes may be the same. */
static bool
is_same(RowTable *table, TupleTableSlot *key, TupleTableSlot *row, bool by_text)
{
	slot_getallattrs(row);
	for (int i = 0; i < table->ncolumns; i++)
	{
		RowColumn  *column = &table->columns[i];
		int			place = column->attno - 1;
		Form_pg_attribute att = TupleDescAttr(row->tts_tupleDescriptor, place);
		Datum		a = key->tts_values[place];
		Datum		b = row->tts_values[place];

		if (!column->in_key)
			continue;
		if (key->tts_isnull[place] != row->tts_isnull[place])
			return false;
		if (!key->tts_isnull[place] && !datum_image_eq(a, b, att->attbyval, att->attlen) &&
			!(by_text && is_same_text(column, a, b)))
			return false;
	}
	return true;
}

static bool
find_by_looking(RowTable *table, TupleTableSlot *key, bool by_text)
{
	TableScanDesc scan = table_beginscan(table->rel, SnapshotSelf, 0, NULL);
	MemoryContext row_cxt = GetPerTupleMemoryContext(table->estate);
	bool		found = false;

	while (!found && table_scan_getnextslot(scan, ForwardScanDirection, table->found))
	{
		MemoryContext old = MemoryContextSwitchTo(row_cxt);

		CHECK_FOR_INTERRUPTS();
		found = is_same(table, key, table->found, by_text);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row_cxt);
	}
	/* the slot keeps its own hold of the row */
	table_endscan(scan);
	return found;
}

static bool
find_somehow(RowTable *table, TupleTableSlot *key)
{
	if (table->index != NULL)
		return find_by_index(table, key);
	return find_by_looking(table, key, false) || find_by_looking(table, key, true);
}

/* The row of the copy that has this key. */
static TupleTableSlot *
find_row(RowTable *table, TupleTableSlot *key)
{
	if (!table->has_key)
		elog(ERROR, "the stream does not name the columns by which rows of \"%s\" are found",
			 RelationGetRelationName(table->rel));
	if (!find_somehow(table, key))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("a row that has changed is missing in the copy on node \"%s\"", node_name(node_self())),
				 errdetail("The stream names a row by its replica identity, and no row of the copy has it."),
				 errhint("Look for what writes to the copy.")));
	return table->found;
}

/* ---------- changes ---------- */

static RowTable *
begin_change(RowStream *stream, LogicalRepRelId id)
{
	RowTable   *table = find_table(stream, id);

	GetUserIdAndSecContext(&stream->user, &stream->sec_context);
	SetUserIdAndSecContext(table->rel->rd_rel->relowner,
						   stream->sec_context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	stream->guc_level = NewGUCNestLevel();
	return table;
}

static void
end_change(RowStream *stream, RowTable *table)
{
	AtEOXact_GUC(false, stream->guc_level);
	SetUserIdAndSecContext(stream->user, stream->sec_context);
	stream->table = NULL;
	ExecClearTuple(table->old);
	ExecClearTuple(table->new);
	ExecClearTuple(table->found);
	ResetPerTupleExprContext(table->estate);
}

static RowTable *
apply_insert(RowStream *stream, StringInfo message)
{
	LogicalRepTupleData tuple;
	RowTable   *table = begin_change(stream, logicalrep_read_insert(message, &tuple));

	ExecSimpleRelationInsert(table->target, table->estate, read_row(stream, table, &tuple, NULL));
	return table;
}

static RowTable *
apply_update(RowStream *stream, StringInfo message)
{
	LogicalRepTupleData old;
	LogicalRepTupleData new;
	bool		has_old;
	RowTable   *table = begin_change(stream, logicalrep_read_update(message, &has_old, &old, &new));
	TupleTableSlot *found = find_row(table, read_key(stream, table, has_old ? &old : &new));

	ExecSimpleRelationUpdate(table->target, table->estate, NULL, found, read_row(stream, table, &new, found));
	return table;
}

static RowTable *
apply_delete(RowStream *stream, StringInfo message)
{
	LogicalRepTupleData old;
	RowTable   *table = begin_change(stream, logicalrep_read_delete(message, &old));

	ExecSimpleRelationDelete(table->target, table->estate, NULL, find_row(table, read_key(stream, table, &old)));
	return table;
}

static void
apply_change(RowStream *stream, char kind, StringInfo message)
{
	MemoryContext old = MemoryContextSwitchTo(stream->per_change_cxt);
	RowTable   *table;

	if (kind == LOGICAL_REP_MSG_INSERT)
		table = apply_insert(stream, message);
	else if (kind == LOGICAL_REP_MSG_UPDATE)
		table = apply_update(stream, message);
	else if (kind == LOGICAL_REP_MSG_DELETE)
		table = apply_delete(stream, message);
	else
		elog(ERROR, "unknown message \"%c\" of a stream", kind);
	end_change(stream, table);
	/* the next change may be of the same row */
	CommandCounterIncrement();
	MemoryContextSwitchTo(old);
	MemoryContextReset(stream->per_change_cxt);
}

/* All messages, one after the other. */
static void
apply_all(RowStream *stream, StringInfo chunk)
{
	while (chunk->cursor < chunk->len)
	{
		int			length = pq_getmsgint(chunk, 4);
		StringInfoData message = {.len = length, .maxlen = length};
		char		kind;

		CHECK_FOR_INTERRUPTS();
		message.data = unconstify(char *, pq_getmsgbytes(chunk, length));
		kind = pq_getmsgbyte(&message);
		if (kind == LOGICAL_REP_MSG_RELATION)
			take_relation(stream, &message);
		else
			apply_change(stream, kind, &message);
	}
}

void
stream_rows_apply(char *data, int length)
{
	HASHCTL		control = {
		.keysize = sizeof(LogicalRepRelId), .entrysize = sizeof(RowTable), .hcxt = CurrentMemoryContext
	};
	RowStream	stream = {.chunk_cxt = CurrentMemoryContext};
	StringInfoData chunk = {.data = data, .len = length, .maxlen = length};
	ErrorContextCallback where = {.callback = say_where, .arg = &stream, .previous = error_context_stack};
	HASH_SEQ_STATUS all;
	RowTable   *table;

	stream.tables = hash_create("tables of a stream", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	stream.per_change_cxt = AllocSetContextCreate(CurrentMemoryContext, "shardext change", ALLOCSET_DEFAULT_SIZES);
	error_context_stack = &where;
	apply_all(&stream, &chunk);
	error_context_stack = where.previous;
	hash_seq_init(&all, stream.tables);
	while ((table = hash_seq_search(&all)) != NULL)
		close_table(table);
}
