/*
 * stream_apply.c
 *	  Carries out on one node what a stream of logical decoding says.
 *
 * Each kind of change of a table is a prepared statement over the columns that
 * the source has named; values travel as text, as they came. Statements go into
 * libpq's pipeline without waiting; a Sync ends the transaction that those
 * since the last one are, after the position was set in it. So a round trip is
 * paid per batch, not per row (doc/decisions/own_stream.md).
 *
 * Rows are found by the columns of the replica identity. If that is the whole row
 * (tables without a primary key), one of the rows that are the same byte for
 * byte is taken; of equal rows it does not matter which.
 *
 * Triggers, foreign keys and rules stand aside (session_replication_role, see
 * move_link.c): their effects are in the stream, too.
 */
#include "postgres.h"

#include "base/errors.h"
#include "catalog/node_map.h"
#include "ddl/plain_conn.h"
#include "miscadmin.h"
#include "move/move_link.h"
#include "move/stream_apply.h"
#include "nodes/bitmapset.h"
#include "pgstat.h"
#include "replication/logicalproto.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"

#define SEND_BYTES		65536	/* queued in libpq before they are sent */
#define MAX_UNANSWERED	2000	/* statements */
#define MAX_STATEMENTS	32		/* prepared for one table */
#define IDLE_MS			500

/* A prepared statement: kind is 'I', 'U' or 'D'; which columns it sets: one letter each ('x', or 'u': unchanged). */
typedef struct ApplyStatement
{
	char	   *shape;			/* kind and letters */
	char	   *name;
} ApplyStatement;

typedef struct ApplyTable
{
	LogicalRepRelId id;			/* hash key */
	char	   *name;			/* qualified and quoted; NULL: not yet known */
	LogicalRepRelation *remote;
	char	  **types;			/* of the columns here, if the identity is the whole row */
	List	   *statements;		/* ApplyStatement * */
} ApplyTable;

struct StreamApply
{
	MoveLink   *link;
	PGconn	   *pg;
	int			node_id;
	void		(*idle) (void *arg);
	void	   *arg;
	/* state */
	HTAB	   *tables;
	int			names;			/* prepared statements so far */
	int			unanswered;		/* statements and Syncs */
	int			queued;			/* bytes */
	bool		changed;		/* since the last Sync */
	bool		unflushed;
	/* memory */
	MemoryContext apply_cxt;
	MemoryContext per_message_cxt;
};

/* One answer of the pipeline. */
static void
take_answer(StreamApply *apply, PGresult *result)
{
	const char *tag = PQcmdStatus(result);
	bool		missed = (strncmp(tag, "UPDATE", 6) == 0 || strncmp(tag, "DELETE", 6) == 0) &&
		strcmp(PQcmdTuples(result), "0") == 0;

	apply->unanswered--;
	PQclear(result);
	if (missed)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("a row that has changed is missing in the copy on node \"%s\"", move_link_node(apply->link)),
				 errdetail("The stream names a row by its replica identity, and no row of the copy has it."),
				 errhint("Look for what writes to the copy.")));
}

/* Answers that are there, without waiting. */
static void
take_answers(StreamApply *apply)
{
	while (apply->unanswered > 0 && !PQisBusy(apply->pg))
	{
		PGresult   *result = plain_conn_next(apply->pg, move_link_node(apply->link));

		if (result != NULL)
			take_answer(apply, result);
	}
}

/* Send what is queued and take answers until no more than so many are missing. */
static void
exchange(StreamApply *apply, int unanswered)
{
	for (;;)
	{
		int			unsent = PQflush(apply->pg);
		int			rc;

		if (unsent < 0 || PQstatus(apply->pg) == CONNECTION_BAD)
			move_link_lost(apply->link);
		take_answers(apply);
		if (unsent == 0 && apply->unanswered <= unanswered)
			break;
		rc = plain_conn_await(apply->pg, WL_SOCKET_READABLE | (unsent ? WL_SOCKET_WRITEABLE : 0), IDLE_MS);
		if ((rc & WL_SOCKET_READABLE) && !PQconsumeInput(apply->pg))
			move_link_lost(apply->link);
		if (rc & WL_TIMEOUT)
			apply->idle(apply->arg);
	}
	apply->queued = 0;
}

static void
sent(StreamApply *apply, int ok, int bytes)
{
	if (!ok)
		move_link_lost(apply->link);
	apply->unanswered++;
	apply->queued += bytes;
	if (apply->queued < SEND_BYTES && apply->unanswered < MAX_UNANSWERED)
		return;
	if (!PQsendFlushRequest(apply->pg))
		move_link_lost(apply->link);
	exchange(apply, MAX_UNANSWERED / 2);
}

/* A statement without parameters of ours. */
static void
send_plain(StreamApply *apply, const char *sql)
{
	sent(apply, PQsendQueryParams(apply->pg, sql, 0, NULL, NULL, NULL, NULL, 0), strlen(sql));
}

StreamApply *
stream_apply_open(int node_id, const char *origin, XLogRecPtr *position, void (*idle) (void *arg), void *arg)
{
	MemoryContext cxt = CurrentMemoryContext;
	StreamApply *apply = palloc0(sizeof(StreamApply));
	HASHCTL		control = {.keysize = sizeof(LogicalRepRelId), .entrysize = sizeof(ApplyTable), .hcxt = cxt};
	char	   *lsn;

	apply->apply_cxt = cxt;
	apply->per_message_cxt = AllocSetContextCreate(cxt, "shardext stream message", ALLOCSET_DEFAULT_SIZES);
	apply->tables = hash_create("tables of a stream", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	apply->idle = idle;
	apply->arg = arg;
	apply->node_id = node_id;
	apply->link = move_link_open(node_id, LINK_SQL);
	apply->pg = move_link_pg(apply->link);
	move_link_run(apply->link, "SET synchronous_commit = off; SET plan_cache_mode = force_generic_plan");
	move_link_run(apply->link, "SELECT pg_replication_origin_session_setup(%s)", quote_literal_cstr(origin));
	lsn = move_link_value(apply->link, "SELECT pg_replication_origin_session_progress(true)");
	*position = lsn ? DatumGetLSN(DirectFunctionCall1(pg_lsn_in, CStringGetDatum(lsn))) : InvalidXLogRecPtr;
	if (!PQenterPipelineMode(apply->pg) || PQsetnonblocking(apply->pg, 1) != 0)
		move_link_lost(apply->link);
	return apply;
}

void
stream_apply_close(StreamApply *apply)
{
	move_link_close(apply->link);
}

#define TYPES_QUERY \
	"SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a" \
	" WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped"

/* In a session of its own: ours is in a pipeline. Columns that are missing here have no type. */
static void
look_up_types(StreamApply *apply, ApplyTable *table)
{
	MoveLink   *link = move_link_open(apply->node_id, LINK_SQL);
	PGresult   *rows = move_link_rows(link, TYPES_QUERY, quote_literal_cstr(table->name));
	LogicalRepRelation *remote = table->remote;

	table->types = palloc0(remote->natts * sizeof(char *));
	for (int i = 0; i < remote->natts; i++)
		for (int j = 0; j < PQntuples(rows); j++)
			if (strcmp(PQgetvalue(rows, j, 0), remote->attnames[i]) == 0)
				table->types[i] = pstrdup(PQgetvalue(rows, j, 1));
	PQclear(rows);
	move_link_close(link);
}

/* The source tells what a table looks like, before its first change and whenever that may have changed. */
static void
take_relation(StreamApply *apply, StringInfo message)
{
	MemoryContext old = MemoryContextSwitchTo(apply->apply_cxt);
	LogicalRepRelation *remote = logicalrep_read_rel(message);
	bool		found;
	ApplyTable *table = hash_search(apply->tables, &remote->remoteid, HASH_ENTER, &found);

	/* what it was like before, rarely told twice, stays allocated until the stream ends */
	table->remote = remote;
	table->name = quote_qualified_identifier(remote->nspname, remote->relname);
	table->statements = NIL;
	table->types = NULL;
	if (remote->replident == REPLICA_IDENTITY_FULL)
		look_up_types(apply, table);
	MemoryContextSwitchTo(old);
}

static ApplyTable *
find_table(StreamApply *apply, LogicalRepRelId id)
{
	ApplyTable *table = hash_search(apply->tables, &id, HASH_FIND, NULL);

	if (table == NULL)
		elog(ERROR, "the stream has not told of relation %u", id);
	return table;
}

/* " WHERE ..", with parameters from number on: as many as key_values gives. */
static void
append_where(StringInfo sql, const ApplyTable *table, int number)
{
	const LogicalRepRelation *remote = table->remote;
	StringInfoData values;
	const char *separator = "";

	if (table->types == NULL)
	{
		separator = " WHERE ";
		for (int i = -1; (i = bms_next_member(remote->attkeys, i)) >= 0; separator = " AND ")
			appendStringInfo(sql, "%s%s = $%d", separator, quote_identifier(remote->attnames[i]), number++);
		return;
	}
	initStringInfo(&values);
	appendStringInfo(sql, " WHERE ctid = (SELECT o.ctid FROM ONLY %s o WHERE ROW(",
					 table->name);
	for (int i = 0; i < remote->natts; i++, separator = ", ")
	{
		appendStringInfo(sql, "%so.%s", separator, quote_identifier(remote->attnames[i]));
		appendStringInfo(&values, "%s$%d::%s", separator, number++, table->types[i] ? table->types[i] : "text");
	}
	appendStringInfo(sql, ")::record *= ROW(%s)::record LIMIT 1)", values.data);
}

static void
append_insert(StringInfo sql, const ApplyTable *table)
{
	const LogicalRepRelation *remote = table->remote;

	appendStringInfo(sql, "INSERT INTO %s ", table->name);
	if (remote->natts == 0)
	{
		appendStringInfoString(sql, "DEFAULT VALUES");
		return;
	}
	for (int i = 0; i < remote->natts; i++)
		appendStringInfo(sql, "%s%s", i == 0 ? "(" : ", ", quote_identifier(remote->attnames[i]));
	for (int i = 0; i < remote->natts; i++)
		appendStringInfo(sql, "%s$%d", i == 0 ? ") OVERRIDING SYSTEM VALUE VALUES (" : ", ", i + 1);
	appendStringInfoChar(sql, ')');
}

static char *
statement_text(const ApplyTable *table, const char *shape)
{
	StringInfoData sql;
	int			number = 1;

	initStringInfo(&sql);
	switch (shape[0])
	{
		case 'I':
			append_insert(&sql, table);
			break;
		case 'U':
			appendStringInfo(&sql, "UPDATE ONLY %s", table->name);
			for (int i = 0; i < table->remote->natts; i++)
			{
				if (shape[i + 1] != 'x')
					continue;
				appendStringInfo(&sql, "%s%s = $%d", number == 1 ? " SET " : ", ",
								 quote_identifier(table->remote->attnames[i]), number);
				number++;
			}
			append_where(&sql, table, number);
			break;
		case 'D':
			appendStringInfo(&sql, "DELETE FROM ONLY %s", table->name);
			append_where(&sql, table, number);
			break;
	}
	return sql.data;
}

/* The name of the prepared statement; NULL if there are too many already. */
static const char *
prepare(StreamApply *apply, ApplyTable *table, const char *shape)
{
	MemoryContext old;
	ApplyStatement *statement;
	ListCell   *lc;
	char	   *sql;

	foreach(lc, table->statements)
	{
		statement = lfirst(lc);
		if (strcmp(statement->shape, shape) == 0)
			return statement->name;
	}
	if (list_length(table->statements) >= MAX_STATEMENTS)
		return NULL;
	sql = statement_text(table, shape);
	old = MemoryContextSwitchTo(apply->apply_cxt);
	statement = palloc(sizeof(ApplyStatement));
	statement->shape = pstrdup(shape);
	statement->name = psprintf("a%d", ++apply->names);
	table->statements = lappend(table->statements, statement);
	MemoryContextSwitchTo(old);
	sent(apply, PQsendPrepare(apply->pg, statement->name, sql, 0, NULL), strlen(sql));
	return statement->name;
}

static void
execute(StreamApply *apply, ApplyTable *table, const char *shape, int n, const char *const *values, int bytes)
{
	const char *name = prepare(apply, table, shape);

	if (name != NULL)
		sent(apply, PQsendQueryPrepared(apply->pg, name, n, values, NULL, NULL, 0), bytes);
	else
		sent(apply, PQsendQueryParams(apply->pg, statement_text(table, shape), n, NULL, values, NULL, NULL, 0), bytes);
}

static const char *
value_of(const LogicalRepTupleData *tuple, int i)
{
	if (i >= tuple->ncols)
		elog(ERROR, "a row of the stream has %d columns only", tuple->ncols);
	switch (tuple->colstatus[i])
	{
		case LOGICALREP_COLUMN_NULL:
			return NULL;
		case LOGICALREP_COLUMN_TEXT:
			return tuple->colvalues[i].data;
		default:
			elog(ERROR, "column %d of a row of the stream has no value", i);
	}
}

/* Values for append_where. */
static int
key_values(const ApplyTable *table, const LogicalRepTupleData *tuple, const char **values)
{
	int			n = 0;

	if (table->types == NULL && bms_is_empty(table->remote->attkeys))
		elog(ERROR, "the stream names no columns by which rows of %s are found", table->name);
	for (int i = 0; i < table->remote->natts; i++)
		if (table->types != NULL || bms_is_member(i, table->remote->attkeys))
			values[n++] = value_of(tuple, i);
	return n;
}

static void
apply_insert(StreamApply *apply, StringInfo message)
{
	LogicalRepTupleData new;
	int			bytes = message->len;
	ApplyTable *table = find_table(apply, logicalrep_read_insert(message, &new));
	const char **values = palloc((new.ncols + 1) * sizeof(char *));

	for (int i = 0; i < new.ncols; i++)
		values[i] = value_of(&new, i);
	execute(apply, table, "I", new.ncols, values, bytes);
}

static void
apply_update(StreamApply *apply, StringInfo message)
{
	LogicalRepTupleData old;
	LogicalRepTupleData new;
	bool		has_old;
	int			bytes = message->len;
	int			n = 0;
	ApplyTable *table = find_table(apply, logicalrep_read_update(message, &has_old, &old, &new));
	const char **values = palloc((2 * new.ncols + 1) * sizeof(char *));
	char	   *shape = palloc0(new.ncols + 2);

	shape[0] = 'U';
	for (int i = 0; i < new.ncols; i++)
	{
		shape[i + 1] = new.colstatus[i] == LOGICALREP_COLUMN_UNCHANGED ? 'u' : 'x';
		if (shape[i + 1] == 'x')
			values[n++] = value_of(&new, i);
	}
	if (n == 0)
		return;
	n += key_values(table, has_old ? &old : &new, values + n);
	execute(apply, table, shape, n, values, bytes);
}

static void
apply_delete(StreamApply *apply, StringInfo message)
{
	LogicalRepTupleData old;
	int			bytes = message->len;
	ApplyTable *table = find_table(apply, logicalrep_read_delete(message, &old));
	const char **values = palloc((old.ncols + 1) * sizeof(char *));
	int			n = key_values(table, &old, values);

	execute(apply, table, "D", n, values, bytes);
}

/* The tables that were truncated together. A CASCADE has taken its tables with it into the message. */
static void
apply_truncate(StreamApply *apply, StringInfo message)
{
	bool		cascade;
	bool		restart;
	List	   *ids = logicalrep_read_truncate(message, &cascade, &restart);
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	foreach(lc, ids)
		appendStringInfo(&sql, "%s%s", sql.len == 0 ? "TRUNCATE " : ", ", find_table(apply, lfirst_oid(lc))->name);
	if (ids != NIL)
		send_plain(apply, psprintf("SELECT shardext.internal_shard_ddl(%s)", quote_literal_cstr(sql.data)));
}

void
stream_apply_message(StreamApply *apply, char kind, StringInfo message)
{
	MemoryContext old;

	if (kind == 'R')
	{
		take_relation(apply, message);
		return;
	}
	old = MemoryContextSwitchTo(apply->per_message_cxt);
	if (kind == 'I')
		apply_insert(apply, message);
	else if (kind == 'U')
		apply_update(apply, message);
	else if (kind == 'D')
		apply_delete(apply, message);
	else if (kind == 'T')
		apply_truncate(apply, message);
	else
		elog(ERROR, "unknown message \"%c\" of a stream", kind);
	apply->changed = true;
	MemoryContextSwitchTo(old);
	MemoryContextReset(apply->per_message_cxt);
}

void
stream_apply_commit(StreamApply *apply, XLogRecPtr position)
{
	char	   *sql;

	if (!apply->changed)
		return;
	sql = psprintf("SELECT pg_replication_origin_xact_setup('%X/%X', now())", LSN_FORMAT_ARGS(position));
	send_plain(apply, sql);
	pfree(sql);
	if (!PQpipelineSync(apply->pg))
		move_link_lost(apply->link);
	apply->unanswered++;
	apply->changed = false;
	apply->unflushed = true;
}

void
stream_apply_finish(StreamApply *apply)
{
	Assert(!apply->changed);
	exchange(apply, 0);
}

void
stream_apply_flush(StreamApply *apply)
{
	Assert(!apply->changed);
	if (!apply->unflushed)
		return;
	send_plain(apply, "SELECT pg_replication_origin_session_progress(true)");
	if (!PQpipelineSync(apply->pg))
		move_link_lost(apply->link);
	apply->unanswered++;
	exchange(apply, 0);
	apply->unflushed = false;
}

bool
stream_apply_is_flushed(const StreamApply *apply)
{
	return !apply->unflushed && !apply->changed;
}
