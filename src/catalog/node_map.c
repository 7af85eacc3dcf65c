/*
 * node_map.c
 *	  Backend-local cache of catalog_cluster and catalog_node.
 *
 * The whole of both tables is read at once and replaced as a whole; what was
 * handed out before lives to the end of the transaction. While no transaction
 * is in progress, or it has failed, the last state known is given.
 *
 * Does not decide anything about shards or tables.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/catalog_oids.h"
#include "catalog/node_map.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

typedef struct NodeMap
{
	MemoryContext cache_cxt;
	ClusterInfo *cluster;		/* NULL: no cluster */
	int64		local_changes;
	int			nnodes;
	NodeInfo  **nodes;			/* by node_id */
} NodeMap;

static bool map_valid = false;
static NodeMap map;
static ClusterInfo last_cluster;	/* this_node 0: none seen so far */
static uint64 generation = 0;

void
node_map_invalidate(void)
{
	map_valid = false;
	generation++;
}

uint64
catalog_generation(void)
{
	return generation;
}

int64
node_map_local_changes(void)
{
	return cluster_info() ? map.local_changes : 0;
}

static ClusterInfo *
cluster_from_tuple(HeapTuple tuple, TupleDesc desc, int64 *local_changes)
{
	ClusterInfo *cluster = palloc0(sizeof(ClusterInfo));
	Datum		values[10];
	bool		nulls[10];
	char	   *uuid;

	Assert(desc->natts == 10);
	heap_deform_tuple(tuple, desc, values, nulls);
	uuid = DatumGetCString(DirectFunctionCall1(uuid_out, values[1]));
	strlcpy(cluster->cluster_id, uuid, sizeof(cluster->cluster_id));
	cluster->this_node = DatumGetInt32(values[2]);
	cluster->authority = DatumGetInt32(values[3]);
	cluster->shard_count = DatumGetInt32(values[4]);
	cluster->epoch = DatumGetTimestampTz(values[5]);
	cluster->last_node = DatumGetInt32(values[6]);
	cluster->catalog_version = DatumGetInt64(values[7]);
	*local_changes = DatumGetInt64(values[8]);
	strlcpy(cluster->secret, TextDatumGetCString(values[9]), sizeof(cluster->secret));
	return cluster;
}

static NodeInfo *
node_from_tuple(HeapTuple tuple, TupleDesc desc)
{
	NodeInfo   *node = palloc0(sizeof(NodeInfo));
	Datum		values[7];
	bool		nulls[7];

	Assert(desc->natts == 7);
	heap_deform_tuple(tuple, desc, values, nulls);
	node->node_id = DatumGetInt32(values[0]);
	node->name = TextDatumGetCString(values[1]);
	node->host = TextDatumGetCString(values[2]);
	node->port = DatumGetInt32(values[3]);
	node->dbname = TextDatumGetCString(values[4]);
	node->region = nulls[5] ? NULL : TextDatumGetCString(values[5]);
	node->weight = DatumGetInt32(values[6]);
	return node;
}

static void
read_cluster(NodeMap *read, Oid relid)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	SysScanDesc scan;
	HeapTuple	tuple;

	if (rel == NULL)
		return;
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		read->cluster = cluster_from_tuple(tuple, RelationGetDescr(rel), &read->local_changes);
	systable_endscan(scan);
	relation_close(rel, AccessShareLock);
}

static int
compare_nodes(const void *a, const void *b)
{
	return (*(NodeInfo *const *) a)->node_id - (*(NodeInfo *const *) b)->node_id;
}

static void
read_nodes(NodeMap *read, Oid relid)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	SysScanDesc scan;
	HeapTuple	tuple;
	int			room = 8;

	read->nodes = palloc(room * sizeof(NodeInfo *));
	if (rel == NULL)
		return;
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		if (read->nnodes == room)
		{
			room *= 2;
			read->nodes = repalloc(read->nodes, room * sizeof(NodeInfo *));
		}
		read->nodes[read->nnodes++] = node_from_tuple(tuple, RelationGetDescr(rel));
	}
	systable_endscan(scan);
	relation_close(rel, AccessShareLock);
	qsort(read->nodes, read->nnodes, sizeof(NodeInfo *), compare_nodes);
}

/* Read both tables; false if they changed meanwhile. */
static bool
read_map(NodeMap *read)
{
	uint64		before = catalog_invalidations;
	const CatalogOids *oids = catalog_oids();
	MemoryContext old;
	CatalogOids at;

	memset(read, 0, sizeof(*read));
	if (oids == NULL)
		return before == catalog_invalidations;
	at = *oids;

	read->cache_cxt = catalog_context_make("shardext nodes");
	old = MemoryContextSwitchTo(read->cache_cxt);
	read_cluster(read, at.cluster);
	read_nodes(read, at.node);
	MemoryContextSwitchTo(old);

	if (before == catalog_invalidations)
		return true;
	MemoryContextDelete(read->cache_cxt);
	return false;
}

static void
rebuild(void)
{
	NodeMap		read;

	if (!catalog_can_read())
		return;
	while (!read_map(&read))
		;
	catalog_context_retire(map.cache_cxt);
	map = read;
	map_valid = true;
	if (map.cluster != NULL)
		last_cluster = *map.cluster;
}

const ClusterInfo *
cluster_info(void)
{
	if (unlikely(!map_valid))
		rebuild();
	return map.cluster;
}

const ClusterInfo *
cluster_last_known(void)
{
	const ClusterInfo *cluster = cluster_info();

	return cluster != NULL ? cluster : last_cluster.this_node != 0 ? &last_cluster : NULL;
}

const ClusterInfo *
cluster_require(void)
{
	const ClusterInfo *cluster = cluster_info();

	if (cluster == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this database is not a node of a cluster"),
				 errhint("Run shardext.create_cluster() here, or shardext.add_node() on a node of the cluster.")));
	return cluster;
}

int
cluster_require_shard(int shard)
{
	int			count = cluster_require()->shard_count;

	if (shard < 0 || shard >= count)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("logical shard %d does not exist", shard),
				 errdetail("The cluster has the logical shards 0 to %d.", count - 1),
				 errhint("The view shardext.shards lists them.")));
	return shard;
}

const NodeInfo *
node_by_id(int node_id)
{
	if (cluster_info() == NULL)
		return NULL;

	/* Ids are given out in sequence: usually the n-th node is node n. */
	if (node_id >= 1 && node_id <= map.nnodes && map.nodes[node_id - 1]->node_id == node_id)
		return map.nodes[node_id - 1];
	for (int i = 0; i < map.nnodes; i++)
		if (map.nodes[i]->node_id == node_id)
			return map.nodes[i];
	return NULL;
}

const NodeInfo *
node_require(const char *name)
{
	(void) cluster_require();
	for (int i = 0; i < map.nnodes; i++)
		if (strcmp(map.nodes[i]->name, name) == 0)
			return map.nodes[i];
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("node \"%s\" does not exist", name),
			 errdetail("No node of the cluster has this name."),
			 errhint("The view shardext.nodes lists them.")));
}

const char *
node_name(int node_id)
{
	const NodeInfo *node = node_by_id(node_id);

	return node ? node->name : psprintf("(unknown node %d)", node_id);
}

List *
node_list(void)
{
	List	   *nodes = NIL;

	if (cluster_info() == NULL)
		return NIL;
	for (int i = 0; i < map.nnodes; i++)
		nodes = lappend(nodes, map.nodes[i]);
	return nodes;
}

int
node_self(void)
{
	const ClusterInfo *cluster = cluster_info();

	return cluster ? cluster->this_node : 0;
}
