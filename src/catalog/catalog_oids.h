/*
 * catalog_oids.h
 *	  Where the catalog's relations are in this database, and the one place that
 *	  hears of their changes. For the files of this folder only.
 */
#ifndef SHARDEXT_CATALOG_OIDS_H
#define SHARDEXT_CATALOG_OIDS_H

#include "postgres.h"

typedef struct CatalogOids
{
	Oid			schema;
	Oid			owner;
	Oid			cluster;
	Oid			node;
	Oid			node_pkey;
	Oid			shard;
	Oid			shard_pkey;
	Oid			table;
	Oid			table_pkey;
	Oid			decision;
	Oid			decision_pkey;
	Oid			past;
	Oid			past_pkey;
	Oid			build;
	Oid			build_pkey;
} CatalogOids;

/*
 * Registers the callbacks; early at preload, so that at the end of a
 * transaction the caches' memory goes after all others have finished.
 */
extern void catalog_oids_preload(void);

/*
 * NULL when the extension is not in this database, or when we cannot look (no
 * transaction). A pointer to static memory: copy what must outlive the next
 * invalidation.
 */
extern const CatalogOids *catalog_oids(void);

/* As above, but ERROR when the extension is not there. */
extern const CatalogOids *catalog_oids_require(void);

/* Number of invalidations so far: if it is the same after some reading, what was read has not changed meanwhile. */
extern uint64 catalog_invalidations;

/* May caches be rebuilt now? Otherwise what they have must do. */
extern bool catalog_can_read(void);

/* A cache's memory, and its end: deleted when the transaction ends, as callers may hold pointers until then. */
extern MemoryContext catalog_context_make(const char *name);
extern void catalog_context_retire(MemoryContext context);

/* catalog_cluster.local_changes as of the node map: grows with every committed change of this node's catalog. */
extern int64 node_map_local_changes(void);

/*
 * The current transaction writes the catalog: until it ends this backend goes
 * by its own rows and leaves shared memory alone.
 */
extern void shard_map_changed_here(void);

/* Called back on invalidation; relid is InvalidOid when everything may have changed. */
extern void node_map_invalidate(void);
extern void table_map_invalidate(Oid relid, bool catalog_changed);
extern void table_shards_invalidate(Oid relid, bool catalog_changed);
extern void shard_map_invalidate(void);
extern void shard_map_end_transaction(bool committed);
extern void catalog_write_end_transaction(void);

#endif
