/*
 * query_make.c
 *	  Pieces of Querys that are made rather than parsed.
 */
#include "postgres.h"

#include "catalog/pg_aggregate.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "plan/query_make.h"
#include "plan/shippable.h"

Node *
query_make_count(int64 rows)
{
	return (Node *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(rows), false, FLOAT8PASSBYVAL);
}

Node *
query_make_ref(Index rtindex)
{
	RangeTblRef *ref = makeNode(RangeTblRef);

	ref->rtindex = rtindex;
	return (Node *) ref;
}

RangeTblEntry *
query_make_entry(const char *name, Query *query)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		if (!lfirst_node(TargetEntry, lc)->resjunk)
			names = lappend(names, makeString(pstrdup(lfirst_node(TargetEntry, lc)->resname)));
	}
	rte->rtekind = RTE_SUBQUERY;
	rte->subquery = query;
	rte->eref = rte->alias = makeAlias(name, names);
	rte->inFromCl = true;
	return rte;
}

Query *
query_select_from(RangeTblEntry *rte, const Query *like)
{
	Query	   *query = makeNode(Query);
	ListCell   *lc;

	query->commandType = CMD_SELECT;
	query->canSetTag = true;
	query->rtable = list_make1(rte);
	query->jointree = makeFromExpr(list_make1(query_make_ref(1)), NULL);
	foreach(lc, like->targetList)
	{
		TargetEntry *tle = flatCopyTargetEntry(lfirst_node(TargetEntry, lc));

		tle->expr = (Expr *) makeVarFromTargetEntry(1, tle);
		query->targetList = lappend(query->targetList, tle);
	}
	return query;
}

CommonTableExpr *
query_make_cte(const char *name, Query *query)
{
	CommonTableExpr *cte = makeNode(CommonTableExpr);
	ListCell   *lc;

	cte->ctename = pstrdup(name);
	cte->ctematerialized = CTEMaterializeAlways;
	cte->ctequery = (Node *) query;
	cte->location = -1;
	foreach(lc, query->targetList)
	{
		const TargetEntry *tle = lfirst_node(TargetEntry, lc);

		cte->ctecolnames = lappend(cte->ctecolnames, makeString(pstrdup(tle->resname)));
		cte->ctecoltypes = lappend_oid(cte->ctecoltypes, exprType((Node *) tle->expr));
		cte->ctecoltypmods = lappend_int(cte->ctecoltypmods, exprTypmod((Node *) tle->expr));
		cte->ctecolcollations = lappend_oid(cte->ctecolcollations, exprCollation((Node *) tle->expr));
	}
	return cte;
}

RangeTblEntry *
query_make_cte_entry(CommonTableExpr *cte, Index levels_up)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);

	cte->cterefcount++;
	rte->rtekind = RTE_CTE;
	rte->ctename = pstrdup(cte->ctename);
	rte->ctelevelsup = levels_up;
	rte->coltypes = list_copy(cte->ctecoltypes);
	rte->coltypmods = list_copy(cte->ctecoltypmods);
	rte->colcollations = list_copy(cte->ctecolcollations);
	rte->eref = rte->alias = makeAlias(cte->ctename, copyObject(cte->ctecolnames));
	rte->inFromCl = true;
	return rte;
}

Expr *
query_are_fewer(CommonTableExpr *cte, int64 rows, Index level)
{
	Query	   *count = query_select_from(query_make_cte_entry(cte, level + 1), makeNode(Query));
	Aggref	   *aggregate = makeNode(Aggref);
	SubLink    *link = makeNode(SubLink);

	aggregate->aggfnoid = F_COUNT_;
	aggregate->aggtype = INT8OID;
	aggregate->aggstar = true;
	aggregate->aggkind = AGGKIND_NORMAL;
	aggregate->aggno = aggregate->aggtransno = aggregate->location = -1;
	count->hasAggs = true;
	count->targetList = list_make1(makeTargetEntry((Expr *) aggregate, 1, pstrdup("count"), false));
	link->subLinkType = EXPR_SUBLINK;
	link->subselect = (Node *) count;
	link->location = -1;
	return make_opclause(Int8LessOperator, BOOLOID, false, (Expr *) link, (Expr *) query_make_count(rows), InvalidOid,
						 InvalidOid);
}

Query *
query_select_if(RangeTblEntry *rte, const Query *like, Expr *condition)
{
	Query	   *query = query_select_from(rte, like);

	query->jointree->quals = (Node *) condition;
	query->hasSubLinks = true;
	return query;
}

Query *
query_union_of(Query *left, Query *right)
{
	Query	   *query = query_select_from(query_make_entry("few", left), left);
	SetOperationStmt *operation = makeNode(SetOperationStmt);
	ListCell   *lc;

	query->rtable = lappend(query->rtable, query_make_entry("many", right));
	query->jointree = makeFromExpr(NIL, NULL);
	operation->op = SETOP_UNION;
	operation->all = true;
	operation->larg = query_make_ref(1);
	operation->rarg = query_make_ref(2);
	foreach(lc, left->targetList)
	{
		Node	   *expr = (Node *) lfirst_node(TargetEntry, lc)->expr;

		lfirst_node(TargetEntry, lc)->ressortgroupref = 0;
		operation->colTypes = lappend_oid(operation->colTypes, exprType(expr));
		operation->colTypmods = lappend_int(operation->colTypmods, exprTypmod(expr));
		operation->colCollations = lappend_oid(operation->colCollations, exprCollation(expr));
	}
	foreach(lc, query->targetList)
		lfirst_node(TargetEntry, lc)->ressortgroupref = 0;
	query->setOperations = (Node *) operation;
	return query;
}

/* ---------- values ---------- */

/* Not of a domain's values: another node would check a NULL that no row has given. */
Oid
query_array_type(Oid type)
{
	return getBaseType(type) == type && shippable_type(type) ? get_array_type(type) : InvalidOid;
}

SubLink *
query_array_of(Query *select)
{
	SubLink    *link = makeNode(SubLink);

	link->subLinkType = ARRAY_SUBLINK;
	link->subselect = (Node *) select;
	link->location = -1;
	return link;
}

Node *
query_any_of(Oid operator, Oid collation, Node *left, Node *array)
{
	ScalarArrayOpExpr *any = makeNode(ScalarArrayOpExpr);

	any->opno = operator;
	any->useOr = true;
	any->inputcollid = collation;
	any->args = list_make2(left, array);
	any->location = -1;
	return (Node *) any;
}
