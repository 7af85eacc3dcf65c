/*
 * push_regroup.c
 *	  Groups and windows that reach over shards, carried out on rows that have
 *	  been divided by what they are grouped by.
 *
 *	  SELECT author, count(DISTINCT reader) FROM reads GROUP BY author
 *
 * with reads sharded by another column: partial results of such aggregates
 * cannot be combined, and all rows would have to come to this node. Instead the nodes
 * divide them among each other by the hash of author (exec/exchange.h), and
 * each has its groups whole:
 *
 *	  SELECT author, count(DISTINCT reader) FROM shardext.exchange_read($1, ..) AS .. (author, reader) GROUP BY author
 *
 * The rows may be divided by
 *	- one of the expressions of GROUP BY (that all grouping sets have in common), if all windows are partitioned
 *	  by it, too;
 *	- one by which all windows are partitioned, if there are no groups;
 *	- one of DISTINCT, if there is neither;
 *	- the argument of the DISTINCT aggregates: no value is on two nodes then, and
 *	  their results are added up, with groups or without.
 * That with most values is taken, so that all nodes have something to do.
 *
 * The level may also do nothing but read a sub-SELECT of this kind, or a set
 * operation that can be put so (push_sets.h):
 *	  SELECT .. FROM (SELECT .., row_number() OVER (PARTITION BY author ..) AS n FROM reads) AS r WHERE n <= 3
 *
 * Groups that can be had in two steps as well, and the results of which are combined further, are divided if that
 * brings fewer rows to this node.
 *
 * What is below, with its joins, is an input, a level by itself (push_level.c).
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_clause.h"
#include "parser/parse_oper.h"
#include "parser/parsetree.h"

#include "base/pg_compat.h"
#include "base/settings.h"
#include "exec/exchange.h"
#include "exec/shard_set.h"
#include "plan/push_aggregate.h"
#include "plan/push_broadcast.h"
#include "plan/push_dependents.h"
#include "plan/push_exchange.h"
#include "plan/push_flatten.h"
#include "plan/push_level.h"
#include "plan/push_regroup.h"
#include "plan/push_sets.h"
#include "plan/push_split.h"
#include "plan/push_units.h"

/* Expressions whose values are counted to find the best one. */
#define MOST_CANDIDATES	4

/* So many times more values must an expression have than one before it in the list. */
#define MANY_MORE		4

/* ---------- by what ---------- */

static List *
exprs_of(List *clause, const Query *query)
{
	return get_sortgrouplist_exprs(clause, query->targetList);
}

typedef struct DistinctSearch
{
	Node	   *argument;		/* of all DISTINCT aggregates so far */
	bool		failed;			/* there is an aggregate that cannot be had in two steps even so */
} DistinctSearch;

static bool
find_distinct(Node *node, void *context)
{
	DistinctSearch *search = context;
	const Aggref *aggref = (const Aggref *) node;

	if (node == NULL || search->failed)
		return false;
	if (!IsA(node, Aggref))
		return expression_tree_walker(node, find_distinct, context);
	if (!push_aggregate_is_combinable(aggref, true))
		search->failed = true;
	else if (aggref->aggdistinct != NIL)
	{
		List	   *args = get_sortgrouplist_exprs(aggref->aggdistinct, aggref->args);

		if (list_length(args) != 1 || (search->argument != NULL && !equal(search->argument, linitial(args))))
			search->failed = true;
		else
			search->argument = linitial(args);
	}
	return false;
}

/* The argument of all DISTINCT aggregates of a level whose aggregates can be combined apart from DISTINCT; or NULL. */
static Node *
distinct_argument(const Query *query)
{
	DistinctSearch search = {NULL, query->groupingSets != NIL};

	(void) find_distinct((Node *) query->targetList, &search);
	(void) find_distinct(query->havingQual, &search);
	return search.failed ? NULL : search.argument;
}

static bool
can_divide_by(Node *expr)
{
	return !contain_volatile_functions(expr) && !contain_subplans(expr) && !expression_returns_set(expr) &&
		!contain_agg_clause(expr) && !contain_window_function(expr) && !IsA(expr, Const) &&
		exchange_hash_takes(exprType(expr), exprCollation(expr));
}

static List *
candidates(const Query *query)
{
	bool		groups = query->hasAggs || query->groupClause != NIL;
	List	   *found = NIL;
	List	   *result = NIL;
	Node	   *argument;
	ListCell   *lc;

	if (groups)
		found = push_group_exprs(query);
	else if (query->hasWindowFuncs)
		found = exprs_of(linitial_node(WindowClause, query->windowClause)->partitionClause, query);
	else
		found = exprs_of(query->distinctClause, query);
	foreach(lc, query->hasWindowFuncs ? query->windowClause : NIL)
		found = list_intersection(found, exprs_of(lfirst_node(WindowClause, lc)->partitionClause, query));
	argument = groups ? distinct_argument(query) : NULL;
	if (argument != NULL)
		found = list_append_unique(list_copy(found), argument);
	foreach(lc, found)
	{
		if (can_divide_by(lfirst(lc)) && list_length(result) < MOST_CANDIDATES)
			result = lappend(result, lfirst(lc));
	}
	return result;
}

/* How many values there are, by the planner's estimate. */
static double
count_values(const Query *query, Node *expr)
{
	Query	   *values = copyObject(unconstify(Query *, query));
	SortGroupClause *clause = makeNode(SortGroupClause);
	TargetEntry *tle = makeTargetEntry(copyObject((Expr *) expr), 1, pstrdup("c1"), false);
	double		rows;

	push_clear_upper_part(values);
	values->targetList = list_make1(tle);
	get_sort_group_operators(exprType(expr), false, true, false, &clause->sortop, &clause->eqop, NULL,
							 &clause->hashable);
	clause->tleSortGroupRef = assignSortGroupRef(tle, values->targetList);
	values->distinctClause = list_make1(clause);
	(void) push_pulled_rows(values, &rows);
	return rows;
}

static Node *
best_candidate(const Query *query)
{
	List	   *exprs = candidates(query);
	Node	   *best = NULL;
	double		most = 0;
	ListCell   *lc;

	if (list_length(exprs) <= 1)
		return exprs == NIL ? NULL : linitial(exprs);
	foreach(lc, exprs)
	{
		double		values = count_values(query, lfirst(lc));

		/* the first ones are groups, which need no second step */
		if (best == NULL || values > MANY_MORE * most)
		{
			best = lfirst(lc);
			most = values;
		}
	}
	return best;
}

/* ---------- the change ---------- */

static Alias *
names_of_columns(const Query *query)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, query->targetList)
		names = lappend(names, makeString(pstrdup(lfirst_node(TargetEntry, lc)->resname)));
	return makeAlias("redistributed", names);
}

/* The level over rows that are divided by the expression; false: they cannot be. *rows: how many there are. */
static bool
divide_rows(Query *query, Node *expr, bool lie_together, int *next_param, List **inputs, double *rows)
{
	Colocation	colocation;
	PushSplit	split;
	Node	   *handle;

	if (!push_split_below(query, (Expr *) expr, &split) || !exchange_takes(split.fragment))
		return false;
	/* else all rows would come to this node for it */
	if (!lie_together && push_find_colocation(split.fragment, &colocation) != NULL)
		return false;
	(void) push_pulled_rows(split.fragment, rows);
	handle = push_add_input(inputs, (*next_param)++, exchange_rows_out(split.fragment, NULL, 1));
	split.above->rtable = list_make1(exchange_entry(split.fragment, names_of_columns(split.fragment), handle,
													*rows, 1));
	*query = *split.above;
	return true;
}

/* Are there groups or windows, or is it DISTINCT? */
static bool
combines_rows(const Query *query)
{
	return query->setOperations == NULL && query->cteList == NIL && !query->hasTargetSRFs &&
		query->jointree != NULL && query->jointree->fromlist != NIL &&
		(query->hasAggs || query->groupClause != NIL || query->hasWindowFuncs || query->distinctClause != NIL) &&
		!contain_volatile_functions((Node *) query->targetList);
}

/* The sub-SELECT that is all the level reads; NULL: it reads something else. */
static RangeTblEntry *
only_input(const Query *query)
{
	RangeTblEntry *rte;

	if (query->setOperations != NULL || query->jointree == NULL || list_length(query->jointree->fromlist) != 1 ||
		!IsA(linitial(query->jointree->fromlist), RangeTblRef))
		return NULL;
	rte = rt_fetch(((RangeTblRef *) linitial(query->jointree->fromlist))->rtindex, query->rtable);
	return rte->rtekind == RTE_SUBQUERY && !rte->lateral && rte->values_lists == NIL ? rte : NULL;
}

/*
 * Rows that come to this node if the level's rows are not divided: those below it (rows), or one for each group of
 * each node. Negative: nothing is to be gained.
 */
static double
rows_otherwise(Query *level, double rows)
{
	Colocation	colocation;
	Query	   *groups;
	double		ngroups;

	if (push_find_colocation(level, &colocation) != NULL || push_gives_rows(level, &colocation))
		return rows;
	if (push_stays_in_shards(level, &colocation))
		return -1;
	if (push_set_percent(level) > 0)
		return rows;
	groups = copyObject(level);
	groups->havingQual = groups->limitCount = groups->limitOffset = NULL;
	(void) push_pulled_rows(groups, &ngroups);
	return Min(rows, ngroups * shard_set_givers());
}

/* One more output column of the sub-SELECT: that by which its rows are divided. */
static void
add_key(RangeTblEntry *rte, const Node *expr)
{
	List	   *outputs = rte->subquery->targetList;
	Var		   *key = makeVar(1, 1, exprType(expr), exprTypmod(expr), exprCollation(expr), 0);
	int			nplain = 0;
	ListCell   *lc;

	/* junk stands behind the others */
	foreach(lc, outputs)
	{
		if (lfirst_node(TargetEntry, lc)->resjunk)
			lfirst_node(TargetEntry, lc)->resno++;
		else
			nplain++;
	}
	rte->subquery->targetList = list_insert_nth(outputs, nplain, makeTargetEntry((Expr *) key, nplain + 1,
																				 pstrdup("divided_by"), false));
	rte->eref->colnames = lappend(rte->eref->colnames, makeString(pstrdup("divided_by")));
}

/* Is the key, column 1 of what the sub-SELECT reads, among its output columns? */
static bool
gives_key(const Query *query)
{
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		const Var  *var = (const Var *) lfirst_node(TargetEntry, lc)->expr;

		if (!lfirst_node(TargetEntry, lc)->resjunk && IsA(var, Var) && var->varno == 1 && var->varattno == 1)
			return true;
	}
	return false;
}

/* The sub-SELECT reads rows divided by expr. If its own are those that the nodes have by themselves, they say so. */
static bool
pass_key(RangeTblEntry *rte, const Node *expr)
{
	Colocation	colocation;

	if (push_find_colocation(rte->subquery, &colocation) != NULL ||
		!push_stays_in_shards(rte->subquery, &colocation))
		return false;
	if (gives_key(rte->subquery))
		return true;
	if (rte->subquery->distinctClause != NIL)
		return false;
	add_key(rte, expr);
	return true;
}

/* Does it cost less to move the rows, and fetch the result, than to fetch so many? */
static bool
pays(const PushUnit *moved, double result_rows, double otherwise)
{
	if (otherwise < 0)
		return false;
	return setting_enable_redistribute == REDISTRIBUTE_ALWAYS ||
		push_move_cost(moved) + result_rows < otherwise;
}

/* The level whose rows are to be divided: the query, or the only sub-SELECT that it reads. NULL: there is none. */
static Query *
level_to_divide(Query *query, RangeTblEntry *input)
{
	if (input == NULL)
		return query;
	/* it is looked at by itself: it must not read WITH queries of the level */
	if (!push_is_closed(input->subquery))
		return NULL;
	if (push_names_whole_row(query, linitial_node(RangeTblRef, query->jointree->fromlist)->rtindex))
		return NULL;
	if (input->subquery->setOperations != NULL)
	{
		Query	   *groups = push_set_as_groups(input->subquery);

		if (groups == NULL)
			return combines_rows(query) ? query : NULL;
		input->subquery = groups;
	}
	else if (!combines_rows(input->subquery) && combines_rows(query))
		return query;
	return input->subquery;
}

bool
push_regroup(Query *query, bool lie_together, int *next_param, List **inputs, Colocation *colocation)
{
	RangeTblEntry *input;
	Query	   *level;
	PushUnit	moved = {0};
	double		result_rows;
	double		otherwise;
	Node	   *expr;

	(void) push_flatten(query);
	input = only_input(query);
	level = level_to_divide(query, input);
	if (level == NULL || !combines_rows(level))
		return false;
	sx_flatten_groups(level);
	/* of few rows no more is asked */
	otherwise = moved.rows = push_pulled_rows(query, &result_rows);
	if (level == query && push_set_percent(level) > 0)
		result_rows = moved.rows * push_set_percent(level) / 100;
	if (!pays(&moved, 0, otherwise))
		return false;
	otherwise = rows_otherwise(level, moved.rows);
	if (!pays(&moved, 0, otherwise) || (expr = best_candidate(level)) == NULL)
		return false;
	return divide_rows(level, expr, lie_together, next_param, inputs, &moved.rows) &&
		pays(&moved, result_rows, otherwise) &&
		(level == query || pass_key(input, expr)) && push_group_dependents(query) &&
		push_find_colocation(query, colocation) == NULL && !push_gives_rows(query, colocation);
}
