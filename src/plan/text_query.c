/*
 * text_query.c
 *	  Carries the Query as it was before rewriting from parse analysis to the
 *	  planner.
 *
 * The copy travels in the values_lists of an RTE_RESULT that is appended to the
 * range table and referenced by nobody. Rewriting, copyObject, the plan cache
 * and its revalidation keep it; a Query that is stored in the catalog must not
 * get one (planner_hook.c sees to that), since stored rules do not keep it.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"

#include "plan/text_query.h"

#define CARRIER_NAME	"*shardext*"

void
text_query_attach(Query *query)
{
	Query	   *copy = copyObject(query);
	RangeTblEntry *carrier = makeNode(RangeTblEntry);

	carrier->rtekind = RTE_RESULT;
	carrier->eref = makeAlias(CARRIER_NAME, NIL);
	carrier->values_lists = list_make1(copy);
	query->rtable = lappend(query->rtable, carrier);
}

/* Did rewriting replace or restrict anything in a Query? */
static bool
rewriting_shows(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;
		ListCell   *lc;

		if (query->commandType != CMD_SELECT || query->hasRowSecurity)
			return true;
		foreach(lc, query->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

			/* a view's expansion is known by its barrier flag, relation or OLD entry */
			if (rte->securityQuals != NIL || rte->security_barrier)
				return true;
			if (rte->rtekind == RTE_SUBQUERY && OidIsValid(rte->relid))
				return true;
			if (rte->rtekind == RTE_RELATION && rte->relkind == RELKIND_VIEW)
				return true;
		}
		return query_tree_walker(query, rewriting_shows, context, 0);
	}
	return expression_tree_walker(node, rewriting_shows, context);
}

Query *
text_query_take(Query *query)
{
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_RESULT && rte->values_lists != NIL)
		{
			Query	   *text_query = linitial_node(Query, rte->values_lists);

			rte->values_lists = NIL;
			/* products of user rules are other statements than the one carried */
			return query->querySource == QSRC_ORIGINAL ? text_query : NULL;
		}
	}
	if (query->commandType != CMD_SELECT || rewriting_shows((Node *) query, NULL))
		return NULL;
	return copyObject(query);
}
