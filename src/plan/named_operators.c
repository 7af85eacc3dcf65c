/*
 * named_operators.c
 *	  Operators that a text can only call "=" or "<", without their schema.
 *
 * IS DISTINCT FROM, NULLIF, CASE x WHEN y, JOIN .. USING and comparisons of rows
 * find their operators by name, in the search_path of who reads the text. Where
 * texts for other nodes are read that is pg_catalog alone (forwarded_text.c), so
 * an operator of another schema, as citext has, would not be found, or another
 * one would be: that of text, for instance. So where such an operator is meant,
 *
 *	  a IS DISTINCT FROM b		becomes  ARRAY[a] <> ARRAY[b]
 *	  NULLIF(a, b)				becomes  CASE WHEN a = b THEN NULL ELSE a END
 *	  CASE a WHEN b THEN c		becomes  CASE WHEN a = b THEN c
 *
 * in which operators have names with schemas, or (in arrays) are those of the
 * type. What cannot be said so has no text.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_operator.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "base/pg_compat.h"
#include "plan/named_operators.h"

/* Is it not found in pg_catalog? */
static bool
is_elsewhere(Oid opno)
{
	return opno >= FirstNormalObjectId;
}

static Oid
operator_schema(Oid opno)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(opno));
	Oid			schema;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", opno);
	schema = ((Form_pg_operator) GETSTRUCT(tuple))->oprnamespace;
	ReleaseSysCache(tuple);
	return schema;
}

/* One name, that of the first, stands for the operators of all columns. */
static bool
have_one_schema(List *opnos)
{
	ListCell   *lc;

	foreach(lc, opnos)
	{
		if (is_elsewhere(lfirst_oid(lc)) &&
			operator_schema(lfirst_oid(lc)) != operator_schema(linitial_oid(opnos)))
			return false;
		if (!is_elsewhere(lfirst_oid(lc)) && is_elsewhere(linitial_oid(opnos)))
			return false;
	}
	return true;
}

/* The operators of a comparison of rows that is no RowCompareExpr: of x = y AND .. or x <> y OR ... */
static List *
operators_of_test(Node *test)
{
	List	   *opnos = NIL;
	ListCell   *lc;

	if (test == NULL || !IsA(test, BoolExpr))
		return NIL;
	foreach(lc, ((BoolExpr *) test)->args)
	{
		if (IsA(lfirst(lc), OpExpr))
			opnos = lappend_oid(opnos, ((OpExpr *) lfirst(lc))->opno);
	}
	return opnos;
}

static bool
finds_elsewhere(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, OpExpr) && is_elsewhere(((OpExpr *) node)->opno))
		return true;
	return expression_tree_walker(node, finds_elsewhere, context);
}

/* ---------- IS DISTINCT FROM ---------- */

/* Is the operator the one that arrays of the type are compared by? */
static bool
is_equality_of_type(const DistinctExpr *expr)
{
	Oid			left = exprType(linitial(expr->args));

	return left == exprType(lsecond(expr->args)) && OidIsValid(get_array_type(left)) &&
		lookup_type_cache(left, TYPECACHE_EQ_OPR)->eq_opr == expr->opno;
}

static Node *
array_of(Node *element)
{
	ArrayExpr  *array = makeNode(ArrayExpr);

	array->element_typeid = exprType(element);
	array->array_typeid = get_array_type(array->element_typeid);
	array->array_collid = exprCollation(element);
	array->elements = list_make1(element);
	array->location = -1;
	return (Node *) array;
}

static Node *
distinct_as_arrays(const DistinctExpr *expr)
{
	return (Node *) make_opclause(get_negator(ARRAY_EQ_OP), BOOLOID, false, (Expr *) array_of(linitial(expr->args)),
								  (Expr *) array_of(lsecond(expr->args)), InvalidOid, expr->inputcollid);
}

/* ---------- NULLIF and CASE ---------- */

static CaseWhen *
make_when(Expr *condition, Expr *result)
{
	CaseWhen   *when = makeNode(CaseWhen);

	when->expr = condition;
	when->result = result;
	when->location = -1;
	return when;
}

static Node *
nullif_as_case(const NullIfExpr *expr)
{
	CaseExpr   *result = makeNode(CaseExpr);
	Node	   *value = linitial(expr->args);
	OpExpr	   *test = (OpExpr *) make_opclause(expr->opno, BOOLOID, false, linitial(expr->args), lsecond(expr->args),
												InvalidOid, expr->inputcollid);

	result->casetype = exprType(value);
	result->casecollid = exprCollation(value);
	result->args = list_make1(make_when((Expr *) test, (Expr *)
										makeNullConst(result->casetype, exprTypmod(value), result->casecollid)));
	result->defresult = copyObject((Expr *) value);
	result->location = -1;
	return (Node *) result;
}

/* The OpExpr of a WHEN that compares what CASE names; NULL: it is something else. */
static OpExpr *
test_of_case(const CaseWhen *when)
{
	OpExpr	   *op = (OpExpr *) when->expr;

	return IsA(op, OpExpr) && list_length(op->args) == 2 &&
		IsA(strip_implicit_coercions(linitial(op->args)), CaseTestExpr) ? op : NULL;
}

static bool
case_is_elsewhere(const CaseExpr *expr)
{
	ListCell   *lc;

	if (expr->arg == NULL)
		return false;
	foreach(lc, expr->args)
	{
		const OpExpr *test = test_of_case(lfirst_node(CaseWhen, lc));

		if (test != NULL && is_elsewhere(test->opno))
			return true;
	}
	return false;
}

static bool
case_can_be_searched(const CaseExpr *expr)
{
	ListCell   *lc;

	foreach(lc, expr->args)
	{
		if (test_of_case(lfirst_node(CaseWhen, lc)) == NULL)
			return false;
	}
	return !contain_volatile_functions((Node *) expr->arg);
}

static Node *
replace_case_test(Node *node, void *arg)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, CaseTestExpr))
		return copyObject((Node *) arg);
	return expression_tree_mutator(node, replace_case_test, arg);
}

static Node *
case_as_searched(CaseExpr *expr)
{
	ListCell   *lc;

	foreach(lc, expr->args)
	{
		CaseWhen   *when = lfirst_node(CaseWhen, lc);
		OpExpr	   *test = test_of_case(when);

		linitial(test->args) = replace_case_test(linitial(test->args), expr->arg);
	}
	expr->arg = NULL;
	return (Node *) expr;
}

/* ---------- a whole Query ---------- */

typedef struct OperatorSearch
{
	const Reason *reason;		/* there is no text */
	bool		qualify;		/* there is one after a change */
} OperatorSearch;

static void
look_at(Node *node, OperatorSearch *search)
{
	bool		elsewhere = false;
	bool		possible = false;

	switch (nodeTag(node))
	{
		case T_DistinctExpr:
			elsewhere = is_elsewhere(((DistinctExpr *) node)->opno);
			possible = elsewhere && is_equality_of_type((DistinctExpr *) node);
			break;
		case T_NullIfExpr:
			elsewhere = is_elsewhere(((NullIfExpr *) node)->opno);
			possible = elsewhere && !contain_volatile_functions(node);
			break;
		case T_CaseExpr:
			elsewhere = case_is_elsewhere((CaseExpr *) node);
			possible = elsewhere && case_can_be_searched((CaseExpr *) node);
			break;
		case T_RowCompareExpr:
			elsewhere = !have_one_schema(((RowCompareExpr *) node)->opnos);
			break;
		case T_SubLink:
			elsewhere = !have_one_schema(operators_of_test(((SubLink *) node)->testexpr));
			break;
		case T_JoinExpr:
			elsewhere = ((JoinExpr *) node)->usingClause != NIL && finds_elsewhere(((JoinExpr *) node)->quals, NULL);
			break;
		default:
			break;
	}
	if (possible)
		search->qualify = true;
	else if (elsewhere && search->reason == NULL)
		search->reason = reason_make("Write it with = or < between single columns.",
									 "USING, rows or the like are compared by an operator that is not in pg_catalog.");
}

static bool
find_named(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, find_named, context, 0);
	look_at(node, (OperatorSearch *) context);
	return expression_tree_walker(node, find_named, context);
}

static Node *
qualify(Node *node, void *context)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Query))
		return (Node *) query_tree_mutator((Query *) node, qualify, context, 0);
	node = expression_tree_mutator(node, qualify, context);
	if (IsA(node, DistinctExpr) && is_elsewhere(((DistinctExpr *) node)->opno))
		return distinct_as_arrays((DistinctExpr *) node);
	if (IsA(node, NullIfExpr) && is_elsewhere(((NullIfExpr *) node)->opno))
		return nullif_as_case((NullIfExpr *) node);
	if (IsA(node, CaseExpr) && case_is_elsewhere((CaseExpr *) node))
		return case_as_searched((CaseExpr *) node);
	return node;
}

const Reason *
named_operators_check(Query *query)
{
	OperatorSearch search = {NULL, false};

	(void) find_named((Node *) query, &search);
	return search.reason;
}

Query *
named_operators_qualify(Query *query)
{
	OperatorSearch search = {NULL, false};

	(void) find_named((Node *) query, &search);
	return search.qualify ? (Query *) qualify((Node *) query, NULL) : query;
}
