/*
 * push_exists.c
 *	  EXISTS asks whether there is a row, not what is in it.
 *
 * PostgreSQL's planner takes away what such a sub-SELECT does with its rows beyond
 * finding them (simplify_EXISTS_query): columns, DISTINCT, ORDER BY, GROUP BY that
 * only makes rows one, LIMIT. A level that a shard carries out is not seen by the planner
 * of the whole, so it is done before: what nobody looks at is not computed, where
 * it may fail, nor sent. A sub-SELECT that depends on no row around is asked for one row.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"

#include "base/pg_compat.h"
#include "plan/push_exists.h"
#include "plan/push_level.h"

/* Does it let at least one row through? */
static bool
limit_keeps_row(Query *sub)
{
	Const	   *limit = (Const *) (sub->limitCount = eval_const_expressions(NULL, sub->limitCount));

	return limit == NULL || (IsA(limit, Const) && (limit->constisnull || DatumGetInt64(limit->constvalue) > 0));
}

/* Is there a row of it if and only if FROM and WHERE give one? */
static bool
only_finds_rows(Query *sub)
{
	return sub->commandType == CMD_SELECT && sub->setOperations == NULL && !sub->hasAggs && sub->groupingSets == NIL &&
		sub->havingQual == NULL && !sub->hasWindowFuncs && !sub->hasTargetSRFs && !sub->hasModifyingCTE &&
		sub->rowMarks == NIL && sub->limitOffset == NULL && limit_keeps_row(sub);
}

static void
simplify(Query *sub)
{
	sx_flatten_groups(sub);
	sub->targetList = list_make1(makeTargetEntry((Expr *) makeBoolConst(true, false), 1, pstrdup("found"), false));
	sub->groupClause = sub->windowClause = sub->distinctClause = sub->sortClause = NIL;
	sub->groupDistinct = sub->hasDistinctOn = false;
	sub->limitCount = NULL;
	sub->limitOption = LIMIT_OPTION_COUNT;
	if (push_is_closed(sub))
		sub->limitCount = (Node *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(1), false,
											 FLOAT8PASSBYVAL);
}

static bool
simplify_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, SubLink) && ((SubLink *) node)->subLinkType == EXISTS_SUBLINK &&
		only_finds_rows(castNode(Query, ((SubLink *) node)->subselect)))
		simplify((Query *) ((SubLink *) node)->subselect);
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, simplify_walker, context, 0);
	return expression_tree_walker(node, simplify_walker, context);
}

void
push_simplify_exists(Query *query)
{
	(void) simplify_walker((Node *) query, NULL);
}
