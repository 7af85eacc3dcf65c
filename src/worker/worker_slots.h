/*
 * worker_slots.h
 *	  What launcher, workers and sessions tell each other through shared memory.
 */
#ifndef SHARDEXT_WORKER_SLOTS_H
#define SHARDEXT_WORKER_SLOTS_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "storage/latch.h"

/* How a worker ended; decides when the launcher tries again. */
typedef enum WorkerEnd
{
	WORKER_END_CRASHED,			/* error or termination */
	WORKER_END_NO_CLUSTER		/* nothing to do in this database */
} WorkerEnd;

extern void worker_slots_preload(void);

/* Launcher */
extern void worker_slots_set_launcher(Latch *latch);

/* Shall a worker be started? If so, it counts as started. */
extern bool worker_slot_claim(Oid database, TimestampTz now);
extern void worker_slots_forget_others(int n, const Oid *databases);	/* databases that are no more */

/* Worker */
extern void worker_slot_enter(Oid database);	/* ERROR if there is another worker */
extern void worker_slot_leave(Oid database, WorkerEnd end);

/* Sessions: this database becomes a node, so look for it soon and for some time. */
extern void worker_slot_request(void);

/* Process id of the database's worker, 0 if none. */
extern int	worker_slot_pid(Oid database);

/* End the database's worker and keep the launcher from starting another for some seconds. */
extern void worker_slot_stop(Oid database);

#endif
