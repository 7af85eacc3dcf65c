/*
 * session_slots.c
 *	  One slot in shared memory per process of the server.
 *
 * A slot belongs to the process whose id it bears; what a former user of the
 * same PGPROC has left is of no interest. A process writes its own slot only, and
 * others read it without a lock: whom it works for is written before the session
 * can wait for anything, and never changed; the moment is one atomic number.
 *
 * Short transactions never write here.
 */
#include "postgres.h"

#include "base/session_slots.h"
#include "base/shmem.h"
#include "miscadmin.h"
#include "port/atomics.h"

typedef struct SessionSlot
{
	int			pid;
	SessionName coordinator;	/* node 0: no other node has opened this session */
	pg_atomic_uint64 away_since;	/* TimestampTz; 0: not waiting for a node */
} SessionSlot;

static SessionSlot *slots = NULL;

/* This process has told that it is away. */
static bool away = false;

void
session_slots_preload(void)
{
	shmem_register_per_backend("shardext sessions", sizeof(SessionSlot), (void **) &slots);
}

/* NULL for processes that are no backends. */
static SessionSlot *
slot_of(const PGPROC *proc)
{
	int			number = proc - ProcGlobal->allProcs;

	return slots != NULL && number < MaxBackends ? &slots[number] : NULL;
}

static SessionSlot *
take_own_slot(void)
{
	SessionSlot *slot = MyProc ? slot_of(MyProc) : NULL;

	if (slot != NULL && slot->pid != MyProcPid)
	{
		slot->coordinator = (SessionName)
		{
			0, 0
		};
		pg_atomic_write_u64(&slot->away_since, 0);
		pg_write_barrier();
		slot->pid = MyProcPid;
	}
	return slot;
}

void
session_slot_announce(const char *forwarded, void *extra)
{
	SessionName coordinator;
	SessionSlot *slot;

	if (forwarded == NULL || sscanf(forwarded, "%d/%d", &coordinator.node, &coordinator.pid) != 2)
		return;
	slot = take_own_slot();
	if (slot != NULL)
		slot->coordinator = coordinator;
}

SessionName
session_slot_name(const PGPROC *proc)
{
	const PGPROC *leader = proc->lockGroupLeader ? proc->lockGroupLeader : proc;
	const SessionSlot *slot = slot_of(leader);

	if (slot != NULL && slot->pid == leader->pid && slot->coordinator.node != 0)
		return slot->coordinator;
	return (SessionName)
	{
		0, leader->pid
	};
}

void
session_slot_away(TimestampTz since)
{
	SessionSlot *slot;

	if (away)
		return;
	slot = take_own_slot();
	if (slot == NULL)
		return;
	pg_atomic_write_u64(&slot->away_since, (uint64) since);
	away = true;
}

void
session_slot_back(void)
{
	if (!away)
		return;
	pg_atomic_write_u64(&slot_of(MyProc)->away_since, 0);
	away = false;
}

TimestampTz
session_slot_away_since(const PGPROC *proc)
{
	SessionSlot *slot = slot_of(proc);

	return slot != NULL && slot->pid == proc->pid ? (TimestampTz) pg_atomic_read_u64(&slot->away_since) : 0;
}
