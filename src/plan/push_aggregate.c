/*
 * push_aggregate.c
 *	  Aggregates in two steps: partial results per shard, combined above.
 *
 * How an aggregate is combined is read from pg_aggregate:
 *
 *	  its own transition adds two results			min, max, bool_and, bit_or, sum(float8), ..
 *		(transition = combine function, no final one)	the same aggregate over its results
 *	  counts and integer sums						shardext.add_counts, add_sums over them
 *		(combined by int8pl)
 *	  sum(bigint), sum(numeric)						sum(numeric) over the sums
 *	  avg(integers, numeric, floats)				the sum of the sums divided by the sum of the counts,
 *													by the division that PostgreSQL's avg ends in
 *
 * DISTINCT is possible where no value is met in two shards. ORDER BY inside an
 * aggregate, ordered-set aggregates and what has no combine function are not
 * done in two steps.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_func.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "plan/push_aggregate.h"

typedef enum CombineKind
{
	COMBINE_NOT,
	COMBINE_SAME,				/* by the aggregate itself */
	COMBINE_COUNTS,				/* shardext.add_counts */
	COMBINE_SUMS,				/* shardext.add_sums */
	COMBINE_NUMERIC_SUMS,		/* sum(numeric) */
	COMBINE_AVERAGE
} CombineKind;

/* Averages: what is summed, and how the sum is divided. */
static const struct AverageRule
{
	Oid			average;
	Oid			widen;			/* applied to the argument, or InvalidOid */
	Oid			sum;
	Oid			sum_type;
	Oid			sum_to;			/* cast of the sum, or InvalidOid */
	Oid			count_to;		/* cast of the count */
	Oid			divide;
	Oid			type;			/* of the result */
} averages[] =
	{
		{F_AVG_INT2, InvalidOid, F_SUM_INT2, INT8OID, F_NUMERIC_INT8, F_NUMERIC_INT8, F_NUMERIC_DIV, NUMERICOID},
		{F_AVG_INT4, InvalidOid, F_SUM_INT4, INT8OID, F_NUMERIC_INT8, F_NUMERIC_INT8, F_NUMERIC_DIV, NUMERICOID},
		{F_AVG_INT8, InvalidOid, F_SUM_INT8, NUMERICOID, InvalidOid, F_NUMERIC_INT8, F_NUMERIC_DIV, NUMERICOID},
		{F_AVG_NUMERIC, InvalidOid, F_SUM_NUMERIC, NUMERICOID, InvalidOid, F_NUMERIC_INT8, F_NUMERIC_DIV, NUMERICOID},
		{F_AVG_FLOAT4, F_FLOAT8_FLOAT4, F_SUM_FLOAT8, FLOAT8OID, InvalidOid, F_FLOAT8_INT8, F_FLOAT8DIV, FLOAT8OID},
		{F_AVG_FLOAT8, InvalidOid, F_SUM_FLOAT8, FLOAT8OID, InvalidOid, F_FLOAT8_INT8, F_FLOAT8DIV, FLOAT8OID},
};

static const struct AverageRule *
average_rule(Oid aggregate)
{
	for (int i = 0; i < (int) lengthof(averages); i++)
	{
		if (averages[i].average == aggregate)
			return &averages[i];
	}
	return NULL;
}

/* By what pg_aggregate says of it. */
static CombineKind
kind_from_catalog(const Aggref *aggref)
{
	HeapTuple	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggref->aggfnoid));
	Form_pg_aggregate form;
	bool		has_initial;
	CombineKind kind = COMBINE_NOT;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for aggregate %u", aggref->aggfnoid);
	form = (Form_pg_aggregate) GETSTRUCT(tuple);
	(void) SysCacheGetAttr(AGGFNOID, tuple, Anum_pg_aggregate_agginitval, &has_initial);
	has_initial = !has_initial;
	if (!OidIsValid(form->aggcombinefn) || OidIsValid(form->aggfinalfn) || form->aggtranstype == INTERNALOID)
		kind = COMBINE_NOT;
	else if (form->aggcombinefn == F_INT8PL && form->aggtranstype == INT8OID && aggref->aggtype == INT8OID)
		kind = has_initial ? COMBINE_COUNTS : COMBINE_SUMS;
	else if (form->aggtransfn == form->aggcombinefn && !has_initial && list_length(aggref->aggargtypes) == 1 &&
			 linitial_oid(aggref->aggargtypes) == aggref->aggtype)
		kind = COMBINE_SAME;
	ReleaseSysCache(tuple);
	return kind;
}

static CombineKind
combine_kind(const Aggref *aggref, bool disjoint)
{
	if (aggref->aggkind != AGGKIND_NORMAL || aggref->aggvariadic || aggref->agglevelsup > 0 ||
		aggref->aggorder != NIL || (aggref->aggdistinct != NIL && !disjoint))
		return COMBINE_NOT;
	if (average_rule(aggref->aggfnoid) != NULL)
		return aggref->aggdistinct != NIL && OidIsValid(average_rule(aggref->aggfnoid)->widen) ?
			COMBINE_NOT : COMBINE_AVERAGE;
	if (aggref->aggfnoid == F_SUM_INT8 || aggref->aggfnoid == F_SUM_NUMERIC)
		return COMBINE_NUMERIC_SUMS;
	return kind_from_catalog(aggref);
}

bool
push_aggregate_is_combinable(const Aggref *aggref, bool disjoint)
{
	return combine_kind(aggref, disjoint) != COMBINE_NOT;
}

/* An aggregate of ours. */
static Oid
own_aggregate(const char *name, Oid argument)
{
	return LookupFuncName(list_make2(makeString("shardext"), makeString(pstrdup(name))), 1, &argument, false);
}

/* function(argument) above; collations as in like. */
static Aggref *
make_aggregate(Oid function, Oid type, Var *argument, const Aggref *like)
{
	Aggref	   *result = makeNode(Aggref);

	result->aggfnoid = function;
	result->aggtype = type;
	result->aggcollid = like->aggtype == type ? like->aggcollid : InvalidOid;
	result->inputcollid = like->inputcollid;
	result->aggargtypes = list_make1_oid(argument->vartype);
	result->args = list_make1(makeTargetEntry((Expr *) argument, 1, NULL, false));
	result->aggkind = AGGKIND_NORMAL;
	result->aggsplit = AGGSPLIT_SIMPLE;
	result->aggno = -1;
	result->aggtransno = -1;
	result->location = -1;
	return result;
}

/* What the fragment computes for it: another aggregate of the same rows. */
static Aggref *
sibling(const Aggref *aggref, Oid function, Oid type, Oid widen)
{
	Aggref	   *result = copyObject(unconstify(Aggref *, aggref));

	result->aggfnoid = function;
	result->aggtype = type;
	result->aggcollid = InvalidOid;
	result->aggtranstype = InvalidOid;
	if (OidIsValid(widen))
	{
		TargetEntry *argument = linitial_node(TargetEntry, result->args);

		argument->expr = (Expr *) makeFuncExpr(widen, FLOAT8OID, list_make1(argument->expr), InvalidOid, InvalidOid,
											   COERCE_EXPLICIT_CAST);
		result->aggargtypes = list_make1_oid(FLOAT8OID);
	}
	return result;
}

static Expr *
cast_to(Oid function, Oid type, Expr *argument)
{
	return OidIsValid(function) ?
		(Expr *) makeFuncExpr(function, type, list_make1(argument), InvalidOid, InvalidOid, COERCE_EXPLICIT_CAST) :
		argument;
}

/* The sum is NULL where nothing was counted, and the division strict. */
static Node *
combine_average(const Aggref *aggref, PushColumns *columns)
{
	const struct AverageRule *rule = average_rule(aggref->aggfnoid);
	Aggref	   *sum = sibling(aggref, rule->sum, rule->sum_type, rule->widen);
	Aggref	   *count = sibling(aggref, F_COUNT_ANY, INT8OID, InvalidOid);
	Oid			sum_above;
	Expr	   *dividend;
	Expr	   *divisor;

	if (rule->sum_type == INT8OID)
		sum_above = own_aggregate("add_sums", INT8OID);
	else
		sum_above = rule->sum_type == NUMERICOID ? F_SUM_NUMERIC : F_SUM_FLOAT8;
	dividend = (Expr *) make_aggregate(sum_above, rule->sum_type, columns->column(columns, (Expr *) sum), aggref);
	divisor = (Expr *) make_aggregate(own_aggregate("add_counts", INT8OID), INT8OID,
									  columns->column(columns, (Expr *) count), aggref);
	return (Node *) makeFuncExpr(rule->divide, rule->type,
								 list_make2(cast_to(rule->sum_to, rule->type, dividend),
											cast_to(rule->count_to, rule->type, divisor)),
								 InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
}

Node *
push_aggregate_combine(const Aggref *aggref, bool disjoint, PushColumns *columns)
{
	CombineKind kind = combine_kind(aggref, disjoint);
	Var		   *partial;
	Oid			above = InvalidOid;

	if (kind == COMBINE_NOT)
		return NULL;
	if (kind == COMBINE_AVERAGE)
		return combine_average(aggref, columns);
	partial = columns->column(columns, (Expr *) copyObject(unconstify(Aggref *, aggref)));
	switch (kind)
	{
		case COMBINE_SAME:
			above = aggref->aggfnoid;
			break;
		case COMBINE_COUNTS:
			above = own_aggregate("add_counts", INT8OID);
			break;
		case COMBINE_SUMS:
			above = own_aggregate("add_sums", INT8OID);
			break;
		case COMBINE_NUMERIC_SUMS:
			above = F_SUM_NUMERIC;
			break;
		case COMBINE_NOT:
		case COMBINE_AVERAGE:
			break;
	}
	return (Node *) make_aggregate(above, aggref->aggtype, partial, aggref);
}
