/*
 * move_verify.c
 *	  Are the rows of the copy those of the source, at one and the same point?
 *
 *	source:	fence writers, take a snapshot, write a marker, let writers go on
 *	target:	whoever applies the marker stops in a trigger, before it is committed:
 *			a snapshot taken now sees what was committed on the source before it
 *	then:	both sides are counted and hashed at leisure under those snapshots
 *
 * Writers wait for some milliseconds. The hashes do not depend on the order of
 * rows, and are summed up, so that equal rows do not cancel each other.
 */
#include "postgres.h"

#include "base/errors.h"
#include "catalog/node_map.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "move/move_run.h"
#include "utils/timestamp.h"

/* Advisory lock that the trigger of the marker takes: this class, and the marker table. */
#define STOP_CLASS	6022
#define FENCE_WAIT_MS 20
#define MAX_PAUSE_MS 1000
#define STOP_PATIENCE_MS 30000

/* False: somebody uses the shards. */
static bool
try_fence(MoveLink *fence, const char *shards)
{
	MemoryContext caller_cxt = CurrentMemoryContext;
	volatile bool done = false;

	PG_TRY();
	{
		move_link_run(fence, "SELECT shardext.internal_fence('%s', 'writers', %d)", shards, FENCE_WAIT_MS);
		done = true;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller_cxt);
		if (geterrcode() != ERRCODE_LOCK_NOT_AVAILABLE)
			PG_RE_THROW();
		FlushErrorState();
	}
	PG_END_TRY();
	return done;
}

/* Fence, look, let go; again and again, until the fence was had. */
static void
snapshot_source(MoveRun *run, MoveLink *fence, MoveLink *look, int64 marker)
{
	char	   *shards = job_shards_text(run->job);
	long		pause_ms = 10;

	move_link_run(look, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
	for (;;)
	{
		move_link_run(fence, "BEGIN");
		if (try_fence(fence, shards))
			break;
		move_link_run(fence, "ROLLBACK");
		move_wait(pause_ms);
		pause_ms = Min(pause_ms * 2, MAX_PAUSE_MS);
		move_check_wish(run);
	}
	move_link_run(look, "SELECT 1");
	move_marker_write(run, run->source, marker, false);
	move_link_run(fence, "COMMIT");
}

#define STOPPED_QUERY \
	"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND classid = %d" \
	" AND objid = '%s'::regclass AND objsubid = 2" \
	" AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"

/* Wait until the subscription's worker stands in the trigger. */
static void
await_stop(MoveRun *run, MoveLink *link)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), STOP_PATIENCE_MS);

	for (;;)
	{
		char	   *waiting = move_link_value(link, STOPPED_QUERY, STOP_CLASS, move_marker_table(run->job));

		if (strcmp(waiting, "0") != 0)
			return;
		if (GetCurrentTimestamp() >= deadline)
		{
			move_check_shape(run);
			deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), STOP_PATIENCE_MS);
		}
		move_wait(1);
		move_check_wish(run);
	}
}

static void
snapshot_target(MoveRun *run, MoveLink *stop, MoveLink *look)
{
	move_link_run(look, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
	await_stop(run, stop);
	move_link_run(look, "SELECT 1");
}

/* "1234 -987654321": rows, and the sum of their hashes */
static char *
sum_of(MoveLink *link, const MoveTable *table)
{
	const char *hash = table->hashable ? "hash_record_extended(t, 0)" : "hashtextextended(t::text, 0)";

	return move_link_value(link, "SELECT concat(count(*), ' ', sum(%s)) FROM ONLY %s AS t", hash, table->name);
}

static void
raise_difference(MoveRun *run, const MoveTable *table, const char *here, const char *there)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("the copy of %s on node \"%s\" differs from the table on node \"%s\"",
					table->name, node_name(run->job->target), node_name(run->job->source)),
			 errdetail("Rows and sum of their hashes: %s there, %s here.", here, there),
			 errhint("The move is given up; nothing was changed. Look for what writes to the copy.")));
}

static void
compare(MoveRun *run, MoveLink *source, MoveLink *target)
{
	ListCell   *lc;

	foreach(lc, move_tables(run, source))
	{
		const MoveTable *table = lfirst(lc);
		char	   *there = sum_of(source, table);
		char	   *here = sum_of(target, table);

		if (strcmp(there, here) != 0)
			raise_difference(run, table, there, here);
		move_check_wish(run);
	}
}

void
move_verify(MoveRun *run)
{
	Job		   *job = run->job;
	int64		marker = move_marker_number(run);
	MoveLink   *fence = move_link_open(job->source, LINK_SQL);
	MoveLink   *source = move_link_open(job->source, LINK_SQL);
	MoveLink   *target = move_link_open(job->target, LINK_SQL);
	MoveLink   *stop = move_link_open(job->target, LINK_SQL);
	char	   *table = move_marker_table(job);

	move_link_run(stop, "SELECT pg_advisory_lock(%d, '%s'::regclass::oid::int)", STOP_CLASS, table);
	snapshot_source(run, fence, source, marker);
	snapshot_target(run, stop, target);
	move_link_close(stop);
	move_link_close(fence);
	compare(run, source, target);
	move_link_close(source);
	move_link_close(target);
}
