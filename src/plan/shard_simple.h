/*
 * shard_simple.h
 *	  The shard of the simplest statements, without gathering facts.
 */
#ifndef SHARDEXT_SHARD_SIMPLE_H
#define SHARDEXT_SHARD_SIMPLE_H

#include "plan/shard_quals.h"

/*
 * What query_shards returns for a SELECT of one sharded table with "routing column = constant", and for an INSERT of
 * VALUES of several shards; else NULL.
 */
extern QueryShards *simple_query_shards(const Query *query, ParamListInfo params);

#endif
