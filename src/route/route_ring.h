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

/* What a node has to carry of so much; 0 if it weighs nothing. */
extern double route_ring_share(int64 whole, int nnodes, const RingNode *nodes, int index);

/* The same in whole numbers, whose sum is the whole (largest remainders). */
extern void route_ring_shares(int64 whole, int nnodes, const RingNode *nodes, int64 *shares);

/* Points of nodes, each by its index; palloc'd in one piece with what it has. */
typedef struct Ring Ring;

extern Ring *route_ring_make(int nnodes, const RingNode *nodes);

/* From the shard's place to the next point of the node; the nearest node is that of a ring without bounds. */
extern uint64 route_ring_distance(const Ring *ring, int shard, int index);

/*
 * owners[shard] becomes a node_id for all nshards. Every node gets its share by
 * weight, rounded up or down. The same input gives the same result everywhere. For
 * shards that have an owner, see route_balance.h.
 */
extern void route_ring_assign(int nshards, int nnodes, const RingNode *nodes, int *owners);

#endif
