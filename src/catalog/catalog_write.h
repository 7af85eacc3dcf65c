/*
 * catalog_write.h
 *	  The only writer of the catalog tables on this node. Every function runs as
 *	  the extension's owner for the moment, whoever calls (callers have checked
 *	  rights), raises catalog_version where the change is replicated, and sends
 *	  the relcache invalidations that make every backend of this node re-read.
 */
#ifndef SHARDEXT_CATALOG_WRITE_H
#define SHARDEXT_CATALOG_WRITE_H

#include "postgres.h"
#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "storage/itemptr.h"

/* Taken by every function below that writes replicated rows; first, by those who read before they write. */
extern void catalog_write_lock(void);
extern bool catalog_write_lock_conditional(void);	/* false if it would have to wait */

extern void catalog_write_cluster(const ClusterInfo *cluster);

/* All that this transaction has written so far is another node's state: what it writes next raises the versions. */
extern void catalog_write_took_over(void);
extern void catalog_write_node(const NodeInfo *node);	/* insert or update by node_id */
extern void catalog_delete_node(int node_id);
extern void catalog_write_shard(int shard, int owner, int64 version);	/* insert or update */

typedef struct ShardRow
{
	int			shard;
	int			owner;
	int64		version;
} ShardRow;

extern void catalog_write_shards(int n, const ShardRow *rows);	/* each shard once */

/* All rows as they are, without hints; row i is that of shard i (owner 0, version 0 where there is none). */
extern ShardRow *catalog_read_shards(int *n);

extern void catalog_write_table(Oid relid, TableKind kind, int nkeys, const AttrNumber *keys,
								const char *strategy, const Bitmapset *id_columns);
extern void catalog_delete_table(Oid relid);
extern void catalog_delete_cluster(void);	/* everything: back to "no cluster" */

/* Decision records of distributed transactions (design D6). */
extern ItemPointerData catalog_write_decision(const char *gid, const char *token);	/* where it lies */
extern bool catalog_read_decision(const char *gid);
extern void catalog_delete_decision(const char *gid);

/* The same if it still lies where it was written. Quiet if not, or if somebody else is about to delete it. */
extern void catalog_delete_decision_at(ItemPointer tid, const char *gid);

/* What is wrong with the part that a decision record is about: NULL if nothing is known to be, or no record. */
extern char *catalog_decision_trouble(const char *gid);
extern void catalog_write_decision_trouble(const char *gid, const char *trouble);

#endif
