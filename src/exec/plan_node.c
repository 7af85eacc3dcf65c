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
