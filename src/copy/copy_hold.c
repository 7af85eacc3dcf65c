/*
 * copy_hold.c
 *	  Shards that a COPY is going to write on another node.
 *
 * In the middle of COPY FROM STDIN a node cannot refuse a row: those before it are
 * stored. So the coordinator has a shard locked on its owner before it sends
 * the first row of it, when it can still go to another node: a shard that moves
 * meanwhile waits for the COPY, or the COPY follows it.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "base/pg_compat.h"
#include "base/settings.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "catalog/table_map.h"
#include "copy/copy_hold.h"
#include "route/route.h"

#define HOLD_THERE "SELECT shard, owner, version FROM shardext.internal_hold_shard($1, $2)"

Bitmapset *
copy_hold_there(NodeConn *conn, const char *relation, int shard)
{
	char		number[16];
	const Oid	types[] = {TEXTOID, INT4OID};
	const int	zeros[] = {0, 0};
	const char *values[] = {relation, number};
	ConnParams	params = {.n = 2, .types = types, .values = values, .lengths = zeros, .formats = zeros};
	Bitmapset  *held = NULL;
	PGresult   *result;

	snprintf(number, sizeof(number), "%d", shard);
	result = conn_query(conn, HOLD_THERE, &params);
	for (int i = 0; i < PQntuples(result); i++)
	{
		int			its = atoi(PQgetvalue(result, i, 0));
		char	   *owner = PQgetvalue(result, i, 1);

		if (PQgetisnull(result, i, 1))
			held = bms_add_member(held, its);
		else
			shard_map_hint(its, atoi(owner), pg_strtoint64(PQgetvalue(result, i, 2)));
	}
	conn_result_free(result);
	return held;
}

/* Null as owner: it is held. */
static void
hold(ReturnSetInfo *rsinfo, Oid relid, int shard)
{
	Oid			shard_relid = table_shard_relid(relid, shard);
	int64		version;
	Datum		values[3];
	bool		nulls[3] = {0};

	if (OidIsValid(shard_relid))
		LockRelationOid(shard_relid, RowExclusiveLock);
	values[0] = Int32GetDatum(shard);
	nulls[1] = OidIsValid(shard_relid) && shard_map_check(shard, SHARD_WRITE, NULL) == SHARD_OK;
	values[1] = Int32GetDatum(shard_map_owner(shard, &version));
	values[2] = Int64GetDatum(version);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

void
copy_hold_here(FunctionCallInfo fcinfo, Oid relid, int shard)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const TableInfo *table = table_info(relid);

	if (table == NULL || table->kind != TABLE_SHARDED || !session_is_forwarded())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("\"%s\" is not a sharded table here", get_rel_name(relid)),
				 errdetail("Only a coordinator has shards of such tables held, for COPY."),
				 errhint("This function is for calls between nodes.")));
	/* the owner writes rows that others change, too (exec/row_hold.c), whatever he may do himself */
	if (!object_ownercheck(RelationRelationId, relid, GetUserId()) &&
		pg_class_aclcheck(relid, GetUserId(), ACL_INSERT) != ACLCHECK_OK &&
		pg_attribute_aclcheck_all(relid, GetUserId(), ACL_INSERT, ACLMASK_ANY) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(relid));

	InitMaterializedSRF(fcinfo, 0);
	if (shard == ROUTE_NO_SHARD)
	{
		Bitmapset  *owned = shard_map_owned_by(node_self());

		for (shard = bms_next_member(owned, -1); shard >= 0; shard = bms_next_member(owned, shard))
			hold(rsinfo, relid, shard);
	}
	else
		hold(rsinfo, relid, cluster_require_shard(shard));
}
