/*
 * move_stream.c
 *	  The stream from the source into the copy, and after the cutover the stream
 *	  back into the old one.
 *
 * Subscriptions of PostgreSQL apply what slots of ours give. A marker is a row
 * that is written on one side: when it is seen on the other, so is everything
 * that was committed before it.
 */
#include "postgres.h"

#include "base/errors.h"
#include "base/fault.h"
#include "catalog/node_map.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "move/move_run.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#define POLL_MS			1
#define CATCH_UP_MS		500
#define NEAR_MS			50

int64
move_marker_number(MoveRun *run)
{
	job_set(run->job->number, "marker = " INT64_FORMAT, ++run->job->marker);
	return run->job->marker;
}

void
move_marker_write(MoveRun *run, MoveLink *from, int64 marker, bool durable)
{
	move_link_run(from, "SET synchronous_commit = %s; INSERT INTO %s VALUES (1, " INT64_FORMAT
				  ") ON CONFLICT (id) DO UPDATE SET n = excluded.n", durable ? "local" : "off",
				  move_marker_table(run->job), marker);
}

bool
move_marker_await(MoveRun *run, MoveLink *to, int64 marker, int wait_ms)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), wait_ms);

	for (;;)
	{
		char	   *seen = move_link_value(to, "SELECT n FROM %s", move_marker_table(run->job));

		if (seen != NULL && strtoll(seen, NULL, 10) >= marker)
			return true;
		if (GetCurrentTimestamp() >= deadline)
			return false;
		move_wait(POLL_MS);
	}
}

#define SHAPE_QUERY \
	"WITH r AS (SELECT c.oid, c.xmin, c.relname, c.relkind FROM pg_class c JOIN pg_namespace n" \
	"   ON n.oid = c.relnamespace WHERE n.nspname IN (%s) AND c.relname NOT LIKE 'shardext\\_marker%%')" \
	" SELECT md5(string_agg(line, ';' ORDER BY line COLLATE \"C\")) FROM (" \
	" SELECT format('%%s %%s', oid, xmin) AS line FROM r" \
	" UNION ALL SELECT format('%%s.%%s %%s', attrelid, attnum, a.xmin) FROM pg_attribute a" \
	"   JOIN r ON attrelid = r.oid" \
	" UNION ALL SELECT format('%%s %%s', i.indexrelid, i.xmin) FROM pg_index i JOIN r ON i.indrelid = r.oid" \
	" UNION ALL SELECT format('%%s %%s', c.oid, c.xmin) FROM pg_constraint c JOIN r ON conrelid = r.oid" \
	" UNION ALL SELECT format('%%s %%s', t.oid, t.xmin) FROM pg_trigger t JOIN r ON tgrelid = r.oid) AS lines"

/*
 * Changes with every definition of the shards' tables. Only looks into the
 * catalog, so that it can be asked while somebody has locked them.
 */
char *
move_shape(MoveRun *run, MoveLink *link)
{
	StringInfoData schemas;

	initStringInfo(&schemas);
	for (int i = 0; i < run->job->nshards; i++)
		appendStringInfo(&schemas, "%s'shard_%04d'", i == 0 ? "" : ", ", run->job->shards[i]);
	return move_link_value(link, SHAPE_QUERY, schemas.data);
}

bool
move_shape_is(MoveRun *run, MoveLink *link, const char *shape)
{
	char	   *now = move_shape(run, link);

	return now == NULL || shape == NULL ? now == shape : strcmp(now, shape) == 0;
}

void
move_check_shape(MoveRun *run)
{
	if (!move_shape_is(run, run->source, run->job->shape))
		ereport(ERROR,
				(errcode(ERRCODE_MOVE_AGAIN),
				 errmsg("tables were changed while they were moved"),
				 errdetail("Their copies on node \"%s\" are made again.", node_name(run->job->target))));
}

bool
move_slot_is_lost(MoveLink *link, const Job *job, const char *prefix)
{
	char	   *state = move_link_value(link, "SELECT wal_status FROM pg_replication_slots WHERE slot_name = %s",
										quote_literal_cstr(move_object_name(job, prefix)));

	return state == NULL || strcmp(state, "lost") == 0;
}

/* The stream will never come: its WAL is gone (max_slot_wal_keep_size), or its slot. */
static void
check_slot(MoveRun *run)
{
	if (move_slot_is_lost(run->source, run->job, FORWARD))
		ereport(ERROR,
				(errcode(ERRCODE_MOVE_AGAIN),
				 errmsg("the slot of the stream on node \"%s\" is lost", node_name(run->job->source)),
				 errdetail("WAL that it needs is gone."),
				 errhint("Raise max_slot_wal_keep_size there.")));
}

static bool
subscription_exists(MoveLink *link, const char *name)
{
	return strcmp(move_link_value(link, "SELECT count(*) FROM pg_subscription WHERE subname = %s AND subdbid ="
								  " (SELECT oid FROM pg_database WHERE datname = current_database())",
								  quote_literal_cstr(name)), "0") != 0;
}

/* A subscription on to (a node) to what the slot of the same name on from gives; not running yet. */
static void
make_subscription(MoveRun *run, int to, int from, const char *prefix)
{
	char	   *name = move_object_name(run->job, prefix);
	MoveLink   *link = move_link_of(run, to);

	if (subscription_exists(link, name))
		return;
	job_object_add(run->job->number, to, "subscription", name);
	move_link_run(link, "CREATE SUBSCRIPTION %s CONNECTION %s PUBLICATION %s"
				  " WITH (enabled = false, create_slot = false, slot_name = %s, copy_data = false)",
				  name, quote_literal_cstr(move_link_conninfo(from)), name, name);
}

static void
make_back_slot(MoveRun *run)
{
	char	   *name = move_object_name(run->job, BACKWARD);

	job_object_add(run->job->number, run->job->target, "slot", name);
	move_link_run(run->target, "SELECT pg_create_logical_replication_slot(%s, 'pgoutput') WHERE NOT EXISTS"
				  " (SELECT FROM pg_replication_slots WHERE slot_name = %s)",
				  quote_literal_cstr(name), quote_literal_cstr(name));
}

/* Until a marker takes no longer than a cutover could wait for it. */
static void
catch_up(MoveRun *run)
{
	for (;;)
	{
		TimestampTz begun = GetCurrentTimestamp();
		int64		marker = move_marker_number(run);

		move_marker_write(run, run->source, marker, true);
		while (!move_marker_await(run, run->target, marker, CATCH_UP_MS))
		{
			move_check_wish(run);
			move_check_shape(run);
			check_slot(run);
		}
		if (!TimestampDifferenceExceeds(begun, GetCurrentTimestamp(), NEAR_MS))
			return;
		move_check_wish(run);
	}
}

void
move_stream(MoveRun *run)
{
	Job		   *job = run->job;

	make_subscription(run, job->target, job->source, FORWARD);
	move_link_run(run->target, "ALTER SUBSCRIPTION %s ENABLE", move_object_name(job, FORWARD));
	make_back_slot(run);
	catch_up(run);
}

/* The new owner's changes go to the old copy from here on. Nothing goes the other way any more. */
void
move_turn_stream(MoveRun *run)
{
	Job		   *job = run->job;
	char	   *name = move_object_name(job, BACKWARD);

	move_object_drop_kind(run, job->target, "subscription", FORWARD);
	move_object_drop_kind(run, job->source, "slot", FORWARD);
	move_object_drop_kind(run, job->source, "publication", FORWARD);
	FAULT_POINT("move_before_back_stream");
	make_subscription(run, job->source, job->target, BACKWARD);
	move_link_run(run->source, "SELECT pg_replication_origin_advance('pg_' || oid, %s) FROM pg_subscription s"
				  " WHERE subname = %s AND NOT subenabled AND NOT EXISTS (SELECT FROM pg_replication_origin_status o"
				  " WHERE o.external_id = 'pg_' || s.oid AND o.remote_lsn > %s)",
				  quote_literal_cstr(job->back_lsn), quote_literal_cstr(name), quote_literal_cstr(job->back_lsn));
	move_link_run(run->source, "ALTER SUBSCRIPTION %s ENABLE", name);
}
