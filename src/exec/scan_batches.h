/*
 * scan_batches.h
 *	  A scan whose rows are fetched in batches, as far as they are wanted.
 */
#ifndef SHARDEXT_SCAN_BATCHES_H
#define SHARDEXT_SCAN_BATCHES_H

#include "postgres.h"
#include "executor/executor.h"

typedef struct ScanBatches ScanBatches;

/* The scan begins; first: rows wanted of each node in the first batch. Lives as long as the execution. */
extern ScanBatches *scan_batches_make(EState *estate, int64 first);

/* From the beginning: nothing has been given. */
extern void scan_batches_restart(ScanBatches *batches);

/* Rows wanted of each node in the batch at hand, at most: those of the batches before are among them. */
extern int64 scan_batches_size(const ScanBatches *batches);

/* The number of the scan's snapshot on other nodes, and that of the oldest scan that goes on. */
extern uint32 scan_batches_snapshot(const ScanBatches *batches, uint32 *oldest);

/* A node gives the row at the place: true if no batch before has given it. */
extern bool scan_batches_take(ScanBatches *batches, int node_id, const ItemPointerData *place);

/* The batch at hand has been read, and there may be more rows: the next one is larger. */
extern void scan_batches_next(ScanBatches *batches);

/* No more rows are wanted. */
extern void scan_batches_end(ScanBatches *batches);

extern void scan_batches_explain(const ScanBatches *batches, struct ExplainState *es);

#endif
