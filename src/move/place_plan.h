/*
 * place_plan.h
 *	  Which logical shards shall go where: the cluster as it is, looked at.
 */
#ifndef SHARDEXT_PLACE_PLAN_H
#define SHARDEXT_PLACE_PLAN_H

#include "postgres.h"
#include "nodes/pg_list.h"
#include "route/route_balance.h"

typedef struct PlacedMove
{
	int			shard;
	int			from;			/* node ids */
	int			to;
	int64		bytes;			/* on disk now, with indexes */
	double		seconds;
	char	   *reason;			/* a sentence */
} PlacedMove;

/* ring, size or count; ERROR 22023 otherwise. */
extern BalancePolicy place_policy(const char *name);

/*
 * PlacedMove *, by shard. All nodes are asked for the sizes of their shards, as the
 * extension's owner: ERROR SX002 if one is away. leaving: only the shards of this
 * node, which keeps none; ERROR if nobody may take them. Within a transaction.
 */
extern List *place_plan(BalancePolicy policy, const char *leaving);

/* ERROR 53100 if a node's disk, as far as it can be known, has no room for what shall come. */
extern void place_check_room(List *moves);

#endif
