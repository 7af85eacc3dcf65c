/*
 * table_size.c
 *	  Sizes of tables, summed up over shards and nodes.
 *
 * Other nodes are asked within the transaction, as the current role. Shards that
 * move meanwhile may be counted twice or not at all.
 */
#include "postgres.h"

#include "catalog/node_map.h"
#include "catalog/pg_type.h"
#include "catalog/shard_map.h"
#include "catalog/table_map.h"
#include "dxact/dxact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "monitor/table_size.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

#define SIZE_THERE "SELECT shardext.internal_local_size($1)"

static int64
relation_bytes(Oid relid)
{
	LOCAL_FCINFO(fcinfo, 1);
	Datum		size;

	/* Null for a relation that was dropped meanwhile. */
	InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = ObjectIdGetDatum(relid);
	fcinfo->args[0].isnull = false;
	size = pg_total_relation_size(fcinfo);
	return fcinfo->isnull ? 0 : DatumGetInt64(size);
}

int64
table_size_here(Oid relid)
{
	Bitmapset  *owned = shard_map_owned_by(node_self());
	int64		bytes = 0;

	for (int shard = bms_next_member(owned, -1); shard >= 0; shard = bms_next_member(owned, shard))
	{
		Oid			shard_relid = table_shard_relid(relid, shard);

		if (OidIsValid(shard_relid))
			bytes += relation_bytes(shard_relid);
	}
	return bytes;
}

static int64
size_there(int node_id, const char *relation)
{
	const Oid	types[] = {TEXTOID};
	const int	zeros[] = {0};
	ConnParams	params = {.n = 1, .types = types, .values = &relation, .lengths = zeros, .formats = zeros};
	PGresult   *result = conn_query(dxact_connection(node_id, GetUserId(), DXACT_READ), SIZE_THERE, &params);
	int64		bytes = pg_strtoint64(PQgetvalue(result, 0, 0));

	conn_result_free(result);
	return bytes;
}

int64
table_size(Oid relid)
{
	const TableInfo *table = table_info(relid);
	const char *relation;
	ListCell   *lc;
	int64		bytes;

	if (table == NULL || table->kind != TABLE_SHARDED)
		return relation_bytes(relid);

	relation = quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid));
	bytes = table_size_here(relid);
	foreach(lc, node_list())
	{
		int			node_id = ((NodeInfo *) lfirst(lc))->node_id;

		if (node_id != node_self())
			bytes += size_there(node_id, relation);
	}
	return bytes;
}
