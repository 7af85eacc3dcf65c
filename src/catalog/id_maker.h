/*
 * id_maker.h
 *	  Ids of the shards this node owns: shared-memory state per shard, and a
 *	  WAL-logged mark that runs ahead of use (design D11).
 */
#ifndef SHARDEXT_ID_MAKER_H
#define SHARDEXT_ID_MAKER_H

#include "postgres.h"

/* An id in a shard this node owns (the caller has checked that under a lock). */
extern int64 id_maker_next(int shard);

/* The mark: no id of the shard at or above it has been handed out. For hand-overs. */
extern int64 id_maker_mark(int shard);
extern void id_maker_raise_mark(int shard, int64 mark);

/*
 * What next_id() without argument means at this moment. exec and copy set it
 * around the evaluation of one row and restore what was there (PG_TRY or
 * transaction abort resets it).
 *   shard >= 0: inside the write of a row of that shard: an id of that shard
 *   defer:      the row's shard is not known yet: return ID_DEFERRED, the
 *               caller has the owner make the id
 *   neither:    an id in some shard this node owns; ERROR if it owns none
 */
typedef struct IdContext
{
	int			shard;			/* ROUTE_NO_SHARD: none */
	bool		defer;
} IdContext;

extern IdContext id_context;

#define ID_DEFERRED INT64CONST(-1)

#endif
