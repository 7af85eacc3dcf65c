/*
 * aggregate_state.c
 *	  Partial results of aggregates that are not results: their transition states.
 *
 * What nodeAgg.c does with an aggregate's support functions when PostgreSQL
 * aggregates in parallel is done here by transition functions of our own, so that
 * it can be written as SQL: advance a state by a row; combine two states;
 * finish one. Rules of strict functions and of initial values are the same.
 *
 * A state travels as bytea: a letter, then what the aggregate's serialization
 * function makes of an internal state ('s'), or what the send function of the
 * state's type gives ('b'), where nothing of it differs from node to node, or its
 * text ('t'). No state is NULL.
 *
 * Not known: aggregates that are polymorphic, variadic or without arguments, or
 * cannot be combined. States are written and read by the same server version.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "nodes/primnodes.h"
#include "parser/parse_agg.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/expandeddatum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "base/errors.h"
#include "base/pg_compat.h"
#include "exec/aggregate_state.h"

/* One aggregate and its support functions; lives as long as the call site. */
typedef struct StateAggregate
{
	Oid			oid;
	int			nargs;
	Oid			args[FUNC_MAX_ARGS];
	Oid			result;
	Oid			type;			/* of the state */
	int16		typlen;
	bool		typbyval;
	Datum		initial;
	bool		initial_is_null;
	bool		as_text;		/* the state travels as text */
	int			final_args;		/* of the final function, the state among them */
	FmgrInfo	step;
	FmgrInfo	combine;
	FmgrInfo	serialize;		/* fn_oid is invalid: none */
	FmgrInfo	deserialize;
	FmgrInfo	finish;
} StateAggregate;

typedef struct StateOfGroup
{
	StateAggregate *aggregate;
	MemoryContext cxt;
	Datum		value;
	bool		is_null;
	bool		is_fresh;		/* no initial value, and no row yet: the first argument becomes the value */
} StateOfGroup;

/* ---------- the aggregate ---------- */

static bool
form_is_known(Form_pg_aggregate form, Form_pg_proc proc)
{
	if (form->aggkind != AGGKIND_NORMAL || !OidIsValid(form->aggcombinefn) || proc->pronargs < 1 ||
		OidIsValid(proc->provariadic) || IsPolymorphicType(proc->prorettype) ||
		get_typtype(proc->prorettype) == TYPTYPE_PSEUDO)
		return false;
	if (form->aggtranstype == INTERNALOID ?
		(!OidIsValid(form->aggserialfn) || !OidIsValid(form->aggdeserialfn)) :
		get_typtype(form->aggtranstype) == TYPTYPE_PSEUDO)
		return false;
	for (int i = 0; i < proc->pronargs; i++)
	{
		if (get_typtype(proc->proargtypes.values[i]) == TYPTYPE_PSEUDO)
			return false;
	}
	return true;
}

bool
aggregate_state_is_known(Oid aggregate)
{
	HeapTuple	agg = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggregate));
	HeapTuple	proc = SearchSysCache1(PROCOID, ObjectIdGetDatum(aggregate));
	bool		known = false;

	if (HeapTupleIsValid(agg) && HeapTupleIsValid(proc))
		known = form_is_known((Form_pg_aggregate) GETSTRUCT(agg), (Form_pg_proc) GETSTRUCT(proc));
	if (HeapTupleIsValid(agg))
		ReleaseSysCache(agg);
	if (HeapTupleIsValid(proc))
		ReleaseSysCache(proc);
	return known;
}

/* Values of the type are sent in binary, unless they name types or relations of one database. */
static bool
travels_as_text(Oid type)
{
	Oid			element = get_element_type(type);

	return type != INTERNALOID &&
		(type >= FirstNormalObjectId || (OidIsValid(element) && element >= FirstNormalObjectId) ||
		 get_typtype(type) == TYPTYPE_COMPOSITE);
}

static void
read_initial(StateAggregate *result, HeapTuple tuple)
{
	Datum		initial = SysCacheGetAttr(AGGFNOID, tuple, Anum_pg_aggregate_agginitval, &result->initial_is_null);
	Oid			input;
	Oid			io_param;

	if (result->initial_is_null)
		return;
	getTypeInputInfo(result->type, &input, &io_param);
	result->initial = OidInputFunctionCall(input, TextDatumGetCString(initial), io_param, -1);
}

static void
prepare_functions(StateAggregate *result, Form_pg_aggregate form, Oid collation, MemoryContext cxt)
{
	Expr	   *expr;

	fmgr_info_cxt(form->aggtransfn, &result->step, cxt);
	build_aggregate_transfn_expr(result->args, result->nargs, 0, false, result->type, collation, form->aggtransfn,
								 InvalidOid, &expr, NULL);
	fmgr_info_set_expr((Node *) expr, &result->step);
	fmgr_info_cxt(form->aggcombinefn, &result->combine, cxt);
	if (result->type == INTERNALOID)
	{
		fmgr_info_cxt(form->aggserialfn, &result->serialize, cxt);
		build_aggregate_serialfn_expr(form->aggserialfn, &expr);
		fmgr_info_set_expr((Node *) expr, &result->serialize);
		fmgr_info_cxt(form->aggdeserialfn, &result->deserialize, cxt);
		build_aggregate_deserialfn_expr(form->aggdeserialfn, &expr);
		fmgr_info_set_expr((Node *) expr, &result->deserialize);
	}
	if (!OidIsValid(form->aggfinalfn))
		return;
	fmgr_info_cxt(form->aggfinalfn, &result->finish, cxt);
	result->final_args = form->aggfinalextra ? result->nargs + 1 : 1;
	build_aggregate_finalfn_expr(result->args, result->final_args, result->type, result->result, collation,
								 form->aggfinalfn, &expr);
	fmgr_info_set_expr((Node *) expr, &result->finish);
}

static StateAggregate *
find_aggregate(Oid oid, Oid collation, MemoryContext cxt)
{
	MemoryContext old = MemoryContextSwitchTo(cxt);
	StateAggregate *result = palloc0(sizeof(StateAggregate));
	HeapTuple	agg = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(oid));
	HeapTuple	proc = SearchSysCache1(PROCOID, ObjectIdGetDatum(oid));
	Form_pg_aggregate form;

	if (!HeapTupleIsValid(agg) || !HeapTupleIsValid(proc) ||
		!form_is_known((Form_pg_aggregate) GETSTRUCT(agg), (Form_pg_proc) GETSTRUCT(proc)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the function with OID %u is no aggregate whose states can be combined", oid),
				 errdetail("It must be a plain aggregate with a combine function, and with serialization functions "
						   "if its states are internal; neither polymorphic nor variadic.")));
	if (sx_proc_aclcheck(oid, GetUserId(), ACL_EXECUTE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_AGGREGATE, get_func_name(oid));
	form = (Form_pg_aggregate) GETSTRUCT(agg);
	result->oid = oid;
	result->nargs = ((Form_pg_proc) GETSTRUCT(proc))->pronargs;
	memcpy(result->args, ((Form_pg_proc) GETSTRUCT(proc))->proargtypes.values, sizeof(Oid) * result->nargs);
	result->result = ((Form_pg_proc) GETSTRUCT(proc))->prorettype;
	result->type = form->aggtranstype;
	get_typlenbyval(result->type, &result->typlen, &result->typbyval);
	result->as_text = travels_as_text(result->type);
	read_initial(result, agg);
	prepare_functions(result, form, collation, cxt);
	ReleaseSysCache(agg);
	ReleaseSysCache(proc);
	MemoryContextSwitchTo(old);
	return result;
}

/* ---------- states ---------- */

static MemoryContext
group_context(FunctionCallInfo fcinfo)
{
	MemoryContext cxt;

	if (AggCheckCallContext(fcinfo, &cxt) != AGG_CONTEXT_AGGREGATE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("states of aggregates exist within aggregates only")));
	return cxt;
}

/* The state of a group before its first row. */
static StateOfGroup *
make_state(FunctionCallInfo fcinfo, Oid oid, MemoryContext cxt)
{
	StateAggregate *aggregate = (StateAggregate *) fcinfo->flinfo->fn_extra;
	StateOfGroup *state;

	if (aggregate == NULL || aggregate->oid != oid)
		fcinfo->flinfo->fn_extra = aggregate = find_aggregate(oid, PG_GET_COLLATION(), fcinfo->flinfo->fn_mcxt);
	state = MemoryContextAllocZero(cxt, sizeof(StateOfGroup));
	state->aggregate = aggregate;
	state->cxt = cxt;
	state->is_null = state->is_fresh = aggregate->initial_is_null;
	if (!state->is_null)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);

		state->value = datumCopy(aggregate->initial, aggregate->typbyval, aggregate->typlen);
		MemoryContextSwitchTo(old);
	}
	return state;
}

/* The group's state; argument 1 is the aggregate. */
static StateOfGroup *
state_of_group(FunctionCallInfo fcinfo)
{
	MemoryContext cxt = group_context(fcinfo);

	if (!PG_ARGISNULL(0))
		return (StateOfGroup *) PG_GETARG_POINTER(0);
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the aggregate must not be null")));
	return make_state(fcinfo, PG_GETARG_OID(1), cxt);
}

/* The state where there were no rows at all: the Aggref names the aggregate. */
static StateOfGroup *
state_of_nothing(FunctionCallInfo fcinfo, MemoryContext cxt)
{
	Aggref	   *aggref = AggGetAggref(fcinfo);
	Const	   *oid = (Const *) linitial_node(TargetEntry, aggref->args)->expr;

	if (!IsA(oid, Const) || oid->constisnull)
		return NULL;
	return make_state(fcinfo, DatumGetObjectId(oid->constvalue), cxt);
}

/* Keep a value beyond this row. */
static void
set_value(StateOfGroup *state, Datum value, bool is_null)
{
	StateAggregate *aggregate = state->aggregate;

	if (!aggregate->typbyval && (state->is_null || is_null || DatumGetPointer(value) != DatumGetPointer(state->value)))
	{
		Datum		before = state->value;
		MemoryContext old = MemoryContextSwitchTo(state->cxt);

		if (!is_null && !(DatumIsReadWriteExpandedObject(value, false, aggregate->typlen) &&
						  MemoryContextGetParent(DatumGetEOHP(value)->eoh_context) == state->cxt))
			value = datumCopy(value, false, aggregate->typlen);
		if (!state->is_null)
		{
			if (DatumIsReadWriteExpandedObject(before, false, aggregate->typlen))
				DeleteExpandedObject(before);
			else
				pfree(DatumGetPointer(before));
		}
		MemoryContextSwitchTo(old);
	}
	state->value = value;
	state->is_null = is_null;
	state->is_fresh = false;
}

/* value = function(value, arguments), by the rules for strict functions; call->args[1..] are filled. */
static void
advance(StateOfGroup *state, FunctionCallInfo call)
{
	Datum		value;

	if (call->flinfo->fn_strict)
	{
		for (int i = 1; i < call->nargs; i++)
		{
			if (call->args[i].isnull)
				return;
		}
		if (state->is_fresh)
		{
			set_value(state, call->args[1].value, false);
			return;
		}
		if (state->is_null)
			return;
	}
	call->args[0].value = state->value;
	call->args[0].isnull = state->is_null;
	call->isnull = false;
	value = FunctionCallInvoke(call);
	set_value(state, value, call->isnull);
}

Datum
aggregate_state_step(FunctionCallInfo fcinfo)
{
	StateOfGroup *state = state_of_group(fcinfo);
	StateAggregate *aggregate = state->aggregate;

	LOCAL_FCINFO(call, FUNC_MAX_ARGS);

	if (PG_NARGS() != aggregate->nargs + 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("aggregate %s takes %d arguments", get_func_name(aggregate->oid), aggregate->nargs)));
	InitFunctionCallInfoData(*call, &aggregate->step, aggregate->nargs + 1, PG_GET_COLLATION(), fcinfo->context, NULL);
	for (int i = 0; i < aggregate->nargs; i++)
	{
		if (get_fn_expr_argtype(fcinfo->flinfo, i + 2) != aggregate->args[i])
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("argument %d of aggregate %s must be of type %s", i + 1, get_func_name(aggregate->oid),
							format_type_be(aggregate->args[i]))));
		call->args[i + 1] = fcinfo->args[i + 2];
	}
	advance(state, call);
	PG_RETURN_POINTER(state);
}

/* ---------- on the way ---------- */

static bytea *
with_letter(char letter, const char *data, int len)
{
	bytea	   *result = palloc(VARHDRSZ + 1 + len);

	SET_VARSIZE(result, VARHDRSZ + 1 + len);
	VARDATA(result)[0] = letter;
	memcpy(VARDATA(result) + 1, data, len);
	return result;
}

Datum
aggregate_state_write(FunctionCallInfo fcinfo)
{
	StateOfGroup *state = PG_ARGISNULL(0) ? NULL : (StateOfGroup *) PG_GETARG_POINTER(0);
	Oid			output;
	bool		is_varlena;
	bytea	   *bytes;

	(void) group_context(fcinfo);
	if (state == NULL || state->is_null)
		PG_RETURN_NULL();
	if (state->aggregate->as_text)
	{
		char	   *text;

		getTypeOutputInfo(state->aggregate->type, &output, &is_varlena);
		text = OidOutputFunctionCall(output, state->value);
		PG_RETURN_BYTEA_P(with_letter('t', text, strlen(text) + 1));
	}
	if (state->aggregate->type != INTERNALOID)
	{
		getTypeBinaryOutputInfo(state->aggregate->type, &output, &is_varlena);
		bytes = OidSendFunctionCall(output, state->value);
		PG_RETURN_BYTEA_P(with_letter('b', VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)));
	}
	else
	{
		LOCAL_FCINFO(call, 1);

		InitFunctionCallInfoData(*call, &state->aggregate->serialize, 1, InvalidOid, fcinfo->context, NULL);
		call->args[0].value = state->value;
		call->args[0].isnull = false;
		bytes = DatumGetByteaPP(FunctionCallInvoke(call));
		PG_RETURN_BYTEA_P(with_letter('s', VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)));
	}
}

/* A state as it was before it was written. */
static Datum
read_state(StateAggregate *aggregate, bytea *bytes, FunctionCallInfo fcinfo)
{
	const char *data = VARDATA_ANY(bytes) + 1;
	int			len = VARSIZE_ANY_EXHDR(bytes) - 1;
	char		letter = len < 0 ? ' ' : VARDATA_ANY(bytes)[0];
	Oid			input;
	Oid			io_param;

	LOCAL_FCINFO(call, 2);

	if (letter != (aggregate->as_text ? 't' : aggregate->type == INTERNALOID ? 's' :
																			   'b'))
		elog(ERROR, "malformed state of aggregate %u", aggregate->oid);
	if (letter == 't')
	{
		getTypeInputInfo(aggregate->type, &input, &io_param);
		return OidInputFunctionCall(input, unconstify(char *, data), io_param, -1);
	}
	if (letter == 'b')
	{
		StringInfoData buffer;

		initStringInfo(&buffer);
		appendBinaryStringInfo(&buffer, data, len);
		getTypeBinaryInputInfo(aggregate->type, &input, &io_param);
		return OidReceiveFunctionCall(input, &buffer, io_param, -1);
	}
	InitFunctionCallInfoData(*call, &aggregate->deserialize, 2, InvalidOid, fcinfo->context, NULL);
	call->args[0].value = PointerGetDatum(with_letter(letter, data, len));
	/* the serialized state without its letter */
	memmove(VARDATA(DatumGetPointer(call->args[0].value)), data, len);
	SET_VARSIZE(DatumGetPointer(call->args[0].value), VARHDRSZ + len);
	call->args[0].isnull = false;
	call->args[1].value = (Datum) 0;
	call->args[1].isnull = false;
	return FunctionCallInvoke(call);
}

Datum
aggregate_state_merge(FunctionCallInfo fcinfo)
{
	StateOfGroup *state;
	Aggref	   *aggref = AggGetAggref(fcinfo);

	LOCAL_FCINFO(call, 2);

	if (aggref == NULL || aggref->location != AGGREGATE_STATE_LOCATION)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("states of aggregates are combined by plans of shardext only")));
	state = state_of_group(fcinfo);
	if (PG_ARGISNULL(2))
		PG_RETURN_POINTER(state);
	InitFunctionCallInfoData(*call, &state->aggregate->combine, 2, PG_GET_COLLATION(), fcinfo->context, NULL);
	call->args[1].value = read_state(state->aggregate, PG_GETARG_BYTEA_PP(2), fcinfo);
	call->args[1].isnull = false;
	advance(state, call);
	PG_RETURN_POINTER(state);
}

/* Arguments: state, aggregate, .. (extra, all NULL). */
Datum
aggregate_state_result(FunctionCallInfo fcinfo)
{
	MemoryContext cxt;
	StateOfGroup *state;
	StateAggregate *aggregate;
	Datum		result;

	LOCAL_FCINFO(call, FUNC_MAX_ARGS);

	cxt = group_context(fcinfo);
	state = PG_ARGISNULL(0) ? state_of_nothing(fcinfo, cxt) : (StateOfGroup *) PG_GETARG_POINTER(0);
	if (state == NULL)
		PG_RETURN_NULL();
	aggregate = state->aggregate;
	if (!OidIsValid(aggregate->finish.fn_oid))
	{
		if (state->is_null)
			PG_RETURN_NULL();
		PG_RETURN_DATUM(state->value);
	}
	if (aggregate->finish.fn_strict && (state->is_null || aggregate->final_args > 1))
		PG_RETURN_NULL();
	InitFunctionCallInfoData(*call, &aggregate->finish, aggregate->final_args, PG_GET_COLLATION(), fcinfo->context,
							 NULL);
	call->args[0].value = state->value;
	call->args[0].isnull = state->is_null;
	for (int i = 1; i < aggregate->final_args; i++)
	{
		call->args[i].value = (Datum) 0;
		call->args[i].isnull = true;
	}
	result = FunctionCallInvoke(call);
	fcinfo->isnull = call->isnull;
	return result;
}
