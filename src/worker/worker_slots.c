/*
 * worker_slots.c
 *	  One slot per database of the server: who looks after it, and when to look
 *	  again.
 *
 * States of a slot:	idle -> claimed (launcher) -> running (worker) -> idle
 * An idle slot is claimed when its time has come: at once for a new database and after
 * a worker has ended, after a pause that doubles if they end soon again, in some seconds
 * after a stop, in RECHECK_MS where there was no cluster; but each second for a while
 * after a session has requested it, since what that session did may commit later
 * (COMMIT PREPARED).
 *
 * Locks: WorkerMemory.lock, a leaf.
 */
#include "postgres.h"

#include <signal.h>

#include "base/shmem.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"
#include "worker/worker_slots.h"

#define MAX_SLOTS		256
#define CLAIM_MS		10000	/* a claimed worker that has not entered by then is given up */
#define CRASH_MS		500		/* pause after the second end of a worker in a row */
#define MAX_CRASH_MS	8000
#define SOUND_MS		10000	/* a worker that has run for so long was no failure */
#define STOP_MS			10000
#define RECHECK_MS		600000
#define REQUEST_MS		120000	/* a request is remembered for */
#define REQUEST_POLL_MS 1000

typedef struct WorkerSlot
{
	Oid			database;		/* InvalidOid: free */
	int			pid;			/* 0: no worker */
	TimestampTz start_at;		/* not before */
	TimestampTz entered_at;		/* by the latest worker */
	int			pause_ms;		/* after its next crash */
	TimestampTz requested_until;
} WorkerSlot;

typedef struct WorkerMemory
{
	LWLock		lock;
	Latch	   *launcher;
	WorkerSlot	slots[MAX_SLOTS];
} WorkerMemory;

static WorkerMemory *workers = NULL;

static void
init_memory(void *memory)
{
	LWLockInitialize(&((WorkerMemory *) memory)->lock, shmem_lwlock_tranche());
}

void
worker_slots_preload(void)
{
	shmem_register("shardext workers", sizeof(WorkerMemory), (void **) &workers, init_memory);
}

/* The slot of the database; with make, a free one if it has none. NULL if there is none. Lock held. */
static WorkerSlot *
find_slot(Oid database, bool make)
{
	WorkerSlot *free_slot = NULL;

	for (int i = 0; i < MAX_SLOTS; i++)
	{
		if (workers->slots[i].database == database)
			return &workers->slots[i];
		if (free_slot == NULL && !OidIsValid(workers->slots[i].database))
			free_slot = &workers->slots[i];
	}
	if (!make || free_slot == NULL)
		return NULL;
	memset(free_slot, 0, sizeof(*free_slot));
	free_slot->database = database;
	return free_slot;
}

static void
exit_launcher(int code, Datum arg)
{
	LWLockAcquire(&workers->lock, LW_EXCLUSIVE);
	workers->launcher = NULL;
	LWLockRelease(&workers->lock);
}

void
worker_slots_set_launcher(Latch *latch)
{
	LWLockAcquire(&workers->lock, LW_EXCLUSIVE);
	workers->launcher = latch;
	LWLockRelease(&workers->lock);
	before_shmem_exit(exit_launcher, (Datum) 0);
}

bool
worker_slot_claim(Oid database, TimestampTz now)
{
	WorkerSlot *slot;
	bool		claimed = false;

	LWLockAcquire(&workers->lock, LW_EXCLUSIVE);
	slot = find_slot(database, true);
	if (slot != NULL && slot->pid == 0 && slot->start_at <= now)
	{
		slot->start_at = TimestampTzPlusMilliseconds(now, CLAIM_MS);
		claimed = true;
	}
	LWLockRelease(&workers->lock);
	return claimed;
}

void
worker_slots_forget_others(int n, const Oid *databases)
{
	LWLockAcquire(&workers->lock, LW_EXCLUSIVE);
	for (int i = 0; i < MAX_SLOTS; i++)
	{
		bool		known = false;

		for (int j = 0; j < n && !known; j++)
			known = workers->slots[i].database == databases[j];
		if (!known && workers->slots[i].pid == 0)
			workers->slots[i].database = InvalidOid;
	}
	LWLockRelease(&workers->lock);
}

void
worker_slot_enter(Oid database)
{
	WorkerSlot *slot;
	bool		entered = false;

	LWLockAcquire(&workers->lock, LW_EXCLUSIVE);
	slot = find_slot(database, true);
	if (slot != NULL && slot->pid == 0)
	{
		slot->pid = MyProcPid;
		slot->entered_at = GetCurrentTimestamp();
		slot->start_at = slot->entered_at;	/* the claim is met */
		entered = true;
	}
	LWLockRelease(&workers->lock);
	if (!entered)
		elog(ERROR, "database %u has a worker already", database);
}

/* How long the database is without a worker after this one. */
static int
pause_after_crash(WorkerSlot *slot, TimestampTz now)
{
	int			pause_ms = slot->pause_ms;

	if (TimestampDifferenceExceeds(slot->entered_at, now, SOUND_MS))
		pause_ms = 0;
	slot->pause_ms = Min(Max(pause_ms * 2, CRASH_MS), MAX_CRASH_MS);
	return pause_ms;
}

void
worker_slot_leave(Oid database, WorkerEnd end)
{
	TimestampTz now = GetCurrentTimestamp();
	WorkerSlot *slot;

	LWLockAcquire(&workers->lock, LW_EXCLUSIVE);
	slot = find_slot(database, false);
	if (slot != NULL && slot->pid == MyProcPid)
	{
		int			delay = end == WORKER_END_CRASHED ? pause_after_crash(slot, now) :
			now < slot->requested_until ? REQUEST_POLL_MS : RECHECK_MS;

		slot->pid = 0;
		slot->start_at = Max(slot->start_at, TimestampTzPlusMilliseconds(now, delay));
		if (end == WORKER_END_NO_CLUSTER)
			slot->start_at = TimestampTzPlusMilliseconds(now, delay);
		if (workers->launcher)
			SetLatch(workers->launcher);
	}
	LWLockRelease(&workers->lock);
}

void
worker_slot_request(void)
{
	TimestampTz now = GetCurrentTimestamp();
	WorkerSlot *slot;

	LWLockAcquire(&workers->lock, LW_EXCLUSIVE);
	slot = find_slot(MyDatabaseId, true);
	if (slot != NULL)
	{
		slot->start_at = TimestampTzPlusMilliseconds(now, REQUEST_POLL_MS / 4);
		slot->requested_until = TimestampTzPlusMilliseconds(now, REQUEST_MS);
	}
	if (workers->launcher)
		SetLatch(workers->launcher);
	LWLockRelease(&workers->lock);
}

int
worker_slot_pid(Oid database)
{
	WorkerSlot *slot;
	int			pid;

	LWLockAcquire(&workers->lock, LW_SHARED);
	slot = find_slot(database, false);
	pid = slot ? slot->pid : 0;
	LWLockRelease(&workers->lock);
	return pid;
}

void
worker_slot_stop(Oid database)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), STOP_MS / 2);
	WorkerSlot *slot;

	LWLockAcquire(&workers->lock, LW_EXCLUSIVE);
	slot = find_slot(database, false);
	if (slot != NULL)
		slot->start_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), STOP_MS);
	if (slot != NULL && slot->pid != 0)
		kill(slot->pid, SIGTERM);
	LWLockRelease(&workers->lock);

	while (worker_slot_pid(database) != 0 && GetCurrentTimestamp() < deadline)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 10, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}
