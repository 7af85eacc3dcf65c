/*
 * shard_quals.h
 *	  Which logical shard does a Query, or one of its relations, need?
 */
#ifndef SHARDEXT_SHARD_QUALS_H
#define SHARDEXT_SHARD_QUALS_H

#include "postgres.h"
#include "base/errors.h"
#include "nodes/params.h"
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
	bool		has_home;		/* reads or writes what only this node has: an ordinary table, a system
								 * catalog, a transition table, a view with INSTEAD OF triggers */
	bool		any_shard;		/* an INSERT without key: the shard is free to choose */
	List	   *keys;			/* of ShardKey *: all must give the same shard; NIL = not one shard */
	const Reason *reason;		/* why keys is NIL */
} QueryShards;

/* query: rewritten; params: values known while planning, or NULL. Does not modify the query. */
extern QueryShards *query_shards(Query *query, ParamListInfo params);

/*
 * Would a value for the shard key of the table at rtindex of the range table
 * decide the shard of all sharded tables of the query? Then what it needs of
 * others lies in the shard of each row of that one.
 */
extern bool query_lies_with(Query *query, Index rtindex);

/* The shells in the Query, at all levels; entries of "excluded" are not counted. */
extern int	query_count_shells(Query *query);

/* "key = X", X being a parameter that nobody else has: for keys of several columns, number i of them. */
extern Node *shard_key_condition(Var *key, int i, Node **value);

/*
 * The shard of a key whose values are known while planning. *known = false:
 * they are not. ROUTE_NO_SHARD: no row can have this key (a NULL, or no id of
 * this cluster).
 */
extern int	shard_key_known(const ShardKey *key, ParamListInfo params, bool *known);

/*
 * Shards one relation needs, by quals on it alone (for leaf scans and multi-shard DML): list of ShardKey *, NIL = all.
 */
extern List *relation_shard_keys(const TableInfo *table, Index varno, List *quals);

#endif
