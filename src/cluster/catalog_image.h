/*
 * catalog_image.h
 *	  The replicated part of the catalog that names no relations (cluster, nodes,
 *	  owners of shards) as one value that travels between nodes.
 */
#ifndef SHARDEXT_CATALOG_IMAGE_H
#define SHARDEXT_CATALOG_IMAGE_H

#include "postgres.h"
#include "catalog/catalog_write.h"
#include "conn/conn.h"

/* Columns of shardext.internal_catalog(), in text form, in this order. */
typedef enum ImageField
{
	IMAGE_CLUSTER_ID,
	IMAGE_SECRET,
	IMAGE_AUTHORITY,
	IMAGE_SHARD_COUNT,
	IMAGE_EPOCH,
	IMAGE_LAST_NODE,
	IMAGE_CATALOG_VERSION,
	IMAGE_NODE_IDS,
	IMAGE_NODE_NAMES,
	IMAGE_HOSTS,
	IMAGE_PORTS,
	IMAGE_DBNAMES,
	IMAGE_REGIONS,
	IMAGE_WEIGHTS,
	IMAGE_OWNERS,				/* of shards 0, 1, ... */
	IMAGE_VERSIONS,
	IMAGE_FIELDS
} ImageField;

typedef struct CatalogImage
{
	char	   *fields[IMAGE_FIELDS];
} CatalogImage;

/* The same, taken apart. */
typedef struct CatalogState
{
	ClusterInfo cluster;		/* this_node is the receiver's */
	int			nnodes;
	NodeInfo   *nodes;
	int			nshards;
	ShardRow   *shards;
} CatalogState;

extern CatalogImage *catalog_image_read(void);	/* this node's, with what this transaction has done */
extern CatalogImage *catalog_image_fetch(NodeConn *conn);

/* Make the catalog of the node behind conn equal to the image; this_node > 0: it joins as that node. */
extern void catalog_image_send(NodeConn *conn, const CatalogImage *image, int this_node);

/* Make this node's catalog equal to the state; rows that are equal are not written. */
extern void catalog_state_apply(const CatalogState *state);
extern CatalogState *catalog_state_from_image(const CatalogImage *image);

/* Send this node's catalog to all other nodes in this transaction; skip: a node to leave out, 0 for none. */
extern void catalog_image_spread(int skip);

/* Become equal to the authority if it is on a later version; conn leads there. True if something changed. */
extern bool catalog_image_pull(NodeConn *conn);

#endif
