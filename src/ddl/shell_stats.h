/*
 * shell_stats.h
 *	  Statistics of shells.
 */
#ifndef SHARDEXT_SHELL_STATS_H
#define SHARDEXT_SHELL_STATS_H

#include "postgres.h"

typedef struct ShardStats
{
	double		pages;
	double		tuples;
	double		all_visible;
} ShardStats;

/* Sums over the shards of this node. */
extern ShardStats shard_stats_local(Oid shell);

/* What the planner shall believe of the shell; column statistics come from this node's largest shard table. */
extern void shell_stats_set(Oid shell, ShardStats stats);

#endif
