/*
 * push_ctes.c
 *	  WITH queries that are read once become sub-SELECTs of FROM.
 *
 * PostgreSQL does so as well, but when it plans; to see which levels the shards
 * can carry out it has to be done before. MATERIALIZED is no obstacle to a
 * SELECT's: it asks for a way of execution, and the rows are the same. Volatile
 * functions, recursion, locks and writes are.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteManip.h"

#include "plan/push_ctes.h"

typedef struct InlineContext
{
	const CommonTableExpr *cte;
	Index		depth;			/* of the Query at hand below the one that defines the CTE */
	bool		done;
} InlineContext;

static bool
may_inline(const CommonTableExpr *cte, bool materialized)
{
	Query	   *query = castNode(Query, cte->ctequery);

	return cte->cterefcount == 1 && (materialized || cte->ctematerialized != CTEMaterializeAlways) &&
		!cte->cterecursive && cte->search_clause == NULL && cte->cycle_clause == NULL &&
		query->commandType == CMD_SELECT && query->rowMarks == NIL && !contain_volatile_functions((Node *) query);
}

static bool
inline_reference(Node *node, void *context)
{
	InlineContext *c = (InlineContext *) context;

	if (node == NULL || c->done)
		return false;
	if (IsA(node, Query))
	{
		c->depth++;
		(void) query_tree_walker((Query *) node, inline_reference, context, QTW_EXAMINE_RTES_AFTER);
		c->depth--;
		return false;
	}
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		if (rte->rtekind != RTE_CTE || rte->ctelevelsup != c->depth || strcmp(rte->ctename, c->cte->ctename) != 0)
			return false;
		rte->rtekind = RTE_SUBQUERY;
		rte->subquery = copyObject(castNode(Query, c->cte->ctequery));
		if (c->depth > 0)
			IncrementVarSublevelsUp((Node *) rte->subquery, c->depth, 1);
		/* the names that WITH t(a, b) gives to its columns */
		rte->alias = copyObject(rte->eref);
		rte->ctename = NULL;
		rte->ctelevelsup = 0;
		rte->self_reference = false;
		rte->coltypes = rte->coltypmods = rte->colcollations = NIL;
		c->done = true;
		return false;
	}
	return expression_tree_walker(node, inline_reference, context);
}

static bool
inline_in_query(Node *node, void *context)
{
	bool		materialized = *(bool *) context;
	Query	   *query = (Query *) node;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, inline_in_query, context);
	for (int i = 0; i < list_length(query->cteList);)
	{
		CommonTableExpr *cte = list_nth_node(CommonTableExpr, query->cteList, i);
		InlineContext c = {cte, 0, false};

		if (!query->hasRecursive && may_inline(cte, materialized))
			(void) query_tree_walker(query, inline_reference, &c, QTW_EXAMINE_RTES_AFTER);
		if (c.done)
			query->cteList = list_delete_nth_cell(query->cteList, i);
		else
			i++;
	}
	return query_tree_walker(query, inline_in_query, context, 0);
}

void
push_inline_ctes(Query *query, bool materialized)
{
	(void) inline_in_query((Node *) query, &materialized);
}
