/*
 * plan_cascade.c
 *	  The cascade: every statement that touches sharded tables, or writes
 *	  reference tables, is offered to one way of planning after the other.
 *
 * The ways are asked in the order of the table below. The first that does not
 * say no wins, and its plan keeps the reasons of those before it (EXPLAIN shows
 * them); when all say no, the last reason is the error's DETAIL.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/planner.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"

#include "base/errors.h"
#include "base/settings.h"
#include "catalog/table_map.h"
#include "exec/plan_reason.h"
#include "plan/far_trigger.h"
#include "plan/plan_by_row.h"
#include "plan/plan_cascade.h"
#include "plan/plan_insert.h"
#include "plan/plan_insert_select.h"
#include "plan/plan_modify.h"
#include "plan/plan_pull.h"
#include "plan/plan_reference.h"
#include "plan/plan_returning.h"
#include "plan/plan_router.h"
#include "plan/plan_rows.h"
#include "plan/plan_with.h"
#include "plan/query_shape.h"
#include "plan/text_query.h"
#include "plan/with_split.h"

/* Collects StatementWrites. */
static bool
find_writes(Node *node, void *context)
{
	StatementWrites *writes = (StatementWrites *) context;

	if (node == NULL)
		return false;
	if (IsA(node, CurrentOfExpr))
		writes->current_of = true;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		if (query->commandType != CMD_SELECT && query->resultRelation > 0)
		{
			RangeTblEntry *rte = rt_fetch(query->resultRelation, query->rtable);
			const TableInfo *table = rte->rtekind == RTE_RELATION ? table_info(rte->relid) : NULL;

			if (table != NULL && table->kind == TABLE_SHARDED)
			{
				writes->sharded = true;
				if (!session_is_forwarded())
				{
					writes->far_actions |= far_trigger_actions_fire(query, table, &writes->texts);
					writes->by_row |= writes->far_actions || far_trigger_fires(query, table, &writes->texts);
					writes->one_shard |= far_trigger_is_for_statement(query, table);
				}
			}
			else if (table != NULL)
				writes->reference = true;
		}
		if (query_is_flat(query))
			return find_writes((Node *) query->jointree, context);
		return query_tree_walker(query, find_writes, context, 0);
	}
	return expression_tree_walker(node, find_writes, context);
}

void
statement_writes_find(Query *query, StatementWrites *writes)
{
	(void) find_writes((Node *) query, writes);
}

/* The catalog's entry for what the statement itself (not one of its CTEs) writes; NULL if it is not ours. */
static const TableInfo *
target_table(const PlanInput *input)
{
	Query	   *query = input->run_query;
	RangeTblEntry *rte;

	if (query->commandType == CMD_SELECT || query->resultRelation == 0)
		return NULL;
	rte = rt_fetch(query->resultRelation, query->rtable);
	return rte->rtekind == RTE_RELATION ? table_info(rte->relid) : NULL;
}

/* A cursor over the rows of one sharded table: WHERE CURRENT OF wants to find a scan of it in the plan. */
static bool
is_cursor_over_rows(const PlanInput *input)
{
	const Query *query = input->run_query;

	if ((input->cursor_options & CURSOR_OPT_FAST_PLAN) == 0 || query->commandType != CMD_SELECT ||
		session_is_forwarded() || list_length(query->jointree->fromlist) != 1 ||
		!IsA(linitial(query->jointree->fromlist), RangeTblRef) || query->hasAggs || query->hasWindowFuncs ||
		query->groupClause != NIL || query->groupingSets != NIL || query->distinctClause != NIL ||
		query->setOperations != NULL)
		return false;
	return query_sharded_table(rt_fetch(linitial_node(RangeTblRef, query->jointree->fromlist)->rtindex,
										query->rtable)) != NULL;
}

static bool
applies_to_router(const PlanInput *input, const StatementWrites *writes)
{
	return !writes->by_row && !input->reads_ctid && !is_cursor_over_rows(input);
}

static bool
applies_to_with(const PlanInput *input, const StatementWrites *writes)
{
	Query	   *query = input->run_query;

	return (writes->sharded || writes->reference) &&
		(query->hasModifyingCTE || with_split_in_returning(query));
}

static bool
applies_to_returning(const PlanInput *input, const StatementWrites *writes)
{
	Query	   *query = input->run_query;

	return (writes->sharded || writes->reference) && checkExprHasSubLink((Node *) query->returningList) &&
		(query->commandType == CMD_INSERT || query->commandType == CMD_UPDATE || query->commandType == CMD_DELETE);
}

static bool
applies_to_reference_write(const PlanInput *input, const StatementWrites *writes)
{
	const TableInfo *target = target_table(input);

	return target != NULL && target->kind == TABLE_REFERENCE;
}

/* May rows of the table be written in several shards at once, without the executor of this node? */
static bool
may_go_to_shards(const PlanInput *input, const StatementWrites *writes)
{
	return !writes->by_row && !writes->one_shard && !input->reads_ctid;
}

static bool
applies_to_insert(const PlanInput *input, const StatementWrites *writes)
{
	const TableInfo *target = target_table(input);

	return target != NULL && target->kind == TABLE_SHARDED && input->run_query->commandType == CMD_INSERT &&
		may_go_to_shards(input, writes);
}

static bool
applies_to_insert_select(const PlanInput *input, const StatementWrites *writes)
{
	const List *from = input->run_query->jointree != NULL ? input->run_query->jointree->fromlist : NIL;

	return from != NIL && applies_to_insert(input, writes) &&
		rt_fetch(linitial_node(RangeTblRef, from)->rtindex, input->run_query->rtable)->rtekind == RTE_SUBQUERY;
}

static bool
applies_to_modify(const PlanInput *input, const StatementWrites *writes)
{
	const TableInfo *target = target_table(input);
	CmdType		command = input->run_query->commandType;

	if (command == CMD_SELECT)
		return input->run_query->rowMarks != NIL && !writes->sharded && !writes->reference && !input->reads_ctid &&
			!is_cursor_over_rows(input);
	return target != NULL && target->kind == TABLE_SHARDED && may_go_to_shards(input, writes) &&
		(command == CMD_UPDATE || command == CMD_DELETE);
}

static bool
applies_to_rows(const PlanInput *input, const StatementWrites *writes)
{
	return input->run_query->commandType != CMD_SELECT && applies_to_modify(input, writes);
}

static bool
applies_to_by_row(const PlanInput *input, const StatementWrites *writes)
{
	return writes->sharded && !writes->reference;
}

static bool
applies_to_pull(const PlanInput *input, const StatementWrites *writes)
{
	return !writes->sharded && !writes->reference;
}

/* The cascade. A session of another node has the first way only: nothing goes on to a third node. */
static const struct
{
	PlanWay		plan;
	bool		(*applies) (const PlanInput *input, const StatementWrites *writes);
	bool		when_forwarded;
}			ways[] = {
	{plan_router, applies_to_router, true},
	{plan_with, applies_to_with, false},
	{plan_returning, applies_to_returning, false},
	{plan_reference, applies_to_reference_write, true},
	{plan_reference_rows, applies_to_reference_write, false},
	{plan_insert_select, applies_to_insert_select, false},
	{plan_insert, applies_to_insert, false},
	{plan_modify, applies_to_modify, false},
	{plan_rows, applies_to_rows, false},
	{plan_by_row, applies_to_by_row, false},
	{plan_pull, applies_to_pull, false},
};

static bool
has_parameters(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param))
		return ((Param *) node)->paramkind == PARAM_EXTERN;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, has_parameters, context, 0);
	return expression_tree_walker(node, has_parameters, context);
}

/*
 * What another node has sent is asked for a generic plan, though only the values
 * tell that it stays in one shard. A plan so dear that the plan cache goes on
 * making custom ones; to run it would be an error of the shell's access method.
 */
static PlannedStmt *
plan_never_to_run(const PlanInput *input)
{
	PlannedStmt *plan = standard_planner(input->run_query, input->query_string, input->cursor_options, NULL);

	plan->planTree->total_cost = disable_cost;
	return plan;
}

PlannedStmt *
plan_row_of_cursor(const PlanInput *input, const StatementWrites *writes)
{
	const Reason *reason = NULL;
	PlannedStmt *plan = writes->reference ? plan_reference_rows(input, &reason) : plan_by_row(input, &reason);

	if (plan == NULL)
		reason_raise(reason, "this statement cannot write the row of a cursor");
	return plan;
}

/* Why the statement does not go to its shards, if no way needs to be asked. */
static const Reason *
reason_to_stay(const PlanInput *input, const StatementWrites *writes)
{
	if (input->reads_ctid)
		return reason_make(NULL, "It uses column \"ctid\", which means another row in each shard.");
	if (writes->by_row)
		return reason_make(NULL, "Triggers that it fires may need other shards, or give rows another one.");
	if (writes->one_shard)
		return reason_make(NULL, "It fires triggers once for the statement, which see all of its rows.");
	return NULL;
}

PlannedStmt *
plan_cascade(const PlanInput *given, const StatementWrites *writes)
{
	PlanInput	copy = *given;
	const PlanInput *input = &copy;
	const Reason *to_stay;
	const Reason *reason;
	const Reason *not_routed = NULL;

	if (!session_is_forwarded() && text_query_writes_view(given->run_query, given->text_query))
		copy.text_query = NULL;
	copy.reads_ctid = !session_is_forwarded() && query_reads_ctid(given->run_query);
	reason = to_stay = reason_to_stay(input, writes);
	for (int i = 0; i < (int) lengthof(ways); i++)
	{
		const Reason *why_not = NULL;
		PlannedStmt *plan;

		if (!ways[i].applies(input, writes))
			continue;
		if (session_is_forwarded() && !ways[i].when_forwarded)
			continue;
		plan = ways[i].plan(input, &why_not);
		if (plan != NULL)
		{
			if (not_routed != NULL || to_stay != NULL)
				plan_reason_attach(plan, not_routed, reason != not_routed ? reason : NULL);
			far_trigger_add_texts(plan, &writes->texts);
			return plan;
		}
		if (i == 0)
			not_routed = why_not;
		if (i == 0 && to_stay != NULL)
			why_not = to_stay;
		if (why_not != NULL)
			reason = why_not;
	}
	if (reason == NULL)
		reason = reason_make(NULL, "No way of planning takes it.");
	if (session_is_forwarded() && input->params == NULL && has_parameters((Node *) input->run_query, NULL))
		return plan_never_to_run(input);
	if (session_is_forwarded())
		reason_raise(reason, "a statement sent by another node must stay inside one shard of this node");
	if (list_length(input->shards->keys) == 1)
		reason_raise(reason, "this statement cannot run on the node that owns its shard");
	reason_raise(reason, writes->sharded || writes->reference ?
				 "this statement cannot write over several shards" :
				 "this statement cannot be run over several shards");
}
