/*
 * shard_marks.h
 *	  Marks of ids of shards that change their owner while they are empty.
 */
#ifndef SHARDEXT_SHARD_MARKS_H
#define SHARDEXT_SHARD_MARKS_H

#include "postgres.h"
#include "catalog/catalog_write.h"

typedef struct ShardMarks
{
	int			n;
	int		   *shards;
	int		   *owners;			/* new ones */
	int64	   *marks;
} ShardMarks;

/*
 * Stop the present owners from making ids of the changed shards until the
 * transaction ends, and learn their marks. present[shard] is the row before.
 */
extern ShardMarks *shard_marks_take(int n, const ShardRow *changed, const ShardRow *present);

/* Raise the new owners' marks; they must be members by now. */
extern void shard_marks_give(const ShardMarks *marks);

/* The parts of both that run on the node concerned. */
extern int64 shard_mark_release(int shard);
extern void shard_mark_accept(int shard, int64 mark);

#endif
