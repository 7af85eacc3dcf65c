/*
 * shard_lists.h
 *	  WHERE key IN (...) in a shard: only the values that can be there.
 */
#ifndef SHARDEXT_SHARD_LISTS_H
#define SHARDEXT_SHARD_LISTS_H

#include "postgres.h"
#include "nodes/params.h"
#include "nodes/parsenodes.h"

typedef struct ShardLists ShardLists;

/*
 * Put parameters in the place of long lists of keys, of which each shard has few, in a query over tables of several
 * shards, and of places of rows (shard_places.h) in any. params (or NULL): values that may be looked at. NULL: there is
 * no such list, and the query is as it was. The result lies in context.
 */
extern ShardLists *shard_lists_take(Query *query, bool several, ParamListInfo params, MemoryContext context);

/*
 * The parameters of the query in a shard: those of the statement (or NULL), and its part of each list. Good until the
 * next call; for the planner they are a hint, not constants.
 */
extern ParamListInfo shard_lists_params(ShardLists *lists, ParamListInfo statement, int shard, bool for_planner);

#endif
