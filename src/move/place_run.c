/*
 * place_run.c
 *	  Rebalances, drains, and moves of shards of several nodes: jobs that start
 *	  moves.
 *
 *	plan ----> moving ----> done, failed, cancelled
 *		<- - - - - (drain: something came meanwhile)
 *	           moving ----> keep ----> clean ----> done		(kind moves)
 *
 * The rows of catalog_job_move are what is to be done:
 *
 *	wait -> run -> done			a move has it, it is on its new node and the old copy is gone
 *			   `-> wait			the move has failed; three times: failed
 *	wait -> skipped				it has gone elsewhere meanwhile; or the job, or its move, was cancelled
 *
 * Each look asks the nodes that get shards for the moves of this job, so nothing is
 * lost when this process or a node dies between the start of a move and the note of
 * it: a move that nobody has noted is taken over. No node takes part in more than
 * shardext.moves_per_node of them at once; a move takes some shards of one node to
 * one other. They keep no old copies: another rebalance is the way back.
 *
 * A job of the kind moves is made with its rows; it has one move for each source, which
 * does keep old copies. What is asked of the job then is asked of its moves.
 *
 * A shard that another job has (catalog_claim) is waited for.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/fault.h"
#include "base/settings.h"
#include "catalog/node_map.h"
#include "cluster/cluster.h"
#include "cluster/cluster_admin.h"
#include "ddl/shard_apply.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "move/job_process.h"
#include "move/move_link.h"
#include "move/move_steps.h"
#include "move/place_plan.h"
#include "move/place_run.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#define LOOK_MS			200
#define RETRY_MS		1000
#define BATCH_SHARDS	16
#define BATCH_BYTES		(INT64CONST(1) << 30)
#define TRIES			3

/* A move as somebody asks for it, but of shards of several nodes. */
static bool
is_of_several(const Job *job)
{
	return strcmp(job->kind, "moves") == 0;
}

static int
number_of(const char *fmt, int64 job)
{
	int			n;
	char	 ***rows = job_rows(&n, "SELECT count(*) FROM shardext.catalog_job_move"
								" WHERE job = " INT64_FORMAT " AND %s", job, fmt);

	return atoi(rows[0][0]);
}

static const char *
some_shards(int n)
{
	return n == 1 ? "1 logical shard" : psprintf("%d logical shards", n);
}

/* Planning */

/* Nothing goes to a node that is drained from now on, whatever is planned later. */
static void
take_weight(const Job *job)
{
	const NodeInfo *node = node_by_id(job->source);

	if (strcmp(job->kind, "drain") != 0 || node == NULL || node->weight == 0)
		return;
	cluster_admin_lock();
	job_set_within(job->number, "weight = %d", node->weight);
	cluster_alter_node(pstrdup(node->name), NULL, NODE_UNCHANGED, NULL, NULL, 0);
}

/* To a node that somebody else has given another weight meanwhile, or that has left, nothing is given back. */
static void
give_weight(const Job *job)
{
	int			n;
	char	 ***rows;
	const NodeInfo *node;

	cluster_admin_lock();
	rows = job_rows_within(&n, "UPDATE shardext.catalog_job j SET weight = NULL FROM shardext.catalog_job o"
						   " WHERE j.job = " INT64_FORMAT " AND o.job = j.job AND j.weight IS NOT NULL"
						   " RETURNING o.weight", job->number);
	node = node_by_id(job->source);
	if (n > 0 && node != NULL && node->weight == 0)
		cluster_alter_node(pstrdup(node->name), NULL, NODE_UNCHANGED, NULL, NULL, atoi(rows[0][0]));
}

static void
write_plan(const Job *job, List *moves)
{
	ListCell   *lc;
	int			n;

	foreach(lc, moves)
	{
		const PlacedMove *move = lfirst(lc);

		(void) job_rows_within(&n, "INSERT INTO shardext.catalog_job_move"
							   " (job, shard, from_node, to_node, bytes, reason)"
							   " VALUES (" INT64_FORMAT ", %d, %d, %d, " INT64_FORMAT ", %s)"
							   " ON CONFLICT (job, shard) DO UPDATE SET from_node = EXCLUDED.from_node,"
							   " to_node = EXCLUDED.to_node, bytes = EXCLUDED.bytes, reason = EXCLUDED.reason,"
							   " state = 'wait', child = NULL, tries = 0, retry_at = '-infinity', error = NULL",
							   job->number, move->shard, move->from, move->to, move->bytes,
							   quote_literal_cstr(move->reason));
	}
	job_set_within(job->number, "state = 'moving', error = NULL,"
				   " shards = coalesce((SELECT array_agg(shard ORDER BY shard) FROM shardext.catalog_job_move m"
				   " WHERE m.job = catalog_job.job), '{}'), bytes_total ="
				   " coalesce((SELECT sum(bytes) FROM shardext.catalog_job_move m WHERE m.job = catalog_job.job), 0)");
}

static void
plan_within(const Job *job)
{
	const NodeInfo *node = node_by_id(job->source);
	List	   *moves;

	if (strcmp(job->kind, "drain") != 0)
		moves = place_plan(place_policy(job->policy), NULL);
	else if (node != NULL)
		moves = place_plan(BALANCE_LEAVE, node->name);
	else
		moves = NIL;
	write_plan(job, moves);
}

static void
run_within(const Job *job, void (*function) (const Job *job))
{
	MemoryContext caller_cxt = CurrentMemoryContext;
	SavedRole	saved;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	saved = role_become(extension_owner());
	function(job);
	role_restore(saved);
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller_cxt);
}

static void
make_plan(const Job *job)
{
	int			n;

	run_within(job, take_weight);
	run_within(job, plan_within);
	n = number_of("state = 'wait'", job->number);
	job_say(job->number, "%s to move.", n == 0 ? "Nothing is" : n == 1 ? "1 logical shard is" :
			psprintf("%d logical shards are", n));
}

/* Moves of this job */

typedef struct Child
{
	int64		number;
	int			node_id;
	const char *state;
	const char *wish;
	const char *error;
	const char *shards;			/* "1,2" */
} Child;

/* Before the owner changes: then a move can be cancelled, and pausing it keeps nothing half done. */
static bool
is_reversible(const Child *child)
{
	return strcmp(child->state, "clean") != 0 && strcmp(child->state, "turn") != 0 &&
		strcmp(child->state, "keep") != 0 && strcmp(child->state, "back") != 0;
}

/* Number of the rows that were changed. */
static int
set_rows(const Job *job, const char *set, const char *where)
{
	int			n;

	(void) job_rows(&n, "UPDATE shardext.catalog_job_move SET %s WHERE job = " INT64_FORMAT " AND %s RETURNING shard",
					set, job->number, where);
	return n;
}

static char *
rows_of(const Child *child)
{
	return psprintf("state = 'run' AND child = " INT64_FORMAT, child->number);
}

static void
take_moved(const Job *job, const Child *child)
{
	int			n = set_rows(job, "state = 'done', error = NULL", rows_of(child));

	if (n > 0)
		job_say(job->number, "Job " INT64_FORMAT " has moved %s.", child->number, some_shards(n));
}

static void
take_ended(const Job *job, const Child *child)
{
	char	   *mine = rows_of(child);
	int			n;

	if (strcmp(child->state, "done") == 0)
		take_moved(job, child);
	else if (strcmp(child->state, "failed") == 0)
	{
		n = set_rows(job, psprintf("state = CASE WHEN tries + 1 >= %d THEN 'failed' ELSE 'wait' END,"
								   " tries = tries + 1, error = %s,"
								   " retry_at = clock_timestamp() + interval '1 second' * power(3, tries)",
								   is_of_several(job) ? 1 : TRIES, quote_literal_cstr(child->error)), mine);
		if (n > 0)
			job_say(job->number, "Job " INT64_FORMAT " has failed: %s", child->number, child->error);
	}
	else
	{
		n = set_rows(job, "state = 'skipped', error = 'its move was cancelled'", mine);
		if (n > 0)
			job_say(job->number, "Job " INT64_FORMAT " was cancelled: %s stay.", child->number, some_shards(n));
	}
}

static bool
has_ended(const char *state)
{
	return strcmp(state, "done") == 0 || strcmp(state, "failed") == 0 || strcmp(state, "cancelled") == 0;
}

/* Moves that have not ended (Child *); what has become of others is noted. */
static List *
look_at_children(const Job *job)
{
	List	   *children = NIL;
	int			nnodes;
	char	 ***nodes = job_rows(&nnodes, "SELECT DISTINCT to_node FROM shardext.catalog_job_move"
								 " WHERE job = " INT64_FORMAT " AND (state IN ('wait', 'run')"
								 " OR child IS NOT NULL AND (state <> 'done' OR %s))", job->number,
								 is_of_several(job) ? "true" : "false");

	for (int i = 0; i < nnodes; i++)
	{
		int			node_id = atoi(nodes[i][0]);
		PGresult   *rows = move_link_rows(move_link_kept(node_id),
										  "SELECT job, state, " JOB_WISH ", coalesce(error, ''),"
										  " array_to_string(shards, ',') FROM shardext.catalog_job"
										  " WHERE parent = " INT64_FORMAT, job->number);

		for (int j = 0; j < PQntuples(rows); j++)
		{
			Child	   *child = palloc(sizeof(Child));

			child->number = strtoll(PQgetvalue(rows, j, 0), NULL, 10);
			child->node_id = node_id;
			child->state = pstrdup(PQgetvalue(rows, j, 1));
			child->wish = pstrdup(PQgetvalue(rows, j, 2));
			child->error = pstrdup(PQgetvalue(rows, j, 3));
			child->shards = pstrdup(PQgetvalue(rows, j, 4));
			children = lappend(children, child);
		}
		PQclear(rows);
	}
	return children;
}

/* Those that have not done what they are for. */
static List *
take_children(const Job *job)
{
	List	   *going = NIL;
	ListCell   *lc;

	foreach(lc, look_at_children(job))
	{
		Child	   *child = lfirst(lc);

		if (has_ended(child->state))
		{
			take_ended(job, child);
			continue;
		}
		(void) set_rows(job, psprintf("state = 'run', child = " INT64_FORMAT, child->number),
						psprintf("state = 'wait' AND to_node = %d AND shard = ANY ('{%s}')", child->node_id,
								 child->shards));
		if (is_of_several(job) && !is_reversible(child))
			take_moved(job, child);
		else
			going = lappend(going, child);
	}
	return going;
}

static void
send_wish(const Child *child, const char *wish)
{
	move_link_run(move_link_kept(child->node_id), "SELECT shardext.internal_wish(" INT64_FORMAT ", '%s')",
				  child->number, wish);
}

/* Whoever paused a move by itself shall find it paused. */
static void
pass_wish_on(const Job *job, List *children)
{
	bool		pause = strcmp(job->wish, "pause") == 0;
	bool		cancel = strcmp(job->wish, "cancel") == 0;
	int			n;
	bool		held = job_rows(&n, "SELECT held FROM shardext.catalog_job WHERE job = " INT64_FORMAT,
								job->number)[0][0][0] == 't';
	ListCell   *lc;

	foreach(lc, children)
	{
		const Child *child = lfirst(lc);

		if (cancel && is_reversible(child) && strcmp(child->wish, "cancel") != 0)
			send_wish(child, "cancel");
		else if (pause && (is_reversible(child) || is_of_several(job)) && strcmp(child->wish, "cancel") != 0 &&
				 strcmp(child->wish, "pause") != 0)
			send_wish(child, "pause");
		else if (!pause && held && strcmp(child->wish, "pause") == 0)
			send_wish(child, "run");
	}
	if (pause != held && !cancel)
		job_set(job->number, "held = %s", pause ? "true" : "false");
}

/* Starting moves */

typedef struct Waiting
{
	int			shard;
	int			from;
	int			to;
	int64		bytes;
	bool		seen;			/* begun, or not possible now */
} Waiting;

static Waiting *
read_waiting(const Job *job, int *n)
{
	char	 ***rows = job_rows(n, "SELECT shard, from_node, to_node, bytes FROM shardext.catalog_job_move"
								" WHERE job = " INT64_FORMAT " AND state = 'wait' AND retry_at <= clock_timestamp()"
								" ORDER BY shard", job->number);
	Waiting    *waiting = palloc0(Max(*n, 1) * sizeof(Waiting));

	for (int i = 0; i < *n; i++)
	{
		waiting[i].shard = atoi(rows[i][0]);
		waiting[i].from = atoi(rows[i][1]);
		waiting[i].to = atoi(rows[i][2]);
		waiting[i].bytes = strtoll(rows[i][3], NULL, 10);
	}
	return waiting;
}

static bool
node_is_free(const Job *job, int node_id)
{
	int			n;
	char	 ***rows = job_rows(&n, "SELECT count(DISTINCT child) FROM shardext.catalog_job_move"
								" WHERE job = " INT64_FORMAT " AND state = 'run' AND %d IN (from_node, to_node)",
								job->number, node_id);

	return atoi(rows[0][0]) < setting_moves_per_node;
}

/* Another job has the shard. */
static bool
is_claimed(const Job *job, Waiting *waiting)
{
	char	   *other = move_link_value(move_link_kept(waiting->from),
										"SELECT job FROM shardext.catalog_claim WHERE shard = %d", waiting->shard);

	if (other != NULL)
		job_set(job->number, "error = 'Waits for job %s, which has logical shard %d.'", other, waiting->shard);
	return other != NULL;
}

/* The first and those like it, as many as one move shall have: "{1,2}"; NULL if all have other jobs. */
static char *
collect_batch(const Job *job, Waiting *first, const Waiting *end, int *n)
{
	StringInfoData text;
	int64		bytes = 0;

	*n = 0;
	initStringInfo(&text);
	for (Waiting *one = first; one < end && (*n < BATCH_SHARDS || is_of_several(job)); one++)
	{
		if (one->seen || one->from != first->from || one->to != first->to ||
			(*n > 0 && bytes + one->bytes > BATCH_BYTES))
			continue;
		one->seen = true;
		if (is_claimed(job, one))
			continue;
		appendStringInfo(&text, "%c%d", *n == 0 ? '{' : ',', one->shard);
		bytes += one->bytes;
		(*n)++;
	}
	appendStringInfoChar(&text, '}');
	return *n > 0 ? text.data : NULL;
}

static void
begin_batch(const Job *job, int from, int to, const char *shards, int n)
{
	char	   *child = move_link_value(move_link_kept(to), "SELECT shardext.internal_begin_part(" INT64_FORMAT
										", '%s', %d, %s)", job->number, shards, from,
										is_of_several(job) ? "true" : "false");
	char	   *from_name;
	char	   *to_name;

	FAULT_POINT("place_move_begun");
	(void) set_rows(job, psprintf("state = 'run', child = %s", child),
					psprintf("state = 'wait' AND shard = ANY ('%s')", shards));
	StartTransactionCommand();
	from_name = MemoryContextStrdup(TopMemoryContext, node_name(from));
	to_name = MemoryContextStrdup(TopMemoryContext, node_name(to));
	CommitTransactionCommand();
	job_say(job->number, "Job %s moves %s from \"%s\" to \"%s\".", child, some_shards(n), from_name, to_name);
	pfree(from_name);
	pfree(to_name);
}

static void
begin_moves(const Job *job)
{
	int			n;
	Waiting    *waiting = read_waiting(job, &n);

	for (int i = 0; i < n && !job_has_new_wish(job); i++)
	{
		int			nshards;
		char	   *shards;

		if (waiting[i].seen || !node_is_free(job, waiting[i].from) || !node_is_free(job, waiting[i].to))
			continue;
		shards = collect_batch(job, &waiting[i], waiting + n, &nshards);
		if (shards != NULL)
			begin_batch(job, waiting[i].from, waiting[i].to, shards, nshards);
	}
}

/* Shards that somebody else has moved, and nodes that are no more. */
static void
drop_outdated(const Job *job)
{
	(void) set_rows(job, "state = 'failed', error = 'its node has left the cluster'", "state IN ('wait', 'run') AND"
					" (from_node NOT IN (SELECT node_id FROM shardext.catalog_node)"
					" OR to_node NOT IN (SELECT node_id FROM shardext.catalog_node))");
	(void) set_rows(job, "state = 'done', error = NULL", "state = 'wait' AND"
					" to_node = (SELECT owner FROM shardext.catalog_shard s WHERE s.shard = catalog_job_move.shard)");
	/* other nodes than the authority may not know yet: there the moves themselves find out */
	if (!is_of_several(job))
		(void) set_rows(job, "state = 'skipped', error = 'it has another owner now'", "state = 'wait' AND from_node <>"
						" (SELECT owner FROM shardext.catalog_shard s WHERE s.shard = catalog_job_move.shard)");
}

/* Ends */

static void
end_with(const Job *job, const char *state, const char *error)
{
	int			moved = number_of("state = 'done'", job->number);

	job_say(job->number, "Moved %s%s%s", some_shards(moved), error ? "; " : ".", error ? error : "");
	job_set(job->number, "state = '%s', error = %s", state, error ? quote_literal_cstr(error) : "NULL");
}

static bool
is_left(const Job *job)
{
	int			n;

	return atoi(job_rows(&n, "SELECT count(*) FROM shardext.catalog_shard WHERE owner = %d", job->source)[0][0]) == 0;
}

/* Nothing waits and nothing runs. */
static void
end_job(const Job *job)
{
	int			failed = number_of("state = 'failed'", job->number);
	bool		stays = strcmp(job->kind, "drain") == 0 && !is_left(job);
	int			n;

	if (failed > 0)
		end_with(job, "failed",
				 psprintf("%s could not be moved; the latest error: %s", some_shards(failed),
						  job_rows(&n, "SELECT error FROM shardext.catalog_job_move WHERE job = " INT64_FORMAT
								   " AND state = 'failed' ORDER BY retry_at DESC LIMIT 1", job->number)[0][0]));
	else if (is_of_several(job))
		job_set(job->number, "state = 'keep', error = NULL");
	else if (!stays)
		end_with(job, "done", NULL);
	else if (number_of("error = 'its move was cancelled'", job->number) == 0)
		job_set(job->number, "state = 'plan'");
	else
		end_with(job, "failed", "moves of the drain were cancelled");
}

/* False if that is not possible now; the log has the error. */
static bool
gives_weight_back(const Job *job)
{
	MemoryContext caller_cxt = CurrentMemoryContext;
	volatile bool done = false;

	PG_TRY();
	{
		run_within(job, give_weight);
		done = true;
	}
	PG_CATCH();
	{
		(void) job_error_take(caller_cxt);
	}
	PG_END_TRY();
	return done;
}

/* A drain that cannot give back the weight ends all the same: who cancels it may do so because a node is away. */
static void
end_cancelled(const Job *job)
{
	(void) set_rows(job, "state = 'skipped', error = 'the job was cancelled'", "state = 'wait'");
	end_with(job, "cancelled", strcmp(job->kind, "drain") == 0 && !gives_weight_back(job) ?
			 "the job was cancelled; the weight of the node stays 0" : "the job was cancelled");
}

static void
note_progress(const Job *job)
{
	int			n;

	(void) job_rows(&n, "UPDATE shardext.catalog_job j SET bytes_done = m.bytes, changed = clock_timestamp(),"
					" error = CASE WHEN m.waits THEN j.error END FROM"
					" (SELECT coalesce(sum(bytes) FILTER (WHERE state = 'done'), 0) AS bytes,"
					" count(*) FILTER (WHERE state = 'run') = 0 AS waits"
					" FROM shardext.catalog_job_move WHERE job = " INT64_FORMAT ") m WHERE j.job = " INT64_FORMAT
					" AND (j.bytes_done, j.error) IS DISTINCT FROM (m.bytes, CASE WHEN m.waits THEN j.error END)"
					" RETURNING 1", job->number, job->number);
}

static void
look(const Job *job)
{
	List	   *children = take_children(job);

	pass_wish_on(job, children);
	if (strcmp(job->wish, "cancel") == 0)
	{
		if (children == NIL)
			end_cancelled(job);
		return;
	}
	drop_outdated(job);
	if (strcmp(job->wish, "run") == 0)
		begin_moves(job);
	note_progress(job);
	if (number_of("state IN ('wait', 'run')", job->number) == 0)
		end_job(job);
}

/* All shards are served by the target; the moves keep the old copies, and hear what is asked of this job. */
static void
look_after(const Job *job)
{
	List	   *children = look_at_children(job);
	bool		keeps = false;
	bool		reverse = strcmp(job->wish, "reverse") == 0;
	bool		lost = false;
	bool		asked = strcmp(job->wish, "finish") == 0 || reverse;
	ListCell   *lc;

	foreach(lc, children)
	{
		const Child *child = lfirst(lc);

		lost |= strcmp(child->wish, "reverse") != 0 && strcmp(child->wish, "pause") != 0;
		if (has_ended(child->state))
			children = foreach_delete_current(children, lc);
	}
	pass_wish_on(job, children);
	foreach(lc, children)
	{
		const Child *child = lfirst(lc);

		if (strcmp(child->state, "clean") == 0)
			continue;
		keeps = true;
		if (asked && strcmp(child->wish, job->wish) != 0 && strcmp(child->state, "back") != 0)
			send_wish(child, job->wish);
	}
	/* who waits for it hears that not all of them have gone back */
	if (!keeps && reverse && lost)
		job_set(job->number, "wish = 'lost'");
	if (children == NIL)
		end_with(job, "done", NULL);
	else if (!keeps && strcmp(job->state, "keep") == 0)
		job_set(job->number, "state = 'clean', error = NULL");
}

static void
do_step(const Job *job)
{
	FAULT_POINT("place_step");
	if (strcmp(job->state, "moving") == 0)
		look(job);
	else if (is_of_several(job))
		look_after(job);
	else if (strcmp(job->wish, "cancel") == 0)
		end_cancelled(job);
	else if (strcmp(job->wish, "run") == 0)
		make_plan(job);
}

/* What cannot go well another time ends a job that has not begun to move. */
static void
take_error(const Job *job, const ErrorData *error)
{
	const char *text = move_error_text(error);

	if (strcmp(job->state, "plan") == 0 && !move_may_be_repeated(error->sqlerrcode))
		end_with(job, "failed", text);
	else
		job_set(job->number, "error = %s", quote_literal_cstr(text));
}

bool
place_advance(Job *job, long *wait_ms)
{
	MemoryContext caller_cxt = CurrentMemoryContext;

	*wait_ms = LOOK_MS;
	if (has_ended(job->state))
		return false;
	PG_TRY();
	{
		do_step(job);
	}
	PG_CATCH();
	{
		ErrorData  *error = job_error_take(caller_cxt);

		move_links_forget();
		take_error(job, error);
		*wait_ms = RETRY_MS;
	}
	PG_END_TRY();
	return true;
}
