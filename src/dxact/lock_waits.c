/*
 * lock_waits.c
 *	  Waits for locks in this database, from the lock manager.
 *
 * Who blocks whom is what pg_blocking_pids() says: holders of conflicting locks
 * and those ahead in the queue, no members of the waiter's lock group. A
 * prepared transaction is told by its transaction id.
 *
 * Processes of other databases of the server are other nodes' (or nobody's)
 * business.
 */
#include "postgres.h"

#include "access/twophase.h"
#include "base/pg_compat.h"
#include "dxact/lock_waits.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/lsyscache.h"

/* Since when does the process wait for a lock? 0: it does not. */
static TimestampTz
waits_since(PGPROC *proc)
{
	/* the moment is that of the last wait, which may be over */
	if (proc->pid == 0 || proc->databaseId != MyDatabaseId || proc->waitStatus != PROC_WAIT_STATUS_WAITING)
		return 0;
	return (TimestampTz) pg_atomic_read_u64(&proc->waitStart);
}

static TimestampTz
away_since(PGPROC *proc)
{
	if (proc->pid == 0 || proc->databaseId != MyDatabaseId || proc->pid == MyProcPid)
		return 0;
	return session_slot_away_since(proc);
}

bool
lock_waits_exist(TimestampTz since)
{
	for (uint32 i = 0; i < ProcGlobal->allProcCount; i++)
	{
		PGPROC	   *proc = &ProcGlobal->allProcs[i];
		TimestampTz lock = waits_since(proc);
		TimestampTz away = away_since(proc);

		if ((lock != 0 && lock < since) || (away != 0 && away < since))
			return true;
	}
	return false;
}

List *
lock_waits_away(void)
{
	List	   *sessions = NIL;

	for (uint32 i = 0; i < ProcGlobal->allProcCount; i++)
	{
		PGPROC	   *proc = &ProcGlobal->allProcs[i];
		TimestampTz since = away_since(proc);
		AwaySession *session;

		if (since == 0)
			continue;
		session = palloc(sizeof(AwaySession));
		session->name = session_slot_name(proc);
		session->since = since;
		sessions = lappend(sessions, session);
	}
	return sessions;
}

/* Is the blocked one, which waits in this mode, blocked by that one? */
static bool
is_blocked_by(const BlockedProcsData *data, const BlockedProcData *blocked, const LockInstanceData *own,
			  const LockInstanceData *other)
{
	LOCKMASK	conflicts = GetLockTagsMethodTable(&own->locktag)->conflictTab[own->waitLockMode];

	/* prepared transactions have neither a process nor a group */
	if (other == own || (other->pid != 0 && other->leaderPid == own->leaderPid))
		return false;
	if (conflicts & other->holdMask)
		return true;
	if (other->waitLockMode == NoLock || (conflicts & LOCKBIT_ON(other->waitLockMode)) == 0)
		return false;
	for (int i = 0; i < blocked->num_waiters; i++)
		if (data->waiter_pids[blocked->first_waiter + i] == other->pid)
			return true;
	return false;
}

static LocalWait *
make_wait(PGPROC *proc, const LockInstanceData *own, const LockInstanceData *other)
{
	LocalWait  *wait = palloc0(sizeof(LocalWait));

	wait->waiter = session_slot_name(proc);
	wait->waiter_process = own->pid;
	wait->blocker_process = other->pid;
	wait->lock = own->locktag;
	wait->mode = own->waitLockMode;
	wait->since = (TimestampTz) pg_atomic_read_u64(&proc->waitStart);
	if (other->pid != 0)
	{
		PGPROC	   *blocker = BackendPidGetProc(other->pid);

		if (blocker != NULL)
			wait->blocker = session_slot_name(blocker);
	}
	else
	{
		bool		have_more = false;

		wait->blocker_xid = TwoPhaseGetXidByVirtualXID(sx_lock_instance_vxid(other), &have_more);
	}
	return wait;
}

/* What the members of a process' lock group wait for. */
static List *
collect_of(int pid, List *waits)
{
	BlockedProcsData *data = GetBlockerStatusData(pid);

	for (int p = 0; p < data->nprocs; p++)
	{
		BlockedProcData *blocked = &data->procs[p];
		LockInstanceData *instances = &data->locks[blocked->first_lock];
		LockInstanceData *own = NULL;
		PGPROC	   *proc = BackendPidGetProc(blocked->pid);

		for (int i = 0; i < blocked->num_locks; i++)
			if (instances[i].pid == blocked->pid)
				own = &instances[i];
		if (own == NULL || own->waitLockMode == NoLock || proc == NULL)
			continue;
		for (int i = 0; i < blocked->num_locks; i++)
			if (is_blocked_by(data, blocked, own, &instances[i]))
				waits = lappend(waits, make_wait(proc, own, &instances[i]));
	}
	return waits;
}

List *
lock_waits_collect(void)
{
	List	   *waits = NIL;
	List	   *leaders = NIL;
	ListCell   *lc;

	for (uint32 i = 0; i < ProcGlobal->allProcCount; i++)
	{
		PGPROC	   *proc = &ProcGlobal->allProcs[i];
		PGPROC	   *leader = proc->lockGroupLeader;

		if (waits_since(proc) != 0)
			leaders = list_append_unique_int(leaders, leader ? leader->pid : proc->pid);
	}
	foreach(lc, leaders)
		waits = collect_of(lfirst_int(lc), waits);
	return waits;
}

char *
lock_waits_describe(const LOCKTAG *lock)
{
	StringInfoData text;
	char	   *name = NULL;

	if ((lock->locktag_type == LOCKTAG_RELATION || lock->locktag_type == LOCKTAG_TUPLE) &&
		lock->locktag_field1 == MyDatabaseId)
		name = get_rel_name(lock->locktag_field2);
	initStringInfo(&text);
	if (name == NULL)
		DescribeLockTag(&text, lock);
	else
	{
		if (lock->locktag_type == LOCKTAG_TUPLE)
			appendStringInfo(&text, "tuple (%u,%u) of ", lock->locktag_field3, lock->locktag_field4);
		appendStringInfo(&text, "relation %s.%s", get_namespace_name(get_rel_namespace(lock->locktag_field2)), name);
	}
	return text.data;
}
