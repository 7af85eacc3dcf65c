/*
 * route_ring.h
 *	  Which node shall own which logical shard: a consistent-hash ring with
 *	  bounded loads. Pure.
 */
#ifndef SHARDEXT_ROUTE_RING_H
#define SHARDEXT_ROUTE_RING_H

#include "postgres.h"

typedef struct RingNode
{
	int			node_id;
	int			weight;			/* 0: gets nothing, unless all have 0 */
} RingNode;

/*
 * owners[shard] becomes a node_id for all nshards. Every node gets its share by
 * weight, rounded up or down. The same input gives the same result everywhere; a
 * node added or removed moves little more than its own share.
 */
extern void route_ring_assign(int nshards, int nnodes, const RingNode *nodes, int *owners);

#endif
