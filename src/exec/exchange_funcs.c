/*
 * exchange_funcs.c
 *	  SQL functions by which rows go from node to node.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "base/fault.h"
#include "catalog/cluster_secret.h"
#include "exec/exchange.h"
#include "exec/exchange_file.h"
#include "exec/local_run.h"
#include "exec/row_pack.h"

/* Arguments of the aggregate's step before the row's columns: state, target, key. */
#define FIRST_COLUMN	3

PG_FUNCTION_INFO_V1(shardext_exchange_rows_step);
PG_FUNCTION_INFO_V1(shardext_exchange_rows_final);
PG_FUNCTION_INFO_V1(shardext_exchange_merge);
PG_FUNCTION_INFO_V1(shardext_exchange_read);
PG_FUNCTION_INFO_V1(shardext_exchange_fetch);

/* ---------- an aggregate: rows are sent ---------- */

/* The run over shards of this node that the aggregate is evaluated in; NULL: none. */
static LocalRunGuest *
guest_of(FunctionCallInfo fcinfo)
{
	Bitmapset  *shards;

	if (fcinfo->context == NULL || !IsA(fcinfo->context, AggState))
		return NULL;
	return local_run_guest(((AggState *) fcinfo->context)->ss.ps.state, &shards);
}

static void
end_rows(void *state)
{
	exchange_rows_end((ExchangeRows *) state);
}

/* All shards of a run write into one file. */
static ExchangeRows *
begin_rows(FunctionCallInfo fcinfo, MemoryContext aggregate_cxt)
{
	LocalRunGuest *guest = guest_of(fcinfo);
	int			ncols = PG_NARGS() - FIRST_COLUMN;
	Oid		   *types = palloc(sizeof(Oid) * Max(ncols, 1));
	MemoryContext outer;
	ExchangeRows *rows;

	if (guest != NULL && guest->state != NULL)
		return (ExchangeRows *) guest->state;
	for (int i = 0; i < ncols; i++)
	{
		types[i] = get_fn_expr_argtype(fcinfo->flinfo, i + FIRST_COLUMN);
		if (!OidIsValid(types[i]) || !row_pack_takes(types[i]))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("rows with a column of type %s cannot be packed", format_type_be(types[i]))));
	}
	if (PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the number of a column must not be null")));
	outer = MemoryContextSwitchTo(guest != NULL ? guest->cxt : aggregate_cxt);
	rows = exchange_rows_make(PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)), PG_GETARG_INT32(2),
							  ncols, types);
	MemoryContextSwitchTo(outer);
	if (guest != NULL)
	{
		guest->state = rows;
		guest->at_end = end_rows;
	}
	return rows;
}

Datum
shardext_exchange_rows_step(PG_FUNCTION_ARGS)
{
	MemoryContext cxt;
	ExchangeRows *rows = PG_ARGISNULL(0) ? NULL : (ExchangeRows *) PG_GETARG_POINTER(0);
	Datum		values[FUNC_MAX_ARGS];
	bool		nulls[FUNC_MAX_ARGS];

	if (!AggCheckCallContext(fcinfo, &cxt))
		elog(ERROR, "aggregate function called in non-aggregate context");
	if (rows == NULL)
		rows = begin_rows(fcinfo, cxt);
	for (int i = 0; i < exchange_rows_columns(rows); i++)
	{
		values[i] = PG_GETARG_DATUM(i + FIRST_COLUMN);
		nulls[i] = PG_ARGISNULL(i + FIRST_COLUMN);
	}
	exchange_rows_add(rows, values, nulls);
	PG_RETURN_POINTER(rows);
}

Datum
shardext_exchange_rows_final(PG_FUNCTION_ARGS)
{
	ExchangeRows *rows;

	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "aggregate function called in non-aggregate context");
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	rows = (ExchangeRows *) PG_GETARG_POINTER(0);
	if (guest_of(fcinfo) == NULL)
		exchange_rows_end(rows);
	PG_RETURN_BYTEA_P(exchange_rows_handle(rows));
}

Datum
shardext_exchange_merge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(exchange_handle_merge(PG_GETARG_BYTEA_PP(0), PG_GETARG_BYTEA_PP(1)));
}

/* ---------- rows are read ---------- */

/* Attributes that the columns of the rows become. */
static AttrNumber *
attributes_of(ArrayType *array, TupleDesc desc, int *n)
{
	Datum	   *numbers;
	AttrNumber *attnos;

	deconstruct_array(array, INT4OID, sizeof(int32), true, TYPALIGN_INT, &numbers, NULL, n);
	attnos = palloc(sizeof(AttrNumber) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		int			attno = DatumGetInt32(numbers[i]);

		if (attno < 1 || attno > desc->natts)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("there is no column %d among those that are read", attno)));
		attnos[i] = (AttrNumber) attno;
	}
	return attnos;
}

/* Without a handle there are no rows. */
Datum
shardext_exchange_read(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	Bitmapset  *shards = NULL;
	MemoryContext outer;

	if (info == NULL || !IsA(info, ReturnSetInfo) || (info->allowedModes & SFRM_Materialize) == 0 ||
		info->expectedDesc == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("rows exchanged between nodes can be read in FROM only, with a list of their columns")));
	if (info->econtext->ecxt_estate == NULL || local_run_guest(info->econtext->ecxt_estate, &shards) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("rows exchanged between nodes can be read by statements over shards only")));
	outer = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
	info->returnMode = SFRM_Materialize;
	info->setDesc = CreateTupleDescCopy(info->expectedDesc);
	info->setResult = tuplestore_begin_heap((info->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	MemoryContextSwitchTo(outer);
	if (!PG_ARGISNULL(0) && !PG_ARGISNULL(3))
	{
		int			ncols;
		AttrNumber *attnos = attributes_of(PG_GETARG_ARRAYTYPE_P(3), info->setDesc, &ncols);

		exchange_read(PG_GETARG_BYTEA_PP(0), shards, row_pack_reader_make(info->setDesc, ncols, attnos),
					  info->setResult);
	}
	return (Datum) 0;
}

/* ---------- another node fetches ---------- */

typedef struct FetchState
{
	const char *names;			/* of the files left */
	int			length;
	Bitmapset  *shards;			/* NULL: all */
	ExchangeReader *reader;		/* of the one before these, or NULL */
	StringInfoData chunk;
} FetchState;

static void
close_reader(Datum arg)
{
	FetchState *state = (FetchState *) DatumGetPointer(arg);

	if (state->reader != NULL)
		exchange_reader_close(state->reader);
	state->reader = NULL;
}

/* No files, or no shards: no rows. */
static FetchState *
begin_fetch(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	FetchState *state = palloc0(sizeof(FetchState));
	bytea	   *names;
	Datum	   *shards;
	int			nshards = 0;

	if (PG_ARGISNULL(0))
		return state;
	names = PG_GETARG_BYTEA_P_COPY(0);
	state->names = VARDATA(names);
	state->length = VARSIZE(names) - VARHDRSZ;
	if (state->length % EXCHANGE_NAME_SIZE != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("malformed handle of rows exchanged between nodes")));
	if (!PG_ARGISNULL(1))
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), INT4OID, sizeof(int32), true, TYPALIGN_INT, &shards, NULL,
						  &nshards);
	if (!PG_ARGISNULL(1) && nshards == 0)
		state->length = 0;
	for (int i = 0; i < nshards; i++)
		state->shards = bms_add_member(state->shards, DatumGetInt32(shards[i]));
	initStringInfo(&state->chunk);
	RegisterExprContextCallback(info->econtext, close_reader, PointerGetDatum(state));
	return state;
}

/* The next chunk of any file, in state->chunk. */
static bool
next_chunk(FetchState *state)
{
	for (;;)
	{
		if (state->reader != NULL && exchange_reader_next(state->reader, &state->chunk))
			return true;
		close_reader(PointerGetDatum(state));
		if (state->length == 0)
			return false;
		state->reader = exchange_reader_open(state->names, state->shards);
		state->names += EXCHANGE_NAME_SIZE;
		state->length -= EXCHANGE_NAME_SIZE;
	}
}

Datum
shardext_exchange_fetch(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	FetchState *state;
	MemoryContext outer;
	bool		found;

	if (SRF_IS_FIRSTCALL())
	{
		session_require_proven();
		FAULT_POINT("exchange_fetched");
		call = SRF_FIRSTCALL_INIT();
		outer = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		call->user_fctx = begin_fetch(fcinfo);
		MemoryContextSwitchTo(outer);
	}
	call = SRF_PERCALL_SETUP();
	state = (FetchState *) call->user_fctx;
	outer = MemoryContextSwitchTo(call->multi_call_memory_ctx);
	found = next_chunk(state);
	MemoryContextSwitchTo(outer);
	if (!found)
	{
		UnregisterExprContextCallback(((ReturnSetInfo *) fcinfo->resultinfo)->econtext, close_reader,
									  PointerGetDatum(state));
		SRF_RETURN_DONE(call);
	}
	SRF_RETURN_NEXT(call, PointerGetDatum(cstring_to_text_with_len(state->chunk.data, state->chunk.len)));
}
