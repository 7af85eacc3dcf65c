/*
 * query_shape.c
 *	  Questions about a Query that several files of this folder ask.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"

#include "plan/query_shape.h"

bool
query_is_flat(const Query *query)
{
	ListCell   *lc;

	if (query->hasSubLinks || query->cteList != NIL)
		return false;
	foreach(lc, query->rtable)
	{
		if (lfirst_node(RangeTblEntry, lc)->rtekind == RTE_SUBQUERY)
			return false;
	}
	return true;
}

static bool
find_row_marks(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		return query->rowMarks != NIL ||
			(!query_is_flat(query) && query_tree_walker(query, find_row_marks, context, 0));
	}
	return expression_tree_walker(node, find_row_marks, context);
}

bool
query_locks_rows(Query *query)
{
	return find_row_marks((Node *) query, NULL);
}

bool
query_writes(Query *query)
{
	return query->commandType != CMD_SELECT || query->hasModifyingCTE || query_locks_rows(query);
}

List *
query_conditions(Node *quals)
{
	List	   *result = NIL;
	ListCell   *lc;

	if (quals == NULL)
		return NIL;
	if (!is_andclause(quals))
		return list_make1(quals);
	foreach(lc, ((BoolExpr *) quals)->args)
		result = list_concat(result, query_conditions(lfirst(lc)));
	return result;
}
