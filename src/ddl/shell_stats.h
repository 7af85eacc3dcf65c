/*
 * shell_stats.h
 *	  Statistics of shells.
 */
#ifndef SHARDEXT_SHELL_STATS_H
#define SHARDEXT_SHELL_STATS_H

#include "postgres.h"
#include "nodes/pg_list.h"
#include "ddl/shard_sample.h"

typedef struct ShardStats
{
	double		pages;
	double		tuples;
	double		all_visible;
} ShardStats;

/* Sums over the shards of this node, as the planner would estimate each now. */
extern ShardStats shard_stats_local(Oid shell);

/*
 * What the planner shall believe of the shell: stats of all shards, and of columns (List of String nodes; NIL: all)
 * what PostgreSQL's ANALYZE makes of a sample of their rows (texts of shard_sample.h).
 */
extern void shell_stats_set(Oid shell, ShardStats stats, List *sample, List *columns);

/* Gathers both from all nodes and sets them on all nodes, in the distributed transaction. */
extern void shell_stats_refresh(Oid shell, List *columns);

#endif
