/*
 * move_stream.c
 *	  The stream from the source into the copy, and after the cutover the stream
 *	  back into the old one.
 *
 * The job's process applies the stream itself (stream_feed.h), so it knows what is
 * there without asking, and does nothing else while it does. Slot, publication and
 * origin of a stream have one name.
 */
#include "postgres.h"

#include "base/errors.h"
#include "base/fault.h"
#include "base/settings.h"
#include "catalog/node_map.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "move/move_run.h"
#include "port.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

#define CATCH_UP_MS		500
#define NEAR_MS			50
#define LOOK_MS			200
#define MARKER_BYTES	12

static StreamFeed *feed = NULL;
static MemoryContext feed_cxt = NULL;
static char feed_name[NAMEDATALEN];

void
move_feed_close(void)
{
	StreamFeed *old = feed;

	feed = NULL;
	if (old != NULL)
		stream_feed_close(old);
}

StreamFeed *
move_feed(MoveRun *run, const char *prefix)
{
	const Job  *job = run->job;
	char	   *name = move_object_name(job, prefix);
	bool		forward = strcmp(prefix, FORWARD) == 0;
	XLogRecPtr	from = InvalidXLogRecPtr;
	MemoryContext old;

	if (feed != NULL && strcmp(feed_name, name) == 0)
		return feed;
	move_feed_close();
	if (!forward && job->back_lsn != NULL)
		from = DatumGetLSN(DirectFunctionCall1(pg_lsn_in, CStringGetDatum(job->back_lsn)));
	if (feed_cxt == NULL)
		feed_cxt = AllocSetContextCreate(TopMemoryContext, "shardext stream", ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(feed_cxt);
	old = MemoryContextSwitchTo(feed_cxt);
	feed = stream_feed_open(forward ? job->source : job->target, forward ? job->target : job->source, name, from,
							forward ? NULL : move_object_name(job, FORWARD));
	MemoryContextSwitchTo(old);
	strlcpy(feed_name, name, NAMEDATALEN);
	return feed;
}

/* By chance, so that markers of the past that come again are not taken for it. */
char *
move_marker_text(MoveRun *run)
{
	uint8		bytes[MARKER_BYTES];
	StringInfoData text;

	if (!pg_strong_random(bytes, sizeof(bytes)))
		elog(ERROR, "could not make a random number");
	initStringInfo(&text);
	appendStringInfo(&text, INT64_FORMAT "/", run->job->number);
	for (int i = 0; i < MARKER_BYTES; i++)
		appendStringInfo(&text, "%02x", bytes[i]);
	return text.data;
}

char *
move_marker_write(MoveRun *run, MoveLink *from)
{
	char	   *text = move_marker_text(run);

	/* the stream has what is flushed only */
	move_link_run(from, "SET synchronous_commit = local; SELECT pg_logical_emit_message(true, '%s', '%s')",
				  STREAM_MARKER_PREFIX, text);
	return text;
}

void
move_shape_send(MoveRun *run, MoveLink *link)
{
	move_link_send(link, "SELECT shardext.internal_move_shape(%s)", quote_literal_cstr(job_shards_text(run->job)));
}

char *
move_shape_received(MoveLink *link)
{
	PGresult   *result = move_link_result(link);
	char	   *shape = PQgetisnull(result, 0, 0) ? NULL : pstrdup(PQgetvalue(result, 0, 0));

	PQclear(result);
	return shape;
}

/* Only looks into the catalog, so that it can be asked while somebody has locked the tables. */
char *
move_shape(MoveRun *run, MoveLink *link)
{
	move_shape_send(run, link);
	return move_shape_received(link);
}

bool
move_same_shape(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool
move_shape_is(MoveRun *run, MoveLink *link, const char *shape)
{
	return move_same_shape(move_shape(run, link), shape);
}

void
move_shape_differs(MoveRun *run)
{
	ereport(ERROR,
			(errcode(ERRCODE_MOVE_AGAIN),
			 errmsg("tables were changed while they were moved"),
			 errdetail("Their copies on node \"%s\" are made again.", node_name(run->job->target))));
}

void
move_check_shape(MoveRun *run)
{
	if (!move_shape_is(run, run->source, run->job->shape))
		move_shape_differs(run);
}

#define SLOT_QUERY \
	"SELECT wal_status, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint," \
	" pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint" \
	" FROM pg_replication_slots WHERE slot_name = %s"

SlotState
move_slot_state(MoveRun *run, MoveLink *link, const char *prefix)
{
	PGresult   *row = move_link_rows(link, SLOT_QUERY, quote_literal_cstr(move_object_name(run->job, prefix)));
	SlotState	state = SLOT_IS_LOST;
	int64		limit = setting_move_wal_limit * INT64CONST(1024 * 1024);

	if (PQntuples(row) > 0 && strcmp(PQgetvalue(row, 0, 0), "lost") != 0)
	{
		state = limit > 0 && strtoll(PQgetvalue(row, 0, 1), NULL, 10) > limit ? SLOT_KEEPS_TOO_MUCH : SLOT_IS_GOOD;
		job_note(run->job->number, "lag_bytes = greatest(0, %s)",
				 PQgetisnull(row, 0, 2) ? "NULL" : PQgetvalue(row, 0, 2));
	}
	PQclear(row);
	return state;
}

void
move_check_slot(MoveRun *run)
{
	switch (move_slot_state(run, run->source, FORWARD))
	{
		case SLOT_IS_GOOD:
			break;
		case SLOT_IS_LOST:
			ereport(ERROR,
					(errcode(ERRCODE_MOVE_AGAIN),
					 errmsg("the slot of the stream on node \"%s\" is lost", node_name(run->job->source)),
					 errdetail("WAL that it needs is gone."),
					 errhint("Raise max_slot_wal_keep_size there.")));
			break;
		case SLOT_KEEPS_TOO_MUCH:
			ereport(ERROR,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("the move keeps more than %d MB of WAL on node \"%s\"", setting_move_wal_limit,
							node_name(run->job->source)),
					 errdetail("More is written there than the copy on node \"%s\" can follow.",
							   node_name(run->job->target)),
					 errhint("Move the shards when less is written, or raise shardext.move_wal_limit.")));
			break;
	}
}

static void
make_origin(MoveRun *run, int node_id, const char *prefix)
{
	char	   *name = move_object_name(run->job, prefix);

	move_link_run(move_link_of(run, node_id), "SELECT pg_replication_origin_create(%s) WHERE NOT EXISTS"
				  " (SELECT FROM pg_replication_origin WHERE roname = %s)",
				  quote_literal_cstr(name), quote_literal_cstr(name));
}

/* It waits for every transaction of the server: the link is in use until its answer is there. */
static void
begin_back_slot(MoveRun *run)
{
	char	   *name = quote_literal_cstr(move_object_name(run->job, BACKWARD));

	move_link_send(run->target, "SELECT pg_create_logical_replication_slot(%s, 'pgoutput') WHERE NOT EXISTS"
				   " (SELECT FROM pg_replication_slots WHERE slot_name = %s)", name, name);
}

static void
await_back_slot(MoveRun *run)
{
	while (!stream_feed_run_beside(move_feed(run, FORWARD), run->target, LOOK_MS))
	{
		move_check_wish(run);
		move_check_slot(run);
	}
	PQclear(move_link_result(run->target));
}

/* Until a marker takes no longer than a cutover could wait for it. */
static void
catch_up(MoveRun *run)
{
	/* what was written while indexes were built may be too much already */
	move_check_slot(run);
	for (;;)
	{
		TimestampTz begun = GetCurrentTimestamp();
		char	   *marker = move_marker_write(run, run->source);

		while (!stream_feed_run(move_feed(run, FORWARD), marker, CATCH_UP_MS))
		{
			move_check_wish(run);
			move_check_shape(run);
			move_check_slot(run);
		}
		if (!TimestampDifferenceExceeds(begun, GetCurrentTimestamp(), NEAR_MS))
			return;
		move_check_wish(run);
	}
}

void
move_stream(MoveRun *run)
{
	make_origin(run, run->job->target, FORWARD);
	begin_back_slot(run);
	catch_up(run);
	await_back_slot(run);
}

/* The new owner's changes go to the old copy from here on. Nothing goes the other way any more. */
void
move_turn_stream(MoveRun *run)
{
	Job		   *job = run->job;

	if (feed != NULL && strcmp(feed_name, move_object_name(job, FORWARD)) == 0)
		move_feed_close();
	move_object_drop_kind(run, job->source, "slot", FORWARD);
	move_object_drop_kind(run, job->source, "publication", FORWARD);
	FAULT_POINT("move_before_back_stream");
	make_origin(run, job->source, BACKWARD);
	(void) move_feed(run, BACKWARD);
}
