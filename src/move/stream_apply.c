/*
 * stream_apply.c
 *	  Carries out on one node what a stream of logical decoding says.
 *
 * Changes are put together as they came, up to some bytes, and given to a function
 * of that node (stream_rows.h), which carries them out one by one without a
 * statement for each (doc/decisions/own_stream.md). The calls go into libpq's
 * pipeline without waiting; a Sync ends the transaction that those since the last
 * one are, after the position was set in it.
 *
 * Each call tells of the relations that it changes, since the function keeps nothing.
 *
 * Triggers, foreign keys and rules stand aside (session_replication_role for what
 * is a statement, see move_link.c): their effects are in the stream, too.
 */
#include "postgres.h"

#include "base/errors.h"
#include "ddl/plain_conn.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "move/move_link.h"
#include "move/stream_apply.h"
#include "pgstat.h"
#include "replication/logicalproto.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"

#define CHUNK_BYTES		65536	/* changes of one call */
#define KEPT_BYTES		(1024 * 1024)	/* room for a chunk that is kept for the next */
#define MAX_UNANSWERED	100		/* statements */
#define IDLE_MS			500

typedef struct ApplyTable
{
	LogicalRepRelId id;			/* hash key */
	char	   *name;			/* qualified and quoted */
	int			length;			/* of the message that told of it */
	char	   *told;
	uint64		chunk;			/* the last that begins with that */
} ApplyTable;

struct StreamApply
{
	MoveLink   *link;
	PGconn	   *pg;
	void		(*idle) (void *arg);
	void	   *arg;
	/* state */
	HTAB	   *tables;
	StringInfoData chunk;		/* changes that were not sent yet */
	uint64		chunks;			/* number of that chunk */
	int			unanswered;		/* statements and Syncs */
	bool		changed;		/* since the last Sync */
	bool		unflushed;
	/* memory */
	MemoryContext apply_cxt;
};

/* Answers that are there, without waiting. */
static void
take_answers(StreamApply *apply)
{
	while (apply->unanswered > 0 && !PQisBusy(apply->pg))
	{
		PGresult   *result = plain_conn_next(apply->pg, move_link_node(apply->link));

		if (result == NULL)
			continue;
		apply->unanswered--;
		PQclear(result);
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
}

static void
sent(StreamApply *apply, int ok)
{
	if (!ok)
		move_link_lost(apply->link);
	apply->unanswered++;
}

/* A statement without parameters. */
static void
send_plain(StreamApply *apply, const char *sql)
{
	sent(apply, PQsendQueryParams(apply->pg, sql, 0, NULL, NULL, NULL, NULL, 0));
}

/* Send the changes that were put together. */
static void
send_chunk(StreamApply *apply)
{
	const char *value = apply->chunk.data;
	int			format = 1;

	if (apply->chunk.len == 0)
		return;
	sent(apply, PQsendQueryPrepared(apply->pg, "shardext_changes", 1, &value, &apply->chunk.len, &format, 0));
	apply->chunks++;
	if (apply->chunk.maxlen > KEPT_BYTES)
	{
		apply->chunk.data = repalloc(apply->chunk.data, CHUNK_BYTES);
		apply->chunk.maxlen = CHUNK_BYTES;
	}
	resetStringInfo(&apply->chunk);
	if (!PQsendFlushRequest(apply->pg))
		move_link_lost(apply->link);
	exchange(apply, MAX_UNANSWERED);
}

StreamApply *
stream_apply_open(int node_id, const char *origin, XLogRecPtr *position, void (*idle) (void *arg), void *arg)
{
	MemoryContext cxt = CurrentMemoryContext;
	StreamApply *apply = palloc0(sizeof(StreamApply));
	HASHCTL		control = {.keysize = sizeof(LogicalRepRelId), .entrysize = sizeof(ApplyTable), .hcxt = cxt};
	char	   *lsn;

	apply->apply_cxt = cxt;
	apply->tables = hash_create("tables of a stream", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	apply->idle = idle;
	apply->arg = arg;
	apply->chunks = 1;
	initStringInfo(&apply->chunk);
	apply->link = move_link_open(node_id, LINK_SQL);
	apply->pg = move_link_pg(apply->link);
	move_link_run(apply->link, "SET synchronous_commit = off; SET plan_cache_mode = force_generic_plan;"
				  " PREPARE shardext_changes(bytea) AS SELECT shardext.internal_apply_changes($1);"
				  " PREPARE shardext_position(pg_lsn) AS SELECT pg_replication_origin_xact_setup($1, now())");
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

/* The source tells what a table looks like, before its first change and whenever that may have changed. */
static void
take_relation(StreamApply *apply, const StringInfo message)
{
	StringInfoData copy = *message;
	LogicalRepRelation *remote = logicalrep_read_rel(&copy);
	bool		found;
	ApplyTable *table = hash_search(apply->tables, &remote->remoteid, HASH_ENTER, &found);

	if (found)
	{
		pfree(table->name);
		pfree(table->told);
	}
	table->name = MemoryContextStrdup(apply->apply_cxt, quote_qualified_identifier(remote->nspname, remote->relname));
	table->length = message->len - message->cursor;
	table->told = MemoryContextAlloc(apply->apply_cxt, table->length);
	memcpy(table->told, message->data + message->cursor, table->length);
	table->chunk = 0;
}

static ApplyTable *
find_table(StreamApply *apply, LogicalRepRelId id)
{
	ApplyTable *table = hash_search(apply->tables, &id, HASH_FIND, NULL);

	if (table == NULL)
		elog(ERROR, "the stream has not told of relation %u", id);
	return table;
}

static void
append_message(StringInfo chunk, char kind, const char *data, int length)
{
	enlargeStringInfo(chunk, length + 5);
	pq_sendint32(chunk, length + 1);
	pq_sendbyte(chunk, kind);
	appendBinaryStringInfo(chunk, data, length);
}

/* A change of a row; the relation is what all of them name first. */
static void
take_change(StreamApply *apply, char kind, const StringInfo message)
{
	StringInfoData copy = *message;
	ApplyTable *table = find_table(apply, pq_getmsgint(&copy, 4));
	int			length = message->len - message->cursor;

	if (apply->chunk.len + length > CHUNK_BYTES)
		send_chunk(apply);
	if (table->chunk != apply->chunks)
		append_message(&apply->chunk, LOGICAL_REP_MSG_RELATION, table->told, table->length);
	table->chunk = apply->chunks;
	append_message(&apply->chunk, kind, message->data + message->cursor, length);
}

/* The tables that were truncated together. A CASCADE has taken its tables with it into the message. */
static void
take_truncate(StreamApply *apply, StringInfo message)
{
	bool		cascade;
	bool		restart;
	List	   *ids = logicalrep_read_truncate(message, &cascade, &restart);
	StringInfoData sql;
	ListCell   *lc;

	send_chunk(apply);
	initStringInfo(&sql);
	foreach(lc, ids)
		appendStringInfo(&sql, "%s%s", sql.len == 0 ? "TRUNCATE " : ", ", find_table(apply, lfirst_oid(lc))->name);
	if (ids != NIL)
		send_plain(apply, psprintf("SELECT shardext.internal_shard_ddl(%s)", quote_literal_cstr(sql.data)));
}

void
stream_apply_message(StreamApply *apply, char kind, StringInfo message)
{
	switch (kind)
	{
		case LOGICAL_REP_MSG_RELATION:
			take_relation(apply, message);
			return;
		case LOGICAL_REP_MSG_INSERT:
		case LOGICAL_REP_MSG_UPDATE:
		case LOGICAL_REP_MSG_DELETE:
			take_change(apply, kind, message);
			break;
		case LOGICAL_REP_MSG_TRUNCATE:
			take_truncate(apply, message);
			break;
		default:
			elog(ERROR, "unknown message \"%c\" of a stream", kind);
	}
	apply->changed = true;
}

void
stream_apply_commit(StreamApply *apply, XLogRecPtr position)
{
	char		text[32];
	const char *value = text;

	if (!apply->changed)
		return;
	send_chunk(apply);
	snprintf(text, sizeof(text), "%X/%X", LSN_FORMAT_ARGS(position));
	sent(apply, PQsendQueryPrepared(apply->pg, "shardext_position", 1, &value, NULL, NULL, 0));
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
