/*
 * node_map.h
 *	  The cluster and its nodes, as this node's catalog has them (backend-local
 *	  cache, thrown away by relcache invalidation of the catalog tables).
 */
#ifndef SHARDEXT_NODE_MAP_H
#define SHARDEXT_NODE_MAP_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

#define SECRET_LENGTH	64		/* hexadecimal digits */

typedef struct ClusterInfo
{
	char		cluster_id[37]; /* uuid text */
	char		secret[SECRET_LENGTH + 1];	/* cluster_secret.c */
	int			this_node;
	int			authority;
	int			shard_count;
	TimestampTz epoch;
	int			last_node;		/* highest node_id given out so far */
	int64		catalog_version;
} ClusterInfo;

typedef struct NodeInfo
{
	int			node_id;		/* 1, 2, ...; never used again */
	char	   *name;
	char	   *host;			/* libpq host list */
	int			port;
	char	   *dbname;
	char	   *region;			/* or NULL */
	int			weight;
} NodeInfo;

/*
 * NULL: no extension in this database, or no cluster yet. Cheap (a pointer
 * test) once cached. All pointers of this header stay good until the end of
 * the transaction.
 */
extern const ClusterInfo *cluster_info(void);

/*
 * As cluster_info, but if the cluster is gone, as it was when this session saw
 * it last (the transaction that drops it still has to be committed); NULL if it never did.
 */
extern const ClusterInfo *cluster_last_known(void);

/* As cluster_info, but ERROR 55000 "this database is not a node of a cluster". */
extern const ClusterInfo *cluster_require(void);

/* The number given; ERROR 22023 if the cluster has no such logical shard. */
extern int	cluster_require_shard(int shard);

extern const NodeInfo *node_by_id(int node_id); /* NULL if unknown */
extern const NodeInfo *node_require(const char *name);	/* by name; ERROR 42704 if unknown */
extern const char *node_name(int node_id);	/* for messages: never NULL */
extern List *node_list(void);	/* of NodeInfo *, by node_id */
extern int	node_self(void);	/* 0 without a cluster */

/* The role that owns the extension: worker connections and elevated catalog work use it. */
extern Oid	extension_owner(void);
extern Oid	extension_schema(void);

/* Count of cache rebuilds; whoever caches what was derived from the catalog compares it. */
extern uint64 catalog_generation(void);

#endif
