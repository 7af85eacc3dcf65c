/*
 * push_dependents.c
 *	  Columns that are not grouped by, but depend on a primary key that is.
 *
 *	  SELECT p.k, p.name, count(*) FROM item i JOIN part p ON p.k = i.part GROUP BY p.k
 *
 * PostgreSQL takes this since p.k is the primary key of part. Where the rows of part are brought to the shards of
 * item, the fragment reads a function instead of it, and its text would be refused. There are no more groups for it
 * if the column is grouped by, too:
 *
 *	  SELECT p.k, p.name, count(*) FROM item i JOIN shardext.rows_of($1, 40) AS part (k int, name text) ON ..
 *	   GROUP BY p.k, p.name
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_clause.h"
#include "parser/parse_oper.h"
#include "parser/parsetree.h"

#include "base/pg_compat.h"
#include "plan/push_dependents.h"

typedef struct DependentSearch
{
	const Query *query;
	List	   *grouped;		/* expressions */
	Index		depth;
	List	   *columns;		/* found: Vars */
} DependentSearch;

static bool
find_dependents(Node *node, void *context)
{
	DependentSearch *search = context;

	if (node == NULL || (search->depth == 0 && list_member(search->grouped, node)) ||
		(IsA(node, Aggref) && ((Aggref *) node)->agglevelsup >= search->depth) ||
		(IsA(node, GroupingFunc) && ((GroupingFunc *) node)->agglevelsup >= search->depth))
		return false;
	if (IsA(node, Query))
	{
		search->depth++;
		(void) query_tree_walker((Query *) node, find_dependents, context, QTW_IGNORE_JOINALIASES);
		search->depth--;
		return false;
	}
	if (IsA(node, Var) && ((Var *) node)->varlevelsup == search->depth)
	{
		Var		   *column = copyObject((Var *) node);

		column->varlevelsup = 0;
		if (rt_fetch(column->varno, search->query->rtable)->rtekind != RTE_RELATION &&
			!list_member(search->grouped, column))
			search->columns = list_append_unique(search->columns, column);
		return false;
	}
	return expression_tree_walker(node, find_dependents, context);
}

/* One more grouping expression; false: its values cannot be compared. */
static bool
group_by(Query *query, Var *column)
{
	SortGroupClause *clause = makeNode(SortGroupClause);
	TargetEntry *tle = tlist_member((Expr *) column, query->targetList);

	get_sort_group_operators(column->vartype, false, false, false, &clause->sortop, &clause->eqop, NULL,
							 &clause->hashable);
	if (!OidIsValid(clause->eqop))
		return false;
	if (tle == NULL)
	{
		tle = makeTargetEntry((Expr *) column, list_length(query->targetList) + 1, NULL, true);
		query->targetList = lappend(query->targetList, tle);
	}
	clause->tleSortGroupRef = assignSortGroupRef(tle, query->targetList);
	query->groupClause = lappend(query->groupClause, clause);
	return true;
}

static bool
group_dependents(Query *query)
{
	DependentSearch search = {query};
	ListCell   *lc;

	if (query->groupClause == NIL)
		return true;
	search.grouped = (List *) sx_flatten_join_vars(query, (Node *)
												   get_sortgrouplist_exprs(query->groupClause, query->targetList));
	(void) find_dependents(sx_flatten_join_vars(query, (Node *) query->targetList), &search);
	(void) find_dependents(sx_flatten_join_vars(query, query->havingQual), &search);
	if (search.columns != NIL && query->groupingSets != NIL)
		return false;
	foreach(lc, search.columns)
	{
		if (!group_by(query, lfirst_node(Var, lc)))
			return false;
	}
	return true;
}

static bool
find_failure(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return !push_group_dependents((Query *) node);
	return expression_tree_walker(node, find_failure, context);
}

bool
push_group_dependents(Query *query)
{
	return group_dependents(query) && !query_tree_walker(query, find_failure, NULL, QTW_IGNORE_JOINALIASES);
}
