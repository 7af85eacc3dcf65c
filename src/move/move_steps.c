/*
 * move_steps.c
 *	  A move as a table of states, and what happens when a step fails.
 *
 *	prepare -> backfill -> build -> stream -> verify -> cutover
 *		|_________|___________|                           |  owner changed, in the commit itself
 *		 broken off: from the beginning                  turn -> keep -> clean -> done
 *														          |_ back _|
 *																  definitions changed, WAL: no way back
 *
 * Until the cutover an error that a repetition does not cure, or a cancellation,
 * ends the move: what it has made is dropped. After it there is only forward.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/errors.h"
#include "base/fault.h"
#include "catalog/node_map.h"
#include "miscadmin.h"
#include "move/job_process.h"
#include "move/move_run.h"
#include "move/move_steps.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define FIRST_RETRY_MS	100
#define RETRY_MS	1000
#define MAX_RETRY_MS 10000		/* for what goes on for hours */
#define LOOK_MS		200
#define CHECK_EACH	50			/* looks */

typedef struct MoveState
{
	const char *name;
	const char *next;			/* NULL: the step writes it itself */
	const char *resume;			/* where to begin again if the step was broken off */
	bool		reversible;		/* the owner has not changed */
	const char *sentence;
	void		(*step) (MoveRun *run);
} MoveState;

static void
drop_all(MoveRun *run)
{
	move_objects_drop(run);
}

static const MoveState states[] = {
	{"prepare", "backfill", "prepare", true, "Making tables on the target.", move_prepare},
	{"backfill", "build", "prepare", true, "Copying rows under one snapshot.", move_backfill},
	{"build", "stream", "prepare", true, "Building indexes, foreign keys and triggers.", move_build},
	{"stream", "verify", "stream", true, "Applying what was written meanwhile.", move_stream},
	{"verify", "cutover", "stream", true, "Comparing both sides.", move_verify},
	{"cutover", NULL, "stream", true, "Waiting for a moment to change the owner.", move_cutover},
	{"turn", "keep", "turn", false, "Turning the stream round.", move_turn_stream},
	{"keep", NULL, "keep", false, "Served by the target; the old copy is kept current.", NULL},
	{"back", NULL, "back", false, "Going back to the source.", move_take_back},
	{"clean", "done", "clean", false, "Dropping what is not needed any more.", drop_all},
};

static const MoveState *
state_of(const char *name)
{
	for (int i = 0; i < lengthof(states); i++)
		if (strcmp(states[i].name, name) == 0)
			return &states[i];
	return NULL;
}

/*
 * A crash that takes a note of progress begins with the state before it; ends, and what has no way back, last. error:
 * what has led to the state, or NULL; who sees the state sees it.
 */
static void
set_state(const Job *job, const char *state, const ErrorData *error)
{
	const MoveState *next = state_of(state);
	const char *text = error != NULL ? quote_literal_cstr(move_error_text(error)) : "NULL";

	if (next != NULL && next->reversible && error == NULL)
		job_note(job->number, "state = %s, error = NULL", quote_literal_cstr(state));
	else
		job_set(job->number, "state = %s, error = %s", quote_literal_cstr(state), text);
}

static bool
is_member(int node_id)
{
	bool		found;

	StartTransactionCommand();
	found = node_by_id(node_id) != NULL;
	CommitTransactionCommand();
	return found;
}

/* A source that has left the cluster ends the move: there is nothing to copy from, or to go back to. */
static const MoveState *
state_without_source(MoveRun *run, const MoveState *state)
{
	if (state->reversible)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("node number %d is no member of the cluster any more", run->job->source)));
	return &states[lengthof(states) - 1];
}

/* Links and the stream go on from step to step, until something breaks or there is long nothing to do. */
static MoveLink *source_link = NULL;
static MoveLink *target_link = NULL;

static void
close_all(void)
{
	move_feed_close();
	source_link = target_link = NULL;
	move_links_close();
}

static void
close_links(void)
{
	if (source_link != NULL)
		move_link_close(source_link);
	if (target_link != NULL)
		move_link_close(target_link);
	source_link = target_link = NULL;
	move_links_close_spare();
}

/* Those that the steps up to the cutover need, so that their sessions begin at the same time. */
static void
open_all(const Job *job)
{
	const LinkWish wishes[] = {
		{job->source, LINK_SQL, 2},
		{job->source, LINK_REPLICATION, 1},
		{job->target, LINK_SQL, 2},
	};

	move_links_open_spare(wishes, lengthof(wishes));
}

static void
open_links(MoveRun *run)
{
	if (!is_member(run->job->source))
		run->source = NULL;
	else if (source_link == NULL)
		source_link = run->source = move_link_open(run->job->source, LINK_SQL);
	else
		run->source = source_link;
	if (target_link == NULL)
		target_link = move_link_open(run->job->target, LINK_SQL);
	run->target = target_link;
}

/* Its slot keeps WAL of the target: it goes even if the other node, without which nothing else is dropped, is away. */
static void
drop_way_back(MoveRun *run)
{
	move_feed_close();
	if (target_link == NULL)
		target_link = move_link_open(run->job->target, LINK_SQL);
	run->target = target_link;
	move_object_drop_kind(run, run->job->target, "slot", BACKWARD);
}

/* What broke off is dropped; the job begins again, or ends. */
static void
undo(MoveRun *run, const char *state, const ErrorData *error)
{
	close_all();
	drop_way_back(run);
	open_links(run);
	move_objects_drop(run);
	set_state(run->job, state, error);
}

void
move_obey(const char *wish, const char *state)
{
	if (strcmp(wish, "cancel") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("the job is cancelled")));
	if (strcmp(wish, "finish") == 0 && strcmp(state, "back") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("the move is not taken back")));
}

void
move_check_wish(MoveRun *run)
{
	Job		   *now = job_load(run->job->number);

	CHECK_FOR_INTERRUPTS();
	if (now != NULL)
		move_obey(now->wish, now->state);
}

bool
move_may_be_repeated(int sqlerrcode)
{
	switch (ERRCODE_TO_CATEGORY(sqlerrcode))
	{
		case ERRCODE_CONNECTION_EXCEPTION:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_TRANSACTION_ROLLBACK:
			return sqlerrcode != ERRCODE_QUERY_CANCELED;
		default:
			return sqlerrcode == ERRCODE_SX_NODE_UNAVAILABLE || sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
				sqlerrcode == ERRCODE_MOVE_AGAIN || sqlerrcode == ERRCODE_OBJECT_IN_USE;
	}
}

/* Values of rows, which errors about data may name, are left to the log. */
const char *
move_error_text(const ErrorData *error)
{
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_DATA_EXCEPTION ||
		ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION)
		return psprintf("an error with SQLSTATE %s, which the server's log has whole",
						unpack_sql_state(error->sqlerrcode));
	return error->detail ? psprintf("%s (%s)", error->message, error->detail) : error->message;
}

/* An error may be due to that. */
static bool
definitions_changed(MoveRun *run)
{
	bool		changed;

	if (run->job->shape == NULL || !is_member(run->job->source))
		return false;
	open_links(run);
	changed = !move_shape_is(run, run->source, run->job->shape);
	return changed;
}

/* Who has asked for it hears of it (wait_job). */
static void
end_way_back(const Job *job, const char *problem)
{
	job_say(job->number, "%s: the move cannot be taken back any more.", problem);
	job_set(job->number, "state = 'clean', error = NULL, wish = CASE wish WHEN 'reverse' THEN 'lost' ELSE wish END");
}

/*
 * The stream has a value that its type does not take: a type was changed since it was written (a value of an enum was
 * renamed, a composite has one attribute more). Rows that are copied anew are written as the type is now.
 */
static bool
is_first_bad_value(const Job *job, const MoveState *state, const ErrorData *error)
{
	int			n;

	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION || strcmp(state->resume, "stream") != 0)
		return false;
	(void) job_rows(&n, "SELECT 1 FROM shardext.catalog_job_log WHERE job = " INT64_FORMAT " AND sentence LIKE %s",
					job->number, quote_literal_cstr(psprintf("%%: %s", move_error_text(error))));
	return n == 1;
}

/*
 * A step is tried until the node that is away is back. Meanwhile the slot of a way back that nobody needs yet keeps WAL
 * of the target: beyond the limit it is dropped, and made anew by the step "stream". The job still knows of it.
 */
static void
bound_way_back(MoveRun *run)
{
	if (target_link == NULL)
		target_link = move_link_open(run->job->target, LINK_SQL);
	run->target = target_link;
	if (move_slot_state(run, run->target, BACKWARD) == SLOT_KEEPS_TOO_MUCH)
		move_link_run(run->target, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
					  " WHERE slot_name = %s AND NOT active", quote_literal_cstr(move_object_name(run->job, BACKWARD)));
}

/* After an error: where does the job stand now? */
static void
take_error(MoveRun *run, const MoveState *state, const ErrorData *error)
{
	Job		   *job = run->job;
	bool		cancelled = error->sqlerrcode == ERRCODE_QUERY_CANCELED;

	if (strcmp(state->name, "back") == 0 && ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_DATA_EXCEPTION)
	{
		end_way_back(job, "A type was changed");
		return;
	}
	if (!state->reversible || (move_may_be_repeated(error->sqlerrcode) && error->sqlerrcode != ERRCODE_MOVE_AGAIN &&
							   strcmp(state->resume, "prepare") != 0))
	{
		if (state->reversible && strcmp(state->resume, "stream") == 0)
			bound_way_back(run);
		set_state(job, state->resume, error);
		return;
	}
	job_say(job->number, "%s: %s", state->name, move_error_text(error));
	if (move_may_be_repeated(error->sqlerrcode) || is_first_bad_value(job, state, error) ||
		(!cancelled && definitions_changed(run)))
		undo(run, "prepare", error);
	else
		undo(run, cancelled ? "cancelled" : "failed", error);
}

static void
run_step(MoveRun *run, const MoveState *state)
{
	job_say(run->job->number, "%s", state->sentence);
	if (state->step == move_prepare && source_link == NULL && is_member(run->job->source))
		open_all(run->job);
	if (state->step == drop_all)
		drop_way_back(run);
	open_links(run);
	if (run->source == NULL)
		state = state_without_source(run, state);
	FAULT_POINT(psprintf("move_%s_begins", state->name));
	/* broken off before: what is there is of no use */
	if (strcmp(state->resume, "prepare") == 0 && state->step == move_prepare)
		move_objects_drop(run);
	if (state->step != NULL)
		state->step(run);
	FAULT_POINT(psprintf("move_%s_done", state->name));
	if (state->next != NULL)
		set_state(run->job, state->next, NULL);
	FAULT_POINT(psprintf("move_%s_written", state->name));
}

/* Anything that a job does; after an error all connections are gone, and the job's row says what comes next. */
static bool
try_to(MoveRun *run, const MoveState *state, void (*what) (MoveRun *run, const MoveState *state))
{
	MemoryContext caller_cxt = CurrentMemoryContext;
	volatile bool done = false;

	PG_TRY();
	{
		what(run, state);
		done = true;
	}
	PG_CATCH();
	{
		ErrorData  *error = job_error_take(caller_cxt);

		close_all();
		take_error(run, state, error);
	}
	PG_END_TRY();
	return done;
}

/* Why the old copies cannot follow the new owner any more; NULL if they can. */
static const char *
way_back_problem(MoveRun *run)
{
	const char *problem = NULL;

	if (!is_member(run->job->source))
		return "The node is no member of the cluster any more";
	run->target = move_link_open(run->job->target, LINK_SQL);
	if (!move_shape_is(run, run->target, run->job->shape))
		problem = "Tables were changed";
	else
	{
		switch (move_slot_state(run, run->target, BACKWARD))
		{
			case SLOT_IS_GOOD:
				break;
			case SLOT_IS_LOST:
				problem = "The slot of the stream back is lost";
				break;
			case SLOT_KEEPS_TOO_MUCH:
				problem = "The stream back keeps more WAL than shardext.move_wal_limit allows";
				break;
		}
	}
	move_link_close(run->target);
	run->target = NULL;
	return problem;
}

static long retry_ms = 0;		/* something has gone wrong, and is tried again after this time */

/* How long to wait after what was tried: mostly it is over soon. */
static long
pause_after(bool done, long longest_ms)
{
	retry_ms = done ? 0 : Min(Max(2 * retry_ms, FIRST_RETRY_MS), longest_ms);
	return retry_ms;
}

/* What the old copy is kept for: somebody's wish, or time. */
static bool
leave_keep(MoveRun *run)
{
	const Job  *job = run->job;
	static int	looks = 0;
	bool		reverse = strcmp(job->wish, "reverse") == 0;
	bool		must_look = reverse || retry_ms > 0 || looks++ % CHECK_EACH == 0;
	const char *problem = must_look ? way_back_problem(run) : NULL;

	if (problem != NULL)
		end_way_back(job, problem);
	else if (reverse)
		set_state(job, "back", NULL);
	else if (strcmp(job->wish, "finish") == 0 || job->may_clean)
		set_state(job, "clean", NULL);
	else
		return false;
	return true;
}

/* The old copy follows the new owner for a while; then somebody looks whether it shall do so any longer. */
static void
run_keep(MoveRun *run, const MoveState *state)
{
	if (leave_keep(run))
		return;
	close_links();
	(void) stream_feed_run(move_feed(run, BACKWARD), NULL, LOOK_MS);
}

/* What has ended the way back since somebody asked for it, would keep it from ever coming to an end. */
static void
run_back(MoveRun *run, const MoveState *state)
{
	const char *problem = way_back_problem(run);

	if (problem != NULL)
		end_way_back(run->job, problem);
	else if (strcmp(run->job->wish, "finish") == 0)
		set_state(run->job, "clean", NULL);
	else
		run_step(run, state);
}

static long
keep(MoveRun *run, const MoveState *state)
{
	bool		was_wrong = retry_ms > 0;
	bool		done = try_to(run, state, run_keep);

	if (done && was_wrong)
		job_set(run->job->number, "error = NULL");
	return pause_after(done, MAX_RETRY_MS);
}

void
move_resume(Job *job)
{
	const MoveState *state = state_of(job->state);

	if (state != NULL && strcmp(state->resume, state->name) != 0)
		job_set(job->number, "state = %s", quote_literal_cstr(state->resume));
}

bool
move_advance(Job *job, long *wait_ms)
{
	MoveRun		run = {.job = job};
	const MoveState *state = state_of(job->state);
	bool		may_lose_way;

	*wait_ms = LOOK_MS;
	if (state == NULL)
		return false;
	if (strcmp(job->wish, "pause") == 0)
		return true;
	if (strcmp(state->name, "keep") == 0)
	{
		*wait_ms = keep(&run, state);
		return true;
	}
	if (strcmp(job->wish, "cancel") == 0 && state->reversible)
	{
		undo(&run, "cancelled", NULL);
		return false;
	}
	/* at its first try the way back has just been made */
	may_lose_way = strcmp(state->name, "back") == 0 || (strcmp(state->name, "turn") == 0 && retry_ms > 0);
	*wait_ms = pause_after(try_to(&run, state, may_lose_way ? run_back : run_step), RETRY_MS);
	return true;
}
