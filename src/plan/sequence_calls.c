/*
 * sequence_calls.c
 *	  setval() in the list of a SELECT becomes ours, which knows that sequences of
 *	  tables of the cluster are cut into blocks (ddl/sequence_set.c).
 *
 * What it does not do: setval() elsewhere (conditions, WITH, RETURNING), which nobody writes;
 * it acts on this node's block.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "utils/fmgroids.h"

#include "catalog/node_map.h"
#include "plan/sequence_calls.h"

static bool
divert(Node *node, void *context)
{
	FuncExpr   *func = (FuncExpr *) node;
	Oid			types[] = {REGCLASSOID, INT8OID, BOOLOID};
	Oid			ours;

	if (node == NULL || IsA(node, Query))
		return false;
	if (IsA(node, FuncExpr) &&
		(func->funcid == F_SETVAL_REGCLASS_INT8 || func->funcid == F_SETVAL_REGCLASS_INT8_BOOL) &&
		cluster_info() != NULL)
	{
		ours = LookupFuncName(list_make2(makeString("shardext"), makeString("internal_setval")),
							  list_length(func->args), types, true);
		if (OidIsValid(ours))
			func->funcid = ours;
	}
	return expression_tree_walker(node, divert, context);
}

void
sequence_calls_divert(Query *query)
{
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		Node	   *value = (Node *) lfirst_node(TargetEntry, lc)->expr;

		if (!IsA(value, Var) && !IsA(value, Const))
			(void) divert(value, NULL);
	}
}
