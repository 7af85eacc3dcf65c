/*
 * shard_map.h
 *	  Logical shard -> owner. A shared-memory cache of catalog_shard with
 *	  per-shard versions. For shards of this node it is the truth (checked after
 *	  locks are held, see shard_map_check), for others a hint.
 */
#ifndef SHARDEXT_SHARD_MAP_H
#define SHARDEXT_SHARD_MAP_H

#include "postgres.h"
#include "base/pg_compat.h"
#include "nodes/bitmapset.h"
#include "utils/snapshot.h"

typedef enum ShardAccess
{
	SHARD_READ,					/* needs ownership under the snapshot */
	SHARD_WRITE					/* needs ownership now */
} ShardAccess;

typedef enum ShardVerdict
{
	SHARD_OK,
	SHARD_MOVED,				/* not ours: SX001 / refusal */
	SHARD_TOO_NEW				/* ours now, but not under this snapshot: 40001 */
} ShardVerdict;

extern int	shard_map_count(void);

/* Owner's node id (0 while none), by the hint; version may be NULL. No lock, some ten ns. */
extern int	shard_map_owner(int shard, int64 *version);

/* All shards whose owner by the hint is node_id, palloc'd. */
extern Bitmapset *shard_map_owned_by(int node_id);

/*
 * The fence (design D4). Call with the shard table's relation lock (or
 * shard_map_lock) held. A write needs ownership now and, as it also reads, under
 * the snapshot (NULL: no rows are read). SHARD_TOO_NEW is cured by a newer
 * snapshot.
 */
extern ShardVerdict shard_map_check(int shard, ShardAccess access, Snapshot snapshot);

/*
 * Snapshots given to shard_map_check are those of some moment in the past that
 * the session holds to (a cut through the cluster). Otherwise READ COMMITTED
 * reads from the owner of now only: what it waited for may have changed the owner.
 */
extern void shard_map_hold_snapshot(bool held);

/* ERROR SX001 or 40001 for a verdict other than SHARD_OK (direct clients). */
pg_noreturn extern void shard_map_raise(int shard, ShardVerdict verdict);

/*
 * The refusal for a coordinator: INFO with SQLSTATE SX001 and DETAIL
 * "shard=42 owner=3 version=7" (the caller then returns no rows), followed by
 * " too_new" for SHARD_TOO_NEW.
 */
extern void shard_map_refuse(int shard, ShardVerdict verdict);

/* What a refusal told us: kept in shared memory when newer than what is there. */
extern void shard_map_hint(int shard, int owner, int64 version);

/*
 * Transaction-long lock on a shard as such (advisory lock space of ours): share
 * by id makers, exclusive by hand-overs.
 */
extern void shard_map_lock(int shard, bool exclusive);

extern void shard_map_preload(void);

#endif
