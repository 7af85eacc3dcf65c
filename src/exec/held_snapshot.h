/*
 * held_snapshot.h
 *	  Snapshots that outlive their statements.
 */
#ifndef SHARDEXT_HELD_SNAPSHOT_H
#define SHARDEXT_HELD_SNAPSHOT_H

#include "postgres.h"
#include "utils/snapshot.h"

/* Row versions that snapshot sees are not pruned away before the transaction ends. */
extern void held_snapshot_take(Snapshot snapshot);

/*
 * The snapshot with this number: in this transaction the first that was given for it. Those of numbers below oldest
 * will not be asked for again.
 */
extern Snapshot held_snapshot_of_number(uint32 number, uint32 oldest, Snapshot snapshot);

extern void held_snapshot_preload(void);

#endif
