/*
 * plan_push.c
 *	  PostgreSQL's own plan over what the shards carry out.
 *
 * Levels of the statement that can go to the shards are replaced by parts
 * (push_level.h); what is left is planned over these and over leaf scans
 * (plan_pull_query). Correlated sub-SELECTs of a level that did not go become
 * joins first (decorrelate.h). The plan names the relations of the parts as
 * well, so that they are locked, their rights checked and their changes noticed.
 *
 * Of statements that write, this is done to the sub-SELECTs that rows are taken
 * from, or that the table written is joined to.
 */
#include "postgres.h"

#include "catalog/pg_aggregate.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/prep.h"
#include "parser/parsetree.h"
#include "utils/syscache.h"

#include "base/pg_compat.h"
#include "base/settings.h"
#include "exec/plan_reason.h"
#include "plan/decorrelate.h"
#include "plan/insert_shape.h"
#include "plan/limited_ids.h"
#include "plan/page_first.h"
#include "plan/plan_pull.h"
#include "plan/plan_push.h"
#include "plan/planned_statement.h"
#include "plan/push_apart.h"
#include "plan/push_conditions.h"
#include "plan/push_ctes.h"
#include "plan/push_exists.h"
#include "plan/push_level.h"
#include "plan/query_shape.h"
#include "plan/recursive_steps.h"
#include "plan/shippable.h"

/* A Query in which parts have taken the place of levels; the plan keeps what it has of the whole one. */
static PlannedStmt *
plan_over_parts(const PlanInput *input, Query *query, const PushStatement *pushed)
{
	PlannedStmt *plan = plan_pull_query(query, input->query_string, input->cursor_options, input->params);
	List	   *relation_oids;
	List	   *items;
	bool		row_security;
	ListCell   *lc;

	plan_reason_attach_not_pushed(plan, pushed->reasons);
	if (pushed->fragments == NIL)
		return plan;
	foreach(lc, pushed->fragments)
		planned_statement_add_relations(plan, lfirst_node(Query, lc));
	extract_query_dependencies((Node *) input->run_query, &relation_oids, &items, &row_security);
	plan->relationOids = list_concat_unique_oid(plan->relationOids, relation_oids);
	plan->invalItems = list_concat(plan->invalItems, items);
	/* the rights that the text gives are those of the current user */
	plan->dependsOnRole = true;
	return plan;
}

static bool
has_other_aggregate(Node *node, void *context)
{
	HeapTuple	tuple;
	bool		is_extreme;

	if (node == NULL || IsA(node, Query))
		return false;
	if (!IsA(node, Aggref))
		return expression_tree_walker(node, has_other_aggregate, context);
	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(((Aggref *) node)->aggfnoid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for aggregate %u", ((Aggref *) node)->aggfnoid);
	is_extreme = OidIsValid(((Form_pg_aggregate) GETSTRUCT(tuple))->aggsortop);
	ReleaseSysCache(tuple);
	return !is_extreme;
}

/*
 * Is there a level that PostgreSQL may plan as ORDER BY .. LIMIT 1 in place of min() or max(), over a UNION ALL?
 * It does so by planning a copy of the level inside of it, where values that the plan computes for fragments are
 * not found.
 */
static bool
has_extremes_of_union(Node *node, void *context)
{
	Query	   *query = (Query *) node;
	Node	   *from;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, has_extremes_of_union, context);
	from = query->jointree != NULL && list_length(query->jointree->fromlist) == 1 ?
		linitial(query->jointree->fromlist) : NULL;
	if (query->hasAggs && query->groupClause == NIL && from != NULL && IsA(from, RangeTblRef) &&
		rt_fetch(((RangeTblRef *) from)->rtindex, query->rtable)->rtekind == RTE_SUBQUERY &&
		rt_fetch(((RangeTblRef *) from)->rtindex, query->rtable)->subquery->setOperations != NULL &&
		!has_other_aggregate((Node *) query->targetList, NULL) && !has_other_aggregate(query->havingQual, NULL))
		return true;
	return query_tree_walker(query, has_extremes_of_union, context, 0);
}

/* A level, with all that stands inside of it, as a statement of its own. */
static void
push_levels(Query *query, const PlanInput *input, PushStatement *pushed)
{
	List	   *reasons;

	if (setting_enable_pushdown)
		push_statement_page(query, pushed);
	reasons = list_copy(pushed->reasons);
	if (setting_enable_pushdown && push_statement_level(query, pushed))
		return;
	if (pushed->may_look_up)
		recursive_steps_look_up(query);
	if (setting_enable_pushdown && pushed->may_look_up)
		(void) page_first(query, input->params);
	push_simplify_exists(query);
	decorrelate_query(query);
	pushed->reasons = reasons;
	pushed->may_broadcast = pushed->may_regroup;
	if (!setting_enable_pushdown)
	{
		if (pushed->may_look_up)
			limited_ids_add_to_joins(query, input->params);
	}
	else if (!push_statement_level(query, pushed))
		push_statement(query, pushed);
}

static PushStatement
start_pushing(const PlanInput *input, Query *query)
{
	bool		may_have_inputs = (input->cursor_options & CURSOR_OPT_FAST_PLAN) == 0 &&
		!has_extremes_of_union((Node *) query, NULL);

	return (PushStatement) {
		.may_regroup = may_have_inputs, .may_look_up = may_have_inputs, .params = input->params,
		.next_param = insert_shape_max_param(query) + 1
	};
}

static bool
is_source(Query *source)
{
	return !query_writes(source) && query_count_shells(source) > 0 && push_is_closed(source);
}

/*
 * What UPDATE, DELETE and MERGE read beside the table that they write: sub-SELECTs in FROM, WITH queries. Other rows of
 * FROM stay rows of tables, which the level joins.
 */
static void
push_sources(Query *query, const PlanInput *input, PushStatement *pushed)
{
	Bitmapset  *entries = sx_relids_in_jointree((Node *) query->jointree);
	ListCell   *lc;

	pushed->may_look_up = false;
	push_inline_ctes(query, false);
	if (query->commandType != CMD_MERGE)
		push_conditions(query);
	foreach(lc, query->cteList)
	{
		const CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);

		if (!cte->cterecursive && is_source(castNode(Query, cte->ctequery)))
			push_levels(castNode(Query, cte->ctequery), input, pushed);
	}
	foreach(lc, query->rtable)
	{
		const RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
		Index		varno = foreach_current_index(lc) + 1;

		if (!bms_is_member(varno, entries) || rte->rtekind != RTE_SUBQUERY || rte->lateral || !is_source(rte->subquery))
			continue;
		if (push_may_be_part(query, varno))
			push_levels(rte->subquery, input, pushed);
		else
		{
			pushed->may_broadcast = pushed->may_regroup;
			push_statement(rte->subquery, pushed);
		}
	}
	push_keep_apart(query);
}

/* Not if it calls functions that might see what it has written when they are called. */
static bool
may_push_sources(Query *query)
{
	return setting_enable_pushdown && query->commandType != CMD_SELECT && query->commandType != CMD_INSERT &&
		!query->hasModifyingCTE && !shippable_sees_writes(query);
}

PlannedStmt *
plan_push_levels(const PlanInput *input)
{
	Query	   *query = copyObject(input->run_query);
	PushStatement pushed;

	if (query->commandType == CMD_INSERT)
		return plan_push_source(input, query);
	pushed = start_pushing(input, query);
	push_levels(query, input, &pushed);
	if (may_push_sources(query))
		push_sources(query, input, &pushed);
	return plan_over_parts(input, query, &pushed);
}

PlannedStmt *
plan_push_beside(const PlanInput *input, Query *query)
{
	PushStatement pushed = start_pushing(input, query);

	if (may_push_sources(query))
		push_sources(query, input, &pushed);
	limited_ids_add(query, input->params);
	return plan_over_parts(input, query, &pushed);
}

/* The SELECTs that rows are taken from: a sub-SELECT in FROM, WITH queries. */
static List *
sources_of(const Query *query)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, query->cteList)
		result = lappend(result, lfirst_node(CommonTableExpr, lc)->ctequery);
	foreach(lc, query->jointree->fromlist)
	{
		const RangeTblEntry *rte = IsA(lfirst(lc), RangeTblRef) ?
			rt_fetch(lfirst_node(RangeTblRef, lc)->rtindex, query->rtable) : NULL;

		if (rte != NULL && rte->rtekind == RTE_SUBQUERY)
			result = lappend(result, rte->subquery);
	}
	return result;
}

PlannedStmt *
plan_push_source(const PlanInput *input, Query *query)
{
	PushStatement pushed = {0};
	ListCell   *lc;

	foreach(lc, query->hasModifyingCTE ? NIL : sources_of(query))
	{
		Query	   *source = lfirst_node(Query, lc);

		if (query_count_shells(source) == 0)
			continue;
		if (pushed.next_param == 0)
			pushed = start_pushing(input, query);
		/* what is looked up is given to scans of a SELECT only */
		pushed.may_look_up &= query->commandType == CMD_SELECT;
		push_levels(source, input, &pushed);
	}
	return plan_over_parts(input, query, &pushed);
}

PlannedStmt *
plan_push_noted(const PlanInput *input, const Reason **reason)
{
	Query	   *query = copyObject(input->run_query);
	PushStatement pushed = {.local_only = true, .shards = input->note.shards};

	*reason = NULL;
	if (!push_statement_level(query, &pushed))
	{
		*reason = pushed.reason;
		return NULL;
	}
	return plan_over_parts(input, query, &pushed);
}
