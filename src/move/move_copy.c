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
#include "ddl/plain_conn.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "move/copy_flow.h"
#include "move/move_run.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#define REPORT_EACH_MS	500
#define WISH_EACH_MS	200
#define GROUP_SHARDS	16
#define GROUP_TABLES	64
#define GROUP_BYTES		(8 * 1024 * 1024)
#define FREEZE_BYTES	(1024 * 1024)

/* The answer of the link; what is to be looked after meanwhile is. */
static PGresult *
await_answer(MoveRun *run, MoveLink *link, void (*look) (MoveRun *run))
{
	while (!move_link_is_done(link))
	{
		if (plain_conn_await(move_link_pg(link), WL_SOCKET_READABLE, WISH_EACH_MS) & WL_TIMEOUT)
			look(run);
	}
	return move_link_result(link);
}

PGresult *
move_answer(MoveRun *run, MoveLink *link)
{
	return await_answer(run, link, move_check_wish);
}

/* From the moment that the slot is made it keeps WAL. */
static void
look_at_slot(MoveRun *run)
{
	move_check_wish(run);
	move_check_slot(run);
}

#define KEYLESS_QUERY \
	"SELECT 1 FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid" \
	" WHERE p.pubname = %s AND NOT shardext.internal_has_identity(r.prrelid) LIMIT 1"

/*
 * Nobody defines anything while tables are being published: are they still those that were looked at? UPDATE and
 * DELETE of one without a key would be errors; one that loses it later is taken out (ddl_carry.c), and has another
 * shape than here.
 */
static void
check_published(MoveRun *run, const char *name)
{
	if (move_link_value(run->source, KEYLESS_QUERY, quote_literal_cstr(name)) != NULL)
		move_shape_differs(run);
	move_check_shape(run);
}

static void
make_publication(MoveRun *run, int node_id, const char *prefix, List *tables)
{
	MoveLink   *link = move_link_of(run, node_id);
	char	   *name = move_object_name(run->job, prefix);
	StringInfoData list;
	ListCell   *lc;

	initStringInfo(&list);
	foreach(lc, tables)
		appendStringInfo(&list, "%s%s", list.len == 0 ? "" : ", ", ((MoveTable *) lfirst(lc))->name);
	move_link_run(link, "SELECT shardext.internal_take_publication(%s)", quote_literal_cstr(name));
	if (tables == NIL)
		return;
	move_link_run(link, "BEGIN; ALTER PUBLICATION %s ADD TABLE %s", name, list.data);
	if (node_id == run->job->source)
		check_published(run, name);
	move_link_run(link, "COMMIT");
}

/* What move_check.c asks before there is a job, but for versions and room: they were looked at then. */
#define PROBLEMS_QUERY \
	"SELECT shardext.internal_move_problems(extversion, false, 0) FROM pg_extension WHERE extname = 'shardext'"

static void
take_problems(MoveRun *run, int node_id)
{
	PGresult   *row = move_link_result(move_link_of(run, node_id));
	char	   *problems = PQgetisnull(row, 0, 0) ? NULL : pstrdup(PQgetvalue(row, 0, 0));

	PQclear(row);
	if (problems != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("node \"%s\" cannot take part in a move", node_name(node_id)),
				 errdetail("%s", problems),
				 errhint("Change its settings and move the shards again.")));
}

/* What is missing on a node for one more stream out of it and one into it, all at once. */
static void
check_nodes(MoveRun *run)
{
	move_link_send(run->source, PROBLEMS_QUERY);
	move_link_send(run->target, PROBLEMS_QUERY);
	take_problems(run, run->job->source);
	take_problems(run, run->job->target);
}

/* Shards from *first on that are worked on together: "1,2,3"; *first is then behind them. */
static char *
next_group(const Job *job, List *tables, int *first)
{
	StringInfoData shards;
	int64		bytes = 0;
	int			n = 0;

	initStringInfo(&shards);
	for (; *first < job->nshards && n < GROUP_SHARDS; (*first)++, n++)
	{
		int			shard = job->shards[*first];
		ListCell   *lc;

		foreach(lc, tables)
		{
			if (((MoveTable *) lfirst(lc))->shard == shard)
				bytes += ((MoveTable *) lfirst(lc))->bytes;
		}
		if (n > 0 && bytes > GROUP_BYTES)
			break;
		appendStringInfo(&shards, "%s%d", n == 0 ? "" : ",", shard);
	}
	return shards.data;
}

/*
 * On the target, groups of shards in so many sessions at the same time. Tables that are small are made in one
 * transaction, so that no lock is held for long.
 */
static void
make_copies(MoveRun *run, List *tables, const char *part, int sessions)
{
	MoveLink  **links = palloc0(sessions * sizeof(MoveLink *));
	/* there is no slot before there are tables */
	void (*look) (MoveRun * run) = strcmp(part, "tables") == 0 ? move_check_wish : look_at_slot;
	int			next = 0;
	int			begun = 0;
	int			ended = 0;

	while (ended < begun || next < run->job->nshards)
	{
		MoveLink  **link = &links[begun % sessions];

		if (next == run->job->nshards || begun - ended == sessions)
		{
			PQclear(await_answer(run, links[ended++ % sessions], look));
			continue;
		}
		if (*link == NULL)
			*link = begun == 0 ? run->target : move_link_open(run->job->target, LINK_SQL);
		move_link_send(*link, "SELECT shardext.internal_make_copies('{%s}', '%s')",
					   next_group(run->job, tables, &next), part);
		begun++;
	}
	for (int i = 1; i < sessions && links[i] != NULL; i++)
		move_link_close(links[i]);
}

void
move_prepare(MoveRun *run)
{
	Job		   *job = run->job;
	List	   *tables;

	check_nodes(run);
	move_claim(run);
	tables = move_tables(run, run->source);
	move_refuse_large_objects(run, run->source);
	move_keep_tables(tables);
	move_objects_list(run, tables);
	move_set_identities(run, job->source, tables);
	job->shape = move_shape(run, run->source);
	make_copies(run, NIL, "tables", setting_move_copy_sessions);
	make_publication(run, job->source, FORWARD, tables);
	make_publication(run, job->target, BACKWARD, tables);
	job_note(job->number, "tables = %d, shape = %s", list_length(tables),
			 job->shape ? quote_literal_cstr(job->shape) : "NULL");
}

/* What has passed, reported now and then, and not faster than the setting allows. */
typedef struct Progress
{
	MoveRun    *run;
	int64		bytes;
	int64		rows;			/* of tables that are copied */
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
	job_note(progress->run->job->number, "rows_done = " INT64_FORMAT ", bytes_done = " INT64_FORMAT
			 ", copied_until = clock_timestamp()", progress->rows, progress->bytes);
	look_at_slot(progress->run);
}

/* Two sessions that copy one group of tables after the other, beside others that do the same. */
typedef struct Copier
{
	MoveLink   *from;			/* under the snapshot */
	MoveLink   *to;
	List	   *group;			/* tables of the transaction that is open on to; NIL: none */
	int			next;			/* of them */
	CopyFlow   *flow;			/* of the one before; or NULL */
} Copier;

typedef struct Backfill
{
	MoveRun    *run;
	List	   *tables;			/* that no copier has yet, the largest first */
	int			ncopiers;
	Copier	   *copiers;
	Progress	progress;
} Backfill;

static int
larger_first(const ListCell *a, const ListCell *b)
{
	int64		x = ((const MoveTable *) lfirst(a))->bytes;
	int64		y = ((const MoveTable *) lfirst(b))->bytes;

	return x < y ? 1 : x > y ? -1 : 0;
}

/*
 * Rows that nobody sees yet can be there as if they had always been: nothing looks at them, or freezes them, later. For
 * that the tables have to be truncated in the transaction that copies, which is more work than a small table is worth.
 */
static bool
is_frozen(const MoveTable *table)
{
	return table->bytes >= FREEZE_BYTES;
}

static void
begin_group(Backfill *backfill, Copier *copier)
{
	StringInfoData truncate;
	int64		bytes = 0;

	initStringInfo(&truncate);
	copier->group = NIL;
	copier->next = 0;
	while (backfill->tables != NIL && list_length(copier->group) < GROUP_TABLES &&
		   (copier->group == NIL || bytes + ((MoveTable *) linitial(backfill->tables))->bytes <= GROUP_BYTES))
	{
		MoveTable  *table = linitial(backfill->tables);

		if (is_frozen(table))
			appendStringInfo(&truncate, "%s%s", truncate.len == 0 ? "TRUNCATE " : ", ", table->name);
		bytes += table->bytes;
		copier->group = lappend(copier->group, table);
		backfill->tables = list_delete_first(backfill->tables);
	}
	if (copier->group != NIL)
		move_link_run(copier->to, "BEGIN");
	if (truncate.len > 0)
		move_link_run(copier->to, "SELECT shardext.internal_shard_ddl(%s)", quote_literal_cstr(truncate.data));
}

static CopyFlow *
begin_table(const Copier *copier, const MoveTable *table)
{
	const char *format = table->binary ? "binary" : "text";
	char	   *copy_out = psprintf("COPY %s %s TO STDOUT (FORMAT %s)", table->name, table->columns, format);
	char	   *copy_in = psprintf("COPY %s %s FROM STDIN (FORMAT %s%s)", table->name, table->columns, format,
								is_frozen(table) ? ", FREEZE" : "");

	return copy_flow_begin(copier->from, copy_out, copier->to, copy_in);
}

/* The copier has nothing in flow: let it go on with the next table, if there is one. */
static void
go_on(Backfill *backfill, Copier *copier)
{
	if (copier->group != NIL && copier->next == list_length(copier->group))
	{
		move_link_run(copier->to, "COMMIT");
		copier->group = NIL;
	}
	if (copier->group == NIL)
		begin_group(backfill, copier);
	if (copier->group == NIL)
		return;
	FAULT_POINT("move_between_tables");
	copier->flow = begin_table(copier, list_nth(copier->group, copier->next++));
}

static void
copy_tables(Backfill *backfill)
{
	for (;;)
	{
		List	   *flows = NIL;
		CopyFlow   *ended;

		for (int i = 0; i < backfill->ncopiers; i++)
		{
			Copier	   *copier = &backfill->copiers[i];

			if (copier->flow == NULL)
				go_on(backfill, copier);
			if (copier->flow != NULL)
				flows = lappend(flows, copier->flow);
		}
		if (flows == NIL)
			return;
		ended = copy_flows_run(flows, bytes_passed, &backfill->progress);
		for (int i = 0; i < backfill->ncopiers; i++)
		{
			if (backfill->copiers[i].flow == ended)
				backfill->copiers[i].flow = NULL;
		}
		backfill->progress.rows += copy_flow_end(ended);
		list_free(flows);
	}
}

/* The slot of the stream to come; the snapshot is good while the link is open and idle. */
static char *
make_slot(MoveRun *run, MoveLink *link)
{
	char	   *name = move_object_name(run->job, FORWARD);
	MoveNote	noted = {""};
	PGresult   *result;
	char	   *snapshot;

	/* waits for every transaction of the source that has written */
	move_link_send(link, "CREATE_REPLICATION_SLOT %s LOGICAL pgoutput (SNAPSHOT 'export')", name);
	while (!move_link_is_done(link))
	{
		if ((plain_conn_await(move_link_pg(link), WL_SOCKET_READABLE, WISH_EACH_MS) & WL_TIMEOUT) == 0)
			continue;
		move_check_wish(run);
		move_note_writer(run, run->job->source, &noted);
	}
	result = move_link_result(link);
	snapshot = pstrdup(PQgetvalue(result, 0, 2));
	PQclear(result);
	return snapshot;
}

static int64
bytes_of(List *tables)
{
	int64		bytes = 0;
	ListCell   *lc;

	foreach(lc, tables)
		bytes += ((MoveTable *) lfirst(lc))->bytes;
	return bytes;
}

/* All look at the tables at the same moment, that from which the stream goes on. */
static void
open_copiers(Backfill *backfill)
{
	MoveRun    *run = backfill->run;
	MoveLink   *slot_link = move_link_open(run->job->source, LINK_REPLICATION);
	char	   *snapshot = make_slot(run, slot_link);

	/* a session is not worth while for less than a group of tables */
	backfill->ncopiers = Min(setting_move_copy_sessions, (int) Min(bytes_of(backfill->tables) / GROUP_BYTES, 1000) + 1);
	backfill->ncopiers = Max(1, Min(backfill->ncopiers, list_length(backfill->tables)));
	backfill->copiers = palloc0(backfill->ncopiers * sizeof(Copier));
	for (int i = 0; i < backfill->ncopiers; i++)
	{
		Copier	   *copier = &backfill->copiers[i];

		copier->from = move_link_open(run->job->source, LINK_SQL);
		copier->to = i == 0 ? run->target : move_link_open(run->job->target, LINK_SQL);
		move_link_run(copier->from, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
		move_link_run(copier->from, "SET TRANSACTION SNAPSHOT %s", quote_literal_cstr(snapshot));
	}
	/* with any command the snapshot that it has exported is let go */
	move_link_run(slot_link, "SELECT 1");
	move_link_close(slot_link);
}

static void
close_copiers(Backfill *backfill)
{
	for (int i = 0; i < backfill->ncopiers; i++)
	{
		move_link_run(backfill->copiers[i].from, "COMMIT");
		move_link_close(backfill->copiers[i].from);
		if (i > 0)
			move_link_close(backfill->copiers[i].to);
	}
}

void
move_backfill(MoveRun *run)
{
	Backfill	backfill = {.run = run, .tables = list_copy(move_kept_tables())};

	job_note(run->job->number, "copied = clock_timestamp(), bytes_done = 0, rows_done = 0, bytes_total = " INT64_FORMAT,
			 bytes_of(backfill.tables));
	list_sort(backfill.tables, larger_first);
	open_copiers(&backfill);
	backfill.progress.run = run;
	backfill.progress.begun = GetCurrentTimestamp();
	copy_tables(&backfill);
	close_copiers(&backfill);
	job_note(run->job->number, "rows_done = " INT64_FORMAT ", bytes_done = " INT64_FORMAT
			 ", copied_until = clock_timestamp()", backfill.progress.rows, backfill.progress.bytes);
}

void
move_build(MoveRun *run)
{
	/* what was written while rows were copied may be too much already */
	move_check_slot(run);
	make_copies(run, move_kept_tables(), "indexes", setting_move_copy_sessions);
	/* foreign keys lock the tables that they refer to */
	make_copies(run, move_kept_tables(), "rest", 1);
	/* the copies have now what their definition says, which may be none */
	move_set_identities(run, run->job->target, move_kept_tables());
}
