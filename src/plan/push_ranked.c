/*
 * push_ranked.c
 *	  The first rows of each partition, of a sub-SELECT that numbers them.
 *
 *	  SELECT .. FROM (SELECT .., row_number() OVER (PARTITION BY kind ORDER BY created DESC) AS n FROM post) AS p
 *	   WHERE n <= 3
 *
 * with post sharded by another column: partitions reach over shards, so all rows would be fetched to be
 * numbered. But what is not among the first three of its shard is not among the first three at all. So each
 * shard gives its own, and they are numbered anew:
 *
 *	  FROM (SELECT .., row_number() OVER (PARTITION BY kind ORDER BY created DESC) AS n
 *			  FROM (SELECT .. FROM (SELECT .., row_number() OVER (the same) AS number FROM post) AS ranked
 *					 WHERE number <= 3) AS fragment) AS p
 *	 WHERE n <= 3
 *
 * This is the same for row_number(), rank() and dense_rank() under one window. The number of a row is that of
 * rows (or different values) before it, and one more. In its shard there are no more of these than in
 * all, so a row that is wanted has a number there that is wanted. And all that are before a row that is wanted are
 * wanted themselves, thus here, so it gets its number again; of rows that are equal by ORDER BY row_number() may take
 * any first. Nothing else may look at the rows that are left out: no other window function, no groups, no LIMIT.
 *
 * Only if that leaves few rows, by what the planner expects: else the rows are divided by what the windows are
 * partitioned by (push_regroup.c).
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "base/pg_compat.h"
#include "catalog/shard_map.h"
#include "plan/push_colocate.h"
#include "plan/push_part.h"
#include "plan/push_ranked.h"
#include "plan/push_split.h"
#include "plan/push_units.h"
#include "plan/query_make.h"
#include "plan/query_shape.h"
#include "plan/shard_facts.h"

/* The shards give no more than this part of all rows. */
#define ROWS_PER_ROW_GIVEN	10

/* "number <= most", and "<" as well. */
typedef struct RankLimit
{
	const TargetEntry *number;	/* of the sub-SELECT */
	Oid			operator;
	Node	   *most;
	double		rows;			/* as far as is known while planning */
} RankLimit;

/* ---------- what is asked ---------- */

static bool
is_rank(const Node *expr, Index window)
{
	const WindowFunc *func = (const WindowFunc *) expr;

	return IsA(expr, WindowFunc) && func->winref == window && func->aggfilter == NULL &&
		(func->winfnoid == F_ROW_NUMBER || func->winfnoid == F_RANK_ || func->winfnoid == F_DENSE_RANK_);
}

static bool
numbers_rows_only(const Query *sub)
{
	Index		window = linitial_node(WindowClause, sub->windowClause)->winref;
	ListCell   *lc;

	foreach(lc, sub->targetList)
	{
		Node	   *expr = (Node *) lfirst_node(TargetEntry, lc)->expr;

		if (!is_rank(expr, window) && contain_window_function(expr))
			return false;
	}
	return true;
}

static bool
has_shape(const RangeTblEntry *rte)
{
	Query	   *sub = rte->subquery;

	/* one sharded table: a shard carries out the fragment as it is */
	return rte->rtekind == RTE_SUBQUERY && !rte->lateral && !rte->security_barrier && rte->securityQuals == NIL &&
		rte->values_lists == NIL &&
		sub->commandType == CMD_SELECT && sub->hasWindowFuncs && list_length(sub->windowClause) == 1 &&
		sub->setOperations == NULL && !sub->hasAggs && sub->groupClause == NIL && sub->groupingSets == NIL &&
		sub->havingQual == NULL && !sub->hasTargetSRFs && !sub->hasSubLinks && sub->distinctClause == NIL &&
		sub->sortClause == NIL && sub->limitCount == NULL && sub->limitOffset == NULL && sub->rowMarks == NIL &&
		sub->cteList == NIL && query_count_shells(sub) == 1 && sub->jointree->fromlist != NIL &&
		push_is_closed(sub) &&
		!contain_volatile_functions((Node *) sub) && numbers_rows_only(sub);
}

/* The operator that says the same of the first ones, or less: "number = 3" asks for three rows, too. */
static Oid
limiting_operator(Oid operator, const Node * most)
{
	switch (get_op_opfamily_strategy(operator, INTEGER_BTREE_FAM_OID))
	{
		case BTLessStrategyNumber:
			return operator;
		case BTLessEqualStrategyNumber:
		case BTEqualStrategyNumber:
			return get_opfamily_member(INTEGER_BTREE_FAM_OID, INT8OID, exprType(most), BTLessEqualStrategyNumber);
		default:
			return InvalidOid;
	}
}

/* Does "column operator most" say that only first rows of the sub-SELECT are wanted? */
static bool
limits(const RangeTblEntry *rte, Index varno, Oid operator, const Node * column, Node *most, ParamListInfo params,
	   RankLimit *limit)
{
	const Var  *var = (const Var *) column;
	const TargetEntry *tle;
	const Const *value;

	if (!IsA(var, Var) || var->varno != (int) varno || var->varattno <= 0 || contain_var_clause(most) ||
		contain_volatile_functions(most) || checkExprHasSubLink(most) || !OidIsValid(operator))
		return false;
	tle = get_tle_by_resno(rte->subquery->targetList, var->varattno);
	value = value_fold(most, params);
	if (tle == NULL || !IsA(tle->expr, WindowFunc) || value == NULL || value->constisnull)
		return false;
	limit->number = tle;
	limit->operator= limiting_operator(operator, most);
	limit->most = most;
	limit->rows = value->consttype == INT8OID ? DatumGetInt64(value->constvalue) :
		value->consttype == INT4OID ? DatumGetInt32(value->constvalue) : DatumGetInt16(value->constvalue);
	return OidIsValid(limit->operator);
}

static bool
find_limit(const Query *query, Index varno, ParamListInfo params, RankLimit *limit)
{
	const RangeTblEntry *rte = rt_fetch(varno, query->rtable);
	ListCell   *lc;

	foreach(lc, query_conditions(query->jointree->quals))
	{
		const OpExpr *op = (const OpExpr *) lfirst(lc);

		if (IsA(op, OpExpr) && list_length(op->args) == 2 &&
			(limits(rte, varno, op->opno, linitial(op->args), lsecond(op->args), params, limit) ||
			 limits(rte, varno, get_commutator(op->opno), lsecond(op->args), linitial(op->args), params, limit)))
			return true;
	}
	return false;
}

/* Does it stand in FROM by itself, so that its rows are wanted under the conditions of WHERE only? */
static bool
stands_alone(const Query *query, Index varno)
{
	ListCell   *lc;

	foreach(lc, query->jointree->fromlist)
	{
		if (IsA(lfirst(lc), RangeTblRef) && lfirst_node(RangeTblRef, lc)->rtindex == (int) varno)
			return true;
	}
	return false;
}

/* ---------- what the shards give ---------- */

static bool
has_column(const Query *rows, Index ref)
{
	ListCell   *lc;

	foreach(lc, rows->targetList)
	{
		if (lfirst_node(TargetEntry, lc)->ressortgroupref == ref)
			return true;
	}
	return false;
}

/* What the window is made by becomes a column, under the number that it has there. */
static void
add_window_columns(Query *rows, List *clauses, List *target_list)
{
	ListCell   *lc;

	foreach(lc, clauses)
	{
		Index		ref = lfirst_node(SortGroupClause, lc)->tleSortGroupRef;
		TargetEntry *tle;

		if (has_column(rows, ref))
			continue;
		tle = makeTargetEntry(copyObject(get_sortgroupref_tle(ref, target_list)->expr),
							  list_length(rows->targetList) + 1, NULL, true);
		tle->ressortgroupref = ref;
		rows->targetList = lappend(rows->targetList, tle);
	}
}

/* SELECT the columns FROM (SELECT the columns, number FROM ..) WHERE number <= most, of the rows to be numbered. */
static Query *
first_rows(const Query *rows, const Query *level, const RankLimit *limit)
{
	Query	   *numbered = copyObject(unconstify(Query *, rows));
	const WindowClause *window = linitial_node(WindowClause, level->windowClause);
	int			number = list_length(rows->targetList) + 1;
	Query	   *result;

	numbered->targetList = lappend(numbered->targetList,
								   makeTargetEntry(copyObject(limit->number->expr), number, pstrdup("number"), false));
	numbered->hasWindowFuncs = true;
	numbered->windowClause = list_make1(copyObject(unconstify(WindowClause *, window)));
	add_window_columns(numbered, window->partitionClause, level->targetList);
	add_window_columns(numbered, window->orderClause, level->targetList);
	result = query_select_from(query_make_entry("ranked", numbered), rows);
	result->jointree->quals = (Node *) make_opclause(limit->operator, BOOLOID, false,
													 (Expr *) makeVar(1, number, INT8OID, -1, InvalidOid, 0),
													 copyObject((Expr *) limit->most), InvalidOid, InvalidOid);
	return result;
}

/* Are the windows those of single shards, and need no help? */
static bool
stays_in_shards(Query *level)
{
	Colocation	colocation;

	return push_find_colocation(level, &colocation) == NULL && push_stays_in_shards(level, &colocation);
}

/* Are there far fewer of them than rows? */
static bool
pays(const Query *rows, const Query *level, const RankLimit *limit)
{
	Query	   *partitions = copyObject(unconstify(Query *, rows));
	const WindowClause *window = linitial_node(WindowClause, level->windowClause);
	double		npartitions;
	double		all = push_pulled_rows(copyObject(unconstify(Query *, rows)), &npartitions);
	ListCell   *lc;

	partitions->targetList = NIL;
	add_window_columns(partitions, window->partitionClause, level->targetList);
	foreach(lc, partitions->targetList)
		lfirst_node(TargetEntry, lc)->resjunk = false;
	partitions->distinctClause = copyObject(window->partitionClause);
	if (partitions->targetList == NIL)
		npartitions = 1;
	else
		(void) push_pulled_rows(partitions, &npartitions);
	return npartitions * limit->rows * shard_map_count() * ROWS_PER_ROW_GIVEN <= all;
}

bool
push_ranked(Query *query, Index varno, PushStatement *statement)
{
	RangeTblEntry *rte = rt_fetch(varno, query->rtable);
	RankLimit	limit;
	PushSplit	split;
	PushPart	part;
	Colocation	colocation = {0};
	Query	   *first;

	if (query->commandType != CMD_SELECT || query->setOperations != NULL || query->jointree == NULL ||
		!stands_alone(query, varno) || !has_shape(rte) || !find_limit(query, varno, statement->params, &limit) ||
		!push_split_below(rte->subquery, NULL, &split) || split.fragment->targetList == NIL ||
		stays_in_shards(copyObject(rte->subquery)) || !pays(split.fragment, rte->subquery, &limit))
		return false;
	first = first_rows(split.fragment, rte->subquery, &limit);
	if (push_part_make(first, &colocation, statement, &part) != NULL)
		return false;
	part.repeats = true;
	rte->subquery = split.above;
	rte->subquery->rtable = list_make1(push_part_entry(&part));
	statement->fragments = lappend(statement->fragments, first);
	return true;
}

bool
push_ranked_alone(Query *query, PushStatement *statement)
{
	return query->jointree != NULL && list_length(query->jointree->fromlist) == 1 && !query->hasSubLinks &&
		query->cteList == NIL && IsA(linitial(query->jointree->fromlist), RangeTblRef) &&
		push_ranked(query, linitial_node(RangeTblRef, query->jointree->fromlist)->rtindex, statement);
}
