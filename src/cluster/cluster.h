/*
 * cluster.h
 *	  Making, changing and ending the cluster; the SQL functions are in
 *	  cluster_funcs.c.
 */
#ifndef SHARDEXT_CLUSTER_H
#define SHARDEXT_CLUSTER_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "catalog/node_map.h"
#include "cluster/catalog_image.h"

/* node: node_id is ignored, dbname is this database. */
extern void cluster_create(const NodeInfo *node, int shard_count, TimestampTz epoch);
extern void cluster_drop(void);
extern void cluster_move_authority(const char *node_name);

/* node_id is ignored; dbname NULL: the name of this database. */
extern void cluster_add_node(const NodeInfo *node, bool rebalance);
extern void cluster_remove_node(const char *node_name);

/* New values of one node; NULL (weight, port: NODE_UNCHANGED) leaves what is there; an empty region: no label. */
#define NODE_UNCHANGED	PG_INT32_MIN
extern void cluster_alter_node(const char *node_name, const char *host, int port, const char *dbname,
							   const char *region, int weight);

/* What other nodes call; join and apply: see catalog_image.h. */
extern void cluster_join(const CatalogImage *image, int this_node);
extern void cluster_apply(const CatalogImage *image);
extern void cluster_leave(void);

/* Called before this database leaves its cluster: ERROR if it must not now; the module of jobs registers itself. */
extern void (*cluster_leaving_hook) (void);

/* Called by add_node(.., rebalance => true): begin one at commit; the module of jobs registers itself. */
extern void (*cluster_rebalance_hook) (void);

/* Called when this database becomes a node (before the commit); the worker registers itself. */
extern void (*cluster_joined_hook) (void);

#endif
