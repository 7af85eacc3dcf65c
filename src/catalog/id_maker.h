/*
 * id_maker.h
 *	  Ids of the shards this node owns: shared-memory state per shard, and a
 *	  WAL-logged mark that runs ahead of use (design D11).
 */
#ifndef SHARDEXT_ID_MAKER_H
#define SHARDEXT_ID_MAKER_H

#include "postgres.h"
#include "fmgr.h"
#include "datatype/timestamp.h"

/* An id in a shard this node owns (the caller has checked that under a lock). */
extern int64 id_maker_next(int shard);

/* n ids of shards[0], shards[1], ... in turn: the benchmark of the generator. Returns the last one. */
extern int64 id_maker_burst(int nshards, const int *shards, int64 n);

/*
 * The mark: no id of the shard at or above it has been handed out. For
 * hand-overs: the source lets the shard go when it makes no more ids of it (its
 * lock held exclusively), and its mark stays as it is from then on; the target
 * raises its own to it.
 */
extern int64 id_maker_mark(int shard);
extern int64 id_maker_let_go(int shard);
extern void id_maker_raise_mark(int shard, int64 mark);

/*
 * An id for next_id() called alone: in one of the shards this node owns, in
 * turn. Locks and checks the shard. ERROR if the node owns none.
 */
extern int64 id_maker_next_anywhere(void);

/*
 * An id of any shard, made by its owner: here, or through the function that an
 * upper layer has registered.
 */
extern int64 id_maker_next_of(int shard);

typedef int64 (*IdRemoteNext) (int shard, int owner);
extern IdRemoteNext id_remote_next;

/* Wall clock time from which on no ids can be made (the layout ends); for status. */
extern TimestampTz id_maker_end(void);

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

/* The SQL function id_shard(bigint). */
extern Datum shardext_id_shard(PG_FUNCTION_ARGS);

extern void id_maker_preload(void);
extern void id_maker_own_preload(void); /* called by id_maker_preload */

#endif
