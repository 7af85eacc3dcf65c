/*
 * plan_node.c
 *	  Nodes of ours that plans carry.
 *
 * Such a node is copied with its plan, by the plan cache. Nothing compares or
 * stores plans: a node equals itself only, debug_print_plan shows its name, and
 * reading one is an error.
 */
#include "postgres.h"

#include "optimizer/optimizer.h"
#include "utils/memutils.h"

#include "exec/plan_node.h"

static bool
is_same(const ExtensibleNode *a, const ExtensibleNode *b)
{
	return a == b;
}

static void
out_nothing(struct StringInfoData *str, const ExtensibleNode *node)
{
}

static void
refuse_text(ExtensibleNode *node)
{
	elog(ERROR, "a plan of shardext cannot be read from text");
}

void
plan_node_register(const char *name, Size size, PlanNodeCopy copy)
{
	ExtensibleNodeMethods *methods = MemoryContextAllocZero(TopMemoryContext, sizeof(ExtensibleNodeMethods));

	methods->extnodename = name;
	methods->node_size = size;
	methods->nodeCopy = copy;
	methods->nodeEqual = is_same;
	methods->nodeOut = out_nothing;
	methods->nodeRead = refuse_text;
	RegisterExtensibleNodeMethods(methods);
}

List *
plan_node_expressions(const List *exprs)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, exprs)
	{
		Expr	   *expr = lfirst(lc);

		result = lappend(result, IsA(expr, Const) || IsA(expr, Param) ? copyObject(expr) : expression_planner(expr));
	}
	return result;
}

static bool
is_read_once_by_any(const List *plans, const Plan *node)
{
	ListCell   *lc;

	foreach(lc, plans)
	{
		if (plan_node_is_read_once(lfirst(lc), node))
			return true;
	}
	return false;
}

/* Sub-SELECTs are not looked into. */
bool
plan_node_is_read_once(const Plan *plan, const Plan *node)
{
	if (plan == NULL || plan == node)
		return plan != NULL;
	switch (nodeTag(plan))
	{
		case T_SubqueryScan:
			return plan_node_is_read_once(((const SubqueryScan *) plan)->subplan, node);
		case T_Append:
			return is_read_once_by_any(((const Append *) plan)->appendplans, node);
		case T_MergeAppend:
			return is_read_once_by_any(((const MergeAppend *) plan)->mergeplans, node);
		case T_NestLoop:
		case T_RecursiveUnion:
			return plan_node_is_read_once(plan->lefttree, node);
		default:
			return plan_node_is_read_once(plan->lefttree, node) || plan_node_is_read_once(plan->righttree, node);
	}
}
