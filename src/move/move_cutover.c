/*
 * move_cutover.c
 *	  The owner changes: in one distributed transaction on the old owner, the new
 *	  one and the authority (design D9).
 *
 *	lock the cluster's catalog			nobody waits for us yet
 *	the map, the job					on all nodes concerned
 *	fence the shards on the old owner	everybody waits from here on
 *	marker: written there, come here	the copy has everything; meanwhile:
 *	marks of ids, the tables' shape		from there
 *	commit								two-phase; the fence is held by what is prepared
 *
 * The fence is tried when the stream is near: a marker that is written without it
 * comes within some milliseconds.
 *
 * The fence keeps readers out, too: who waits for it finds, under READ COMMITTED,
 * that the shard has another owner, and goes there. If the fence is not had within
 * some milliseconds, because a transaction uses the shards, everything is let go
 * and tried again after a pause.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "base/errors.h"
#include "base/fault.h"
#include "base/settings.h"
#include "catalog/catalog_write.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "cluster/catalog_image.h"
#include "cluster/cluster_admin.h"
#include "cluster/shard_marks.h"
#include "ddl/shard_apply.h"
#include "dxact/dxact.h"
#include "miscadmin.h"
#include "move/move_run.h"
#include "move/shard_copy.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#define FENCE_WAIT_MS	15
#define MARKER_WAIT_MS	1000
#define NEAR_MS			20
#define FIRST_PAUSE_MS	20
#define MAX_PAUSE_MS	250
#define TELL_PAUSE_MS	100

/* Moves of a rebalance or drain keep no old copies. */
#define AFTER_FORWARD	"CASE WHEN keeps THEN 'turn' ELSE 'clean' END"

typedef struct Cutover
{
	MoveRun    *run;
	int			from;			/* node ids */
	int			to;
	const char *stream;			/* FORWARD or BACKWARD */
	const char *state;			/* of the job afterwards */
	char	   *shape;			/* of the new owner's tables */
	instr_time	fenced_at;
	double		pause_ms;
} Cutover;

/* ERROR 55P03 if somebody uses the shards. */
static void
fence(Cutover *cutover, const char *marker)
{
	Job		   *job = cutover->run->job;

	if (cutover->from == node_self())
		shard_copy_fence(job->nshards, job->shards, FENCE_WAIT_MS, marker);
	else
		(void) conn_execute(dxact_connection(cutover->from, GetUserId(), DXACT_WRITE),
							psprintf("SELECT shardext.internal_fence('%s', %d, '%s')", job_shards_text(job),
									 FENCE_WAIT_MS, marker), NULL);
	INSTR_TIME_SET_CURRENT(cutover->fenced_at);
}

static ShardRow *
changed_rows(Cutover *cutover, const ShardRow *present, int npresent)
{
	Job		   *job = cutover->run->job;
	ShardRow   *rows = palloc(job->nshards * sizeof(ShardRow));

	for (int i = 0; i < job->nshards; i++)
	{
		int			shard = job->shards[i];

		if (shard >= npresent || present[shard].owner != cutover->from)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("logical shard %d does not belong to node \"%s\" any more", shard,
							node_name(cutover->from)),
					 errdetail("The map of the cluster was changed while the shard was moved."),
					 errhint("Look into shardext.shards.")));
		rows[i] = (ShardRow)
		{
			.shard = shard, .owner = cutover->to, .version = present[shard].version + 1
		};
	}
	return rows;
}

/* To the other two of old owner, new owner and authority; the rest of the cluster hears of it within a second. */
static void
tell_nodes(Cutover *cutover)
{
	CatalogImage *image = catalog_image_read();
	int			other = cutover->from == node_self() ? cutover->to : cutover->from;
	int			authority = cluster_require()->authority;

	catalog_image_send(dxact_connection(other, GetUserId(), DXACT_WRITE), image, 0);
	if (authority != node_self() && authority != other)
		catalog_image_send(dxact_connection(authority, GetUserId(), DXACT_WRITE), image, 0);
}

/*
 * Copies and owners change places in the list of what is to be dropped one day.
 * The way back begins here; what the stream into the copies may yet bring is
 * left out of it (stream_feed_open).
 */
static void
note_job(Cutover *cutover)
{
	Job		   *job = cutover->run->job;
	int			n;
	char	 ***rows = job_rows_within(&n, "SELECT wish, state FROM shardext.catalog_job WHERE job = " INT64_FORMAT
									   " FOR UPDATE", job->number);

	/* who wishes otherwise later waits for the commit, and is told that it is too late */
	move_obey(rows[0][0], rows[0][1]);
	job_run_within(psprintf("UPDATE shardext.catalog_job_object SET node = %d WHERE job = " INT64_FORMAT
							" AND kind = 'copy'", cutover->from, job->number));
	job_set_within(job->number, "state = %s, error = NULL, shape = %s, back_lsn = '%X/%X',"
				   " served = coalesce(served, clock_timestamp()),"
				   " clean_at = clock_timestamp() + interval '%d seconds'",
				   cutover->state, cutover->shape ? quote_literal_cstr(cutover->shape) : "NULL",
				   LSN_FORMAT_ARGS(GetXLogInsertRecPtr()), setting_cleanup_delay);
}

/* Definitions change what goes forward by beginning anew, and what comes back by making it impossible. */
static void
compare_shapes(Cutover *cutover, const char *shape)
{
	MoveRun    *run = cutover->run;

	if (move_same_shape(shape, run->job->shape))
		return;
	if (cutover->from == run->job->source)
		move_shape_differs(run);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("tables were changed since they were moved"),
			 errdetail("The old copies on node \"%s\" do not have the change.", node_name(run->job->source)),
			 errhint("Move the shards there again.")));
}

/* Nobody writes any more: have the rest of the stream on the other side, and take over the ids meanwhile. */
static void
drain(Cutover *cutover, const char *marker, const ShardRow *present, const ShardRow *changed)
{
	MoveRun    *run = cutover->run;
	MoveLink   *from = move_link_of(run, cutover->from);
	bool		there;

	move_shape_send(run, from);
	shard_marks_give(shard_marks_take(run->job->nshards, changed, present));
	there = stream_feed_run(move_feed(run, cutover->stream), marker, MARKER_WAIT_MS);
	compare_shapes(cutover, move_shape_received(from));
	if (!there)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("the stream is not near enough for the cutover")));
}

static void
change_owner(Cutover *cutover)
{
	int			npresent;
	ShardRow   *present = catalog_read_shards(&npresent);
	ShardRow   *changed = changed_rows(cutover, present, npresent);
	char	   *marker = move_marker_text(cutover->run);

	catalog_write_shards(cutover->run->job->nshards, changed);
	tell_nodes(cutover);
	note_job(cutover);
	(void) stream_feed_run(move_feed(cutover->run, cutover->stream), NULL, 0);
	fence(cutover, marker);
	FAULT_POINT("move_fenced");
	drain(cutover, marker, present, changed);
	FAULT_POINT("move_before_commit");
}

/* One attempt, in a transaction; errors go on. */
static void
attempt(Cutover *cutover)
{
	MemoryContext caller_cxt = CurrentMemoryContext;
	instr_time	now;
	SavedRole	saved;

	cutover->shape = move_shape(cutover->run, move_link_of(cutover->run, cutover->to));
	/* asked for again under the fence, and answered sooner then */
	compare_shapes(cutover, move_shape(cutover->run, move_link_of(cutover->run, cutover->from)));

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	saved = role_become(extension_owner());
	cluster_admin_lock();
	change_owner(cutover);
	role_restore(saved);
	PopActiveSnapshot();
	CommitTransactionCommand();
	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, cutover->fenced_at);
	cutover->pause_ms = INSTR_TIME_GET_MILLISEC(now);
	MemoryContextSwitchTo(caller_cxt);
}

/* False: the shards are in use, try again. */
static bool
attempt_caught(Cutover *cutover)
{
	MemoryContext caller_cxt = CurrentMemoryContext;
	volatile bool done = false;

	PG_TRY();
	{
		attempt(cutover);
		done = true;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller_cxt);
		if (geterrcode() != ERRCODE_LOCK_NOT_AVAILABLE)
			PG_RE_THROW();
		FlushErrorState();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(caller_cxt);
	}
	PG_END_TRY();
	return done;
}

/* However long it takes: nobody may have changed his mind, and the slot may not keep too much. */
static void
look_meanwhile(Cutover *cutover)
{
	MoveRun    *run = cutover->run;

	move_check_wish(run);
	if (cutover->from == run->job->source)
		move_check_slot(run);
	else if (move_slot_state(run, move_link_of(run, cutover->from), cutover->stream) != SLOT_IS_GOOD)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("the way back keeps too much WAL on node \"%s\"", node_name(cutover->from))));
}

/*
 * Until the stream is so near that what it lacks takes no longer than the fence may: whoever waits for the fence waits
 * for that, too. Where everything takes longer, so may this.
 */
static void
approach(Cutover *cutover)
{
	MoveRun    *run = cutover->run;
	MoveLink   *from = move_link_of(run, cutover->from);

	for (int near_ms = NEAR_MS;; near_ms = Min(near_ms * 2, MARKER_WAIT_MS))
	{
		char	   *marker = move_marker_write(run, from);

		if (stream_feed_run(move_feed(run, cutover->stream), marker, near_ms))
			return;
		do
			look_meanwhile(cutover);
		while (!stream_feed_run(move_feed(run, cutover->stream), marker, MARKER_WAIT_MS));
	}
}

static void
hand_over(Cutover *cutover)
{
	long		pause_ms = FIRST_PAUSE_MS;
	MoveNote	noted = {""};
	Job		   *job = cutover->run->job;

	for (;;)
	{
		approach(cutover);
		if (attempt_caught(cutover))
			break;
		(void) stream_feed_run(move_feed(cutover->run, cutover->stream), NULL, pause_ms);
		pause_ms = Min(pause_ms * 2, MAX_PAUSE_MS);
		look_meanwhile(cutover);
		if (pause_ms > TELL_PAUSE_MS)
			move_note_user(cutover->run, cutover->from, &noted);
	}
	FAULT_POINT("move_after_commit");
	job_note(job->number, "pause_ms = %.3f", cutover->pause_ms);
	job_say(job->number, "Node \"%s\" serves %s; users waited for %.1f ms at most.", node_name(cutover->to),
			job->nshards == 1 ? psprintf("logical shard %d", job->shards[0]) :
			psprintf("%d logical shards", job->nshards),
			cutover->pause_ms);
}

void
move_cutover(MoveRun *run)
{
	Cutover		cutover = {
		.run = run, .from = run->job->source, .to = run->job->target,
		.stream = FORWARD, .state = AFTER_FORWARD
	};

	hand_over(&cutover);
}

void
move_take_back(MoveRun *run)
{
	Cutover		cutover = {
		.run = run, .from = run->job->target, .to = run->job->source,
		.stream = BACKWARD, .state = "'clean'"
	};

	hand_over(&cutover);
}
