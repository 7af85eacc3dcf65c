/*
 * local_run.c
 *	  Executes a Query in local shards, one after the other.
 *
 *	  1. lock every shard table of every shard asked for, check ownership of all
 *	  2. take a plan for the first shard (local_template.c), start a nested executor
 *	  3. pull rows; at the end of a shard finish it (AFTER triggers), go to the next
 *
 * Where a plan's upper nodes take the rows of all shards (each_shard.h) they have
 * an executor that lasts, and only what is below has one in each shard.
 *
 * A statement therefore runs on shards that are ours or fails before it has
 * done anything (invariant 4). Locks are relation locks on shard tables in the
 * mode of the statement, held to the end of the transaction; shards in number
 * order, relations of one shard in range table order.
 *
 * Rows that a caller does not fetch (a row limit of SPI) must not keep triggers
 * from firing: the nested executor is finished within the parent's
 * ExecutorFinish (at_finish.h), so that the nested trigger level lies inside
 * the parent's.
 *
 * A plan for a shard may use parallel workers if the statement around it is in
 * parallel mode, which is its plan's decision (plan_forwarded.c).
 *
 * An error raised inside that names the shard's schema leaves with the schema
 * of the shell.
 */
#include "postgres.h"

#include "commands/explain.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "tcop/dest.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/errors.h"
#include "base/pg_compat.h"
#include "catalog/id_maker.h"
#include "catalog/table_map.h"
#include "exec/at_finish.h"
#include "exec/each_shard.h"
#include "exec/exec_explain.h"
#include "exec/guard_check.h"
#include "exec/input_params.h"
#include "exec/local_template.h"
#include "exec/plan_report.h"
#include "exec/shard_scope.h"
#include "exec/statement_command.h"

struct LocalRun
{
	/* what to run */
	LocalPlan  *plan;
	ParamListInfo params;
	EState	   *parent;
	int			eflags;
	const LocalSource *source;	/* or NULL */

	/* where */
	const Bitmapset *shards;	/* NULL: the one in shard */
	int			shard;			/* running, or run last */

	/* state */
	ShardVerdict verdict;
	TemplateUse use;
	TemplateUser user;			/* the template while held */
	QueryDesc  *query_desc;		/* of the current shard; kept after its end for EXPLAIN */
	EachShardState *each;		/* in query_desc, which is that of several shards then; or NULL */
	QueryDesc  *rows_desc;		/* with each: gives the rows of the current shard */
	bool		finished;		/* query_desc has no more rows and its triggers have fired */
	uint64		processed;		/* by the shards before the current one */
	AtFinish   *finisher;		/* or NULL */

	/* memory */
	MemoryContext cxt;			/* this struct and all of the run */
	MemoryContextCallback on_reset;
	LocalRunGuest guest;
	dlist_node	link;			/* in runs */
};

/* All runs there are. */
static dlist_head runs = DLIST_STATIC_INIT(runs);

LocalPlan *
local_plan_make(const Query *query, const char *query_string, int cursor_options)
{
	LocalPlan  *plan = palloc0(sizeof(LocalPlan));

	plan->query = query;
	plan->query_string = query_string ? query_string : "";
	plan->cursor_options = cursor_options;
	plan->context = CurrentMemoryContext;
	local_template_collect_shells(plan);
	return plan;
}

void
local_plan_run_together(LocalPlan *plan)
{
	plan->together = true;
}

/* Ids made while rows are written here are ids of this shard. */
static inline bool
makes_ids(const LocalRun *run)
{
	return run->plan->modifies && run->shard >= 0;
}

/* --- one shard --- */

static QueryDesc *
make_query_desc(LocalRun *run, PlannedStmt *stmt)
{
	ShardLists *lists = run->user.template->lists;

	return CreateQueryDesc(stmt, run->plan->query_string, run->parent->es_snapshot, run->parent->es_crosscheck_snapshot,
						   None_Receiver,
						   lists != NULL ? shard_lists_params(lists, run->params, run->shard, false) : run->params,
						   run->source != NULL ? run->source->environment : run->parent->es_queryEnv,
						   run->parent->es_instrument);
}

static int
flags_of(const LocalRun *run)
{
	return run->eflags & ~(EXEC_FLAG_BACKWARD | EXEC_FLAG_MARK);
}

static bool next_rows(void *arg);

/* Of several shards at once: the executor that gives the rows of the current one. */
static void
start_rows(LocalRun *run)
{
	run->rows_desc = make_query_desc(run, each_shard_statement(run->each, run->query_desc->plannedstmt));
	standard_ExecutorStart(run->rows_desc, flags_of(run));
	statement_command_join(run->parent, run->rows_desc->estate);
	each_shard_attach(run->each, run->rows_desc, next_rows, run);
}

static void
end_rows(LocalRun *run)
{
	if (run->rows_desc == NULL)
		return;
	each_shard_detach(run->each);
	if (!(run->eflags & EXEC_FLAG_EXPLAIN_ONLY))
		standard_ExecutorFinish(run->rows_desc);
	standard_ExecutorEnd(run->rows_desc);
	FreeQueryDesc(run->rows_desc);
	run->rows_desc = NULL;
}

/* The shard to be run after the current one; negative: none. */
static int
next_shard(const LocalRun *run)
{
	return run->shards && run->plan->nshells > 0 ? bms_next_member(run->shards, run->shard) : -2;
}

/* The same plan in the next shard. False: there is none, or it needs a plan of its own (local_run_next goes on). */
static bool
next_rows(void *arg)
{
	LocalRun   *run = (LocalRun *) arg;
	int			next = next_shard(run);
	MemoryContext outer;
	bool		turned;

	if (next < 0)
		return false;
	CHECK_FOR_INTERRUPTS();
	outer = MemoryContextSwitchTo(run->cxt);
	turned = local_template_turn(&run->user, next);
	if (turned)
	{
		end_rows(run);
		run->shard = next;
		start_rows(run);
	}
	MemoryContextSwitchTo(outer);
	return turned;
}

static void
start_shard(LocalRun *run)
{
	run->finished = false;
	if (run->source != NULL)
		run->source->enter_shard(run->source->arg, run->shard);
	run->query_desc = make_query_desc(run, run->user.template->stmt);
	SHARD_SCOPE(run->shard, makes_ids(run));
	{
		standard_ExecutorStart(run->query_desc, flags_of(run));
		statement_command_join(run->parent, run->query_desc->estate);
		if (run->plan->modifies)
			guard_check_attach_all(run->query_desc->estate);
		run->each = run->plan->together ? each_shard_find(run->query_desc->planstate) : NULL;
		if (run->each != NULL)
			start_rows(run);
	}
	SHARD_SCOPE_END();
}

/* Workers read with the active snapshot. */
static bool
workers_see_the_same(const LocalRun *run)
{
	return run->user.template->stmt->parallelModeNeeded && ActiveSnapshotSet() &&
		GetActiveSnapshot() == run->query_desc->snapshot;
}

static TupleTableSlot *
next_row(LocalRun *run)
{
	EState	   *estate = run->query_desc->estate;
	MemoryContext context = MemoryContextSwitchTo(estate->es_query_cxt);
	TupleTableSlot *volatile slot = NULL;

	/* as the statement around us does: not for a cursor, nor while it starts */
	estate->es_use_parallel_mode = run->parent->es_use_parallel_mode && workers_see_the_same(run);
	SHARD_SCOPE(run->shard, makes_ids(run));
	{
		ResetPerTupleExprContext(estate);
		slot = ExecProcNode(run->query_desc->planstate);
		if (TupIsNull(slot))
			slot = NULL;
		else if (estate->es_junkFilter != NULL)
			slot = ExecFilterJunk(estate->es_junkFilter, slot);
	}
	SHARD_SCOPE_END();
	MemoryContextSwitchTo(context);
	return slot;
}

void
local_run_shutdown(LocalRun *run)
{
	if (run->query_desc != NULL && run->query_desc->planstate != NULL)
		(void) ExecShutdownNode(run->query_desc->planstate);
}

/* The current shard is done with: modifying CTEs run out, AFTER triggers fire. */
static void
finish_shard(LocalRun *run)
{
	if (run->finished)
		return;
	run->finished = true;
	SHARD_SCOPE(run->shard, makes_ids(run));
	{
		standard_ExecutorFinish(run->query_desc);
	}
	SHARD_SCOPE_END();
}

static void
end_shard(LocalRun *run)
{
	run->processed += run->query_desc->estate->es_processed;
	end_rows(run);
	standard_ExecutorEnd(run->query_desc);
	FreeQueryDesc(run->query_desc);
	run->query_desc = NULL;
}

/* --- the fence --- */

void
local_run_newer_snapshot(EState *estate)
{
	Snapshot	old = estate->es_snapshot;

	estate->es_snapshot = statement_command_snapshot(estate, GetLatestSnapshot());
	UnregisterSnapshot(old);
}

/* Lock what the statement touches in this shard and ask whether it is ours; the tables may be gone. */
static ShardVerdict
lock_and_check(LocalRun *run, int shard)
{
	LocalPlan  *plan = run->plan;

	for (int i = 0; i < plan->nshells; i++)
	{
		Oid			relid = table_shard_relid(plan->shells[i].relid, shard);

		if (!OidIsValid(relid))
			break;
		LockRelationOid(relid, plan->shells[i].lockmode);
	}
	return shard_map_check(shard, plan->needs_ownership_now ? SHARD_WRITE : SHARD_READ, run->parent->es_snapshot);
}

/* The verdict is no: an error, or the word to the caller. */
static void
refuse(LocalRun *run, int shard, ShardVerdict verdict, int *refused)
{
	if (refused == NULL)
		shard_map_raise(shard, verdict);
	run->verdict = verdict;
	*refused = shard;
	local_template_release(&run->user);
}

/* --- the interface --- */

static void
run_freed(void *arg)
{
	LocalRun   *run = arg;

	dlist_delete(&run->link);
	local_template_release(&run->user);
}

static void
finish_run(void *arg)
{
	LocalRun   *run = (LocalRun *) arg;

	if (run->query_desc != NULL)
		finish_shard(run);
}

static LocalRun *
make_run(LocalPlan *plan, ParamListInfo params, EState *parent, int eflags)
{
	MemoryContext cxt = AllocSetContextCreate(parent->es_query_cxt, "shardext local run", ALLOCSET_SMALL_SIZES);
	LocalRun   *run = MemoryContextAllocZero(cxt, sizeof(LocalRun));

	run->cxt = cxt;
	run->plan = plan;
	run->params = params;
	run->parent = parent;
	run->eflags = eflags;
	run->verdict = SHARD_OK;
	run->guest.cxt = cxt;
	dlist_push_head(&runs, &run->link);
	run->on_reset.func = run_freed;
	run->on_reset.arg = run;
	MemoryContextRegisterResetCallback(cxt, &run->on_reset);
	if (plan->modifies && !(eflags & EXEC_FLAG_EXPLAIN_ONLY))
		run->finisher = at_finish_add(parent, finish_run, run);
	return run;
}

void
local_run_raise_missing(int shard)
{
	ereport(ERROR,
			(errcode(ERRCODE_SX_CATALOG_MISMATCH),
			 errmsg("tables of shard %d are missing on this node", shard),
			 errdetail("The shard map names this node as the owner of the shard."),
			 errhint("Compare shardext.shards and the schemas of the shards on the nodes.")));
}

/* run->shard's plan and its nested executor; ownership has been checked if it could be. */
static void
take_shard(LocalRun *run, LocalTemplate *template)
{
	if (template == NULL)
		local_run_raise_missing(run->shard);
	start_shard(run);
}

LocalRun *
local_run_start_shard(LocalPlan *plan, int shard, ParamListInfo params, EState *parent, int eflags, int *refused)
{
	LocalRun   *run = make_run(plan, params, parent, eflags);
	MemoryContext outer = MemoryContextSwitchTo(run->cxt);
	LocalTemplate *template;

	if (refused)
		*refused = ROUTE_NO_SHARD;
	run->shard = shard;
	template = local_template_acquire(plan, shard, &run->use, &run->user);
	plan->executions++;
	if (shard >= 0)
	{
		ShardVerdict verdict = shard_map_check(shard, plan->needs_ownership_now ? SHARD_WRITE : SHARD_READ,
											   parent->es_snapshot);

		if (verdict != SHARD_OK)
		{
			refuse(run, shard, verdict, refused);
			MemoryContextSwitchTo(outer);
			return run;
		}
	}
	take_shard(run, template);
	MemoryContextSwitchTo(outer);
	return run;
}

/* Lock, check, start. */
static LocalRun *
start_run(LocalRun *run, const Bitmapset *shards, int *refused)
{
	LocalPlan  *plan = run->plan;
	MemoryContext outer;

	if (refused)
		*refused = ROUTE_NO_SHARD;
	run->shards = shards;
	run->use.nshards = bms_num_members(shards);
	run->use.parallel = run->parent->es_plannedstmt->parallelModeNeeded;
	outer = MemoryContextSwitchTo(run->cxt);
	run->use.params = input_params_for_planner(run->params);
	MemoryContextSwitchTo(outer);
	for (int shard = -1; (shard = bms_next_member(shards, shard)) >= 0;)
	{
		ShardVerdict verdict = lock_and_check(run, shard);

		if (verdict != SHARD_OK)
		{
			refuse(run, shard, verdict, refused);
			return run;
		}
	}

	outer = MemoryContextSwitchTo(run->cxt);
	run->shard = bms_next_member(shards, -1);
	if (run->shard >= 0)
		take_shard(run, local_template_acquire(plan, run->shard, &run->use, &run->user));
	plan->executions++;
	MemoryContextSwitchTo(outer);
	return run;
}

LocalRun *
local_run_start(LocalPlan *plan, const Bitmapset *shards, ParamListInfo params,
				EState *parent, int eflags, int *refused)
{
	return start_run(make_run(plan, params, parent, eflags), shards, refused);
}

LocalRun *
local_run_start_from(LocalPlan *plan, const Bitmapset *shards, ParamListInfo params, EState *parent, int *refused,
					 const LocalSource *source)
{
	LocalRun   *run = make_run(plan, params, parent, 0);

	run->source = source;
	return start_run(run, shards, refused);
}

ShardVerdict
local_run_verdict(const LocalRun *run)
{
	return run->verdict;
}

TupleTableSlot *
local_run_next(LocalRun *run)
{
	while (run->query_desc != NULL && !run->finished)
	{
		TupleTableSlot *slot = next_row(run);
		MemoryContext outer;
		int			next;

		if (slot != NULL)
			return slot;

		finish_shard(run);
		next = next_shard(run);
		if (next < 0)
		{
			/* the last shard's plan stays for EXPLAIN */
			if (run->guest.at_end != NULL)
				run->guest.at_end(run->guest.state);
			break;
		}
		end_shard(run);
		run->shard = next;
		outer = MemoryContextSwitchTo(run->cxt);
		take_shard(run, local_template_next(run->plan, next, &run->use, &run->user));
		MemoryContextSwitchTo(outer);
	}
	return NULL;
}

int
local_run_shard(const LocalRun *run)
{
	return run->shard;
}

uint64
local_run_processed(const LocalRun *run)
{
	return run->processed + (run->query_desc ? run->query_desc->estate->es_processed : 0);
}

void
local_run_end(LocalRun *run)
{
	if (run->query_desc != NULL)
	{
		if (!(run->eflags & EXEC_FLAG_EXPLAIN_ONLY))
			finish_shard(run);
		end_shard(run);
	}
	if (run->finisher != NULL)
		at_finish_remove(run->parent, run->finisher);
	local_template_release(&run->user);
	MemoryContextDelete(run->cxt);
}

LocalRunGuest *
local_run_guest(const EState *estate, Bitmapset **shards)
{
	dlist_iter	iter;

	dlist_foreach(iter, &runs)
	{
		LocalRun   *run = dlist_container(LocalRun, link, iter.cur);

		if ((run->query_desc == NULL || run->query_desc->estate != estate) &&
			(run->rows_desc == NULL || run->rows_desc->estate != estate))
			continue;
		if (run->shards != NULL && run->plan->nshells == 0)
			*shards = bms_copy(run->shards);
		else
			*shards = run->shard >= 0 ? bms_make_singleton(run->shard) : NULL;
		return &run->guest;
	}
	return NULL;
}

void
local_run_note_work(LocalRun *run, WorkMeter *meter, const Bitmapset *shards, uint64 rows)
{
	NodeWork   *work = work_meter_start(meter, node_self(), shards);
	const char *wish;

	if (work == NULL)
		return;
	work->rows += rows;
	wish = work_meter_wish(meter, work);
	if (wish != NULL && run->query_desc != NULL)
		work_meter_take_plan(meter, work, plan_report_text(run->query_desc, wish));
	work_meter_stop(meter, work);
}

void
local_run_explain(LocalRun *run, struct ExplainState *es)
{
	if (run->query_desc != NULL)
		exec_explain_nested(run->query_desc, es);
}
