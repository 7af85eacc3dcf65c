/*
 * scan_route.c
 *	  Custom Scan (Shard Route): a whole statement carried out in one shard.
 *
 *	  1. compute the shard (route_shard.c): each way (key or id column) from constants,
 *		 parameters and stable expressions; several must agree. Without a usable
 *		 key (an INSERT that leaves it open, a NULL key) any shard will do: one
 *		 of ours if there is one.
 *	  2. owner by the shard map
 *	  3. ours: local_run. Another node's: remote_run with the lifted parameters.
 *		 In a forwarded session another node's shard is refused, never
 *		 forwarded further.
 *	  4. refused (the map was out of date): the refusal has brought the map up to
 *		 date, so begin again at 2, for some seconds at most
 *
 * A NULL key: "key = NULL" is true for no row, so that any shard gives the right
 * answer (no rows, an aggregate over none); the same goes for values no row can
 * have. An INSERT of a NULL key meets the NOT NULL constraint of whichever shard
 * table it reaches.
 *
 * Nothing has been returned before a refusal, so repeating is safe. The node is
 * the top of its plan; it goes forward only (the planner materializes for
 * SCROLL cursors) and can start over if it only reads.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/pg_prng.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/inval.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "base/errors.h"
#include "base/settings.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "exec/exec_explain.h"
#include "exec/plan_reason.h"
#include "exec/result_columns.h"
#include "exec/route_state.h"
#include "exec/scan_route.h"
#include "exec/statement_command.h"
#include "exec/whole_statement.h"

#define OWNER_WAIT_TOTAL_MS		5000
#define OWNER_WAIT_MAX_MS		200

/* --- the shard, where any will do --- */

/* A shard of this node, at random, if it owns any; else one of any owner. */
static int
choose_shard(void)
{
	int			count = shard_map_count();
	int			start = (int) (pg_prng_uint64(&pg_global_prng_state) % count);
	int			self = node_self();
	int			fallback = start;

	for (int i = 0; i < count; i++)
	{
		int			shard = (start + i) % count;
		int			owner = shard_map_owner(shard, NULL);

		if (owner == self)
			return shard;
		if (owner != 0 && i == 0)
			fallback = shard;
	}
	return fallback;
}

/* --- running --- */

static void
count_processed(RouteState *state, uint64 processed)
{
	if (state->node->parts.command == CMD_SELECT)
		return;					/* the executor counts the rows it gets */
	state->css.ss.ps.state->es_processed += processed - state->counted;
	state->counted = processed;
}

/* False: the shard is not ours (any more), or not for the snapshot that was; look again. */
static bool
start_local(RouteState *state)
{
	EState	   *estate = state->css.ss.ps.state;
	int			refused;
	ShardVerdict verdict;

	state->local = local_run_start_shard(route_node_local_plan(state->node), state->shard,
										 estate->es_param_list_info, estate, state->eflags, &refused);
	if (refused == ROUTE_NO_SHARD)
	{
		state->phase = ROUTE_LOCAL;
		return true;
	}

	verdict = local_run_verdict(state->local);
	local_run_end(state->local);
	state->local = NULL;
	if (verdict == SHARD_TOO_NEW && !IsolationUsesXactSnapshot())
	{
		local_run_newer_snapshot(estate);
		return false;
	}
	if (session_is_forwarded())
	{
		statement_refuse_shard(estate, refused, verdict);
		state->phase = ROUTE_DONE;
		return true;
	}
	if (verdict == SHARD_TOO_NEW)
		shard_map_raise(refused, verdict);
	return false;
}

void
route_state_evaluate_params(RouteState *state, const RouteCache *cache)
{
	ListCell   *lc;
	int			i = 0;

	if (state->params_ready)
		return;
	state->params_ready = true;
	if (cache->nparams > 0)
	{
		state->values = palloc(sizeof(Datum) * cache->nparams);
		state->nulls = palloc(sizeof(bool) * cache->nparams);
	}
	foreach(lc, cache->remote_params)
	{
		Expr	   *expr = lfirst(lc);

		if (IsA(expr, Const))
		{
			state->values[i] = ((Const *) expr)->constvalue;
			state->nulls[i] = ((Const *) expr)->constisnull;
		}
		else if (!IsA(expr, Param) ||
				 !route_param_fetch(state->css.ss.ps.state->es_param_list_info, (Param *) expr,
									&state->values[i], &state->nulls[i]))
		{
			ExprState  *expr_state = ExecInitExpr(expr, &state->css.ss.ps);

			state->values[i] = ExecEvalExprSwitchContext(expr_state, state->css.ss.ps.ps_ExprContext,
														 &state->nulls[i]);
		}
		i++;
	}
}

static bool
next_remote(RouteState *state)
{
	return remote_run_next(state->remote, state->css.ss.ss_ScanTupleSlot);
}

/*
 * May the node commit the statement by itself? Not if something can still go
 * wrong here: rows that have to be converted for the client.
 */
static bool
commits_there(RouteState *state, const RouteCache *cache)
{
	if (!state->node->parts.writes || !statement_is_whole_transaction(state->css.ss.ps.state))
		return false;
	return cache->rows == NULL ||
		(row_codec_is_binary(cache->rows) && pg_get_client_encoding() == GetDatabaseEncoding());
}

/* False: the node has refused, look again. */
static bool
start_remote(RouteState *state)
{
	RouteCache *cache = route_node_prepare_remote(state->node);

	if (cache->remote_sql == NULL)
		reason_raise(&cache->remote_reason, "this statement cannot run on the node that owns its shard");

	route_state_evaluate_params(state, cache);
	state->remote = remote_run_make_cached(cache->remote_sql, cache->result_desc, cache->rows, cache->params,
										   state->node->parts.writes);
	remote_run_set_prepare(state->remote, state->node->parts.prepare);
	remote_run_set_repeatable(state->remote);
	remote_run_set_command(state->remote, statement_command(state->css.ss.ps.state));
	if (state->css.ss.ps.state->es_instrument && state->meter == NULL)
		state->meter = work_meter_make(state->css.ss.ps.state);
	remote_run_set_meter(state->remote, state->meter);
	if (commits_there(state, cache))
		remote_run_set_autocommit_write(state->remote);
	remote_run_start(state->remote, state->owner, state->role, NULL, state->values, state->nulls,
					 !state->node->parts.writes);

	/* Only now is it known whether the node takes the statement. */
	state->row_waits = next_remote(state);
	if (!state->row_waits && remote_run_refused(state->remote) != ROUTE_NO_SHARD)
	{
		remote_run_end(state->remote);
		state->remote = NULL;
		return false;
	}
	state->phase = ROUTE_REMOTE;
	return true;
}

/* Wait a little until the map knows more; SX001 when it has taken too long. */
static void
wait_for_owner(RouteState *state, int attempt, TimestampTz give_up)
{
	long		ms = Min(1L << Min(attempt, 10), OWNER_WAIT_MAX_MS);

	if (attempt > 0 && GetCurrentTimestamp() >= give_up)
		shard_map_raise(state->shard, SHARD_MOVED);
	if (attempt > 0)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	CHECK_FOR_INTERRUPTS();
	AcceptInvalidationMessages();
}

/* One attempt at the shard's owner of this moment; false if it has to be repeated. */
static bool
try_owner(RouteState *state)
{
	if (state->node->parts.reference_only)
	{
		state->shard = ROUTE_NO_SHARD;
		state->owner = node_self();
		return start_local(state);
	}
	state->shard = state->key_shard != ROUTE_NO_SHARD ? state->key_shard : choose_shard();
	state->owner = shard_map_owner(state->shard, NULL);
	if (state->owner == node_self())
		return start_local(state);
	if (session_is_forwarded())
	{
		statement_refuse_shard(state->css.ss.ps.state, state->shard, SHARD_MOVED);
		state->phase = ROUTE_DONE;
		return true;
	}
	return state->owner != 0 && start_remote(state);
}

static void
start_route(RouteState *state)
{
	TimestampTz give_up = 0;

	(void) route_state_compute_shard(state, false);
	for (int attempt = 0; !try_owner(state); attempt++)
	{
		if (attempt == 0)
			give_up = GetCurrentTimestamp() + OWNER_WAIT_TOTAL_MS * INT64CONST(1000);
		wait_for_owner(state, attempt, give_up);
	}
}

/* --- the custom scan --- */

static const CustomExecMethods route_exec_methods;	/* below */

static Node *
create_route_state(CustomScan *scan)
{
	RouteState *state = (RouteState *) newNode(sizeof(RouteState), T_CustomScanState);

	state->css.methods = &route_exec_methods;
	state->node = route_node_of(scan);
	state->phase = ROUTE_NEW;
	state->shard = ROUTE_NO_SHARD;
	return (Node *) state;
}

static void
begin_route(CustomScanState *css, EState *estate, int eflags)
{
	RouteState *state = (RouteState *) css;

	state->eflags = eflags;
	state->role = GetUserId();
	/* Local rows come in slots of the nested plan's own kind. */
	css->ss.ps.resultopsfixed = false;
	css->ss.ps.resultopsset = true;

	/* A cursor sees the rows of the moment it was opened; local rows have its snapshot anyway. */
	if (!state->node->parts.writes && statement_is_opening_cursor(estate))
		start_route(state);
}

static TupleTableSlot *
exec_route(CustomScanState *css)
{
	RouteState *state = (RouteState *) css;
	TupleTableSlot *slot;

	if (state->phase == ROUTE_NEW)
		start_route(state);

	switch (state->phase)
	{
		case ROUTE_LOCAL:
			slot = local_run_next(state->local);
			count_processed(state, local_run_processed(state->local));
			if (slot == NULL)
				state->phase = ROUTE_DONE;
			return slot;
		case ROUTE_REMOTE:
			if (!state->row_waits)
				state->row_waits = next_remote(state);
			count_processed(state, remote_run_processed(state->remote));
			if (!state->row_waits)
			{
				state->phase = ROUTE_DONE;
				return NULL;
			}
			state->row_waits = false;
			return css->ss.ss_ScanTupleSlot;
		case ROUTE_NEW:
		case ROUTE_DONE:
			break;
	}
	return NULL;
}

static void
stop_route(RouteState *state)
{
	if (state->local)
		local_run_end(state->local);
	if (state->remote)
		remote_run_end(state->remote);
	state->local = NULL;
	state->remote = NULL;
	state->row_waits = false;
}

static void
end_route(CustomScanState *css)
{
	stop_route((RouteState *) css);
}

static void
rescan_route(CustomScanState *css)
{
	RouteState *state = (RouteState *) css;

	if (state->phase == ROUTE_NEW)
		return;
	if (state->node->parts.writes)
		elog(ERROR, "a Shard Route that writes cannot start over");
	stop_route(state);
	state->phase = ROUTE_NEW;
}

static void
explain_route(CustomScanState *css, List *ancestors, ExplainState *es)
{
	ExplainPropertyText("Method", METHOD_ROUTE, es);
	exec_explain_route((RouteState *) css, es);
}

static const CustomExecMethods route_exec_methods = {
	.CustomName = "Shard Route",
	.BeginCustomScan = begin_route,
	.ExecCustomScan = exec_route,
	.EndCustomScan = end_route,
	.ReScanCustomScan = rescan_route,
	.ExplainCustomScan = explain_route,
};

static const CustomScanMethods route_scan_methods = {
	.CustomName = "Shard Route",
	.CreateCustomScanState = create_route_state,
};

CustomScan *
scan_route_make(const RouteParts *parts)
{
	CustomScan *scan = makeNode(CustomScan);
	Plan	   *plan = &scan->scan.plan;

	/* Low and the same whatever the parameters: the plan cache soon takes the generic plan. */
	plan->startup_cost = 0;
	plan->total_cost = 1;
	plan->plan_rows = 1;
	(void) result_columns_set(scan, parts->target_list);
	scan->custom_private = list_make1(route_node_make(parts));
	scan->methods = &route_scan_methods;
	return scan;
}

RouteNode *
scan_route_node(const Plan *plan)
{
	if (!IsA(plan, CustomScan) || ((const CustomScan *) plan)->methods != &route_scan_methods)
		return NULL;
	return route_node_of((const CustomScan *) plan);
}

void
scan_route_preload(void)
{
	route_node_preload();
	RegisterCustomScanMethods(&route_scan_methods);
}
