/*
 * plan_router.c
 *	  The first way: the whole statement goes to one shard.
 *
 *	1. every sharded table of it resolves to the shard of one key (query_shards),
 *	   or the values of several keys are known here and lie in one shard
 *	2. what it reads besides is on every node (reference tables), or the shard is
 *	   known to be on this one
 *	3. it has a text for other nodes; without one, it is planned only if the
 *	   shard is here, or is a write for which there is no other way
 *
 * The shard itself is computed at execution, from the key expressions, so that
 * one plan serves all parameters. Its cost is a small constant: a generic plan
 * is as good as a custom one, and the plan cache shall find that out.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "base/settings.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "exec/scan_route.h"
#include "exec/tuple_codec.h"
#include "plan/plan_by_row.h"
#include "plan/plan_router.h"
#include "plan/plan_rows.h"
#include "plan/planned_statement.h"
#include "plan/query_shape.h"
#include "plan/shard_sql.h"
#include "plan/shippable.h"
#include "plan/text_query.h"

/* What is known of the shard while planning. */
typedef struct RouterShard
{
	ShardKey   *key;			/* NULL: any shard */
	bool		known;
	int			shard;			/* when known; ROUTE_NO_SHARD: no row can match, any will do */
} RouterShard;

static const Reason *
different_shards(int a, int b)
{
	return reason_make("Give values of one shard, or run separate statements.",
					   "Its values lie in different shards, %d and %d.", a, b);
}

/* Step 1. */
static bool
settle_shard(const PlanInput *input, RouterShard *result, const Reason **reason)
{
	List	   *keys = input->shards->keys;
	ListCell   *lc;

	memset(result, 0, sizeof(RouterShard));
	result->shard = ROUTE_NO_SHARD;
	if (keys == NIL)
		return true;
	result->key = (ShardKey *) linitial(keys);
	foreach(lc, keys)
	{
		bool		known;
		int			shard = shard_key_known(lfirst(lc), input->params, &known);

		if (list_length(keys) == 1)
			result->known = known;
		else if (!known)
		{
			*reason = reason_make("Use the same parameter everywhere.",
								  "Several values decide the shard, and not all of them are known when it is planned.");
			return false;
		}
		if (shard == ROUTE_NO_SHARD)
			continue;
		if (result->shard != ROUTE_NO_SHARD && result->shard != shard)
		{
			*reason = different_shards(result->shard, shard);
			return false;
		}
		result->shard = shard;
		result->key = (ShardKey *) lfirst(lc);
		result->known = true;
	}
	return true;
}

/* The shard is known and its owner is this node; or any shard will do, and there are some here. */
static bool
shard_is_here(const RouterShard *target)
{
	if (target->known && target->shard != ROUTE_NO_SHARD)
		return shard_map_owner(target->shard, NULL) == node_self();
	if (target->key == NULL || target->known)
		return !bms_is_empty(shard_map_owned_by(node_self()));
	return false;
}

/* The columns a client sees, junk among them. */
static List *
result_tlist(const Query *query)
{
	return query->commandType == CMD_SELECT ? query->targetList : query->returningList;
}

/* Why the statement has no text for other nodes; NULL: *text is the Query to deparse. */
static const Reason *
find_text(const PlanInput *input, Query **text, bool *for_this_role)
{
	const Reason *reason;

	*for_this_role = false;
	if (session_is_forwarded())
		return reason_make(NULL, "A statement that another node has sent goes no further.");
	if (input->shards->has_home)
		return reason_make(NULL, "It also names tables that only this node has.");
	if (!row_codec_takes(result_tlist(input->run_query)))
		return reason_make(NULL, "It returns rows of no named type, which are made here.");
	*text = text_query_without_views(input->run_query);
	if (*text != NULL)
	{
		*for_this_role = true;
		reason = shard_sql_add_defaults(*text, input->run_query);
		if (reason == NULL)
			reason = shard_sql_check(*text);
		return reason != NULL ? reason : shippable_check_hidden(input->run_query, false);
	}
	if (input->text_query == NULL)
		return reason_make(NULL, "It has no text of its own (SQL-standard function body, user rule, or a view that "
								 "checks what is written).");

	*text = input->text_query->commandType == CMD_INSERT ? copyObject(input->text_query) : input->text_query;
	reason = shard_sql_add_defaults(*text, input->run_query);
	if (reason == NULL)
		reason = shard_sql_check(*text);
	if (reason == NULL)
		reason = shippable_check_hidden(input->run_query, true);
	return reason;
}

static List *
without_junk(const List *tlist)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, tlist)
	{
		if (!lfirst_node(TargetEntry, lc)->resjunk)
			result = lappend(result, lfirst(lc));
	}
	return result;
}

/* Rows of literals that are not lifted: each such text is another one. */
static bool
has_many_rows(const Query *query)
{
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_VALUES && list_length(rte->values_lists) > 1)
			return true;
	}
	return false;
}

/* The key as exec wants it; a value no row can have becomes a NULL, which selects nothing anywhere. */
static void
fill_key(RouteParts *parts, const RouterShard *target)
{
	List	   *exprs = NIL;
	ListCell   *lc;

	parts->any_shard = target->key == NULL;
	if (target->key == NULL)
		return;
	if (target->known && target->shard == ROUTE_NO_SHARD && parts->command != CMD_INSERT)
	{
		foreach(lc, target->key->exprs)
			exprs = lappend(exprs, makeNullConst(exprType(lfirst(lc)), -1, exprCollation(lfirst(lc))));
	}
	else
		exprs = target->key->exprs;
	parts->key_relids = list_make1_oid(target->key->relid);
	parts->key_exprs = list_make1(exprs);
}

static PlannedStmt *
make_plan(const PlanInput *input, const RouterShard *target, Query *text, const Reason *text_reason)
{
	Query	   *query = input->run_query;
	RouteParts	parts = {0};
	CustomScan *scan;

	parts.command = query->commandType;
	parts.target_list = without_junk(result_tlist(query));
	fill_key(&parts, target);
	parts.run_query = query;
	parts.query_string = input->query_string;
	parts.cursor_options = input->cursor_options;
	parts.writes = query_writes(query);
	parts.lift_literals = true;
	parts.prepare = !has_many_rows(query);
	if (text_reason == NULL)
		parts.text_query = text;
	else
		parts.remote_reason = text_reason;

	scan = scan_route_make(&parts);
	scan->scan.plan.startup_cost = 0;
	scan->scan.plan.total_cost = 1;
	scan->scan.plan.plan_rows = 1;
	return planned_statement_make(query, &scan->scan.plan, input->cursor_options);
}

static bool
has_another_way(const PlanInput *input)
{
	if (input->run_query->hasModifyingCTE)
		return true;
	switch (input->run_query->commandType)
	{
		case CMD_SELECT:
			return !query_writes(input->run_query) || plan_by_row_takes(input->run_query);
		case CMD_INSERT:
			return true;
		case CMD_UPDATE:
		case CMD_DELETE:
			return plan_rows_check(input) == NULL || plan_by_row_takes(input->run_query);
		default:
			return plan_by_row_takes(input->run_query);
	}
}

PlannedStmt *
plan_router(const PlanInput *input, const Reason **reason)
{
	const QueryShards *shards = input->shards;
	RouterShard target;
	const Reason *text_reason;
	Query	   *text = NULL;
	bool		for_this_role;
	PlannedStmt *plan;

	if (shards->keys == NIL && !shards->any_shard)
	{
		*reason = shards->reason;
		return NULL;
	}
	if (!settle_shard(input, &target, reason))
		return NULL;

	text_reason = find_text(input, &text, &for_this_role);
	if (text_reason != NULL && !session_is_forwarded() && !shard_is_here(&target))
	{
		/* reads and most writes have another way; what only this node has is never read elsewhere */
		if (shards->has_home || target.known || has_another_way(input))
		{
			*reason = text_reason;
			return NULL;
		}
	}
	plan = make_plan(input, &target, text, text_reason);
	plan->dependsOnRole |= for_this_role;
	return plan;
}

/* For scan_route.h: the text of a statement, when a shard of another node is first met. */
static const Reason *
deparse_lazily(Query *text_query, bool lift_literals, const char **sql, List **params)
{
	const Reason *reason;
	const ShardSql *made = shard_sql_make_checked(text_query, lift_literals, &reason);

	if (made == NULL)
		return reason;
	*sql = made->text;
	*params = made->params;
	return NULL;
}

void
plan_router_preload(void)
{
	scan_route_set_deparser(deparse_lazily);
}
