/*
 * push_rows_of.c
 *	  Rows that a fragment gets with it, as nodes of a Query.
 */
#include "postgres.h"

#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_func.h"

#include "exec/row_pack.h"
#include "plan/push_rows_of.h"
#include "plan/shippable.h"

/* The state of an aggregate is an argument, too. */
#define MOST_COLUMNS	(FUNC_MAX_ARGS - 2)

static List *
function_name(const char *name)
{
	return list_make2(makeString(pstrdup("shardext")), makeString(pstrdup(name)));
}

bool
rows_of_takes(const Query *inner)
{
	int			ncolumns = 0;
	ListCell   *lc;

	foreach(lc, inner->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->resjunk)
			continue;
		/* junk would shift what follows */
		if (tle->resno != ++ncolumns || !row_pack_takes(exprType((Node *) tle->expr)) ||
			!shippable_type(exprType((Node *) tle->expr)))
			return false;
	}
	return ncolumns > 0 && ncolumns <= MOST_COLUMNS;
}

static Aggref *
pack_aggregate(const Query *inner)
{
	Aggref	   *agg = makeNode(Aggref);
	Oid			any = ANYOID;
	ListCell   *lc;

	agg->aggfnoid = LookupFuncName(function_name("pack_rows"), 1, &any, false);
	agg->aggtype = BYTEAOID;
	agg->aggkind = AGGKIND_NORMAL;
	agg->aggno = agg->aggtransno = -1;
	agg->aggsplit = AGGSPLIT_SIMPLE;
	agg->location = -1;
	foreach(lc, inner->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Expr	   *column;

		if (tle->resjunk)
			continue;
		column = (Expr *) makeVarFromTargetEntry(1, tle);
		agg->args = lappend(agg->args, makeTargetEntry(column, list_length(agg->args) + 1, NULL, false));
		agg->aggargtypes = lappend_oid(agg->aggargtypes, exprType((Node *) column));
	}
	return agg;
}

Query *
rows_of_collect(Query *inner, const char *alias, Aggref *aggregate)
{
	Query	   *query = makeNode(Query);
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	RangeTblRef *ref = makeNode(RangeTblRef);
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, inner->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk)
			names = lappend(names, makeString(psprintf("c%d", tle->resno)));
	}
	rte->rtekind = RTE_SUBQUERY;
	rte->subquery = inner;
	rte->eref = rte->alias = makeAlias(alias, names);
	rte->inFromCl = true;
	ref->rtindex = 1;

	query->commandType = CMD_SELECT;
	query->querySource = QSRC_ORIGINAL;
	query->canSetTag = true;
	query->hasAggs = true;
	query->rtable = list_make1(rte);
	query->jointree = makeFromExpr(list_make1(ref), NULL);
	query->targetList = list_make1(makeTargetEntry((Expr *) aggregate, 1, pstrdup("rows"), false));
	return query;
}

Query *
rows_of_pack(Query *inner)
{
	return rows_of_collect(inner, "broadcast", pack_aggregate(inner));
}

Const *
rows_of_estimate(double rows)
{
	return makeConst(INT4OID, -1, InvalidOid, sizeof(int32),
					 Int32GetDatum((int32) Min(Max(rows, 1), PG_INT32_MAX)), false, true);
}

RangeTblEntry *
rows_of_function(const Query *inner, const Alias *eref, Oid function_id, List *args)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	RangeTblFunction *function = makeNode(RangeTblFunction);
	ListCell   *lc;

	function->funcexpr = (Node *) makeFuncExpr(function_id, RECORDOID, args, InvalidOid, InvalidOid,
											   COERCE_EXPLICIT_CALL);
	((FuncExpr *) function->funcexpr)->funcretset = true;
	foreach(lc, inner->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Node	   *expr = (Node *) tle->expr;
		char	   *name;

		if (tle->resjunk)
			continue;
		name = tle->resno <= list_length(eref->colnames) ? strVal(list_nth(eref->colnames, tle->resno - 1)) : "";
		if (*name == '\0')
			name = psprintf("........dropped.%d........", tle->resno);
		function->funccolnames = lappend(function->funccolnames, makeString(pstrdup(name)));
		function->funccoltypes = lappend_oid(function->funccoltypes, exprType(expr));
		function->funccoltypmods = lappend_int(function->funccoltypmods, exprTypmod(expr));
		function->funccolcollations = lappend_oid(function->funccolcollations, exprCollation(expr));
	}
	function->funccolcount = list_length(function->funccolnames);

	rte->rtekind = RTE_FUNCTION;
	rte->functions = list_make1(function);
	rte->eref = makeAlias(eref->aliasname, copyObject(function->funccolnames));
	rte->alias = copyObject(rte->eref);
	rte->inFromCl = true;
	return rte;
}

RangeTblEntry *
rows_of_entry(const Query *inner, const Alias *eref, Node *packed, double rows)
{
	Oid			types[2] = {BYTEAOID, INT4OID};

	return rows_of_function(inner, eref, LookupFuncName(function_name("rows_of"), 2, types, false),
							list_make2(packed, rows_of_estimate(rows)));
}
