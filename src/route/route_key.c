/*
 * route_key.c
 *	  The table of strategies, and what is common to all of them: specs, values
 *	  of other types than the key's, colocation of two keys.
 *
 * Takes no locks and keeps no state. Values are never NULL here: callers treat
 * a NULL key before (it has no shard).
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/lsyscache.h"

#include "port/pg_bitutils.h"
#include "id/id_layout.h"
#include "route/route.h"

static const Strategy *const strategies[] = {
	&strategy_id,
	&strategy_hash,
};

const Strategy *
strategy_lookup(const char *name)
{
	for (int i = 0; i < (int) lengthof(strategies); i++)
	{
		if (strcmp(strategies[i]->name, name) == 0)
			return strategies[i];
	}
	return NULL;
}

const char *
strategy_names(void)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < (int) lengthof(strategies); i++)
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", strategies[i]->name);
	return names.data;
}

int
route_shard_bits(int shard_count)
{
	Assert(shard_count > 0 && shard_count <= ROUTE_MAX_SHARDS);
	Assert((shard_count & (shard_count - 1)) == 0);
	return pg_leftmost_one_pos32((uint32) shard_count);
}

void
route_spec_make(RouteSpec *spec, const Strategy *strategy, int shard_count, int nkeys,
				const Oid *types, const Oid *collations, MemoryContext mcxt)
{
	Assert(nkeys > 0 && nkeys <= ROUTE_MAX_KEYS);

	memset(spec, 0, sizeof(RouteSpec));
	spec->strategy = strategy;
	spec->shard_count = shard_count;
	spec->nkeys = nkeys;
	for (int i = 0; i < nkeys; i++)
	{
		spec->types[i] = getBaseType(types[i]);
		spec->collations[i] = collations[i];
		if (!strategy->make_proc(spec, i, spec->types[i], &spec->hash_procs[i], mcxt))
			elog(ERROR, "type %u cannot be a key of strategy \"%s\"", types[i], strategy->name);
	}
}

int
route_shard(const RouteSpec *spec, const Datum *values)
{
	return spec->strategy->shard(spec, values, (FmgrInfo *) spec->hash_procs);
}

bool
route_type_compatible(const RouteSpec *spec, int keyno, Oid type, FmgrInfo *proc, MemoryContext mcxt)
{
	Assert(keyno >= 0 && keyno < spec->nkeys);
	memset(proc, 0, sizeof(FmgrInfo));
	return spec->strategy->make_proc(spec, keyno, getBaseType(type), proc, mcxt);
}

int
route_shard_typed(const RouteSpec *spec, const Datum *values, FmgrInfo *procs)
{
	return spec->strategy->shard(spec, values, procs);
}

int
route_shard_or_none(const RouteSpec *spec, const Datum *values, FmgrInfo *procs)
{
	if (spec->strategy == &strategy_id)
	{
		int64		id = DatumGetInt64(procs[0].fn_addr != NULL ? FunctionCall1(&procs[0], values[0]) : values[0]);

		if (id < 0 || id_layout_shard(id) >= spec->shard_count)
			return ROUTE_NO_SHARD;
	}
	return route_shard_typed(spec, values, procs);
}

bool
route_specs_colocated(const RouteSpec *a, const RouteSpec *b)
{
	if (a->strategy != b->strategy || a->shard_count != b->shard_count || a->nkeys != b->nkeys)
		return false;
	for (int i = 0; i < a->nkeys; i++)
	{
		FmgrInfo	proc;

		if (a->types[i] != b->types[i] &&
			!route_type_compatible(a, i, b->types[i], &proc, CurrentMemoryContext))
			return false;
	}
	return true;
}
