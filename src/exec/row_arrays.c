/*
 * row_arrays.c
 *	  Rows as arrays, one for each column: how rows of an INSERT travel.
 *
 * The node that gets them reads them with SELECT .. FROM unnest($1, $2, ..). Its
 * plan, a Function Scan, would put all rows into a tuplestore to read them once;
 * what inserts them takes the arrays apart itself.
 *
 * A column whose type has no array type, or is composite, goes as an array of its
 * text.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "exec/row_arrays.h"

bool
row_array_is_text(Oid type)
{
	/* a composite one's unnest() gives a column for each field */
	return !OidIsValid(get_array_type(type)) || type_is_rowtype(type);
}

Datum
row_array_make(Datum *elements, bool *nulls, int n, Oid type)
{
	bool		as_text = row_array_is_text(type);
	int			lower = 1;
	int16		length;
	bool		byval;
	char		align;

	if (as_text)
	{
		Oid			output;
		bool		is_varlena;

		getTypeOutputInfo(type, &output, &is_varlena);
		for (int i = 0; i < n; i++)
		{
			if (!nulls[i])
				elements[i] = CStringGetTextDatum(OidOutputFunctionCall(output, elements[i]));
		}
		type = TEXTOID;
	}
	get_typlenbyvalalign(type, &length, &byval, &align);
	return PointerGetDatum(construct_md_array(elements, nulls, 1, &n, &lower, type, length, byval, align));
}

Datum
row_array_of_column(const Datum *values, const bool *nulls, int width, const List *rows, Oid type)
{
	int			n = list_length(rows);
	Datum	   *elements = palloc(sizeof(Datum) * n);
	bool	   *element_nulls = palloc(sizeof(bool) * n);
	ListCell   *lc;

	foreach(lc, rows)
	{
		int			i = foreach_current_index(lc);
		Size		at = (Size) lfirst_int(lc) * width;

		elements[i] = values[at];
		element_nulls[i] = nulls[at];
	}
	return row_array_make(elements, element_nulls, n, type);
}

Datum
row_array_of_ints(const int *values, const List *rows)
{
	int			n = list_length(rows);
	Datum	   *elements = palloc(sizeof(Datum) * n);
	ListCell   *lc;

	foreach(lc, rows)
		elements[foreach_current_index(lc)] = Int32GetDatum(values[lfirst_int(lc)]);
	return PointerGetDatum(construct_array(elements, n, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

/* ---------- taken apart ---------- */

/* The parameter whose elements the function yields; NULL: it is another one. */
static const Param *
unnested(const RangeTblFunction *function)
{
	const FuncExpr *call = (const FuncExpr *) function->funcexpr;
	const Param *param = IsA(call, FuncExpr) && call->funcid == F_UNNEST_ANYARRAY ?
		(const Param *) linitial(call->args) : NULL;

	return param != NULL && IsA(param, Param) && param->paramkind == PARAM_EXTERN && function->funccolcount == 1 ?
		param : NULL;
}

bool
row_arrays_are(const Plan *plan)
{
	const FunctionScan *scan = (const FunctionScan *) plan;
	ListCell   *lc;

	if (!IsA(plan, FunctionScan) || plan->qual != NIL || plan->initPlan != NIL || scan->funcordinality)
		return false;
	foreach(lc, scan->functions)
	{
		if (unnested(lfirst_node(RangeTblFunction, lc)) == NULL)
			return false;
	}
	foreach(lc, plan->targetlist)
	{
		const Var  *var = (const Var *) lfirst_node(TargetEntry, lc)->expr;

		if (!IsA(var, Var) || var->varno != scan->scan.scanrelid || var->varattno <= 0)
			return false;
	}
	return true;
}

static ArrayType *
value_of(const Param *param, ParamListInfo params)
{
	ParamExternData space;
	const ParamExternData *value;

	if (params == NULL || param->paramid <= 0 || param->paramid > params->numParams)
		elog(ERROR, "no value for parameter %d", param->paramid);
	value = params->paramFetch != NULL ? params->paramFetch(params, param->paramid, false, &space) :
		&params->params[param->paramid - 1];
	if (value->isnull || value->ptype != param->paramtype)
		ereport(ERROR,
				(errcode(ERRCODE_PROTOCOL_VIOLATION),
				 errmsg("a column of rows that another node has sent is not an array")));
	return DatumGetArrayTypeP(value->value);
}

RowArrays *
row_arrays_read(const Plan *plan, ParamListInfo params)
{
	RowArrays  *rows = palloc0(sizeof(RowArrays));
	ListCell   *lc;

	rows->ncolumns = list_length(plan->targetlist);
	rows->values = palloc(rows->ncolumns * sizeof(Datum *));
	rows->nulls = palloc(rows->ncolumns * sizeof(bool *));
	foreach(lc, plan->targetlist)
	{
		int			i = foreach_current_index(lc);
		const Var  *var = (const Var *) lfirst_node(TargetEntry, lc)->expr;
		ArrayType  *array = value_of(unnested(list_nth(((const FunctionScan *) plan)->functions, var->varattno - 1)),
									 params);
		int16		length;
		bool		byval;
		char		align;
		int			nrows;

		get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &byval, &align);
		deconstruct_array(array, ARR_ELEMTYPE(array), length, byval, align, &rows->values[i], &rows->nulls[i], &nrows);
		if (i > 0 && nrows != rows->nrows)
			ereport(ERROR,
					(errcode(ERRCODE_PROTOCOL_VIOLATION),
					 errmsg("columns of rows that another node has sent differ in length")));
		rows->nrows = nrows;
	}
	return rows;
}
