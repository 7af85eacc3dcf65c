/*
 * push_arrays.c
 *	  Arrays of values that a level around computes, in the conditions of one below it.
 *
 *	  WITH page AS (SELECT .. LIMIT 20)
 *	  SELECT .. FROM page LEFT JOIN (SELECT post, count(*) FROM likes
 *						   WHERE post = ANY (ARRAY(SELECT id FROM page)) GROUP BY post) AS g ON g.post = page.id
 *
 * sub_conditions.c writes such conditions. The level of g refers to the one around it, so its likes would be fetched
 * to be counted here. But the array is the same for all of its rows: it is an input of the fragment, in which the
 * shards count.
 *
 * Only a column of a WITH clause of the level directly around, which is materialized: PostgreSQL puts no other query in
 * the place of such a clause, and pulls up no level that has one. It would not see what inputs refer to.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteManip.h"

#include "plan/push_arrays.h"
#include "plan/push_broadcast.h"
#include "plan/push_level.h"
#include "plan/query_make.h"
#include "plan/query_shape.h"

/* The WITH clause of the level around that the entry of a sub-SELECT of the level reads; NULL: it is another one. */
static const CommonTableExpr *
clause_of(const RangeTblEntry *rte, const Query *around)
{
	ListCell   *lc;

	foreach(lc, rte->rtekind == RTE_CTE && rte->ctelevelsup == 2 ? around->cteList : NIL)
	{
		const CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);

		if (strcmp(cte->ctename, rte->ctename) == 0)
			return cte;
	}
	return NULL;
}

/* SELECT column FROM such a clause, and nothing else. */
static bool
is_column_of_clause(const Query *select, const Query *around)
{
	const CommonTableExpr *cte = list_length(select->rtable) == 1 ? clause_of(linitial(select->rtable), around) : NULL;
	const Node *column;

	if (cte == NULL || cte->cterecursive || cte->ctematerialized != CTEMaterializeAlways || !query_only_joins(select) ||
		select->jointree->quals != NULL || select->distinctClause != NIL || select->sortClause != NIL ||
		list_length(select->targetList) != 1)
		return false;
	column = (const Node *) linitial_node(TargetEntry, select->targetList)->expr;
	if (!OidIsValid(query_array_type(exprType(column))))
		return false;
	while (IsA(column, RelabelType))
		column = (const Node *) ((const RelabelType *) column)->arg;
	return IsA(column, Var) && ((const Var *) column)->varlevelsup == 0;
}

/* SELECT ARRAY(SELECT ..) */
static Query *
select_of_array(SubLink *array)
{
	Query	   *query = makeNode(Query);

	array = copyObject(array);
	IncrementVarSublevelsUp(array->subselect, 1, 1);
	query->commandType = CMD_SELECT;
	query->canSetTag = true;
	query->hasSubLinks = true;
	query->jointree = makeFromExpr(NIL, NULL);
	query->targetList = list_make1(makeTargetEntry((Expr *) array, 1, pstrdup("values"), false));
	return query;
}

void
push_arrays_as_inputs(Query *level, const Query *around, int *next_param, List **inputs)
{
	ListCell   *lc;

	/* else the clause could give other rows each time that it is read */
	if (!push_is_closed(unconstify(Query *, around)))
		return;
	foreach(lc, query_conditions(level->jointree->quals))
	{
		ScalarArrayOpExpr *any = lfirst(lc);
		SubLink    *array = IsA(any, ScalarArrayOpExpr) ? lsecond(any->args) : NULL;

		if (array != NULL && IsA(array, SubLink) && array->subLinkType == ARRAY_SUBLINK &&
			is_column_of_clause(castNode(Query, array->subselect), around))
			lsecond(any->args) = push_add_value(inputs, (*next_param)++, select_of_array(array));
	}
}

void
push_arrays_keep_level(Query *above)
{
	if (above->limitCount == NULL)
		above->limitCount = (Node *) makeNullConst(INT8OID, -1, InvalidOid);
}
