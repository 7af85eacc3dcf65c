/*
 * sub_conditions.c
 *	  Conditions on a sub-SELECT of FROM that may be asked of the rows it is made of.
 *
 *	  .. LEFT JOIN (SELECT post, count(*) AS n FROM likes GROUP BY post) AS g ON g.post = page.id
 *
 * For the twenty rows of a page, twenty groups are wanted (limited_ids.c):
 *
 *	  .. (SELECT post, count(*) AS n FROM likes WHERE post = ANY (ARRAY(SELECT id FROM page)) GROUP BY post) AS g ..
 *
 * The rows of g that are left are the same ones as before, if the condition leaves out whole groups, whole partitions
 * of windows, and all rows that DISTINCT [ON] makes one of. So the column is among what these are made by, with an
 * equality that agrees with the condition's: one family of operators, one collation. Nothing may count rows that the
 * condition leaves out: no LIMIT, no aggregate without GROUP BY, no set-returning function, nothing volatile. Not
 * through a security barrier, and no expression, which might fail for rows that WHERE leaves out.
 *
 * Only for tables that lie together: others are brought together first, better whole than by the values of one of them.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"

#include "base/pg_compat.h"
#include "plan/push_colocate.h"
#include "plan/push_level.h"
#include "plan/sub_conditions.h"

/* What is left of the sub-SELECT's rows depends on each of them alone, or on groups, partitions and the like. */
static bool
has_shape(const RangeTblEntry *rte)
{
	Query	   *sub = rte->subquery;

	return rte->rtekind == RTE_SUBQUERY && !rte->lateral && !rte->security_barrier && rte->values_lists == NIL &&
		rte->securityQuals == NIL && sub->commandType == CMD_SELECT && sub->setOperations == NULL &&
		sub->groupingSets == NIL && (sub->groupClause != NIL || (!sub->hasAggs && sub->havingQual == NULL)) &&
		!sub->hasTargetSRFs && sub->limitCount == NULL && sub->limitOffset == NULL && sub->rowMarks == NIL &&
		sub->cteList == NIL && sub->jointree != NULL && sub->jointree->fromlist != NIL && push_is_closed(sub) &&
		!contain_volatile_functions((Node *) sub);
}

/* Is the column among what the rows are combined by? */
static bool
combines_by(List *clauses, const TargetEntry *tle, Oid operator)
{
	ListCell   *lc;

	foreach(lc, clauses)
	{
		const SortGroupClause *clause = lfirst_node(SortGroupClause, lc);

		if (clause->tleSortGroupRef == tle->ressortgroupref && equality_ops_are_compatible(clause->eqop, operator))
			return true;
	}
	return false;
}

static bool
combines_all_by(const Query *sub, const TargetEntry *tle, Oid operator)
{
	ListCell   *lc;

	if ((sub->groupClause != NIL && !combines_by(sub->groupClause, tle, operator)) ||
		(sub->distinctClause != NIL && !combines_by(sub->distinctClause, tle, operator)))
		return false;
	foreach(lc, sub->windowClause)
	{
		if (!combines_by(lfirst_node(WindowClause, lc)->partitionClause, tle, operator))
			return false;
	}
	return true;
}

/* The column that an expression is, whatever its type is called; NULL: it is more. */
static const Var *
column_of(const Node *expr)
{
	while (IsA(expr, RelabelType))
		expr = (const Node *) ((const RelabelType *) expr)->arg;
	return IsA(expr, Var) && ((const Var *) expr)->varattno > 0 ? (const Var *) expr : NULL;
}

/* The sub-SELECT's output that is compared; NULL: none is. */
static const TargetEntry *
compared_output(const RangeTblEntry *rte, Index varno, const OpExpr *equality)
{
	ListCell   *lc;

	foreach(lc, equality->args)
	{
		const Var  *column = column_of(lfirst(lc));

		if (column != NULL && column->varno == (int) varno)
			return get_tle_by_resno(rte->subquery->targetList, column->varattno);
	}
	return NULL;
}

bool
sub_takes_equality(const RangeTblEntry *rte, Index varno, const Node *equality)
{
	const OpExpr *op = (const OpExpr *) equality;
	const TargetEntry *tle;
	Colocation	colocation;

	if (!has_shape(rte) || !IsA(op, OpExpr) || list_length(op->args) != 2)
		return false;
	sx_flatten_groups(rte->subquery);
	tle = compared_output(rte, varno, op);
	return tle != NULL && !tle->resjunk && column_of((const Node *) tle->expr) != NULL &&
		exprCollation((const Node *) tle->expr) == op->inputcollid && combines_all_by(rte->subquery, tle, op->opno) &&
		query_count_shells(rte->subquery) > 0 &&
		push_find_colocation(copyObject(rte->subquery), &colocation) == NULL;
}

void
sub_add_condition(RangeTblEntry *rte, Index varno, ScalarArrayOpExpr *condition)
{
	Query	   *sub = rte->subquery;
	bool		has_sublinks = false;
	Node	   *asked;

	/* what the array is made of is one level further away then */
	IncrementVarSublevelsUp(lsecond(condition->args), 1, 0);
	asked = sx_replace_vars((Node *) condition, varno, rte, sub->targetList, &has_sublinks);
	sub->jointree->quals = make_and_qual(sub->jointree->quals, asked);
	sub->hasSubLinks = true;
}
