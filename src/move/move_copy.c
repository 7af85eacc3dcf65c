/*
 * move_copy.c
 *	  The first steps of a move: tables on the target, their rows under one
 *	  snapshot of the source, then indexes, foreign keys and triggers.
 *
 * The slot is made over the replication protocol, which exports the snapshot from
 * which its stream goes on: COPY under that snapshot and the stream together are
 * the source, nothing twice and nothing missed.
 */
#include "postgres.h"

#include "base/errors.h"
#include "base/fault.h"
#include "base/settings.h"
#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "move/move_run.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#define REPORT_EACH_MS	500

/* Types whose binary form and hash depend on nothing of one database: those that PostgreSQL was built with. */
#define TABLES_QUERY \
	"SELECT format('%%I.%%I', n.nspname, c.relname)," \
	" (SELECT '(' || string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) || ')' FROM pg_attribute a" \
	"   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '')," \
	" NOT EXISTS (SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = c.oid" \
	"   AND a.attnum > 0 AND NOT a.attisdropped AND (t.oid >= 16384 OR t.typtype <> 'b'" \
	"   OR t.typname LIKE 'reg%%' OR t.typname LIKE '\\_reg%%' OR t.typreceive = 0 OR t.typsend = 0))," \
	" NOT EXISTS (SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = c.oid" \
	"   AND a.attnum > 0 AND NOT a.attisdropped AND (t.oid >= 16384 OR t.typtype <> 'b' OR NOT EXISTS" \
	"   (SELECT FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod WHERE m.amname = 'hash'" \
	"     AND o.opcdefault AND o.opcintype = t.oid)))," \
	" c.relreplident <> 'd' OR EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)," \
	" c.relpersistence" \
	" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace" \
	" WHERE c.relkind = 'r' AND n.nspname = ANY (%s)" \
	" ORDER BY n.nspname, c.relname"

#define BYTES_QUERY \
	"SELECT coalesce(sum(pg_table_size(c.oid)), 0) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace" \
	" WHERE c.relkind = 'r' AND n.nspname = ANY (%s)"

/* ARRAY['shard_0001', ...] */
static char *
schemas_array(const Job *job)
{
	StringInfoData text;
	char		schema[NAMEDATALEN];

	initStringInfo(&text);
	for (int i = 0; i < job->nshards; i++)
		appendStringInfo(&text, "%s'%s'", i == 0 ? "ARRAY[" : ", ", shard_schema_name(job->shards[i], schema));
	appendStringInfoChar(&text, ']');
	return text.data;
}

List *
move_tables(MoveRun *run, MoveLink *link)
{
	PGresult   *rows = move_link_rows(link, TABLES_QUERY, schemas_array(run->job));
	List	   *tables = NIL;

	for (int i = 0; i < PQntuples(rows); i++)
	{
		MoveTable  *table = palloc(sizeof(MoveTable));

		table->name = pstrdup(PQgetvalue(rows, i, 0));
		table->columns = PQgetisnull(rows, i, 1) ? "" : pstrdup(PQgetvalue(rows, i, 1));
		table->binary = PQgetvalue(rows, i, 2)[0] == 't';
		table->hashable = PQgetvalue(rows, i, 3)[0] == 't';
		table->keyed = PQgetvalue(rows, i, 4)[0] == 't';
		if (PQgetvalue(rows, i, 5)[0] != 'p')
		{
			char	   *name = table->name;

			PQclear(rows);
			reason_raise(reason_make("Make it logged (ALTER TABLE .. SET LOGGED) before the shard is moved.",
									 "Table %s is unlogged: its changes are in no stream.", name),
						 "moving an unlogged table is not supported");
		}
		tables = lappend(tables, table);
	}
	PQclear(rows);
	return tables;
}

/* Rows without a primary key are told apart by all their columns while they are streamed. */
static void
set_identity(MoveRun *run, int node_id, const MoveTable *table)
{
	MoveLink   *link = move_link_of(run, node_id);

	job_object_add(run->job->number, node_id, "identity", table->name);
	move_shard_ddl(link, psprintf("ALTER TABLE %s REPLICA IDENTITY FULL", table->name));
}

static void
make_publication(MoveRun *run, int node_id, const char *prefix, List *tables)
{
	char	   *name = move_object_name(run->job, prefix);
	StringInfoData list;
	ListCell   *lc;

	initStringInfo(&list);
	foreach(lc, tables)
		appendStringInfo(&list, "%s%s", list.len == 0 ? " FOR TABLE " : ", ", ((MoveTable *) lfirst(lc))->name);
	job_object_add(run->job->number, node_id, "publication", name);
	move_link_run(move_link_of(run, node_id), "CREATE PUBLICATION %s%s", name, list.data);
}

#define PROBLEMS_QUERY \
	"SELECT string_agg(problem, ' ') FROM (VALUES" \
	" ((SELECT count(*) FROM pg_replication_slots) >= current_setting('max_replication_slots')::int," \
	"  'It has no replication slot free (max_replication_slots).')," \
	" ((SELECT count(*) FROM pg_stat_replication) >= current_setting('max_wal_senders')::int," \
	"  'It has no WAL sender free (max_wal_senders).')," \
	" (current_setting('wal_level') <> 'logical', 'Its wal_level is not logical.'))" \
	" v(is_so, problem) WHERE is_so"

/* What is missing on a node for one more stream out of it and one into it, all at once. */
static void
check_node(MoveRun *run, int node_id)
{
	char	   *problems = move_link_value(move_link_of(run, node_id), PROBLEMS_QUERY);

	if (problems != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("node \"%s\" cannot take part in a move", node_name(node_id)),
				 errdetail("%s", problems),
				 errhint("Change its settings and move the shards again.")));
}

void
move_prepare(MoveRun *run)
{
	Job		   *job = run->job;
	List	   *tables;
	ListCell   *lc;

	check_node(run, job->source);
	check_node(run, job->target);
	move_claim(run);
	tables = move_tables(run, run->source);
	foreach(lc, tables)
	{
		if (!((MoveTable *) lfirst(lc))->keyed)
			set_identity(run, job->source, lfirst(lc));
	}
	job->shape = move_shape(run, run->source);
	for (int i = 0; i < job->nshards; i++)
	{
		job_object_add(job->number, job->target, "copy", psprintf("%d", job->shards[i]));
		move_link_run(run->target, "SELECT shardext.internal_make_copy(%d, 'tables')", job->shards[i]);
	}
	foreach(lc, tables)
	{
		if (!((MoveTable *) lfirst(lc))->keyed)
			set_identity(run, job->target, lfirst(lc));
	}
	make_publication(run, job->source, FORWARD, tables);
	make_publication(run, job->target, BACKWARD, tables);
	job_set(job->number, "tables = %d, shape = %s", list_length(tables),
			job->shape ? quote_literal_cstr(job->shape) : "NULL");
}

/* What has passed, reported now and then, and not faster than the setting allows. */
typedef struct Progress
{
	MoveRun    *run;
	int64		bytes;
	TimestampTz begun;
	TimestampTz reported;
} Progress;

static void
keep_to_rate(const Progress *progress)
{
	double		elapsed;
	double		due;

	if (setting_move_rate_limit <= 0)
		return;
	elapsed = (GetCurrentTimestamp() - progress->begun) / 1000.0;
	due = progress->bytes / (setting_move_rate_limit * 1024.0) * 1000.0;
	if (due - elapsed < 1)
		return;
	move_wait((int) Min(due - elapsed, 1000));
}

static void
bytes_passed(void *arg, int bytes)
{
	Progress   *progress = arg;

	progress->bytes += bytes;
	keep_to_rate(progress);
	if (!TimestampDifferenceExceeds(progress->reported, GetCurrentTimestamp(), REPORT_EACH_MS))
		return;
	progress->reported = GetCurrentTimestamp();
	job_set(progress->run->job->number, "bytes_done = " INT64_FORMAT, progress->bytes);
	move_check_wish(progress->run);
}

/* Rows that nobody sees yet can be there as if they had always been: nothing looks at them, or freezes them, later. */
static int64
copy_table(MoveRun *run, const MoveTable *table, MoveLink *from, Progress *progress)
{
	const char *format = table->binary ? "binary" : "text";
	char	   *copy_out = psprintf("COPY %s %s TO STDOUT (FORMAT %s)", table->name, table->columns, format);
	char	   *copy_in = psprintf("COPY %s %s FROM STDIN (FORMAT %s, FREEZE)", table->name, table->columns, format);
	char	   *truncate = quote_literal_cstr(psprintf("TRUNCATE %s", table->name));
	int64		rows;

	move_link_run(run->target, "BEGIN; SELECT shardext.internal_shard_ddl(%s)", truncate);
	rows = move_link_copy(from, copy_out, run->target, copy_in, bytes_passed, progress);
	move_link_run(run->target, "COMMIT");
	return rows;
}

/* The slot of the stream to come; the snapshot is good while the link is open and idle. */
static char *
make_slot(MoveRun *run, MoveLink *link)
{
	char	   *name = move_object_name(run->job, FORWARD);
	PGresult   *result;
	char	   *snapshot;

	job_object_add(run->job->number, run->job->source, "slot", name);
	result = move_link_rows(link, "CREATE_REPLICATION_SLOT %s LOGICAL pgoutput (SNAPSHOT 'export')", name);
	snapshot = pstrdup(PQgetvalue(result, 0, 2));
	PQclear(result);
	return snapshot;
}

void
move_backfill(MoveRun *run)
{
	Progress	progress = {.run = run, .begun = GetCurrentTimestamp()};
	MoveLink   *slot_link = move_link_open(run->job->source, LINK_REPLICATION);
	MoveLink   *from = move_link_open(run->job->source, LINK_SQL);
	char	   *snapshot = make_slot(run, slot_link);
	int64		rows = 0;
	List	   *tables;
	ListCell   *lc;

	move_link_run(from, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
	move_link_run(from, "SET TRANSACTION SNAPSHOT %s", quote_literal_cstr(snapshot));
	/* with any command the snapshot that it has exported is let go */
	move_link_run(slot_link, "SELECT 1");
	move_link_close(slot_link);
	tables = move_tables(run, from);
	job_set(run->job->number, "copied = clock_timestamp(), bytes_done = 0, rows_done = 0, bytes_total = %s",
			move_link_value(from, BYTES_QUERY, schemas_array(run->job)));
	foreach(lc, tables)
	{
		FAULT_POINT("move_between_tables");
		rows += copy_table(run, lfirst(lc), from, &progress);
	}
	move_link_run(from, "COMMIT");
	move_link_close(from);
	job_set(run->job->number, "rows_done = " INT64_FORMAT ", bytes_done = " INT64_FORMAT, rows, progress.bytes);
}

void
move_build(MoveRun *run)
{
	Job		   *job = run->job;

	for (int i = 0; i < job->nshards; i++)
	{
		move_link_run(run->target, "SELECT shardext.internal_make_copy(%d, 'indexes')", job->shards[i]);
		move_check_wish(run);
	}
	for (int i = 0; i < job->nshards; i++)
		move_link_run(run->target, "SELECT shardext.internal_make_copy(%d, 'rest')", job->shards[i]);
}
