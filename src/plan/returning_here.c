/*
 * returning_here.c
 *	  RETURNING evaluated on the coordinator.
 *
 * What RETURNING says may mean something else where the row is written, or
 * cannot be sent from there: volatile functions, tableoid, rows of no named
 * type. Then the owners give back plain columns only, and a custom scan
 * evaluates the list over them.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"

#include "plan/returning_here.h"

typedef struct Returning
{
	Index		target;
	Oid			shell;
	List	   *returned;
	List	   *carried;
} Returning;

static bool
collect_returned(Node *node, Returning *returning)
{
	Var		   *var = (Var *) node;

	if (node == NULL)
		return false;
	if (!IsA(node, Var))
		return expression_tree_walker(node, collect_returned, returning);
	if (var->varno != returning->target)
		returning->carried = list_append_unique(returning->carried, var);
	else if (var->varattno != TableOidAttributeNumber)
		returning->returned = list_append_unique(returning->returned, var);
	return false;
}

static int
position_in(List *vars, const Var *var)
{
	ListCell   *lc;

	foreach(lc, vars)
	{
		if (equal(lfirst(lc), var))
			return foreach_current_index(lc) + 1;
	}
	elog(ERROR, "column of RETURNING not found");
}

static Node *
point_to_scan(Node *node, Returning *returning)
{
	Var		   *var = (Var *) node;
	int			position;

	if (node == NULL)
		return NULL;
	if (!IsA(node, Var))
		return expression_tree_mutator(node, point_to_scan, returning);
	if (var->varno == returning->target && var->varattno == TableOidAttributeNumber)
		return (Node *) makeConst(OIDOID, -1, InvalidOid, sizeof(Oid), ObjectIdGetDatum(returning->shell), false,
								  true);
	position = var->varno == returning->target ? position_in(returning->returned, var) :
		list_length(returning->returned) + position_in(returning->carried, var);
	return (Node *) makeVar(INDEX_VAR, position, var->vartype, var->vartypmod, var->varcollid, 0);
}

/* RETURNING over columns of the rows written, then columns of other tables. */
static List *
result_list(const Query *query, Returning *returning)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, query->returningList)
	{
		TargetEntry *tle = flatCopyTargetEntry(lfirst_node(TargetEntry, lc));

		if (tle->resjunk)
			continue;
		tle->expr = expression_planner((Expr *) point_to_scan((Node *) tle->expr, returning));
		result = lappend(result, tle);
	}
	return result;
}

ReturningHere
returning_here_make(const Query *query)
{
	Returning	returning = {.target = query->resultRelation,
	.shell = rt_fetch(query->resultRelation, query->rtable)->relid};
	ReturningHere here = {NIL, NIL, NIL};

	(void) collect_returned((Node *) query->returningList, &returning);
	here.result = result_list(query, &returning);
	here.returned = returning.returned;
	here.carried = returning.carried;
	return here;
}
