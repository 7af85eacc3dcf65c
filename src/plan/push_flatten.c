/*
 * push_flatten.c
 *	  Sub-SELECTs of FROM that only join and filter become part of their level.
 *
 * PostgreSQL does so too, when it plans. Which tables lie together is to be seen
 * before, and of a level's tables those are named in the fragment's text that stand
 * in the level itself.
 *
 * Only sub-SELECTs that stand in FROM by themselves, not under JOIN: there is no
 * row of the level without a row of them. Views stay: their tables may be read
 * with other rights.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"

#include "base/pg_compat.h"
#include "plan/push_flatten.h"
#include "plan/push_split.h"

static bool
names_view(const Query *query)
{
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_RELATION && rte->relkind == RELKIND_VIEW)
			return true;
	}
	return false;
}

static bool
only_joins(const RangeTblEntry *rte)
{
	const Query *sub = rte->subquery;

	return rte->rtekind == RTE_SUBQUERY && !rte->lateral && !rte->security_barrier && !OidIsValid(rte->relid) &&
		rte->values_lists == NIL && rte->securityQuals == NIL &&
		sub->commandType == CMD_SELECT && !push_combines_rows(sub) && !sub->hasTargetSRFs && sub->cteList == NIL &&
		sub->rowMarks == NIL && sub->jointree != NULL && sub->jointree->fromlist != NIL && !names_view(sub) &&
		!contain_volatile_functions((Node *) sub->targetList);
}

/* Are all its columns columns of its tables? */
static bool
gives_columns_only(const Query *sub)
{
	ListCell   *lc;

	foreach(lc, sub->targetList)
	{
		if (!IsA(lfirst_node(TargetEntry, lc)->expr, Var))
			return false;
	}
	return true;
}

typedef struct WholeRow
{
	Index		varno;
	Index		depth;
} WholeRow;

static bool
find_whole_row(Node *node, void *context)
{
	WholeRow   *whole = context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
		return ((Var *) node)->varlevelsup == whole->depth && (Index) ((Var *) node)->varno == whole->varno &&
			((Var *) node)->varattno <= 0;
	if (IsA(node, Query))
	{
		WholeRow	inner = {whole->varno, whole->depth + 1};

		return query_tree_walker((Query *) node, find_whole_row, &inner, 0);
	}
	return expression_tree_walker(node, find_whole_row, context);
}

bool
push_names_whole_row(const Query *query, Index varno)
{
	WholeRow	whole = {varno, 0};

	return query_tree_walker(unconstify(Query *, query), find_whole_row, &whole, 0);
}

/* The sub-SELECT at entry varno, number i of FROM, dissolved. */
static void
dissolve(Query *query, Index varno, int i)
{
	RangeTblEntry *rte = rt_fetch(varno, query->rtable);
	Query	   *sub = rte->subquery;
	int			offset = list_length(query->rtable);
	RangeTblEntry *unused = makeNode(RangeTblEntry);
	Query	   *replaced;

	OffsetVarNodes((Node *) sub, offset, 0);
	/* one level less: WITH clauses of the query, and what refers to queries around it */
	IncrementVarSublevelsUp((Node *) sub, -1, 1);
	sx_combine_range_tables(query, sub);
	query->hasSubLinks = query->hasSubLinks || sub->hasSubLinks;
	query->hasRowSecurity = query->hasRowSecurity || sub->hasRowSecurity;
	query->jointree->fromlist = list_concat(list_delete_nth_cell(query->jointree->fromlist, i),
											sub->jointree->fromlist);
	query->jointree->quals = make_and_qual(query->jointree->quals, sub->jointree->quals);

	/* nothing of it is to be found in the entry any more */
	unused->rtekind = RTE_RESULT;
	unused->eref = makeAlias("*RESULT*", NIL);
	lfirst(list_nth_cell(query->rtable, varno - 1)) = unused;
	replaced = (Query *) sx_replace_vars((Node *) query, varno, rte, sub->targetList, &query->hasSubLinks);
	*query = *replaced;
}

/*
 * Grouping sets make a grouped column NULL in some rows. An expression that took the column's place would not be known
 * for one (a constant would be compared with another while planning): such a sub-SELECT stays.
 */
bool
push_flatten(Query *query)
{
	bool		changed = false;

	if (query->jointree == NULL || query->setOperations != NULL)
		return false;
	for (int i = 0; i < list_length(query->jointree->fromlist);)
	{
		RangeTblRef *ref = list_nth(query->jointree->fromlist, i);

		if (IsA(ref, RangeTblRef) && only_joins(rt_fetch(ref->rtindex, query->rtable)) &&
			(query->groupingSets == NIL || gives_columns_only(rt_fetch(ref->rtindex, query->rtable)->subquery)) &&
			!push_names_whole_row(query, ref->rtindex))
		{
			dissolve(query, ref->rtindex, i);
			changed = true;
			continue;
		}
		i++;
	}
	return changed;
}
