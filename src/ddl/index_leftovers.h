/*
 * index_leftovers.h
 *	  What a CREATE INDEX CONCURRENTLY that came to no end has left in the shards.
 */
#ifndef SHARDEXT_INDEX_LEFTOVERS_H
#define SHARDEXT_INDEX_LEFTOVERS_H

#include "postgres.h"
#include "catalog/index_builds.h"
#include "catalog/node_map.h"

/*
 * Drop indexes of this name, finished or invalid, from the shard tables of this
 * name on one node; others of the name are let alone. ERROR if the node is
 * away, or one of the tables is in use for longer than wait_ms.
 */
extern void index_leftovers_drop(const NodeInfo *node, Oid role, const char *table, const char *index,
								 int wait_ms);

/* The same on all nodes for the noted build of an index, whose lock the caller has. */
extern void index_leftovers_drop_everywhere(const IndexBuild *build, int wait_ms);

/* Duty of the database's worker: builds whose backend is gone are undone. */
extern void index_leftovers_duty(void);

#endif
