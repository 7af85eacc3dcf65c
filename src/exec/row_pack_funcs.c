/*
 * row_pack_funcs.c
 *	  SQL functions that fragments use: rows packed into one value, and back.
 *
 * Rows that turn out to be more than shardext.broadcast_limit go to disk: the
 * value is a handle then (exec/exchange.h), by which they are fetched.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "utils/builtins.h"

#include "base/settings.h"
#include "exec/exchange.h"
#include "exec/row_pack.h"

PG_FUNCTION_INFO_V1(shardext_pack_rows_step);
PG_FUNCTION_INFO_V1(shardext_pack_rows_final);
PG_FUNCTION_INFO_V1(shardext_rows_of);
PG_FUNCTION_INFO_V1(shardext_rows_of_support);

/* What the aggregate has so far: rows in memory, or on disk. */
typedef struct PackState
{
	RowPack    *pack;
	ExchangeRows *rows;			/* NULL: in memory */
	MemoryContext cxt;
} PackState;

static PackState *
make_pack(FunctionCallInfo fcinfo, MemoryContext cxt)
{
	int			ncols = PG_NARGS() - 1;
	Oid		   *types = palloc(sizeof(Oid) * ncols);
	MemoryContext outer;
	PackState  *state;

	for (int i = 0; i < ncols; i++)
	{
		types[i] = get_fn_expr_argtype(fcinfo->flinfo, i + 1);
		if (!OidIsValid(types[i]) || !row_pack_takes(types[i]))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("rows with a column of type %s cannot be packed", format_type_be(types[i]))));
	}
	outer = MemoryContextSwitchTo(cxt);
	state = palloc0(sizeof(PackState));
	state->pack = row_pack_make(ncols, types);
	state->cxt = cxt;
	MemoryContextSwitchTo(outer);
	return state;
}

static void
add_row(PackState *state, const Datum *values, const bool *nulls)
{
	MemoryContext outer;

	if (state->rows != NULL)
	{
		exchange_rows_add(state->rows, values, nulls);
		return;
	}
	row_pack_add(state->pack, values, nulls);
	if (row_pack_length(state->pack) / 1024 <= setting_broadcast_limit)
		return;
	outer = MemoryContextSwitchTo(state->cxt);
	state->rows = exchange_rows_make_for_all(state->pack);
	MemoryContextSwitchTo(outer);
}

Datum
shardext_pack_rows_step(PG_FUNCTION_ARGS)
{
	MemoryContext cxt;
	PackState  *state = PG_ARGISNULL(0) ? NULL : (PackState *) PG_GETARG_POINTER(0);
	Datum		values[FUNC_MAX_ARGS];
	bool		nulls[FUNC_MAX_ARGS];

	if (!AggCheckCallContext(fcinfo, &cxt))
		elog(ERROR, "aggregate function called in non-aggregate context");
	if (state == NULL)
		state = make_pack(fcinfo, cxt);
	for (int i = 0; i < row_pack_columns(state->pack); i++)
	{
		values[i] = PG_GETARG_DATUM(i + 1);
		nulls[i] = PG_ARGISNULL(i + 1);
	}
	add_row(state, values, nulls);
	PG_RETURN_POINTER(state);
}

Datum
shardext_pack_rows_final(PG_FUNCTION_ARGS)
{
	PackState  *state;

	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "aggregate function called in non-aggregate context");
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (PackState *) PG_GETARG_POINTER(0);
	if (state->rows == NULL)
		PG_RETURN_BYTEA_P(row_pack_get(state->pack));
	exchange_rows_end(state->rows);
	PG_RETURN_BYTEA_P(exchange_rows_handle(state->rows));
}

/* NULL are no rows. */
Datum
shardext_rows_of(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext outer;
	TupleDesc	desc;

	if (info == NULL || !IsA(info, ReturnSetInfo) || (info->allowedModes & SFRM_Materialize) == 0 ||
		info->expectedDesc == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("packed rows can be read in FROM only, with a list of their columns")));
	outer = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
	desc = CreateTupleDescCopy(info->expectedDesc);
	info->returnMode = SFRM_Materialize;
	info->setResult = tuplestore_begin_heap((info->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	info->setDesc = desc;
	MemoryContextSwitchTo(outer);
	if (!PG_ARGISNULL(0))
	{
		bytea	   *packed = PG_GETARG_BYTEA_PP(0);

		if (exchange_is_handle(packed))
			exchange_read(packed, NULL, row_pack_reader_make(desc, desc->natts, NULL), info->setResult);
		else
			row_pack_read(packed, desc, info->setResult);
	}
	return (Datum) 0;
}

/* The second argument says how many rows to expect. */
Datum
shardext_rows_of_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	SupportRequestRows *rows = (SupportRequestRows *) request;
	Const	   *estimate;

	if (!IsA(request, SupportRequestRows) || !is_funcclause(rows->node))
		PG_RETURN_POINTER(NULL);
	estimate = lsecond(((FuncExpr *) rows->node)->args);
	if (!IsA(estimate, Const) || estimate->constisnull)
		PG_RETURN_POINTER(NULL);
	rows->rows = Max(DatumGetInt32(estimate->constvalue), 1);
	PG_RETURN_POINTER(rows);
}
