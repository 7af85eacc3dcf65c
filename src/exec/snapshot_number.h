/*
 * snapshot_number.h
 *	  Numbers of scans that ask other nodes more than once, and want to be given
 *	  rows of one snapshot.
 */
#ifndef SHARDEXT_SNAPSHOT_NUMBER_H
#define SHARDEXT_SNAPSHOT_NUMBER_H

#include "postgres.h"
#include "nodes/execnodes.h"

typedef struct SnapshotNumber SnapshotNumber;

/* Without a number yet. Lives as long as the execution. */
extern SnapshotNumber *snapshot_number_make(EState *estate);

/* From now on the rows are those of a new snapshot. */
extern void snapshot_number_renew(SnapshotNumber *number);

/* The other nodes take the snapshot now, though they are asked for rows later, as this role. */
extern void snapshot_number_take(SnapshotNumber *number, Oid role);

/* The number (0: it has none), and that of the oldest scan that goes on. */
extern uint32 snapshot_number_get(const SnapshotNumber *number, uint32 *oldest);

/* No more rows are wanted. */
extern void snapshot_number_end(SnapshotNumber *number);

#endif
