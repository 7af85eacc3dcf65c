/*
 * exec_explain.c
 *	  What EXPLAIN shows of the route node.
 *
 *	  Shard Key		while the shard is not known (a generic plan without values)
 *	  Shard, Node	where the statement runs, or would run now
 *	  the local plan, as a child, when that is here
 *	  Remote SQL	under VERBOSE when it is not, or why there is none
 *	  what the other node has done, and its plan, under ANALYZE (node_work.h)
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/ruleutils.h"

#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "exec/exec_explain.h"

void
exec_explain_nested(QueryDesc *query_desc, ExplainState *es)
{
	PlannedStmt *pstmt = es->pstmt;
	List	   *rtable = es->rtable;
	List	   *rtable_names = es->rtable_names;
	List	   *deparse_cxt = es->deparse_cxt;
	Bitmapset  *printed_subplans = es->printed_subplans;
	bool		settings = es->settings;

	es->settings = false;
	ExplainPrintPlan(es, query_desc);
	es->settings = settings;
	es->pstmt = pstmt;
	es->rtable = rtable;
	es->rtable_names = rtable_names;
	es->deparse_cxt = deparse_cxt;
	es->printed_subplans = printed_subplans;
}

static void
show_key(RouteState *state, ExplainState *es)
{
	List	   *shown = NIL;
	ListCell   *lc;

	foreach(lc, state->node->parts.key_exprs)
	{
		StringInfoData text;
		ListCell   *expr;

		initStringInfo(&text);
		foreach(expr, lfirst_node(List, lc))
			appendStringInfo(&text, "%s%s", text.len > 0 ? ", " : "",
							 deparse_expression(lfirst(expr), NIL, false, false));
		shown = list_append_unique(shown, makeString(text.data));
	}
	if (shown != NIL)
	{
		List	   *texts = NIL;

		foreach(lc, shown)
			texts = lappend(texts, strVal(lfirst(lc)));
		ExplainPropertyList("Shard Key", texts, es);
	}
}

static void
show_remote(RouteState *state, ExplainState *es)
{
	RouteCache *cache = route_node_prepare_remote(state->node);

	if (cache->remote_sql == NULL)
	{
		if (es->verbose)
			ExplainPropertyText("Not Forwarded", cache->remote_reason.detail, es);
		return;
	}
	if (es->verbose)
		ExplainPropertyText("Remote SQL", cache->remote_sql, es);
	work_meter_explain(state->meter, es);
}

/* EXPLAIN without ANALYZE: plan for the shard now, to have something to show. */
static void
plan_local(RouteState *state)
{
	EState	   *estate = state->css.ss.ps.state;
	int			refused;

	state->local = local_run_start_shard(route_node_local_plan(state->node), state->shard,
										 estate->es_param_list_info, estate,
										 state->eflags | EXEC_FLAG_EXPLAIN_ONLY, &refused);
}

/* An INSERT that may go to any shard: show how it would run in one of ours. */
static void
plan_any_local(RouteState *state, ExplainState *es)
{
	MemoryContext outer = MemoryContextSwitchTo(state->css.ss.ps.state->es_query_cxt);

	state->shard = bms_next_member(shard_map_owned_by(node_self()), -1);
	plan_local(state);
	local_run_explain(state->local, es);
	MemoryContextSwitchTo(outer);
}

static void
show_place(RouteState *state, ExplainState *es)
{
	if (state->shard != ROUTE_NO_SHARD)
		ExplainPropertyInteger("Shard", NULL, state->shard, es);
	if (state->owner != 0)
		ExplainPropertyText("Node", node_name(state->owner), es);
}

void
exec_explain_route(RouteState *state, ExplainState *es)
{
	const RouteParts *parts = &state->node->parts;
	MemoryContext outer;

	if (state->phase == ROUTE_NEW)
	{
		if (!parts->reference_only && !route_state_compute_shard(state, true))
		{
			show_key(state, es);
			return;
		}
		state->shard = parts->reference_only ? ROUTE_NO_SHARD : state->key_shard;
		if (state->shard == ROUTE_NO_SHARD && !parts->reference_only)
		{
			ExplainPropertyText("Shard", "any", es);
			if (es->verbose && !bms_is_empty(shard_map_owned_by(node_self())))
				plan_any_local(state, es);
			return;
		}
		state->owner = parts->reference_only ? node_self() : shard_map_owner(state->shard, NULL);
	}

	show_place(state, es);
	outer = MemoryContextSwitchTo(state->css.ss.ps.state->es_query_cxt);
	if (state->owner != node_self())
		show_remote(state, es);
	else
	{
		if (state->phase == ROUTE_NEW && state->local == NULL)
			plan_local(state);
		if (state->local != NULL)
			local_run_explain(state->local, es);
	}
	MemoryContextSwitchTo(outer);
}
