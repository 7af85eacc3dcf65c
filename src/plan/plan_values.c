/*
 * plan_values.c
 *	  Plans a SELECT of rows of VALUES; of many rows the planner sees the first.
 *
 * The planner simplifies each expression of each row, by an executor of its own
 * for every operator whose arguments are constants; then the executor computes
 * what is left, once. Rows made of nothing but constants, parameters, operators
 * and functions with all of their arguments can be given to the executor as they
 * are. So the first rows are planned, and their Values Scan is given all rows.
 *
 * Named arguments and defaults of arguments, sub-SELECTs and whatever is not
 * listed here need the planner: then it is given all rows, as ever.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "plan/plan_push.h"
#include "plan/plan_values.h"

/* Fewer are planned as they are. One row alone would become a Result in place of a Values Scan. */
#define MIN_ROWS		8
#define PLANNED_ROWS	2

/* Rows repeat the functions of the first one: those seen last need not be looked up again. */
#define KNOWN_FUNCTIONS	8

typedef struct PlainCheck
{
	bool		sees_rows;
	int			nknown;
	Oid			known[KNOWN_FUNCTIONS];
	int			known_args[KNOWN_FUNCTIONS];
} PlainCheck;

static bool exprs_are_plain(const List *exprs, PlainCheck *check);

/*
 * Volatile functions see what the statement has written so far, and users' functions, be they called stable or
 * immutable, what it has written on other nodes if they read sharded tables by statements of their own.
 */
static bool
may_see_rows(Oid funcid, void *context)
{
	return funcid >= FirstNormalObjectId || func_volatile(funcid) == PROVOLATILE_VOLATILE;
}

static bool
calls_see_rows(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return check_functions_in_node(node, may_see_rows, NULL) || IsA(node, NextValueExpr) ||
		expression_tree_walker(node, calls_see_rows, context);
}

static int
function_args(Oid funcid, PlainCheck *check)
{
	HeapTuple	tuple;
	int			nargs;

	for (int i = 0; i < check->nknown; i++)
	{
		if (check->known[i] == funcid)
			return check->known_args[i];
	}
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", funcid);
	nargs = ((Form_pg_proc) GETSTRUCT(tuple))->pronargs;
	ReleaseSysCache(tuple);
	check->sees_rows |= may_see_rows(funcid, NULL);
	if (check->nknown < KNOWN_FUNCTIONS)
	{
		check->known[check->nknown] = funcid;
		check->known_args[check->nknown++] = nargs;
	}
	return nargs;
}

static bool
call_is_plain(Oid funcid, bool returns_set, const List *args, PlainCheck *check)
{
	/* an operator that comes from the catalogs does not know its function yet */
	return OidIsValid(funcid) && !returns_set && list_length(args) == function_args(funcid, check) &&
		exprs_are_plain(args, check);
}

static bool
expr_is_plain(const Node *expr, PlainCheck *check)
{
	switch (nodeTag(expr))
	{
		case T_Const:
		case T_SQLValueFunction:
			return true;
		case T_Param:
			return ((const Param *) expr)->paramkind == PARAM_EXTERN;
		case T_RelabelType:
			return expr_is_plain((const Node *) ((const RelabelType *) expr)->arg, check);
		case T_OpExpr:
			return call_is_plain(((const OpExpr *) expr)->opfuncid, ((const OpExpr *) expr)->opretset,
								 ((const OpExpr *) expr)->args, check);
		case T_FuncExpr:
			return call_is_plain(((const FuncExpr *) expr)->funcid, ((const FuncExpr *) expr)->funcretset,
								 ((const FuncExpr *) expr)->args, check);
		default:
			return false;
	}
}

static bool
exprs_are_plain(const List *exprs, PlainCheck *check)
{
	ListCell   *lc;

	check_stack_depth();
	foreach(lc, exprs)
	{
		if (!expr_is_plain((const Node *) lfirst(lc), check))
			return false;
	}
	return true;
}

static bool
rows_are_plain(const List *rows, PlainCheck *check)
{
	ListCell   *lc;

	foreach(lc, rows)
	{
		if (!exprs_are_plain((const List *) lfirst(lc), check))
			return false;
	}
	return true;
}

static Index
values_entry(const Query *query)
{
	return linitial_node(RangeTblRef, query->jointree->fromlist)->rtindex;
}

bool
query_reads_values(const Query *query)
{
	const List *from = query->jointree->fromlist;

	return list_length(from) == 1 && IsA(linitial(from), RangeTblRef) &&
		rt_fetch(values_entry(query), query->rtable)->rtekind == RTE_VALUES;
}

/* The Query with the first rows only. */
static Query *
with_few_rows(const Query *query)
{
	Query		few = *query;
	ListCell   *entry;
	RangeTblEntry values;

	few.rtable = list_copy(query->rtable);
	entry = list_nth_cell(few.rtable, values_entry(query) - 1);
	values = *lfirst_node(RangeTblEntry, entry);
	values.values_lists = list_copy_head(values.values_lists, PLANNED_ROWS);
	lfirst(entry) = &values;
	return copyObject(&few);
}

/* Give a Values Scan its rows, and what they cost. */
static void
give_rows(ValuesScan *scan, List *rows)
{
	Plan	   *plan = &scan->scan.plan;
	double		share = (double) list_length(rows) / list_length(scan->values_lists);

	scan->values_lists = rows;
	plan->plan_rows = list_length(rows);
	plan->total_cost = plan->startup_cost + (plan->total_cost - plan->startup_cost) * share;
}

/* NULL: there are few rows, or some need the planner. */
static PlannedStmt *
plan_first_rows(const PlanInput *input, Query *query, bool *spool)
{
	List	   *rows = rt_fetch(values_entry(query), query->rtable)->values_lists;
	PlainCheck	check = {0};
	PlannedStmt *stmt;

	if (list_length(rows) < MIN_ROWS || query->hasSubLinks || query->cteList != NIL ||
		query->jointree->quals != NULL || !rows_are_plain(rows, &check))
		return NULL;
	stmt = plan_push_source(input, with_few_rows(query));
	if (!IsA(stmt->planTree, ValuesScan))
		return NULL;
	give_rows((ValuesScan *) stmt->planTree, rows);
	*spool = check.sees_rows;
	return stmt;
}

/* Other plans than Values Scans compute the expressions of a single row, or of none. */
static bool
values_see_rows(const Plan *plan)
{
	return !IsA(plan, ValuesScan) || calls_see_rows((Node *) ((const ValuesScan *) plan)->values_lists, NULL);
}

PlannedStmt *
plan_inserted_rows(const PlanInput *input, Query *query, bool *spool)
{
	PlannedStmt *stmt;

	*spool = false;
	if (!query_reads_values(query))
		return plan_push_source(input, query);
	stmt = plan_first_rows(input, query, spool);
	if (stmt == NULL)
	{
		stmt = plan_push_source(input, query);
		*spool = values_see_rows(stmt->planTree);
	}
	*spool |= calls_see_rows((Node *) stmt->planTree->targetlist, NULL);
	return stmt;
}
