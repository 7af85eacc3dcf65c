/*
 * route_balance.h
 *	  Which logical shards shall move so that every node has its share. Pure.
 */
#ifndef SHARDEXT_ROUTE_BALANCE_H
#define SHARDEXT_ROUTE_BALANCE_H

#include "postgres.h"
#include "route/route_ring.h"

typedef enum BalancePolicy
{
	BALANCE_RING,				/* numbers of shards within 0.90 and 1.10 of the share; the ring says which */
	BALANCE_COUNT,				/* numbers of shards as even as can be; the smallest move */
	BALANCE_SIZE,				/* bytes within 0.90 and 1.10 of the share */
	BALANCE_LEAVE				/* only shards whose owner is not in the list, or weighs nothing */
} BalancePolicy;

typedef enum BalanceReason
{
	BALANCE_STAYS,
	BALANCE_LEAVES,				/* its node takes part no more, or weighs nothing */
	BALANCE_FILLS,				/* the new node has too little */
	BALANCE_SHEDS				/* its node has too much */
} BalanceReason;

typedef struct BalanceShard
{
	int			shard;
	int			owner;			/* node_id now */
	int64		bytes;
	int			new_owner;		/* out: node_id */
	BalanceReason reason;		/* out */
} BalanceShard;

/*
 * Sets new_owner and reason of all shards; nodes have each its share by weight
 * of these shards. A shard stays where it is unless a bound of the policy forces
 * it to move. The same input gives the same result everywhere.
 */
extern void route_balance(BalancePolicy policy, int nshards, BalanceShard *shards, int nnodes, const RingNode *nodes);

#endif
