/*
 * id_funcs.c
 *	  SQL functions about ids: making them (catalog/id_maker.h) and taking them
 *	  apart (id/id_layout.h).
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/module.h"
#include "catalog/id_maker.h"
#include "catalog/node_map.h"
#include "id/id_layout.h"
#include "route/route.h"

PG_FUNCTION_INFO_V1(shardext_next_id);
PG_FUNCTION_INFO_V1(shardext_next_id_of);
PG_FUNCTION_INFO_V1(shardext_make_id);
PG_FUNCTION_INFO_V1(shardext_id_shard);
PG_FUNCTION_INFO_V1(shardext_id_time);
PG_FUNCTION_INFO_V1(shardext_id_sequence);
PG_FUNCTION_INFO_V1(shardext_internal_id_burst);

static void
check_may_make(void)
{
	library_require_preloaded();
	PreventCommandIfReadOnly("next_id()");
	PreventCommandIfParallelMode("next_id()");
}

static void
check_id(int64 id)
{
	if (id < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value " INT64_FORMAT " is not an id", id),
				 errdetail("Ids are never negative."),
				 errhint("Ids are made by shardext.next_id() or shardext.make_id().")));
}

/* next_id(): in the shard of the row being written; called alone, in one this node owns */
Datum
shardext_next_id(PG_FUNCTION_ARGS)
{
	check_may_make();
	if (id_context.defer)
		PG_RETURN_INT64(ID_DEFERRED);
	if (id_context.shard != ROUTE_NO_SHARD)
		PG_RETURN_INT64(id_maker_next(id_context.shard));
	(void) cluster_require();
	PG_RETURN_INT64(id_maker_next_anywhere());
}

/* next_id(shard int) */
Datum
shardext_next_id_of(PG_FUNCTION_ARGS)
{
	int			shard = PG_GETARG_INT32(0);

	check_may_make();
	(void) cluster_require_shard(shard);
	PG_RETURN_INT64(id_maker_next_of(shard));
}

/* make_id(at timestamptz, shard int, sequence int) */
Datum
shardext_make_id(PG_FUNCTION_ARGS)
{
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(0);
	int			shard = PG_GETARG_INT32(1);
	int			sequence = PG_GETARG_INT32(2);
	TimestampTz epoch = cluster_require()->epoch;
	int64		ms;

	(void) cluster_require_shard(shard);
	if (sequence < 0 || sequence > ID_SEQUENCE_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("sequence %d of an id is out of range", sequence),
				 errdetail("It must lie between 0 and %d.", ID_SEQUENCE_MAX),
				 errhint("Use 0 for the first id of a millisecond.")));

	switch (id_layout_ms_since(epoch, at, &ms))
	{
		case ID_MS_OK:
			break;
		case ID_MS_BEFORE_EPOCH:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("time of an id is before the epoch of the cluster"),
					 errdetail("The epoch is %s.", timestamptz_to_str(epoch)),
					 errhint("Use a later time; the epoch is chosen by shardext.create_cluster().")));
			break;
		case ID_MS_AFTER_END:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("time of an id is after the end of the layout of ids"),
					 errdetail("Ids can be made until %s.", timestamptz_to_str(id_maker_end())),
					 errhint("Use an earlier time.")));
			break;
	}
	PG_RETURN_INT64(id_layout_compose(ms, shard, sequence));
}

Datum
shardext_id_shard(PG_FUNCTION_ARGS)
{
	int64		id = PG_GETARG_INT64(0);

	check_id(id);
	PG_RETURN_INT32(id_layout_shard(id));
}

Datum
shardext_id_time(PG_FUNCTION_ARGS)
{
	int64		id = PG_GETARG_INT64(0);

	check_id(id);
	PG_RETURN_TIMESTAMPTZ(cluster_require()->epoch + id_layout_ms(id) * 1000);
}

Datum
shardext_id_sequence(PG_FUNCTION_ARGS)
{
	int64		id = PG_GETARG_INT64(0);

	check_id(id);
	PG_RETURN_INT32(id_layout_sequence(id));
}

/*
 * internal_id_burst(shards int[], n bigint): n ids of shards of this node, in
 * turn. Returns the last id. For benchmarks.
 */
Datum
shardext_internal_id_burst(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	int64		n = PG_GETARG_INT64(1);
	Datum	   *elements;
	int			nshards;
	int		   *shards;

	check_may_make();
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("list of shards must not contain nulls")));
	deconstruct_array(array, INT4OID, sizeof(int32), true, TYPALIGN_INT, &elements, NULL, &nshards);
	if (nshards == 0 || n < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("at least one shard and one id must be asked for")));

	shards = palloc(nshards * sizeof(int));
	for (int i = 0; i < nshards; i++)
	{
		shards[i] = DatumGetInt32(elements[i]);
		(void) cluster_require_shard(shards[i]);
		(void) id_maker_next_of(shards[i]); /* locks and checks */
	}
	PG_RETURN_INT64(id_maker_burst(nshards, shards, n));
}
