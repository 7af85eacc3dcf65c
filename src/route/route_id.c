/*
 * route_id.c
 *	  Strategy "id": the key is one bigint made by next_id(), and carries its
 *	  logical shard in bits 10..22 (id/id_layout.h).
 *
 * make_proc leaves the FmgrInfo of a bigint unset; for the smaller integer
 * types it is their cast to bigint.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "id/id_layout.h"
#include "route/route.h"

static const char *
check_key(int nkeys, const Oid *types, const Oid *collations)
{
	if (nkeys != 1)
		return "Strategy \"id\" takes exactly one key column.";
	if (getBaseType(types[0]) != INT8OID)
		return psprintf("Strategy \"id\" takes a key of type bigint, not %s.", format_type_be(types[0]));
	return NULL;
}

static bool
make_proc(const RouteSpec *spec, int keyno, Oid type, FmgrInfo *proc, MemoryContext mcxt)
{
	switch (type)
	{
		case INT8OID:
			return true;
		case INT4OID:
			fmgr_info_cxt(F_INT8_INT4, proc, mcxt);
			return true;
		case INT2OID:
			fmgr_info_cxt(F_INT8_INT2, proc, mcxt);
			return true;
		default:
			return false;
	}
}

static int
shard_of_id(const RouteSpec *spec, const Datum *values, FmgrInfo *procs)
{
	int64		id;
	int			shard;

	if (procs[0].fn_addr != NULL)
		id = DatumGetInt64(FunctionCall1(&procs[0], values[0]));
	else
		id = DatumGetInt64(values[0]);

	shard = id_layout_shard(id);
	if (id < 0 || shard >= spec->shard_count)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value " INT64_FORMAT " is not an id of this cluster", id),
				 id < 0 ?
				 errdetail("Ids are never negative.") :
				 errdetail("It names logical shard %d, but the cluster has the shards 0 to %d.",
						   shard, spec->shard_count - 1),
				 errhint("Ids are made by shardext.next_id() or shardext.make_id().")));
	return shard;
}

static char *
guard(const RouteSpec *spec, int shard, const char **columns)
{
	return psprintf("shardext.id_shard(%s) = %d", columns[0], shard);
}

const Strategy strategy_id = {
	.name = "id",
	.immutable = true,
	.check_key = check_key,
	.make_proc = make_proc,
	.shard = shard_of_id,
	.guard = guard,
};
