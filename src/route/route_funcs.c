/*
 * route_funcs.c
 *	  SQL functions of route/: the guard of strategy "hash". It is evaluated for
 *	  every row written, so all look-ups are kept in fn_extra.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/lsyscache.h"

#include "route/route_hash.h"

PG_FUNCTION_INFO_V1(shardext_internal_hash_in_range);

/* What one call site needs to hash its key arguments. */
typedef struct GuardState
{
	FmgrInfo	procs[ROUTE_MAX_KEYS];
} GuardState;

static GuardState *
make_guard_state(FunctionCallInfo fcinfo, int nkeys)
{
	MemoryContext mcxt = fcinfo->flinfo->fn_mcxt;
	GuardState *state;
	Oid			types[ROUTE_MAX_KEYS];
	const char *problem;

	if (nkeys < 1 || nkeys > ROUTE_MAX_KEYS || get_fn_expr_variadic(fcinfo->flinfo))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("internal_hash_in_range takes 1 to %d key values", ROUTE_MAX_KEYS)));
	for (int i = 0; i < nkeys; i++)
	{
		types[i] = get_fn_expr_argtype(fcinfo->flinfo, i + 2);
		if (!OidIsValid(types[i]))
			elog(ERROR, "could not determine the type of key value %d", i + 1);
	}
	state = MemoryContextAlloc(mcxt, sizeof(GuardState));
	problem = route_hash_guard_procs(nkeys, types, state->procs, mcxt);
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key value cannot be hashed"),
				 errdetail("%s", problem)));
	return state;
}

/* internal_hash_in_range(low bigint, high bigint, VARIADIC key "any"): is low <= hash(key) <= high? */
Datum
shardext_internal_hash_in_range(PG_FUNCTION_ARGS)
{
	int			nkeys = PG_NARGS() - 2;
	GuardState *state = (GuardState *) fcinfo->flinfo->fn_extra;
	Datum		values[ROUTE_MAX_KEYS];
	int64		hash;

	if (state == NULL)
	{
		state = make_guard_state(fcinfo, nkeys);
		fcinfo->flinfo->fn_extra = state;
	}
	for (int i = 0; i < nkeys; i++)
		values[i] = PG_GETARG_DATUM(i + 2);
	hash = route_hash_key(nkeys, values, state->procs);
	PG_RETURN_BOOL(hash >= PG_GETARG_INT64(0) && hash <= PG_GETARG_INT64(1));
}
