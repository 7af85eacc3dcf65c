/*
 * shard_handover.h
 *	  What a change of an owner does first.
 */
#ifndef SHARDEXT_SHARD_HANDOVER_H
#define SHARDEXT_SHARD_HANDOVER_H

#include "postgres.h"

typedef enum ShardFence
{
	FENCE_WRITERS,
	FENCE_EVERYONE				/* readers wait, too */
} ShardFence;

/*
 * Keep everyone from writing to the shard's tables on this node, and from making
 * its ids, until the transaction ends. The caller has set lock_timeout.
 */
extern void shard_handover_lock(int shard, ShardFence fence);

#endif
