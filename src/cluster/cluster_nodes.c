/*
 * cluster_nodes.c
 *	  Nodes that come, change and go (declared in cluster.h).
 *
 * add_node:	lock the catalog of the cluster; examine the candidate; then, in one
 *				distributed transaction: write the node here, give it its share
 *				of the shards if no table is sharded yet, send the catalog to all,
 *				make the tables on the new node.
 * alter_node:	the altered node itself may be out of reach until the change is
 *				known, so it is not told: its worker pulls.
 * remove_node: refuses while the node owns a shard.
 *
 * Owners of empty shards change hands by the catalog alone, apart from the marks of
 * their ids: the old owner makes no more ids from the moment its mark is read
 * (the shard's lock is held to the end of the transaction), and the new one starts
 * above it.
 */
#include "postgres.h"

#include "base/errors.h"
#include "base/fault.h"
#include "catalog/catalog_write.h"
#include "catalog/id_maker.h"
#include "catalog/shard_map.h"
#include "catalog/table_map.h"
#include "cluster/catalog_image.h"
#include "cluster/cluster.h"
#include "cluster/cluster_admin.h"
#include "cluster/node_check.h"
#include "cluster/shard_marks.h"
#include "commands/dbcommands.h"
#include "ddl/shard_table.h"
#include "dxact/dxact.h"
#include "miscadmin.h"
#include "route/route_ring.h"

void		(*cluster_rebalance_hook) (void);

/* An empty label is none. */
static char *
region_label(const char *region)
{
	return region && region[0] ? pstrdup(region) : NULL;
}

static bool
any_table_sharded(void)
{
	ListCell   *lc;

	foreach(lc, table_list())
		if (((TableInfo *) lfirst(lc))->kind == TABLE_SHARDED)
			return true;
	return false;
}

/* Shards whose owner shall change, with the new owner and the next version. */
static ShardRow *
plan_even_spread(const ShardRow *present, int nshards, int *nchanged)
{
	List	   *nodes = node_list();
	RingNode   *ring = palloc(list_length(nodes) * sizeof(RingNode));
	int		   *owners = palloc(nshards * sizeof(int));
	ShardRow   *changed = palloc(nshards * sizeof(ShardRow));
	ListCell   *lc;
	int			n = 0;

	foreach(lc, nodes)
	{
		NodeInfo   *node = lfirst(lc);

		ring[n++] = (RingNode)
		{
			.node_id = node->node_id, .weight = node->weight
		};
	}
	route_ring_assign(nshards, n, ring, owners);

	*nchanged = 0;
	for (int i = 0; i < nshards; i++)
		if (owners[i] != present[i].owner)
			changed[(*nchanged)++] = (ShardRow)
		{
			.shard = i, .owner = owners[i], .version = present[i].version + 1
		};
	return changed;
}

/* The new node gets its share of the shards; they are all empty. */
static ShardMarks *
spread_shards(void)
{
	int			nshards;
	int			nchanged;
	ShardRow   *present = catalog_read_shards(&nshards);
	ShardRow   *changed = plan_even_spread(present, nshards, &nchanged);
	ShardMarks *marks = shard_marks_take(nchanged, changed, present);

	if (nchanged > 0)
		catalog_write_shards(nchanged, changed);
	return marks;
}

void
cluster_add_node(const NodeInfo *candidate, bool rebalance)
{
	NodeInfo	node = *candidate;
	ShardMarks *marks = NULL;
	ClusterInfo cluster;
	CatalogImage *image;
	NodeConn   *conn;

	cluster_check_node_name(node.name);
	cluster_check_host(node.host);
	cluster_check_port(node.port);
	cluster_check_weight(node.weight);
	if (node.dbname == NULL)
		node.dbname = get_database_name(MyDatabaseId);
	node.region = region_label(node.region);
	cluster_check_dbname(node.dbname);

	cluster_admin_lock();
	node_check_candidate(&node);

	FAULT_POINT("add_node_before_catalog");
	cluster = *cluster_require();
	node.node_id = ++cluster.last_node;
	cluster.catalog_version++;
	catalog_write_cluster(&cluster);
	catalog_write_node(&node);
	if (!any_table_sharded())
		marks = spread_shards();

	image = catalog_image_read();
	catalog_image_spread(node.node_id);
	conn = dxact_connection(node.node_id, GetUserId(), DXACT_WRITE);
	catalog_image_send(conn, image, node.node_id);
	logical_schema_give(node.node_id);
	if (marks)
		shard_marks_give(marks);
	else if (rebalance)
		cluster_rebalance_hook();
	FAULT_POINT("add_node_before_commit");
}

void
cluster_alter_node(const char *node_name, const char *host, int port, const char *dbname,
				   const char *region, int weight)
{
	NodeInfo	node;
	bool		moved;

	if (host)
		cluster_check_host(host);
	if (dbname)
		cluster_check_dbname(dbname);
	if (port != NODE_UNCHANGED)
		cluster_check_port(port);
	if (weight != NODE_UNCHANGED)
		cluster_check_weight(weight);

	cluster_admin_lock();
	node = *node_require(node_name);
	moved = host || port != NODE_UNCHANGED || dbname;
	node.host = host ? pstrdup(host) : node.host;
	node.port = port != NODE_UNCHANGED ? port : node.port;
	node.dbname = dbname ? pstrdup(dbname) : node.dbname;
	node.region = region ? region_label(region) : node.region;
	node.weight = weight != NODE_UNCHANGED ? weight : node.weight;
	if (moved)
		node_check_address(&node);

	catalog_write_node(&node);
	catalog_image_spread(moved ? node.node_id : 0);
}

static void
check_removable(const NodeInfo *node)
{
	int			nshards;
	ShardRow   *shards = catalog_read_shards(&nshards);
	int			owned = 0;

	for (int i = 0; i < nshards; i++)
		if (shards[i].owner == node->node_id)
			owned++;
	if (node->node_id == node_self())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("cannot remove node \"%s\"", node->name),
				 errdetail("It is the node this session is connected to."),
				 errhint("Call shardext.remove_node() on another node.")));
	if (node->node_id == cluster_require()->authority)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("cannot remove node \"%s\"", node->name),
				 errdetail("It is the authority of the cluster."),
				 errhint("Call shardext.move_authority() first.")));
	if (owned > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("cannot remove node \"%s\"", node->name),
				 errdetail("It owns %d logical shards.", owned),
				 errhint("Move them to other nodes first: shardext.drain_node().")));
}

/* The node forgets the cluster, if it can be reached; its decisions must not be needed any more. */
static void
tell_to_leave(const NodeInfo *node)
{
	PGconn	   *probe = NULL;
	char	   *role = GetUserNameFromId(GetUserId(), false);
	char	   *reason = conn_probe(node->host, node->port, node->dbname, role, &probe);

	if (reason != NULL)
	{
		ereport(WARNING,
				(errcode(ERRCODE_SX_NODE_UNAVAILABLE),
				 errmsg("node \"%s\" is removed without its knowledge", node->name),
				 errdetail("It cannot be reached: %s", pchomp(reason)),
				 errhint("Run shardext.internal_leave() there, should it come back.")));
		return;
	}
	PQfinish(probe);
	(void) conn_execute(dxact_connection(node->node_id, GetUserId(), DXACT_WRITE),
						"SELECT shardext.internal_leave()", NULL);
}

void
cluster_remove_node(const char *node_name)
{
	const NodeInfo *node;

	cluster_admin_lock();
	node = node_require(node_name);
	check_removable(node);
	tell_to_leave(node);
	catalog_delete_node(node->node_id);
	catalog_image_spread(0);
}
