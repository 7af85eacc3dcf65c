/*
 * held_snapshot.h
 *	  A snapshot held to the end of the transaction.
 */
#ifndef SHARDEXT_HELD_SNAPSHOT_H
#define SHARDEXT_HELD_SNAPSHOT_H

#include "postgres.h"
#include "utils/snapshot.h"

/* Row versions that snapshot sees are not pruned away before the transaction ends. */
extern void held_snapshot_take(Snapshot snapshot);

extern void held_snapshot_preload(void);

#endif
