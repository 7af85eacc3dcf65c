/*
 * cluster.c
 *	  The cluster as a whole: create, drop, move the authority.
 *
 * Nodes that come, change and go are in cluster_nodes.c.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "access/twophase.h"
#include "base/errors.h"
#include "base/module.h"
#include "catalog/catalog_write.h"
#include "catalog/cluster_secret.h"
#include "catalog/dependency.h"
#include "catalog/pg_namespace.h"
#include "catalog/shard_map.h"
#include "catalog/table_map.h"
#include "cluster/catalog_image.h"
#include "cluster/cluster.h"
#include "cluster/cluster_admin.h"
#include "commands/dbcommands.h"
#include "dxact/dxact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

void		(*cluster_joined_hook) (void) = NULL;
void		(*cluster_leaving_hook) (void) = NULL;

static void
check_shard_count(int shard_count)
{
	if (shard_count < 1 || shard_count > ROUTE_MAX_SHARDS || (shard_count & (shard_count - 1)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid shard_count %d", shard_count),
				 errdetail("The number of logical shards is a power of two between 1 and %d.", ROUTE_MAX_SHARDS),
				 errhint("256 is a good number for up to some 20 nodes.")));
}

/* The epoch of ids: in the past, and not so long ago that the ids' 40 bits of milliseconds are used up. */
static void
check_epoch(TimestampTz epoch)
{
	TimestampTz now = GetCurrentTimestamp();

	if (TIMESTAMP_NOT_FINITE(epoch) || epoch > now)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid epoch %s", timestamptz_to_str(epoch)),
				 errdetail("Ids count the time from the epoch on, so it cannot lie in the future."),
				 errhint("Leave it out to begin now.")));
	if ((now - epoch) / 1000 >= (INT64CONST(1) << 40))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid epoch %s", timestamptz_to_str(epoch)),
				 errdetail("Ids reach 34.8 years beyond the epoch, so no id could be made today."),
				 errhint("Leave it out to begin now.")));
}

static void
check_server_settings(void)
{
	if (wal_level < WAL_LEVEL_LOGICAL || max_prepared_xacts == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this server is not set up to be a node"),
				 errdetail("wal_level must be logical and max_prepared_transactions greater than 0."),
				 errhint("Set both in postgresql.conf and restart the server.")));
}

static void
check_no_cluster(void)
{
	const ClusterInfo *cluster = cluster_info();

	if (cluster != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this database is already a node of a cluster"),
				 errdetail("It is node \"%s\" of the cluster %s.", node_name(cluster->this_node), cluster->cluster_id),
				 errhint("Use another database, or run shardext.drop_cluster() first.")));
}

/* The schemas of shards are made when the first table is sharded; what has their names now is not ours. */
static void
check_no_shard_schema(void)
{
	char	   *schema = NULL;

	SPI_connect();
	if (SPI_execute("SELECT min(nspname::text) FROM pg_catalog.pg_namespace WHERE nspname ~ '^shard_[0-9]{4}$'",
					false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look for shard schemas");
	schema = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (schema != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_SCHEMA),
				 errmsg("schema \"%s\" exists already", schema),
				 errdetail("The names shard_0000 to shard_8191 are reserved for the logical shards of the cluster."),
				 errhint("Rename or drop the schema.")));
	SPI_finish();
}

void
cluster_create(const NodeInfo *node, int shard_count, TimestampTz epoch)
{
	NodeInfo	first = *node;
	ClusterInfo cluster = {
		.this_node = 1, .authority = 1, .shard_count = shard_count, .last_node = 1, .catalog_version = 1
	};
	ShardRow   *shards;

	check_shard_count(shard_count);
	cluster_check_node_name(node->name);
	cluster_check_host(node->host);
	cluster_check_port(node->port);
	cluster_check_weight(node->weight);
	check_epoch(epoch);
	check_server_settings();
	catalog_write_lock();
	check_no_cluster();
	check_no_shard_schema();

	strlcpy(cluster.cluster_id,
			DatumGetCString(DirectFunctionCall1(uuid_out, DirectFunctionCall1(gen_random_uuid, (Datum) 0))),
			sizeof(cluster.cluster_id));
	cluster_secret_make(cluster.secret);
	cluster.epoch = epoch - epoch % 1000;	/* whole milliseconds */
	first.node_id = 1;
	first.dbname = get_database_name(MyDatabaseId);

	shards = palloc(shard_count * sizeof(ShardRow));
	for (int i = 0; i < shard_count; i++)
		shards[i] = (ShardRow)
	{
		.shard = i, .owner = 1, .version = 1
	};
	catalog_write_cluster(&cluster);
	catalog_write_node(&first);
	catalog_write_shards(shard_count, shards);
	pfree(shards);
	if (cluster_joined_hook)
		cluster_joined_hook();
}

/* The first sharded or reference table by name, or NULL. */
static char *
some_table(void)
{
	char	   *first = NULL;
	ListCell   *lc;

	foreach(lc, table_list())
	{
		char	   *name = get_rel_name(((TableInfo *) lfirst(lc))->relid);

		if (name != NULL && (first == NULL || strcmp(name, first) < 0))
			first = name;
	}
	return first;
}

/* Schemas that shard_table has made and that hold nothing any more. */
#define EMPTY_SHARD_SCHEMAS \
	"SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname ~ '^shard_[0-9]{4}$'" \
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid)" \
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.pronamespace = n.oid)" \
	" AND NOT EXISTS (SELECT FROM pg_catalog.pg_type t WHERE t.typnamespace = n.oid)" \
	" ORDER BY n.nspname"

static void
drop_empty_shard_schemas(void)
{
	SPI_connect();
	if (SPI_execute(EMPTY_SHARD_SCHEMAS, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look for shard schemas");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		null;
		Datum		oid = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &null);
		ObjectAddress schema;

		ObjectAddressSet(schema, NamespaceRelationId, DatumGetObjectId(oid));
		performDeletion(&schema, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
	}
	SPI_finish();
}

void
cluster_drop(void)
{
	char	   *table;
	ListCell   *lc;

	cluster_admin_lock();
	table = some_table();
	if (table != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot drop the cluster while it has tables"),
				 errdetail("Table \"%s\" is a sharded or a reference table.", table),
				 errhint("Make them ordinary tables by shardext.unshard_table(), or drop them.")));

	if (cluster_leaving_hook)
		cluster_leaving_hook();
	foreach(lc, node_list())
	{
		int			node_id = ((NodeInfo *) lfirst(lc))->node_id;

		if (node_id != node_self())
			(void) conn_execute(dxact_connection(node_id, GetUserId(), DXACT_WRITE),
								"SELECT shardext.internal_leave()", NULL);
	}
	catalog_delete_cluster();
	drop_empty_shard_schemas();
}

void
cluster_join(const CatalogImage *image, int this_node)
{
	CatalogState *state = catalog_state_from_image(image);

	library_require_preloaded();
	catalog_write_lock();
	check_no_cluster();
	state->cluster.this_node = this_node;
	catalog_state_apply(state);
	if (cluster_joined_hook)
		cluster_joined_hook();
}

void
cluster_apply(const CatalogImage *image)
{
	const ClusterInfo *cluster = cluster_require();
	CatalogState *state = catalog_state_from_image(image);

	if (strcmp(state->cluster.cluster_id, cluster->cluster_id) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_SX_CATALOG_MISMATCH),
				 errmsg("this database is a node of another cluster"),
				 errdetail("It belongs to the cluster %s, the change is for %s.",
						   cluster->cluster_id, state->cluster.cluster_id),
				 errhint("Look at host, port and dbname in shardext.nodes; shardext.alter_node corrects them.")));
	state->cluster.this_node = cluster->this_node;
	catalog_state_apply(state);
}

void
cluster_leave(void)
{
	if (cluster_info() == NULL)
		return;
	if (cluster_leaving_hook)
		cluster_leaving_hook();
	catalog_delete_cluster();
	drop_empty_shard_schemas();
}

void
cluster_move_authority(const char *name)
{
	const NodeInfo *node;
	ClusterInfo cluster;

	cluster_admin_lock();
	node = node_require(name);
	cluster = *cluster_require();
	if (cluster.authority == node->node_id)
		return;
	cluster.authority = node->node_id;
	cluster.catalog_version++;
	catalog_write_cluster(&cluster);
	catalog_image_spread(0);
}
