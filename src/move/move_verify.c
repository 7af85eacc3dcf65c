/*
 * move_verify.c
 *	  Are the rows of the copy those of the source, at one and the same point?
 *
 *	source:	take a snapshot, then write a marker
 *	stream:	goes on until the copy is as the source was for that snapshot, and
 *			stops there (stream_feed_run_to_snapshot)
 *	target:	take a snapshot; the stream goes on
 *	then:	both sides are counted and hashed at leisure under those snapshots
 *
 * Nobody waits for any of it. The hashes do not depend on the order of rows, and
 * are summed up, so that equal rows do not cancel each other.
 */
#include "postgres.h"

#include "base/errors.h"
#include "catalog/node_map.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "move/move_difference.h"
#include "move/move_run.h"
#include "utils/builtins.h"

#define TRIES			100
#define PAUSE_MS		5
#define LOOK_MS			200

/* Both looks see the same rows. */
static void
open_looks(MoveRun *run, MoveLink *source, MoveLink *target)
{
	for (int i = 0; i < TRIES; i++)
	{
		StreamFeed *feed = move_feed(run, FORWARD);
		char	   *snapshot;

		(void) stream_feed_run(feed, NULL, 0);
		move_link_run(source, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
		snapshot = move_link_value(source, "SELECT pg_current_snapshot()");
		move_link_run(target, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
		if (stream_feed_run_to_snapshot(feed, snapshot, move_marker_write(run, run->source)))
		{
			move_link_run(target, "SELECT 1");
			stream_feed_release(feed);
			return;
		}
		move_link_run(source, "ROLLBACK");
		move_link_run(target, "ROLLBACK");
		(void) stream_feed_run(feed, NULL, PAUSE_MS);
		move_check_wish(run);
	}
	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 errmsg("could not find a moment at which both sides can be compared"),
			 errdetail("Transactions of node \"%s\" become visible long after they are in its WAL.",
					   node_name(run->job->source))));
}

static const char *
hash_of(const MoveTable *table)
{
	return table->hashable ? "hash_record_extended(" ROW_NAME ".*, 0)" : "hashtextextended((" ROW_NAME ".*)::text, 0)";
}

/* Rows, and the sum of their hashes; by their bytes, or by what they mean. */
static char *
sums_of(const MoveTable *table, bool by_bytes)
{
	if (by_bytes)
		return psprintf("shardext.internal_row_sums(%s)", quote_literal_cstr(table->name));
	return psprintf("(SELECT concat(count(*), ' ', sum(%s)) FROM ONLY %s AS " ROW_NAME ")", hash_of(table),
					table->name);
}

/* A row for each table, in order. */
static void
send_sums(MoveLink *link, List *tables, bool by_bytes)
{
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	foreach(lc, tables)
		appendStringInfo(&sql, "%s SELECT %d AS number, %s AS sums", sql.len == 0 ? "" : " UNION ALL",
						 foreach_current_index(lc), sums_of(lfirst(lc), by_bytes));
	move_link_send(link, "SELECT sums FROM (%s) s ORDER BY number", sql.data);
}

/* The stream goes on meanwhile. */
static PGresult *
await_sums(MoveRun *run, MoveLink *link)
{
	while (!stream_feed_run_beside(move_feed(run, FORWARD), link, LOOK_MS))
	{
		move_check_wish(run);
		move_check_slot(run);
	}
	return move_link_result(link);
}

static void
raise_difference(MoveRun *run, int n, const MoveTable *table)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("the copy of %s on node \"%s\" differs from the table on node \"%s\"",
					table->name, node_name(run->job->target), node_name(run->job->source)),
			 errdetail("Tables that differ: %d. SELECT * FROM shardext.catalog_job_difference WHERE job = " INT64_FORMAT
					   " on node \"%s\" has the ranges of keys.", n, run->job->number, node_name(run->job->target)),
			 errhint("The move is given up; nothing was changed. Look for what writes to the copy.")));
}

/* Those whose sums differ. */
static List *
different_tables(MoveRun *run, MoveLink *source, MoveLink *target, List *tables, bool by_bytes)
{
	List	   *different = NIL;
	PGresult   *there;
	PGresult   *here;
	ListCell   *lc;

	if (tables == NIL)
		return NIL;
	send_sums(source, tables, by_bytes);
	send_sums(target, tables, by_bytes);
	there = await_sums(run, source);
	here = await_sums(run, target);
	foreach(lc, tables)
	{
		int			i = foreach_current_index(lc);

		if (strcmp(PQgetvalue(there, i, 0), PQgetvalue(here, i, 0)) != 0)
			different = lappend(different, lfirst(lc));
	}
	PQclear(there);
	PQclear(here);
	return different;
}

/* What differs is written down, then raised. Equal bytes are equal values; other bytes may be, too. */
static void
compare(MoveRun *run, MoveLink *source, MoveLink *target)
{
	List	   *different = different_tables(run, source, target, move_tables(run, source), true);
	ListCell   *lc;

	different = different_tables(run, source, target, different, false);
	foreach(lc, different)
	{
		const MoveTable *table = lfirst(lc);

		move_difference_note(run, source, target, table->name, hash_of(table));
	}
	if (different != NIL)
		raise_difference(run, list_length(different), linitial(different));
}

void
move_verify(MoveRun *run)
{
	/* beside the one that writes markers */
	MoveLink   *source = move_link_open(run->job->source, LINK_SQL);

	open_looks(run, source, run->target);
	compare(run, source, run->target);
	move_link_run(source, "COMMIT");
	move_link_run(run->target, "COMMIT");
	move_link_close(source);
}
