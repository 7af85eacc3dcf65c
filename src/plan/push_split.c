/*
 * push_split.c
 *	  Cuts a query level in two: a fragment for the shards, the rest above it.
 *
 * The level is colocated (push_colocate.h): its joined rows are the union of
 * what each shard gives. What is done with them is cut in one of three ways:
 *
 *	  whole		the groups, partitions of windows and the like stay in one shard, or
 *				there are none: the fragment is the level itself. Above are left
 *				DISTINCT (unless it stays in one shard as well), ORDER BY, LIMIT; if
 *				there is a LIMIT, the fragment gives that many rows in that order.
 *				Where sorted rows of several nodes are merged it keeps ORDER BY, too.
 *	  two steps	groups reach over shards, and all aggregates can be combined: the
 *				fragment groups by the same expressions (of grouping sets: by all)
 *				and gives partial results; HAVING, windows and what follows are above.
 *	  rows		else: the fragment joins and filters, and gives the columns needed.
 *
 * Above, expressions that the fragment computes are replaced by its output
 * columns: grouping expressions as a whole, aggregates by their combination.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_agg.h"
#include "parser/parse_clause.h"
#include "parser/parse_oper.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "base/pg_compat.h"
#include "plan/push_aggregate.h"
#include "plan/push_members.h"
#include "plan/push_split.h"
#include "plan/query_shape.h"
#include "plan/shippable.h"

/* Limits above this are none; the sum of two such is no overflow. */
#define LIMIT_CAP	(PG_INT64_MAX / 4)

typedef struct SplitContext
{
	PushColumns columns;		/* first: column() gets this struct */
	const Query *query;
	const Colocation *colocation;
	Query	   *fragment;
	bool		failed;
} SplitContext;

/* ---------- the fragment's output ---------- */

static Var *
output_var(const TargetEntry *tle)
{
	Node	   *expr = (Node *) tle->expr;

	return makeVar(1, tle->resno, exprType(expr), exprTypmod(expr), exprCollation(expr), 0);
}

static TargetEntry *
add_output(Query *fragment, Expr *expr)
{
	int			resno = list_length(fragment->targetList) + 1;
	TargetEntry *tle = makeTargetEntry(expr, resno, psprintf("c%d", resno), false);

	fragment->targetList = lappend(fragment->targetList, tle);
	return tle;
}

/* The output column that is expr, a new one if need be. */
static Var *
output_column(PushColumns *columns, Expr *expr)
{
	Query	   *fragment = ((SplitContext *) columns)->fragment;
	ListCell   *lc;

	foreach(lc, fragment->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (equal(tle->expr, expr))
			return output_var(tle);
	}
	return output_var(add_output(fragment, expr));
}

/* ---------- shapes ---------- */

static bool
groups(const Query *query)
{
	return query->hasAggs || query->groupClause != NIL || query->groupingSets != NIL || query->havingQual != NULL;
}

bool
push_combines_rows(const Query *query)
{
	return groups(query) || query->distinctClause != NIL || query->hasWindowFuncs || query->sortClause != NIL ||
		query->limitCount != NULL || query->limitOffset != NULL || query->setOperations != NULL;
}

static bool
count_relations(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		ListCell   *lc;

		foreach(lc, ((Query *) node)->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

			if (rte->rtekind == RTE_RELATION && table_info(rte->relid) != NULL)
				(*(int *) context)++;
		}
		return query_tree_walker((Query *) node, count_relations, context, 0);
	}
	return expression_tree_walker(node, count_relations, context);
}

/* Does the entry give rows that no leaf scan knows of: VALUES, a function's, what a sub-SELECT combines? */
static bool
gives_other_rows(const RangeTblEntry *rte)
{
	if (rte->rtekind == RTE_SUBQUERY)
		return push_combines_rows(rte->subquery) || query_count_shells(rte->subquery) == 0;
	return rte->rtekind == RTE_VALUES || rte->rtekind == RTE_FUNCTION || rte->rtekind == RTE_TABLEFUNC;
}

static bool
is_equality(const Node *condition)
{
	const OpExpr *op = (const OpExpr *) condition;

	return IsA(condition, OpExpr) && list_length(op->args) == 2 &&
		(op_mergejoinable(op->opno, exprType(linitial(op->args))) ||
		 op_hashjoinable(op->opno, exprType(linitial(op->args))));
}

/*
 * On what a sub-SELECT or function makes of a table's rows, any condition will do. What is the same for all of them
 * must be equal to something of theirs: else each may be joined many times.
 */
static bool
compares_other_rows(Node *condition, const Query *query)
{
	Bitmapset  *varnos = pull_varnos_of_level(NULL, condition, 0);
	int			varno = -1;

	if (bms_membership(varnos) == BMS_MULTIPLE && !is_equality(condition))
		return false;
	while ((varno = bms_next_member(varnos, varno)) >= 0)
	{
		RangeTblEntry *rte = rt_fetch(varno, query->rtable);

		if (gives_other_rows(rte) &&
			(bms_membership(varnos) == BMS_MULTIPLE || rte->lateral ||
			 (rte->rtekind == RTE_SUBQUERY && query_count_shells(rte->subquery) > 0)))
			return true;
	}
	return false;
}

/*
 * Do conditions leave out joined rows that leaf scans would fetch? These take conditions on a table's own columns
 * along, and no others.
 */
static bool
leaves_rows_out(Node *jtnode, const Query *query)
{
	JoinExpr   *join = (JoinExpr *) jtnode;
	Node	   *quals = NULL;
	ListCell   *lc;

	if (IsA(jtnode, RangeTblRef))
		return false;
	if (IsA(jtnode, FromExpr))
	{
		foreach(lc, ((FromExpr *) jtnode)->fromlist)
		{
			if (leaves_rows_out(lfirst(lc), query))
				return true;
		}
		quals = ((FromExpr *) jtnode)->quals;
	}
	else if (((join->jointype == JOIN_INNER || join->jointype == JOIN_LEFT) && leaves_rows_out(join->larg, query)) ||
			 ((join->jointype == JOIN_INNER || join->jointype == JOIN_RIGHT) && leaves_rows_out(join->rarg, query)))
		return true;
	else if (join->jointype == JOIN_INNER)
		quals = join->quals;
	foreach(lc, query_conditions(quals))
	{
		if (compares_other_rows(lfirst(lc), query))
			return true;
	}
	return false;
}

/* The expressions of a GROUP BY, DISTINCT or PARTITION BY. */
static List *
clause_exprs(List *clause, const Query *query)
{
	return get_sortgrouplist_exprs(clause, query->targetList);
}

List *
push_group_exprs(const Query *query)
{
	List	   *sets;
	List	   *refs;
	List	   *result = NIL;
	ListCell   *lc;

	if (query->groupingSets == NIL)
		return clause_exprs(query->groupClause, query);
	sets = expand_grouping_sets(query->groupingSets, query->groupDistinct, -1);
	if (sets == NIL)
		return NIL;
	refs = linitial(sets);
	foreach(lc, sets)
		refs = list_intersection_int(refs, lfirst(lc));
	foreach(lc, query->groupClause)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, lc);

		if (list_member_int(refs, clause->tleSortGroupRef))
			result = lappend(result, get_sortgroupclause_expr(clause, query->targetList));
	}
	return result;
}

static bool
windows_stay_in_shard(const Query *query, const Colocation *colocation)
{
	ListCell   *lc;

	if (!query->hasWindowFuncs)
		return true;
	foreach(lc, query->windowClause)
	{
		if (!push_pins_shard(colocation, clause_exprs(lfirst_node(WindowClause, lc)->partitionClause, query)))
			return false;
	}
	return true;
}

/* Nothing but DISTINCT, ORDER BY and LIMIT reaches over shards. */
static bool
goes_whole(const Query *query, const Colocation *colocation)
{
	if (query->hasTargetSRFs || contain_volatile_functions((Node *) query->targetList))
		return false;
	if (groups(query) &&
		(query->groupClause == NIL || !push_pins_shard(colocation, push_group_exprs(query))))
		return false;
	return windows_stay_in_shard(query, colocation);
}

void
push_clear_upper_part(Query *query)
{
	query->hasAggs = query->hasWindowFuncs = query->hasTargetSRFs = query->hasDistinctOn = false;
	query->groupClause = query->groupingSets = query->distinctClause = query->sortClause = query->windowClause = NIL;
	query->groupDistinct = false;
	query->havingQual = query->limitCount = query->limitOffset = NULL;
	query->limitOption = LIMIT_OPTION_COUNT;
}

/* The joins and conditions, dropped: the only relation is the fragment. */
static void
clear_lower_part(Query *query)
{
	RangeTblRef *ref = makeNode(RangeTblRef);

	ref->rtindex = 1;
	query->rtable = NIL;
	sx_query_drop_permissions(query);
	query->jointree = makeFromExpr(list_make1(ref), NULL);
	query->cteList = NIL;
	query->hasRecursive = query->hasRowSecurity = false;
	query->hasSubLinks = false;
}

/* ---------- whole ---------- */

/* LEAST(value, cap): NULL is no limit; an OFFSET that is NULL is none. */
static Expr *
capped(Node *value, bool is_offset)
{
	MinMaxExpr *least = makeNode(MinMaxExpr);
	Expr	   *arg = copyObject((Expr *) value);

	if (is_offset)
	{
		CoalesceExpr *coalesce = makeNode(CoalesceExpr);

		coalesce->coalescetype = INT8OID;
		coalesce->args = list_make2(arg, makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(0), false,
												   FLOAT8PASSBYVAL));
		coalesce->location = -1;
		arg = (Expr *) coalesce;
	}
	least->minmaxtype = INT8OID;
	least->op = IS_LEAST;
	least->args = list_make2(arg, makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(LIMIT_CAP), false,
											FLOAT8PASSBYVAL));
	least->location = -1;
	return (Expr *) least;
}

/* LIMIT and OFFSET of the level as the LIMIT of the fragment; NULL: none. */
static Node *
fragment_limit(const Query *query)
{
	Node	   *count = query->limitCount;
	Node	   *offset = query->limitOffset;

	if (count == NULL || (IsA(count, Const) && ((Const *) count)->constisnull) ||
		!shippable_is_stable_free(count) || (offset != NULL && !shippable_is_stable_free(offset)))
		return NULL;
	if (offset == NULL)
		return copyObject(count);
	return eval_const_expressions(NULL, (Node *) makeFuncExpr(F_INT8PL, INT8OID,
															  list_make2(capped(count, false), capped(offset, true)),
															  InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL));
}

static bool
is_sorted_or_distinct_by(const Query *query, const TargetEntry *tle)
{
	List	   *clauses[2] = {query->sortClause, query->distinctClause};
	ListCell   *lc;

	if (tle->ressortgroupref == 0)
		return false;
	for (int i = 0; i < 2; i++)
	{
		foreach(lc, clauses[i])
		{
			if (lfirst_node(SortGroupClause, lc)->tleSortGroupRef == tle->ressortgroupref)
				return true;
		}
	}
	return false;
}

/* The fragment's target list: what is wanted above first, in order, then what it uses itself. */
static void
split_target_list(PushSplit *split)
{
	List	   *inside = NIL;
	List	   *outputs = NIL;
	List	   *above = NIL;
	ListCell   *lc;

	foreach(lc, split->fragment->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		TargetEntry *upper;

		if (tle->resjunk && !is_sorted_or_distinct_by(split->above, tle))
		{
			inside = lappend(inside, tle);
			continue;
		}
		upper = copyObject(tle);
		tle->resjunk = false;
		outputs = lappend(outputs, tle);
		tle->resno = list_length(outputs);
		tle->resname = psprintf("c%d", tle->resno);
		upper->resno = tle->resno;
		upper->expr = (Expr *) output_var(tle);
		above = lappend(above, upper);
	}
	foreach(lc, inside)
	{
		outputs = lappend(outputs, lfirst(lc));
		lfirst_node(TargetEntry, lc)->resno = list_length(outputs);
	}
	split->fragment->targetList = outputs;
	split->above->targetList = above;
}

static void
split_whole(const Query *query, const Colocation *colocation, bool merges, PushSplit *split)
{
	Query	   *fragment = split->fragment;
	Query	   *above = split->above;
	Query		upper = *query;
	bool		distinct_in_shard = query->distinctClause != NIL &&
		push_pins_shard(colocation, clause_exprs(query->distinctClause, query));

	push_clear_upper_part(above);
	clear_lower_part(above);
	above->sortClause = upper.sortClause;
	above->limitCount = upper.limitCount;
	above->limitOffset = upper.limitOffset;
	above->limitOption = upper.limitOption;
	split->repeats = query->distinctClause != NIL && !distinct_in_shard;
	if (!distinct_in_shard)
	{
		above->distinctClause = upper.distinctClause;
		above->hasDistinctOn = upper.hasDistinctOn;
	}
	split_target_list(split);

	fragment->limitCount = fragment_limit(query);
	fragment->limitOffset = NULL;
	if (fragment->limitCount != NULL)
		split->repeats = true;
	else
	{
		fragment->limitOption = LIMIT_OPTION_COUNT;
		if (!fragment->hasDistinctOn && !merges)
			fragment->sortClause = NIL;
	}
}

/* ---------- expressions above ---------- */

/*
 * Are its distinct values of one shard not those of another? Of grouping sets the fragment's groups are finer than
 * those above, in one shard too: a value may be in several of them.
 */
static bool
aggregate_is_disjoint(const Aggref *aggref, const Query *query, const Colocation *colocation)
{
	List	   *args = aggref->args;

	return aggref->aggdistinct != NIL && query->groupingSets == NIL &&
		push_pins_shard(colocation, get_sortgrouplist_exprs(aggref->aggdistinct, args));
}

/* One more grouping expression: a column that depends on the others. */
static Node *
add_group_column(Var *var, SplitContext *c)
{
	SortGroupClause *clause = makeNode(SortGroupClause);
	TargetEntry *tle;

	if (c->query->groupingSets != NIL || c->query->groupClause == NIL)
	{
		c->failed = true;
		return (Node *) var;
	}
	get_sort_group_operators(var->vartype, false, false, false, &clause->sortop, &clause->eqop, NULL,
							 &clause->hashable);
	if (!OidIsValid(clause->eqop))
	{
		c->failed = true;
		return (Node *) var;
	}
	tle = add_output(c->fragment, (Expr *) copyObject(var));
	clause->tleSortGroupRef = assignSortGroupRef(tle, c->fragment->targetList);
	c->fragment->groupClause = lappend(c->fragment->groupClause, clause);
	return (Node *) output_var(tle);
}

/* An expression over groups, from the fragment's grouping expressions and partial results. */
static Node *
over_groups(Node *node, void *context)
{
	SplitContext *c = (SplitContext *) context;
	ListCell   *lc;

	if (node == NULL || c->failed)
		return node;
	foreach(lc, c->fragment->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->ressortgroupref != 0 && equal(tle->expr, node))
			return (Node *) output_var(tle);
	}
	if (IsA(node, Aggref))
	{
		Aggref	   *aggref = (Aggref *) node;
		bool		disjoint = aggregate_is_disjoint(aggref, c->query, c->colocation);
		Node	   *combined = push_aggregate_combine(aggref, disjoint, &c->columns);

		if (combined == NULL)
			c->failed = true;
		return combined;
	}
	if (IsA(node, SubLink) || IsA(node, Query))
	{
		c->failed = true;
		return node;
	}
	if (IsA(node, Var))
	{
		if (((Var *) node)->varattno > 0)
			return add_group_column((Var *) node, c);
		c->failed = true;
		return node;
	}
	return expression_tree_mutator(node, over_groups, context);
}

/* An expression over joined rows, from the columns that the fragment gives. */
static Node *
over_rows(Node *node, void *context)
{
	SplitContext *c = (SplitContext *) context;
	ListCell   *lc;

	if (node == NULL || c->failed)
		return node;
	foreach(lc, c->fragment->targetList)
	{
		if (equal(lfirst_node(TargetEntry, lc)->expr, node))
			return (Node *) output_var(lfirst_node(TargetEntry, lc));
	}
	if (IsA(node, Var) && (((Var *) node)->varattno > 0 || push_is_table_row(c->query, (Var *) node)))
		return (Node *) output_column(&c->columns, (Expr *) copyObject(node));
	if (IsA(node, SubLink) || IsA(node, Query) || IsA(node, Var))
	{
		c->failed = true;
		return node;
	}
	return expression_tree_mutator(node, over_rows, context);
}

/* Replace what stands above the fragment; false if something there cannot be had from it. */
static bool
replace_upper_part(Query *above, Node *(*replace) (Node *node, void *context), SplitContext *c)
{
	above->targetList = (List *) replace((Node *) above->targetList, c);
	above->havingQual = replace(above->havingQual, c);
	above->windowClause = (List *) replace((Node *) above->windowClause, c);
	clear_lower_part(above);
	return !c->failed;
}

/* ---------- two steps ---------- */

static bool
has_uncombinable(Node *node, void *context)
{
	const SplitContext *c = (const SplitContext *) context;

	if (node == NULL)
		return false;
	if (IsA(node, SubLink))
		return true;
	if (IsA(node, Aggref))
	{
		Aggref	   *aggref = (Aggref *) node;

		return !push_aggregate_is_combinable(aggref, aggregate_is_disjoint(aggref, c->query, c->colocation));
	}
	return expression_tree_walker(node, has_uncombinable, context);
}

static bool
goes_in_two_steps(const Query *query, const Colocation *colocation)
{
	SplitContext c = {.query = query, .colocation = colocation};

	if (!groups(query))
		return false;
	if (expression_returns_set((Node *) clause_exprs(query->groupClause, query)) ||
		contain_volatile_functions((Node *) clause_exprs(query->groupClause, query)))
		return false;
	return !has_uncombinable((Node *) query->targetList, &c) && !has_uncombinable(query->havingQual, &c);
}

static bool
split_in_two_steps(const Query *query, const Colocation *colocation, PushSplit *split)
{
	SplitContext c = {{output_column}, query, colocation, split->fragment, false};
	Query	   *fragment = split->fragment;
	ListCell   *lc;

	push_clear_upper_part(fragment);
	fragment->targetList = NIL;
	fragment->hasAggs = true;
	foreach(lc, query->groupClause)
	{
		SortGroupClause *clause = copyObject(lfirst_node(SortGroupClause, lc));
		TargetEntry *tle = get_sortgroupclause_tle(clause, query->targetList);
		TargetEntry *output = add_output(fragment, (Expr *) copyObject(tle->expr));

		output->ressortgroupref = clause->tleSortGroupRef = list_length(fragment->targetList);
		fragment->groupClause = lappend(fragment->groupClause, clause);
	}
	if (!replace_upper_part(split->above, over_groups, &c))
		return false;
	fragment->hasAggs = contain_agg_clause((Node *) fragment->targetList);
	/* HAVING alone makes one group of all rows */
	if (fragment->groupClause == NIL && !fragment->hasAggs)
		return false;
	/* GROUPING() stays above */
	split->above->hasAggs = fragment->hasAggs || contain_agg_clause((Node *) split->above->targetList) ||
		contain_agg_clause(split->above->havingQual);
	return true;
}

/* expr: an expression that is one of the columns; NULL: none. */
static bool
split_rows(const Query *query, const Colocation *colocation, Expr *expr, PushSplit *split)
{
	SplitContext c = {{output_column}, query, colocation, split->fragment, false};

	push_clear_upper_part(split->fragment);
	split->fragment->targetList = NIL;
	if (expr != NULL)
		(void) output_column(&c.columns, copyObject(expr));
	return replace_upper_part(split->above, over_rows, &c);
}

/* ---------- the level ---------- */

static bool
find_system_column(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
		return ((Var *) node)->varattno < 0;
	return expression_tree_walker(node, find_system_column, context);
}

static bool
has_system_columns(const Query *query)
{
	return find_system_column((Node *) query->targetList, NULL);
}

static void
start_over(const Query *query, PushSplit *split)
{
	split->fragment = copyObject(unconstify(Query *, query));
	split->above = copyObject(unconstify(Query *, query));
	split->fragment->canSetTag = true;
	split->repeats = false;
}

const Reason *
push_split(const Query *query, const Colocation *colocation, bool merges, PushSplit *split)
{
	int			nrelations = 0;
	bool		has_less;

	if (checkExprHasSubLink(query->limitCount) || checkExprHasSubLink(query->limitOffset))
		return reason_make(NULL, "Its LIMIT is a subquery.");
	(void) count_relations((Node *) unconstify(Query *, query), &nrelations);
	has_less = nrelations > 1 || leaves_rows_out((Node *) query->jointree, query);

	start_over(query, split);
	split->saves = true;
	if (goes_whole(query, colocation))
	{
		split->saves = has_less || groups(query) || query->distinctClause != NIL || query->hasWindowFuncs ||
			query->limitCount != NULL || (merges && query->sortClause != NIL && !has_system_columns(query));
		split_whole(query, colocation, merges, split);
		return NULL;
	}
	if (goes_in_two_steps(query, colocation))
	{
		split->repeats = true;
		if (split_in_two_steps(query, colocation, split))
			return NULL;
		start_over(query, split);
	}
	split->saves = has_less;
	if (split_rows(query, colocation, NULL, split))
		return NULL;
	return reason_make(NULL, "It uses subqueries or whole rows above its joins.");
}

bool
push_stays_in_shards(const Query *query, const Colocation *colocation)
{
	return (query->distinctClause == NIL || push_pins_shard(colocation, clause_exprs(query->distinctClause, query))) &&
		query->limitCount == NULL && query->limitOffset == NULL && goes_whole(query, colocation);
}

bool
push_gives_rows(const Query *query, const Colocation *colocation)
{
	return !goes_whole(query, colocation) && !goes_in_two_steps(query, colocation);
}

bool
push_split_below(const Query *query, Expr *expr, PushSplit *split)
{
	start_over(query, split);
	split->saves = true;
	return split_rows(query, NULL, expr, split);
}
