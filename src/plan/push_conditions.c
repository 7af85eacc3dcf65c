/*
 * push_conditions.c
 *	  Conditions on what a sub-SELECT groups by are asked of its rows.
 *
 *	  UPDATE post SET n = g.n FROM (SELECT post, count(*) AS n FROM likes GROUP BY post) g
 *	   WHERE g.post = post.id AND post.id = 5
 *
 * PostgreSQL concludes that g.post = 5, and asks that of the sub-SELECT's rows
 * when it plans. A part is made before, and gets no conditions any more
 * (push_part.h); so it is done here: what WHERE says of columns that a
 * sub-SELECT groups by, or of any column if it combines no rows or only makes
 * them distinct, goes to its own conditions. Equalities stay in WHERE as well, where
 * more follows from them.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"

#include "base/pg_compat.h"
#include "plan/push_conditions.h"
#include "plan/query_shape.h"
#include "plan/shard_quals.h"

/* ---------- what may go ---------- */

/* A sub-SELECT whose rows, or groups, are fewer under one more condition, and the same. */
static bool
takes_conditions(const RangeTblEntry *rte)
{
	const Query *sub = rte->subquery;

	return rte->rtekind == RTE_SUBQUERY && !rte->lateral && !rte->security_barrier &&
		query_count_shells(rte->subquery) > 0 && sub->commandType == CMD_SELECT && sub->setOperations == NULL &&
		sub->limitCount == NULL && sub->limitOffset == NULL && sub->rowMarks == NIL && !sub->hasWindowFuncs &&
		!sub->hasTargetSRFs && !sub->hasDistinctOn && sub->groupingSets == NIL && sub->jointree->fromlist != NIL;
}

/* Is it the same for all rows of a group? */
static bool
is_of_group(const Query *sub, AttrNumber attno)
{
	TargetEntry *tle = attno > 0 ? get_tle_by_resno(sub->targetList, attno) : NULL;
	bool		groups = sub->groupClause != NIL || sub->hasAggs || sub->havingQual != NULL;

	return tle != NULL && !contain_volatile_functions((Node *) tle->expr) &&
		!checkExprHasSubLink((Node *) tle->expr) &&
		(!groups || get_sortgroupref_clause_noerr(tle->ressortgroupref, sub->groupClause) != NULL);
}

/* Does the condition look at nothing but such columns of the entry? */
static bool
concerns_groups(const Query *query, Index varno, Node *condition)
{
	const Query *sub = rt_fetch(varno, query->rtable)->subquery;
	List	   *vars;
	ListCell   *lc;

	if (contain_volatile_functions(condition) || checkExprHasSubLink(condition) ||
		!bms_equal(pull_varnos(NULL, condition), bms_make_singleton(varno)))
		return false;
	vars = pull_var_clause(condition, 0);
	foreach(lc, vars)
	{
		if (!is_of_group(sub, lfirst_node(Var, lc)->varattno))
			return false;
	}
	return true;
}

static bool
is_equality(const Node *condition)
{
	const OpExpr *op = (const OpExpr *) condition;

	return IsA(condition, OpExpr) && list_length(op->args) == 2 &&
		op_mergejoinable(op->opno, exprType(linitial(op->args)));
}

/* ---------- what follows ---------- */

/* The equality of both kinds of values that agrees with these two; InvalidOid: none. */
static Oid
common_equality(Oid one, Oid other, Oid left, Oid right)
{
	List	   *families = get_mergejoin_opfamilies(other);
	Oid			result = InvalidOid;
	ListCell   *lc;

	foreach(lc, get_mergejoin_opfamilies(one))
	{
		if (!OidIsValid(result) && list_member_oid(families, lfirst_oid(lc)))
			result = get_opfamily_member(lfirst_oid(lc), left, right, BTEqualStrategyNumber);
	}
	return result;
}

/* From x = y and y = value, in which y is written alike: x = value. Else NULL. */
static Node *
follows(const OpExpr *join, int x, const OpExpr *known, int y)
{
	Node	   *column = list_nth(join->args, x);
	Node	   *value = list_nth(known->args, 1 - y);
	Oid			equality;

	if (!equal(list_nth(join->args, 1 - x), list_nth(known->args, y)) || join->inputcollid != known->inputcollid ||
		contain_var_clause(value) || contain_volatile_functions(value) || checkExprHasSubLink(value))
		return NULL;
	equality = common_equality(join->opno, known->opno, exprType(column), exprType(value));
	if (!OidIsValid(equality))
		return NULL;
	return (Node *) make_opclause(equality, BOOLOID, false, copyObject((Expr *) column), copyObject((Expr *) value),
								  InvalidOid, join->inputcollid);
}

/* What two of the conditions say together. */
static List *
conclusions(List *conditions)
{
	List	   *result = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, conditions)
	{
		foreach(lc2, conditions)
		{
			if (lfirst(lc) == lfirst(lc2) || !is_equality(lfirst(lc)) || !is_equality(lfirst(lc2)))
				continue;
			for (int i = 0; i < 4; i++)
			{
				Node	   *conclusion = follows(lfirst(lc), i / 2, lfirst(lc2), i % 2);

				if (conclusion != NULL)
					result = lappend(result, conclusion);
			}
		}
	}
	return result;
}

/* ---------- the statement ---------- */

static void
add_condition(Query *query, Index varno, Node *condition)
{
	RangeTblEntry *rte = rt_fetch(varno, query->rtable);
	Query	   *sub = rte->subquery;
	bool		has_sublinks = sub->hasSubLinks;

	sx_flatten_groups(sub);
	condition = sx_replace_vars(copyObject(condition), varno, rte, sub->targetList, &has_sublinks);
	sub->jointree->quals = make_and_qual(sub->jointree->quals, condition);
}

/* The conditions that are left. */
static List *
push_into(Query *query, Index varno, List *conditions, List *concluded)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, conditions)
	{
		bool		goes = concerns_groups(query, varno, lfirst(lc));

		if (goes)
			add_condition(query, varno, lfirst(lc));
		if (!goes || is_equality(lfirst(lc)))
			result = lappend(result, lfirst(lc));
	}
	foreach(lc, concluded)
	{
		if (concerns_groups(query, varno, lfirst(lc)))
			add_condition(query, varno, lfirst(lc));
	}
	return result;
}

void
push_conditions(Query *query)
{
	List	   *conditions = query_conditions(query->jointree->quals);
	List	   *concluded = conclusions(conditions);
	ListCell   *lc;

	foreach(lc, query->jointree->fromlist)
	{
		const RangeTblRef *ref = (const RangeTblRef *) lfirst(lc);

		if (IsA(ref, RangeTblRef) && takes_conditions(rt_fetch(ref->rtindex, query->rtable)))
			conditions = push_into(query, ref->rtindex, conditions, concluded);
	}
	query->jointree->quals = conditions != NIL ? (Node *) make_ands_explicit(conditions) : NULL;
}
