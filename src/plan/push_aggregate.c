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
 *	  others with a combine function				shardext.combine_states over the transition states that
 *													shardext.partial_state gives (exec/aggregate_state.h)
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

#include "exec/aggregate_state.h"
#include "plan/push_aggregate.h"

typedef enum CombineKind
{
	COMBINE_NOT,
	COMBINE_SAME,				/* by the aggregate itself */
	COMBINE_COUNTS,				/* shardext.add_counts */
	COMBINE_SUMS,				/* shardext.add_sums */
	COMBINE_NUMERIC_SUMS,		/* sum(numeric) */
	COMBINE_STATES,				/* shardext.combine_states over shardext.partial_state */
	COMBINE_MERGED_STATES,		/* shardext.merge_states over shardext.partial_state, which it is */
	COMBINE_HANDLES,			/* shardext.exchange_merge over shardext.exchange_rows, which it is */
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

/* An aggregate of ours. */
static Oid
own_aggregate(const char *name, int nargs, Oid first, Oid second, Oid third)
{
	Oid			args[3] = {first, second, third};

	return LookupFuncName(list_make2(makeString("shardext"), makeString(pstrdup(name))), nargs, args, false);
}

static Oid
over_bigints(const char *name)
{
	return own_aggregate(name, 1, INT8OID, InvalidOid, InvalidOid);
}

static bool
is_partial_state(const Aggref *aggref)
{
	return list_length(aggref->aggargtypes) > 1 && linitial_oid(aggref->aggargtypes) == REGPROCEDUREOID &&
		aggref->aggtype == BYTEAOID &&
		aggref->aggfnoid == own_aggregate("partial_state", 2, REGPROCEDUREOID, ANYOID, InvalidOid);
}

/* Rows that are laid out for other nodes: where they lie. */
static bool
is_exchange(const Aggref *aggref)
{
	return aggref->aggtype == BYTEAOID && list_length(aggref->aggargtypes) > 2 &&
		linitial_oid(aggref->aggargtypes) == TEXTOID && lsecond_oid(aggref->aggargtypes) == INT4OID &&
		aggref->aggfnoid == own_aggregate("exchange_rows", 3, TEXTOID, INT4OID, ANYOID);
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
	if (form->aggcombinefn == F_INT8PL && !OidIsValid(form->aggfinalfn) && form->aggtranstype == INT8OID &&
		aggref->aggtype == INT8OID)
		kind = has_initial ? COMBINE_COUNTS : COMBINE_SUMS;
	else if (form->aggtransfn == form->aggcombinefn && !OidIsValid(form->aggfinalfn) && !has_initial &&
			 list_length(aggref->aggargtypes) == 1 && linitial_oid(aggref->aggargtypes) == aggref->aggtype)
		kind = COMBINE_SAME;
	else if (aggref->aggdistinct == NIL && !OidIsValid(aggref->inputcollid) &&
			 aggregate_state_is_known(aggref->aggfnoid))
		kind = COMBINE_STATES;
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
	if (is_partial_state(aggref))
		return COMBINE_MERGED_STATES;
	if (is_exchange(aggref))
		return COMBINE_HANDLES;
	return kind_from_catalog(aggref);
}

bool
push_aggregate_is_combinable(const Aggref *aggref, bool disjoint)
{
	return combine_kind(aggref, disjoint) != COMBINE_NOT;
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
		sum_above = over_bigints("add_sums");
	else
		sum_above = rule->sum_type == NUMERICOID ? F_SUM_NUMERIC : F_SUM_FLOAT8;
	dividend = (Expr *) make_aggregate(sum_above, rule->sum_type, columns->column(columns, (Expr *) sum), aggref);
	divisor = (Expr *) make_aggregate(over_bigints("add_counts"), INT8OID,
									  columns->column(columns, (Expr *) count), aggref);
	return (Node *) makeFuncExpr(rule->divide, rule->type,
								 list_make2(cast_to(rule->sum_to, rule->type, dividend),
											cast_to(rule->count_to, rule->type, divisor)),
								 InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
}

/* ---------- states ---------- */

static TargetEntry *
aggregate_argument(const Aggref *aggref)
{
	return makeTargetEntry((Expr *) makeConst(REGPROCEDUREOID, -1, InvalidOid, sizeof(Oid),
											  ObjectIdGetDatum(aggref->aggfnoid), false, true), 1, NULL, false);
}

/* partial_state('aggregate', arguments) */
static Aggref *
state_of(const Aggref *aggref)
{
	Aggref	   *result = copyObject(unconstify(Aggref *, aggref));
	ListCell   *lc;

	result->aggfnoid = own_aggregate("partial_state", 2, REGPROCEDUREOID, ANYOID, InvalidOid);
	result->aggtype = BYTEAOID;
	result->aggcollid = InvalidOid;
	result->aggtranstype = InvalidOid;
	result->aggargtypes = lcons_oid(REGPROCEDUREOID, result->aggargtypes);
	foreach(lc, result->args)
		lfirst_node(TargetEntry, lc)->resno++;
	result->args = lcons(aggregate_argument(aggref), result->args);
	return result;
}

/* combine_states or merge_states of the column; first: the argument that names the aggregate. */
static Node *
combine_states(const Aggref *aggref, TargetEntry *first, bool to_state, Var *state)
{
	Aggref	   *result = make_aggregate(InvalidOid, aggref->aggtype, state, aggref);

	result->location = AGGREGATE_STATE_LOCATION;
	result->args = list_make2(first, makeTargetEntry((Expr *) state, 2, NULL, false));
	result->aggargtypes = list_make2_oid(REGPROCEDUREOID, BYTEAOID);
	if (to_state)
	{
		result->aggfnoid = own_aggregate("merge_states", 2, REGPROCEDUREOID, BYTEAOID, InvalidOid);
		return (Node *) result;
	}
	result->aggfnoid = own_aggregate("combine_states", 3, REGPROCEDUREOID, BYTEAOID, ANYELEMENTOID);
	result->args = lappend(result->args,
						   makeTargetEntry((Expr *) makeNullConst(aggref->aggtype, -1, aggref->aggcollid), 3,
										   NULL, false));
	result->aggargtypes = lappend_oid(result->aggargtypes, aggref->aggtype);
	return (Node *) result;
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
	if (kind == COMBINE_STATES)
		return combine_states(aggref, aggregate_argument(aggref), false,
							  columns->column(columns, (Expr *) state_of(aggref)));
	partial = columns->column(columns, (Expr *) copyObject(unconstify(Aggref *, aggref)));
	if (kind == COMBINE_MERGED_STATES)
		return combine_states(aggref, copyObject(linitial_node(TargetEntry, aggref->args)), true, partial);
	switch (kind)
	{
		case COMBINE_SAME:
			above = aggref->aggfnoid;
			break;
		case COMBINE_COUNTS:
			above = over_bigints("add_counts");
			break;
		case COMBINE_SUMS:
			above = over_bigints("add_sums");
			break;
		case COMBINE_NUMERIC_SUMS:
			above = F_SUM_NUMERIC;
			break;
		case COMBINE_HANDLES:
			above = own_aggregate("exchange_merge", 1, BYTEAOID, InvalidOid, InvalidOid);
			break;
		case COMBINE_NOT:
		case COMBINE_AVERAGE:
		case COMBINE_STATES:
		case COMBINE_MERGED_STATES:
			break;
	}
	return (Node *) make_aggregate(above, aggref->aggtype, partial, aggref);
}
