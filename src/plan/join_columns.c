/*
 * join_columns.c
 *	  The columns of joins in FROM, when tables under them become something else.
 *
 * A join's entry in the range table lists the columns of both sides. Dropped columns are not
 * among them, nor are those that a table got after a view over the join was made. If a table is
 * replaced by rows that have a real column in each of these places, the lists do not fit any
 * more, and the deparser, which goes through tables and lists side by side, reads past their
 * end. (push_members.c makes the new lists.)
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"

#include "base/pg_compat.h"
#include "plan/join_columns.h"
#include "plan/push_members.h"

/* ---------- what there is ---------- */

/* Is the side rows from somewhere else, in more columns than a join lists? */
static bool
is_other(const Query *query, Node *side, const List *listed)
{
	const RangeTblEntry *rte;

	if (!IsA(side, RangeTblRef))
		return false;
	rte = rt_fetch(((RangeTblRef *) side)->rtindex, query->rtable);
	return rte->rtekind == RTE_FUNCTION && list_length(rte->eref->colnames) != list_length(listed);
}

static bool
is_outdated(const Query *query, Node *jtnode)
{
	JoinExpr   *join;
	const RangeTblEntry *rte;
	ListCell   *lc;

	if (jtnode == NULL || IsA(jtnode, RangeTblRef))
		return false;
	if (IsA(jtnode, FromExpr))
	{
		foreach(lc, ((FromExpr *) jtnode)->fromlist)
		{
			if (is_outdated(query, lfirst(lc)))
				return true;
		}
		return false;
	}
	join = castNode(JoinExpr, jtnode);
	rte = rt_fetch(join->rtindex, query->rtable);
	return is_other(query, join->larg, rte->joinleftcols) || is_other(query, join->rarg, rte->joinrightcols) ||
		is_outdated(query, join->larg) || is_outdated(query, join->rarg);
}

/* ---------- references ---------- */

typedef struct NameSearch
{
	const Query *query;
	int			depth;
} NameSearch;

/* Columns of tables that were written as those of a join are written as what they are. */
static bool
forget_names(Node *node, void *context)
{
	NameSearch *search = context;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		search->depth++;
		(void) query_tree_walker((Query *) node, forget_names, context, QTW_IGNORE_JOINALIASES);
		search->depth--;
		return false;
	}
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;

		if (var->varlevelsup == search->depth && var->varnosyn > 0 &&
			rt_fetch(var->varnosyn, search->query->rtable)->rtekind == RTE_JOIN)
		{
			var->varnosyn = var->varno;
			var->varattnosyn = var->varattno;
		}
		return false;
	}
	return expression_tree_walker(node, forget_names, context);
}

/* Nothing in the query refers to columns of its joins afterwards. */
static void
flatten_references(Query *query)
{
	NameSearch	search = {query};
	ListCell   *lc;

	push_flatten_join_vars(query);
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		rte->subquery = (Query *) sx_flatten_join_vars(query, (Node *) rte->subquery);
		rte->functions = (List *) sx_flatten_join_vars(query, (Node *) rte->functions);
		rte->values_lists = (List *) sx_flatten_join_vars(query, (Node *) rte->values_lists);
		rte->tablefunc = (TableFunc *) sx_flatten_join_vars(query, (Node *) rte->tablefunc);
		rte->tablesample = (TableSampleClause *) sx_flatten_join_vars(query, (Node *) rte->tablesample);
	}
	(void) query_tree_walker(query, forget_names, &search, QTW_IGNORE_JOINALIASES);
}

/* ---------- all levels ---------- */

static bool
renew_below(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, renew_below, context);
	join_columns_renew((Query *) node);
	return false;
}

void
join_columns_renew(Query *query)
{
	/* first, since what flattens references copies them */
	(void) query_tree_walker(query, renew_below, NULL, QTW_IGNORE_JOINALIASES);
	if (!is_outdated(query, (Node *) query->jointree))
		return;
	flatten_references(query);
	push_clean_joins(query);
}
