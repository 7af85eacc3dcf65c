/*
 * with_unread.c
 *	  WITH clauses that nothing reads.
 *
 * The parser's count of references says of most statements that there are none.
 * Where there are some, a clause that only such a clause reads goes too.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"

#include "plan/with_unread.h"

/* References to one WITH clause from one body. */
typedef struct Reading
{
	const char *name;
	int			levels_up;		/* of the clause, seen from the Query at hand */
} Reading;

static bool
reads_clause(Node *node, void *context)
{
	Reading    *reading = (Reading *) context;
	bool		found;

	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		const RangeTblEntry *rte = (const RangeTblEntry *) node;

		return rte->rtekind == RTE_CTE && !rte->self_reference && (int) rte->ctelevelsup == reading->levels_up &&
			strcmp(rte->ctename, reading->name) == 0;
	}
	if (!IsA(node, Query))
		return expression_tree_walker(node, reads_clause, context);

	reading->levels_up++;
	found = query_tree_walker((Query *) node, reads_clause, context, QTW_EXAMINE_RTES_BEFORE);
	reading->levels_up--;
	return found;
}

static bool
is_unread(Query *query, const CommonTableExpr *clause)
{
	Reading		reading = {.name = clause->ctename, .levels_up = -1};

	if (castNode(Query, clause->ctequery)->commandType != CMD_SELECT)
		return false;
	return clause->cterefcount == 0 || !reads_clause((Node *) query, &reading);
}

static bool
drop_of_level(Query *query)
{
	bool		any = false;
	bool		again = false;
	ListCell   *lc;

	foreach(lc, query->cteList)
		again |= lfirst_node(CommonTableExpr, lc)->cterefcount == 0;
	while (again)
	{
		again = false;
		foreach(lc, query->cteList)
		{
			if (!is_unread(query, lfirst_node(CommonTableExpr, lc)))
				continue;
			query->cteList = foreach_delete_current(query->cteList, lc);
			any = again = true;
		}
	}
	return any;
}

static bool
drop_of_all_levels(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, drop_of_all_levels, context);
	*(bool *) context |= drop_of_level((Query *) node);
	return query_tree_walker((Query *) node, drop_of_all_levels, context, 0);
}

static bool
has_deeper_levels(const Query *query)
{
	ListCell   *lc;

	if (query->hasSubLinks || query->cteList != NIL)
		return true;
	foreach(lc, query->rtable)
	{
		if (lfirst_node(RangeTblEntry, lc)->rtekind == RTE_SUBQUERY)
			return true;
	}
	return false;
}

bool
with_unread_drop(Query *query)
{
	bool		any = false;

	if (has_deeper_levels(query))
		(void) drop_of_all_levels((Node *) query, &any);
	return any;
}
