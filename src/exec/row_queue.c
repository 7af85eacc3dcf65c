/*
 * row_queue.c
 *	  Writes of single rows of a sharded table on their way to other nodes.
 *
 * What row_there.c sends one by one is collected here: the writes for a node, in
 * the order in which they were asked for, become one statement whose parameters
 * are arrays: what is to be done, and one array for each column. All nodes work
 * at the same time. Only writes come here whose result is known before (row_access.c
 * knows which): so what is waited for is errors. That a row turns out to
 * have changed nevertheless cannot be; it is an error, not a wrong count.
 *
 * Writes of one node are done in their order, so unique constraints, which never
 * reach over shards, are checked as if each row had been sent alone. Of errors on several
 * nodes the first that is heard of is raised.
 *
 * BEFORE triggers are user's code between the writes. What waits is sent before
 * they run a statement (row_ahead_interrupt), so maybe in a subtransaction (a block
 * with EXCEPTION) that is rolled back afterwards: then it waits again.
 *
 * A queue of tries is for ON CONFLICT: rows that are inserted unless another is in the
 * way. Its caller numbers them, and is told of each what has become of it.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "catalog/shard_map.h"
#include "exec/row_arrays.h"
#include "exec/remote_run.h"
#include "exec/row_queue.h"
#include "exec/row_there.h"
#include "exec/tuple_codec.h"

/* Collected at most, in bytes and in writes; a row of more than a quarter of the bytes does not wait. */
#define QUEUE_MEMORY	(4 * 1024 * 1024)
#define QUEUE_WRITES	4096

typedef struct QueuedWrite
{
	int			shard;
	int			what;			/* RowWriteKind; of a try its number */
	ItemPointerData ctid;
	Datum	   *values;			/* of the columns that go; NULL: none */
	bool	   *nulls;
} QueuedWrite;

struct RowQueue
{
	/* settings */
	Relation	shell;
	uint32		command;
	RowKeys		keys;
	int			ncolumns;		/* without dropped ones */
	AttrNumber *attnos;
	const char *sql;

	/* state: a list of QueuedWrite * for each node */
	List	   *nodes;			/* int list */
	List	   *writes;			/* of lists */
	int			nwrites;
	Size		bytes;
	int			level;			/* of transaction nesting, of the statement */
	int			sent_level;		/* at which all of them were sent; 0: not yet */

	/* memory */
	MemoryContext writes_cxt;
	RowQueue   *next;
	MemoryContextCallback on_reset;
};

/* The queues of writes; a reset callback takes them off. */
static RowQueue *queues = NULL;

/* A queue is being sent, or its answers waited for. */
static bool sending = false;

/* Shard, what it is and ctid come before the columns. */
#define FIRST_COLUMN 3

/* ---------- the statement ---------- */

static Oid
column_type(const RowQueue *queue, int column)
{
	return TupleDescAttr(RelationGetDescr(queue->shell), queue->attnos[column] - 1)->atttypid;
}

/* As what its values travel: a delete has none, which a domain might refuse. */
static Oid
base_type(const RowQueue *queue, int column)
{
	return getBaseType(column_type(queue, column));
}

/* "character" is char(1) to whoever reads it, the type's own name is not. */
static const char *
type_name(Oid type)
{
	return format_type_extended(type, -1, FORMAT_TYPE_FORCE_QUALIFY | FORMAT_TYPE_TYPEMOD_GIVEN);
}

static Oid
element_type(const RowQueue *queue, int column)
{
	Oid			type = base_type(queue, column);

	return row_array_is_text(type) ? TEXTOID : type;
}

/* ROW(u.c1, ..)::shell */
static void
append_row(StringInfo sql, const RowQueue *queue)
{
	appendStringInfoString(sql, "ROW(");
	for (int i = 0; i < queue->ncolumns; i++)
	{
		Oid			type = column_type(queue, i);

		appendStringInfo(sql, "%su.c%d", i > 0 ? ", " : "", i + 1);
		if (element_type(queue, i) != type)
			appendStringInfo(sql, "::%s", type_name(type));
	}
	appendStringInfo(sql, ")::%s", row_there_shell_name(queue->shell));
}

static void
append_call(StringInfo sql, const RowQueue *queue, bool with_row)
{
	appendStringInfo(sql, "(shardext.internal_row_write(%s::pg_catalog.regclass, u.shard, u.what, u.place, ",
					 quote_literal_cstr(row_there_shell_name(queue->shell)));
	if (with_row)
		append_row(sql, queue);
	else
		appendStringInfoString(sql, "ROW()");
	appendStringInfo(sql, ", %d)).result", (int) queue->keys);
}

/* ROWS FROM (..) AS u(shard, what, place, c1, ..) */
static void
append_arrays(StringInfo sql, const RowQueue *queue)
{
	appendStringInfoString(sql, "ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3)");
	for (int i = 0; i < queue->ncolumns; i++)
		appendStringInfo(sql, ", pg_catalog.unnest($%d::%s)", FIRST_COLUMN + i + 1,
						 type_name(get_array_type(element_type(queue, i))));
	appendStringInfoString(sql, ") AS u(shard, what, place");
	for (int i = 0; i < queue->ncolumns; i++)
		appendStringInfo(sql, ", c%d", i + 1);
	appendStringInfoChar(sql, ')');
}

static char *
write_sql(const RowQueue *queue)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT pg_catalog.count(*) FROM (SELECT CASE WHEN u.what <= %d THEN ", ROW_WRITE_UPDATE);
	append_call(&sql, queue, true);
	appendStringInfoString(&sql, " ELSE ");
	append_call(&sql, queue, false);
	appendStringInfoString(&sql, " END AS result FROM ");
	append_arrays(&sql, queue);
	appendStringInfo(&sql, " OFFSET 0) AS w WHERE w.result <> %d", TM_Ok);
	return sql.data;
}

static char *
tries_sql(const RowQueue *queue, List *arbiters)
{
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT u.what, w.result, w.place_now FROM ");
	append_arrays(&sql, queue);
	appendStringInfo(&sql, ", LATERAL shardext.internal_row_insert(%s::pg_catalog.regclass, u.shard, ARRAY[",
					 quote_literal_cstr(row_there_shell_name(queue->shell)));
	foreach(lc, arbiters)
		appendStringInfo(&sql, "%s%s", foreach_current_index(lc) > 0 ? ", " : "",
						 quote_literal_cstr((const char *) lfirst(lc)));
	appendStringInfoString(&sql, "]::pg_catalog.text[], ");
	append_row(&sql, queue);
	appendStringInfoString(&sql, ") AS w");
	return sql.data;
}

static RowQueue *
make_queue(Relation shell, uint32 command)
{
	RowQueue   *queue = palloc0(sizeof(RowQueue));
	TupleDesc	desc = RelationGetDescr(shell);

	queue->shell = shell;
	queue->command = command;
	queue->attnos = palloc(sizeof(AttrNumber) * (desc->natts + 1));
	for (int i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped)
			queue->attnos[queue->ncolumns++] = i + 1;
	}
	queue->writes_cxt = AllocSetContextCreate(CurrentMemoryContext, "shardext writes of rows", ALLOCSET_DEFAULT_SIZES);
	return queue;
}

static void
queue_freed(void *arg)
{
	for (RowQueue **link = &queues; *link != NULL; link = &(*link)->next)
	{
		if (*link == arg)
		{
			*link = (*link)->next;
			return;
		}
	}
}

RowQueue *
row_queue_make(Relation shell, uint32 command, RowKeys keys)
{
	RowQueue   *queue = make_queue(shell, command);

	queue->keys = keys;
	queue->sql = write_sql(queue);
	queue->level = GetCurrentTransactionNestLevel();
	queue->next = queues;
	queues = queue;
	queue->on_reset.func = queue_freed;
	queue->on_reset.arg = queue;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &queue->on_reset);
	return queue;
}

RowQueue *
row_queue_make_tries(Relation shell, uint32 command, List *arbiters)
{
	RowQueue   *queue = make_queue(shell, command);

	queue->sql = tries_sql(queue, arbiters);
	return queue;
}

/* ---------- the parameters ---------- */

static Datum
column_array(const RowQueue *queue, const List *writes, int column)
{
	int			n = list_length(writes);
	Datum	   *elements = palloc0(sizeof(Datum) * n);
	bool	   *nulls = palloc(sizeof(bool) * n);
	ListCell   *lc;

	foreach(lc, writes)
	{
		const QueuedWrite *write = (const QueuedWrite *) lfirst(lc);
		int			i = foreach_current_index(lc);

		nulls[i] = write->values == NULL || write->nulls[column];
		if (!nulls[i])
			elements[i] = write->values[column];
	}
	return row_array_make(elements, nulls, n, base_type(queue, column));
}

static void
fill_params(const RowQueue *queue, const List *writes, Datum *values)
{
	int			n = list_length(writes);
	Datum	   *first[FIRST_COLUMN];
	bool	   *nulls = palloc0(sizeof(bool) * n);
	int			level = exact_output_begin();
	ListCell   *lc;

	for (int i = 0; i < FIRST_COLUMN; i++)
		first[i] = palloc(sizeof(Datum) * n);
	foreach(lc, writes)
	{
		QueuedWrite *write = (QueuedWrite *) lfirst(lc);
		int			i = foreach_current_index(lc);

		first[0][i] = Int32GetDatum(write->shard);
		first[1][i] = Int32GetDatum(write->what);
		first[2][i] = PointerGetDatum(&write->ctid);
	}
	values[0] = row_array_make(first[0], nulls, n, INT4OID);
	values[1] = row_array_make(first[1], nulls, n, INT4OID);
	values[2] = row_array_make(first[2], nulls, n, TIDOID);
	for (int i = 0; i < queue->ncolumns; i++)
		values[FIRST_COLUMN + i] = column_array(queue, writes, i);
	exact_output_end(level);
}

static Oid *
param_types(const RowQueue *queue)
{
	Oid		   *types = palloc(sizeof(Oid) * (FIRST_COLUMN + queue->ncolumns));

	types[0] = types[1] = INT4ARRAYOID;
	types[2] = TIDARRAYOID;
	for (int i = 0; i < queue->ncolumns; i++)
		types[FIRST_COLUMN + i] = get_array_type(element_type(queue, i));
	return types;
}

/* ---------- the interface ---------- */

/* Send all to their nodes. */
static RemoteRun *
start_run(RowQueue *queue, TupleDesc desc)
{
	int			nparams = FIRST_COLUMN + queue->ncolumns;
	RemoteRun  *run = remote_run_make(queue->sql, desc, desc->natts, NULL, nparams, param_types(queue), true);
	ListCell   *lc;

	remote_run_set_command(run, queue->command);
	remote_run_set_acts_as(run, row_there_role(queue->shell));
	foreach(lc, queue->writes)
	{
		Datum	   *values = palloc(sizeof(Datum) * nparams);
		bool	   *nulls = palloc0(sizeof(bool) * nparams);

		fill_params(queue, (const List *) lfirst(lc), values);
		remote_run_start(run, list_nth_int(queue->nodes, foreach_current_index(lc)), GetUserId(), NULL, values, nulls,
						 false);
	}
	return run;
}

typedef struct AnswerColumn
{
	const char *name;
	Oid			type;
} AnswerColumn;

/* Takes a row of an answer. */
typedef void (*TakeAnswer) (RowQueue *queue, TupleTableSlot *answer, void *arg);

static TupleDesc
answer_desc(const AnswerColumn *columns, int n)
{
	TupleDesc	desc = CreateTemplateTupleDesc(n);

	for (int i = 0; i < n; i++)
		TupleDescInitEntry(desc, i + 1, columns[i].name, columns[i].type, -1, 0);
	return desc;
}

/* Run all that waits. */
static void
run_all(RowQueue *queue, const AnswerColumn *columns, int ncolumns, TakeAnswer take, void *arg)
{
	MemoryContext cxt = AllocSetContextCreate(queue->writes_cxt, "shardext writes under way", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);

	sending = true;
	/* after an error the queue may live on: user's code may have caught it */
	PG_TRY();
	{
		TupleTableSlot *answer = MakeSingleTupleTableSlot(answer_desc(columns, ncolumns), &TTSOpsVirtual);
		RemoteRun  *run = start_run(queue, answer->tts_tupleDescriptor);

		while (remote_run_next(run, answer))
		{
			slot_getallattrs(answer);
			take(queue, answer, arg);
		}
		remote_run_end(run);
		ExecDropSingleTupleTableSlot(answer);
	}
	PG_FINALLY();
	{
		sending = false;
		MemoryContextSwitchTo(old);
		MemoryContextDelete(cxt);
	}
	PG_END_TRY();
}

bool
row_queue_is_sending(void)
{
	return sending;
}

/* Nothing waits any more. */
static void
forget_writes(RowQueue *queue)
{
	queue->nodes = queue->writes = NIL;
	queue->nwrites = 0;
	queue->bytes = 0;
	queue->sent_level = 0;
	MemoryContextReset(queue->writes_cxt);
}

static void
check_unchanged(RowQueue *queue, TupleTableSlot *answer, void *arg)
{
	if (DatumGetInt64(answer->tts_values[0]) != 0)
		elog(ERROR, "a row of relation %u that was locked has changed", RelationGetRelid(queue->shell));
}

void
row_queue_flush(RowQueue *queue)
{
	static const AnswerColumn columns[] = {{"changed", INT8OID}};

	if (queue->nwrites == 0)
		return;
	if (queue->sent_level == 0)
	{
		run_all(queue, columns, lengthof(columns), check_unchanged, NULL);
		queue->sent_level = GetCurrentTransactionNestLevel();
	}
	if (queue->sent_level <= queue->level)
		forget_writes(queue);
}

/* What was sent in a subtransaction has been undone with it, or is its parent's now. */
static void
at_subtransaction(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();

	if (event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB)
		return;
	for (RowQueue *queue = queues; queue != NULL; queue = queue->next)
	{
		if (queue->sent_level >= level)
			queue->sent_level = event == SUBXACT_EVENT_ABORT_SUB ? 0 : level - 1;
	}
}

/* Who wants to know what has become of tries. */
typedef struct TriedTo
{
	RowTried	tried;
	void	   *arg;
} TriedTo;

static void
tell_tried(RowQueue *queue, TupleTableSlot *answer, void *arg)
{
	const TriedTo *to = (const TriedTo *) arg;

	to->tried(to->arg, DatumGetInt32(answer->tts_values[0]), (TM_Result) DatumGetInt32(answer->tts_values[1]),
			  (ItemPointer) DatumGetPointer(answer->tts_values[2]));
}

void
row_queue_run_tries(RowQueue *queue, RowTried tried, void *arg)
{
	static const AnswerColumn columns[] = {{"number", INT4OID}, {"result", INT4OID}, {"place", TIDOID}};
	TriedTo		to = {tried, arg};

	if (queue->nwrites == 0)
		return;
	run_all(queue, columns, lengthof(columns), tell_tried, &to);
	forget_writes(queue);
}

static Size
bytes_of(TupleTableSlot *slot)
{
	TupleDesc	desc = slot->tts_tupleDescriptor;
	Size		result = 0;

	slot_getallattrs(slot);
	for (int i = 0; i < desc->natts; i++)
	{
		if (!slot->tts_isnull[i] && TupleDescAttr(desc, i)->attlen == -1)
			result += toast_raw_datum_size(slot->tts_values[i]);
	}
	return result;
}

bool
row_queue_takes(TupleTableSlot *slot)
{
	return bytes_of(slot) <= QUEUE_MEMORY / 4;
}

/* The list of writes for a node. */
static ListCell *
writes_for(RowQueue *queue, int node_id)
{
	ListCell   *lc;

	foreach(lc, queue->nodes)
	{
		if (lfirst_int(lc) == node_id)
			return list_nth_cell(queue->writes, foreach_current_index(lc));
	}
	queue->nodes = lappend_int(queue->nodes, node_id);
	queue->writes = lappend(queue->writes, NIL);
	return list_tail(queue->writes);
}

static void
copy_values(const RowQueue *queue, QueuedWrite *write, TupleTableSlot *slot)
{
	write->values = palloc0(sizeof(Datum) * (queue->ncolumns + 1));
	write->nulls = palloc(sizeof(bool) * (queue->ncolumns + 1));
	for (int i = 0; i < queue->ncolumns; i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(queue->shell), queue->attnos[i] - 1);
		Datum		value = slot_getattr(slot, queue->attnos[i], &write->nulls[i]);

		if (!write->nulls[i])
			write->values[i] = datumCopy(value, att->attbyval, att->attlen);
	}
}

static void
add_write(RowQueue *queue, int shard, int what, const ItemPointerData *ctid, TupleTableSlot *slot)
{
	int			owner = shard_map_owner(shard, NULL);
	MemoryContext old;
	QueuedWrite *write;
	ListCell   *writes;

	if (owner == 0)
		shard_map_raise(shard, SHARD_MOVED);
	old = MemoryContextSwitchTo(queue->writes_cxt);
	write = palloc0(sizeof(QueuedWrite));
	write->shard = shard;
	write->what = what;
	write->ctid = *ctid;
	if (slot != NULL)
	{
		copy_values(queue, write, slot);
		queue->bytes += bytes_of(slot);
	}
	writes = writes_for(queue, owner);
	lfirst(writes) = lappend((List *) lfirst(writes), write);
	queue->nwrites++;
	MemoryContextSwitchTo(old);
}

void
row_queue_add_try(RowQueue *queue, int shard, int number, TupleTableSlot *slot)
{
	ItemPointerData nowhere;

	ItemPointerSet(&nowhere, 0, FirstOffsetNumber);
	add_write(queue, shard, number, &nowhere, slot);
}

void
row_queue_add(RowQueue *queue, int shard, RowWriteKind kind, const ItemPointerData *ctid, TupleTableSlot *slot)
{
	if (queue->sent_level > 0)
		forget_writes(queue);
	add_write(queue, shard, kind, ctid, slot);
	if (queue->nwrites >= QUEUE_WRITES || queue->bytes >= QUEUE_MEMORY)
		row_queue_flush(queue);
}

void
row_queue_preload(void)
{
	RegisterSubXactCallback(at_subtransaction, NULL);
}
