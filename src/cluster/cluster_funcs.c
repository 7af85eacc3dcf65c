/*
 * cluster_funcs.c
 *	  SQL functions of the cluster: arguments in, one call, result out.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "catalog/node_map.h"
#include "catalog/pg_type.h"
#include "catalog/shard_map.h"
#include "cluster/catalog_image.h"
#include "cluster/cluster.h"
#include "cluster/cluster_admin.h"
#include "cluster/shard_handover.h"
#include "cluster/shard_lookup.h"
#include "cluster/shard_marks.h"
#include "fmgr.h"
#include "funcapi.h"
#include "postmaster/postmaster.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(shardext_create_cluster);
PG_FUNCTION_INFO_V1(shardext_drop_cluster);
PG_FUNCTION_INFO_V1(shardext_move_authority);
PG_FUNCTION_INFO_V1(shardext_add_node);
PG_FUNCTION_INFO_V1(shardext_alter_node);
PG_FUNCTION_INFO_V1(shardext_remove_node);
PG_FUNCTION_INFO_V1(shardext_this_node);
PG_FUNCTION_INFO_V1(shardext_shard_of);
PG_FUNCTION_INFO_V1(shardext_node_of);
PG_FUNCTION_INFO_V1(shardext_internal_apply_catalog);
PG_FUNCTION_INFO_V1(shardext_internal_leave);
PG_FUNCTION_INFO_V1(shardext_internal_release_shards);
PG_FUNCTION_INFO_V1(shardext_internal_accept_shards);
PG_FUNCTION_INFO_V1(shardext_internal_write_shard);
PG_FUNCTION_INFO_V1(shardext_internal_lock_shard);

static int
int_or(FunctionCallInfo fcinfo, int arg, int value_for_null)
{
	return PG_ARGISNULL(arg) ? value_for_null : PG_GETARG_INT32(arg);
}

Datum
shardext_create_cluster(PG_FUNCTION_ARGS)
{
	NodeInfo	node = {0};
	AdminScope	scope;

	argument_require(fcinfo, 0, "node_name");
	argument_require(fcinfo, 1, "host");
	node.name = argument_text(fcinfo, 0);
	node.host = argument_text(fcinfo, 1);
	node.port = int_or(fcinfo, 2, PostPortNumber);
	node.region = argument_text(fcinfo, 4);
	if (node.region != NULL && node.region[0] == '\0')
		node.region = NULL;
	node.weight = int_or(fcinfo, 5, 1);
	scope = cluster_admin_begin("create_cluster");
	cluster_create(&node, int_or(fcinfo, 3, 256),
				   PG_ARGISNULL(6) ? GetCurrentTimestamp() : PG_GETARG_TIMESTAMPTZ(6));
	cluster_admin_end(scope);
	PG_RETURN_VOID();
}

Datum
shardext_drop_cluster(PG_FUNCTION_ARGS)
{
	AdminScope	scope = cluster_admin_begin("drop_cluster");

	cluster_drop();
	cluster_admin_end(scope);
	PG_RETURN_VOID();
}

Datum
shardext_move_authority(PG_FUNCTION_ARGS)
{
	AdminScope	scope;

	argument_require(fcinfo, 0, "node_name");
	scope = cluster_admin_begin("move_authority");
	cluster_move_authority(argument_text(fcinfo, 0));
	cluster_admin_end(scope);
	PG_RETURN_VOID();
}

Datum
shardext_add_node(PG_FUNCTION_ARGS)
{
	NodeInfo	node = {0};
	AdminScope	scope;

	argument_require(fcinfo, 0, "node_name");
	argument_require(fcinfo, 1, "host");
	node.name = argument_text(fcinfo, 0);
	node.host = argument_text(fcinfo, 1);
	node.port = int_or(fcinfo, 2, DEF_PGPORT);
	node.dbname = argument_text(fcinfo, 3);
	node.region = argument_text(fcinfo, 4);
	node.weight = int_or(fcinfo, 5, 1);
	scope = cluster_admin_begin("add_node");
	cluster_add_node(&node, !PG_ARGISNULL(6) && PG_GETARG_BOOL(6));
	cluster_admin_end(scope);
	PG_RETURN_VOID();
}

Datum
shardext_alter_node(PG_FUNCTION_ARGS)
{
	AdminScope	scope;

	argument_require(fcinfo, 0, "node_name");
	scope = cluster_admin_begin("alter_node");
	cluster_alter_node(argument_text(fcinfo, 0), argument_text(fcinfo, 1), int_or(fcinfo, 2, NODE_UNCHANGED),
					   argument_text(fcinfo, 3), argument_text(fcinfo, 4), int_or(fcinfo, 5, NODE_UNCHANGED));
	cluster_admin_end(scope);
	PG_RETURN_VOID();
}

Datum
shardext_remove_node(PG_FUNCTION_ARGS)
{
	AdminScope	scope;

	argument_require(fcinfo, 0, "node_name");
	scope = cluster_admin_begin("remove_node");
	cluster_remove_node(argument_text(fcinfo, 0));
	cluster_admin_end(scope);
	PG_RETURN_VOID();
}

Datum
shardext_this_node(PG_FUNCTION_ARGS)
{
	if (cluster_info() == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(node_name(node_self())));
}

/* Arguments (relation, VARIADIC key) of shard_of and node_of. */
static int
shard_of_arguments(FunctionCallInfo fcinfo)
{
	Datum	   *values;
	Oid		   *types;
	bool	   *nulls;
	Oid			relid;
	int			n;

	relid = argument_relation(fcinfo, 0, "relation");
	n = extract_variadic_args(fcinfo, 1, true, &values, &types, &nulls);
	return shard_lookup(relid, Max(n, 0), values, types, nulls);
}

Datum
shardext_shard_of(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(shard_of_arguments(fcinfo));
}

Datum
shardext_node_of(PG_FUNCTION_ARGS)
{
	int			owner = shard_map_owner(shard_of_arguments(fcinfo), NULL);

	if (owner == 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(node_name(owner)));
}

Datum
shardext_internal_apply_catalog(PG_FUNCTION_ARGS)
{
	int			this_node = PG_GETARG_INT32(0);
	CatalogImage image;

	for (int i = 0; i < IMAGE_FIELDS; i++)
		image.fields[i] = text_to_cstring(PG_GETARG_TEXT_PP(i + 1));
	if (this_node > 0)
		cluster_join(&image, this_node);
	else
		cluster_apply(&image);
	PG_RETURN_VOID();
}

Datum
shardext_internal_leave(PG_FUNCTION_ARGS)
{
	cluster_leave();
	PG_RETURN_VOID();
}

/* Elements of an array argument; ERROR if one is null. */
static Datum *
array_argument(FunctionCallInfo fcinfo, int arg, Oid type, int *n)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(arg);
	Datum	   *elements;
	int			width = type == INT8OID ? 8 : 4;

	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("array must not contain nulls"),
				 errdetail("It lists logical shards, or the marks of their ids."),
				 errhint("This function is for calls between nodes.")));
	deconstruct_array(array, type, width, type == INT8OID ? FLOAT8PASSBYVAL : true,
					  type == INT8OID ? TYPALIGN_DOUBLE : TYPALIGN_INT, &elements, NULL, n);
	return elements;
}

Datum
shardext_internal_release_shards(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int			n;
	Datum	   *shards = array_argument(fcinfo, 0, INT4OID, &n);

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	for (int i = 0; i < n; i++)
	{
		Datum		mark = Int64GetDatum(shard_mark_release(cluster_require_shard(DatumGetInt32(shards[i]))));
		bool		null = false;

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &mark, &null);
	}
	return (Datum) 0;
}

Datum
shardext_internal_accept_shards(PG_FUNCTION_ARGS)
{
	int			n;
	int			nmarks;
	Datum	   *shards = array_argument(fcinfo, 0, INT4OID, &n);
	Datum	   *marks = array_argument(fcinfo, 1, INT8OID, &nmarks);

	for (int i = 0; i < n; i++)
	{
		if (n != nmarks || DatumGetInt64(marks[i]) < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("each logical shard needs a mark that is not negative"),
					 errdetail("%d shards and %d marks were given.", n, nmarks),
					 errhint("This function is for calls between nodes.")));
		shard_mark_accept(cluster_require_shard(DatumGetInt32(shards[i])), DatumGetInt64(marks[i]));
	}
	PG_RETURN_VOID();
}

Datum
shardext_internal_write_shard(PG_FUNCTION_ARGS)
{
	int			shard = cluster_require_shard(PG_GETARG_INT32(0));
	int			owner = PG_GETARG_INT32(1);

	if (owner != 0 && node_by_id(owner) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("node %d does not exist", owner),
				 errdetail("No node of this cluster has this number."),
				 errhint("The view shardext.nodes lists the nodes.")));
	catalog_write_shard(shard, owner, PG_GETARG_INT64(2));
	PG_RETURN_VOID();
}

Datum
shardext_internal_lock_shard(PG_FUNCTION_ARGS)
{
	shard_handover_lock(cluster_require_shard(PG_GETARG_INT32(0)), FENCE_WRITERS);
	PG_RETURN_VOID();
}
