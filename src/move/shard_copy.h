/*
 * shard_copy.h
 *	  The tables of a logical shard on a node that does not own it.
 */
#ifndef SHARDEXT_SHARD_COPY_H
#define SHARDEXT_SHARD_COPY_H

#include "postgres.h"

/* part: "tables" (bare, with guards), "indexes", "rest" (foreign keys, triggers). ERROR for a shard of this node. */
extern void shard_copies_make(int n, const int *shards, const char *part);

/* ERROR if the shard is this node's. The schema goes with all that is in it, if it is ours. */
extern void shard_copy_drop(int shard);

/*
 * Lock the shards' tables here against everyone until the transaction ends, or
 * ERROR 55P03 after some wait_ms; then write a marker (stream_feed.h), which is behind
 * everything that was ever committed in them.
 */
extern void shard_copy_fence(int n, const int *shards, int wait_ms, const char *marker);

#endif
