/*
 * shard_quals.h
 *	  Which logical shard does a Query, or one of its relations, need?
 */
#ifndef SHARDEXT_SHARD_QUALS_H
#define SHARDEXT_SHARD_QUALS_H

#include "postgres.h"
#include "base/errors.h"
#include "nodes/parsenodes.h"
#include "nodes/pathnodes.h"
#include "catalog/table_map.h"

/*
 * One way to compute the shard: nkeys expressions free of Vars (Const, Param,
 * stable functions), of the types given, for the spec of one table.
 */
typedef struct ShardKey
{
	Oid			relid;			/* whose spec: table_info(relid)->spec; InvalidOid: the id layout */
	List	   *exprs;			/* nkeys expressions */
} ShardKey;

typedef struct QueryShards
{
	bool		has_sharded;	/* any sharded table at all */
	bool		has_reference;
	bool		has_home;		/* any ordinary table (not a system catalog) */
	bool		any_shard;		/* an INSERT without key: the shard is free to choose */
	List	   *keys;			/* of ShardKey *: all must give the same shard; NIL = not one shard */
	const Reason *reason;		/* why keys is NIL */
} QueryShards;

/* query: rewritten. Does not modify it. */
extern QueryShards *query_shards(Query *query);

/* Shards one relation needs, by quals on it alone (for leaf scans and multi-shard DML); NULL list = all. */
extern List *relation_shard_keys(const TableInfo *table, Index varno, List *quals);

#endif
