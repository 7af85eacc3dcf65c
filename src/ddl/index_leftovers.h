/*
 * index_leftovers.h
 *	  What a CREATE or DROP INDEX CONCURRENTLY that came to no end has left.
 */
#ifndef SHARDEXT_INDEX_LEFTOVERS_H
#define SHARDEXT_INDEX_LEFTOVERS_H

#include "postgres.h"
#include "catalog/index_builds.h"
#include "catalog/node_map.h"

/* An index of a sharded table: its names, while no transaction is open. */
typedef struct IndexName
{
	Oid			relid;			/* the shell */
	const char *schema;
	const char *table;
	const char *index;
} IndexName;

typedef enum IndexPlace
{
	INDEX_OF_SHELL,
	INDEX_OF_SHARDS
} IndexPlace;

/* As wait_ms: by DROP INDEX CONCURRENTLY, which waits as long as the session's lock_timeout lets it. */
#define INDEX_DROP_CONCURRENTLY (-1)

/*
 * Drop indexes of this name, finished or invalid, from the shell or the shard tables of this
 * name on one node; others of the name are let alone. ERROR if the node is
 * away, or one of the tables is in use for longer than wait_ms.
 */
extern void index_leftovers_drop(const NodeInfo *node, Oid role, const IndexName *name, IndexPlace place,
								 int wait_ms);

/* The same on all nodes for the noted build or drop of an index, whose lock the caller has. */
extern void index_leftovers_drop_everywhere(const IndexBuild *build, int wait_ms);

/*
 * From here on the worker puts things right, whatever happens to this backend: note the index, for the session's lock
 * until index_build_unlock(), and begin another transaction, without a snapshot. ERROR if somebody else is at it.
 */
extern void index_build_begin(const IndexName *name, bool drops);

/* The names of an index to be of the shell; all nodes of this moment: copies that outlive transactions. */
extern IndexName index_name_of(Oid relid, const char *index);
extern List *index_build_nodes(void);

/* Duty of the database's worker: builds whose backend is gone are undone. */
extern void index_leftovers_duty(void);

#endif
