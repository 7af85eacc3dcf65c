/*
 * copy_local.h
 *	  Rows of COPY FROM that are stored on this node.
 */
#ifndef SHARDEXT_COPY_LOCAL_H
#define SHARDEXT_COPY_LOCAL_H

#include "postgres.h"
#include "catalog/shard_map.h"
#include "copy/copy_input.h"

typedef struct CopyLocal CopyLocal;

extern CopyLocal *copy_local_begin(CopyInput *input);

/* The rows of a reference table go to the other copies as they are stored here, triggers and all. */
extern void copy_local_capture(CopyLocal *local);

/*
 * Lock the shard's table and check that the shard is ours (once per shard).
 * ROUTE_NO_SHARD stands for the table itself (reference tables).
 */
extern ShardVerdict copy_local_open(CopyLocal *local, int shard);

/* Store the input's current row (complete) in a shard that copy_local_open has found ours. */
extern void copy_local_insert(CopyLocal *local, int shard);

/* Store all that is buffered, take the input's error context off, fire triggers; rows stored. */
extern uint64 copy_local_end(CopyLocal *local);

#endif
