/*
 * row_hold.h
 *	  Shards that rows are going to be inserted into, one by one.
 */
#ifndef SHARDEXT_ROW_HOLD_H
#define SHARDEXT_ROW_HOLD_H

#include "postgres.h"
#include "utils/relcache.h"

/*
 * From here to the end of the (sub)transaction the table's part of the shard stays with its owner, which this node
 * knows. A shard that is moving is waited for; ERROR SX001 if that takes too long.
 */
extern void row_hold_shard(Relation shell, uint32 command, int shard);

#endif
