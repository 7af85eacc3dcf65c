/*
 * push_page.c
 *	  The rows of a page before what is computed for each of them.
 *
 *	  SELECT title, (SELECT count(*) FROM likes WHERE ..) FROM posts ORDER BY created LIMIT 20
 *
 * cannot be carried out where the posts lie, since likes do not lie there. PostgreSQL
 * sorts first, and computes such sub-SELECTs for the twenty rows that are left; but it is given all posts to
 * sort. As
 *
 *	  SELECT page.title, (SELECT count(*) FROM likes WHERE ..)
 *	    FROM (SELECT title, id, created FROM posts ORDER BY created LIMIT 20) AS page ORDER BY page.created
 *
 * the page is a level of its own, of which each shard gives twenty rows. The same goes for functions that are volatile
 * or that other nodes may not call.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteManip.h"

#include "base/pg_compat.h"
#include "plan/push_level.h"
#include "plan/push_members.h"
#include "plan/push_page.h"
#include "plan/query_make.h"
#include "plan/shippable.h"

typedef struct PageContext
{
	Query	   *page;
	int			depth;			/* Queries between the node and the level */
	bool		failed;
} PageContext;

static bool
has_page_shape(const Query *query)
{
	bool		all_are_given = query->limitOffset == NULL && query->limitOption == LIMIT_OPTION_COUNT;
	ListCell   *lc;

	if (query->commandType != CMD_SELECT || query->limitCount == NULL || query->hasAggs ||
		query->groupClause != NIL || query->groupingSets != NIL || query->havingQual != NULL ||
		query->hasWindowFuncs || query->hasTargetSRFs || query->distinctClause != NIL ||
		query->setOperations != NULL || query->rowMarks != NIL || query->hasModifyingCTE ||
		query->jointree->fromlist == NIL)
		return false;
	foreach(lc, query->targetList)
	{
		const TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Node	   *expr = (Node *) tle->expr;

		/* what is volatile is computed for the rows that OFFSET leaves out, too */
		if (contain_volatile_functions(expr) && (tle->ressortgroupref != 0 || !all_are_given))
			return false;
		if (tle->ressortgroupref != 0 && checkExprHasSubLink(expr))
			return false;
	}
	return true;
}

/* Must the expression be computed above the rows? *why: the reason, if it is worth telling. */
static bool
stays_above(Node *expr, bool sublinks_stay, const Reason **why)
{
	const Reason *reason;

	if (checkExprHasSubLink(expr))
		return sublinks_stay;
	if (contain_volatile_functions(expr))
		return true;
	reason = contain_vars_of_level(expr, 0) ? shippable_check_expr(expr) : NULL;
	if (*why == NULL)
		*why = reason;
	return reason != NULL;
}

static bool
has_part_above(const Query *query, bool sublinks_stay, const Reason **why)
{
	bool		result = false;
	ListCell   *lc;

	*why = NULL;
	foreach(lc, query->targetList)
	{
		const TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->ressortgroupref == 0 && stays_above((Node *) tle->expr, sublinks_stay, why))
			result = true;
	}
	return result;
}

static Var *
page_column(const TargetEntry *tle, Index levelsup)
{
	Node	   *expr = (Node *) tle->expr;

	return makeVar(1, tle->resno, exprType(expr), exprTypmod(expr), exprCollation(expr), levelsup);
}

static TargetEntry *
add_column(Query *page, Node *expr)
{
	int			resno = list_length(page->targetList) + 1;
	TargetEntry *tle = makeTargetEntry((Expr *) expr, resno, psprintf("c%d", resno), false);

	page->targetList = lappend(page->targetList, tle);
	return tle;
}

/* The page's column that is this one of a table's, as seen from a Query so many levels below. */
static Node *
column_for(const Var *var, PageContext *c)
{
	Var		   *own = copyObject(unconstify(Var *, var));
	ListCell   *lc;

	own->varlevelsup = 0;
	foreach(lc, c->page->targetList)
	{
		if (equal(lfirst_node(TargetEntry, lc)->expr, own))
			return (Node *) page_column(lfirst(lc), var->varlevelsup);
	}
	return (Node *) page_column(add_column(c->page, (Node *) own), var->varlevelsup);
}

static bool
reads_ctes(const Query *query, int levelsup)
{
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		const RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_CTE && (int) rte->ctelevelsup == levelsup)
			return true;
	}
	return false;
}

static Node *
over_page(Node *node, void *context)
{
	PageContext *c = context;
	Node	   *result;

	if (node == NULL || c->failed)
		return node;
	if (IsA(node, Var) && (int) ((Var *) node)->varlevelsup == c->depth)
	{
		/* system columns are those of tables */
		c->failed = ((Var *) node)->varattno <= 0 && !push_is_table_row(c->page, (Var *) node);
		return c->failed ? node : column_for((Var *) node, c);
	}
	if (!IsA(node, Query))
		return expression_tree_mutator(node, over_page, context);
	c->depth++;
	c->failed = reads_ctes((Query *) node, c->depth);
	result = (Node *) query_tree_mutator((Query *) node, over_page, context, 0);
	c->depth--;
	return result;
}

/* What the page is sorted by, as its first columns. */
static List *
sort_columns(Query *page)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, page->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->ressortgroupref == 0)
			continue;
		tle->resjunk = false;
		tle->resno = list_length(result) + 1;
		tle->resname = psprintf("c%d", tle->resno);
		result = lappend(result, tle);
	}
	return result;
}

static List *
target_list_over(const Query *query, PageContext *context)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		TargetEntry *tle = flatCopyTargetEntry(lfirst_node(TargetEntry, lc));
		TargetEntry *sorted = NULL;

		if (tle->ressortgroupref != 0)
			sorted = get_sortgroupref_tle(tle->ressortgroupref, context->page->targetList);
		tle->expr = sorted != NULL ? (Expr *) page_column(sorted, 0) :
			(Expr *) over_page((Node *) copyObject(tle->expr), context);
		result = lappend(result, tle);
	}
	return result;
}

/* Are there sub-SELECTs in what a level itself computes? */
static bool
has_sublinks(const Query *query)
{
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		const RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (checkExprHasSubLink((Node *) rte->functions) || checkExprHasSubLink((Node *) rte->tablefunc) ||
			checkExprHasSubLink((Node *) rte->values_lists) || checkExprHasSubLink((Node *) rte->tablesample) ||
			checkExprHasSubLink((Node *) rte->securityQuals))
			return true;
	}
	return checkExprHasSubLink((Node *) query->targetList) || checkExprHasSubLink((Node *) query->jointree) ||
		checkExprHasSubLink(query->limitCount) || checkExprHasSubLink(query->limitOffset);
}

bool
push_page(Query *query, bool sublinks_stay, const Reason **why)
{
	PageContext context = {0};
	List	   *target_list;

	if (!has_page_shape(query) || !has_part_above(query, sublinks_stay, why) || !push_is_closed(query))
		return false;
	context.page = copyObject(query);
	context.page->targetList = sort_columns(context.page);
	target_list = target_list_over(query, &context);
	if (context.failed)
		return false;
	context.page->hasSubLinks = has_sublinks(context.page);
	query->targetList = target_list;
	query->rtable = list_make1(query_make_entry("page", context.page));
	sx_query_drop_permissions(query);
	query->jointree = makeFromExpr(list_make1(query_make_ref(1)), NULL);
	query->cteList = NIL;
	query->hasRecursive = false;
	query->limitCount = query->limitOffset = NULL;
	query->limitOption = LIMIT_OPTION_COUNT;
	return true;
}
