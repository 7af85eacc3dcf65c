/*
 * lock_wait_end.c
 *	  Ending another process' wait for a lock with 40P01.
 *
 * PostgreSQL's deadlock check takes the process that runs it out of the lock's
 * queue and marks its wait as failed; the process then raises "deadlock
 * detected" where it has waited. The same is done here to another process, and
 * PostgreSQL's code is ready for that. So the error comes from the right place
 * with the right SQLSTATE, in PL/pgSQL too, and no cancel has to be told
 * from a user's.
 *
 * Only the DETAIL has to be brought to the process: it is left in shared memory,
 * and put into the error when it is reported (errors of PostgreSQL's own
 * deadlock check have one).
 *
 * Locks: all partitions of the lock table, in order; note_lock, a leaf.
 */
#include "postgres.h"

#include "base/shmem.h"
#include "dxact/lock_waits.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/timestamp.h"

#define NOTES			16
#define NOTE_LENGTH		4000
#define NOTE_SECONDS	60

typedef struct Note
{
	int			process;		/* the leader of its lock group */
	TimestampTz made;
	char		detail[NOTE_LENGTH];
} Note;

typedef struct Notes
{
	LWLock		lock;
	int			next;
	Note		notes[NOTES];
} Notes;

static Notes *notes = NULL;
static emit_log_hook_type previous_emit_log_hook = NULL;

static void
leave_note(int process, const char *detail)
{
	Note	   *note;
	int			length = pg_mbcliplen(detail, strlen(detail), NOTE_LENGTH - 1);

	LWLockAcquire(&notes->lock, LW_EXCLUSIVE);
	note = &notes->notes[notes->next];
	notes->next = (notes->next + 1) % NOTES;
	note->process = process;
	note->made = GetCurrentTimestamp();
	memcpy(note->detail, detail, length);
	note->detail[length] = '\0';
	LWLockRelease(&notes->lock);
}

/* What was left for this process, palloc'd; NULL if nothing was. */
static char *
take_note(void)
{
	int			process = MyProc->lockGroupLeader ? MyProc->lockGroupLeader->pid : MyProcPid;
	TimestampTz oldest = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), -NOTE_SECONDS * 1000);
	const Note *newest = NULL;
	char	   *detail;

	LWLockAcquire(&notes->lock, LW_SHARED);
	for (int i = 0; i < NOTES; i++)
	{
		const Note *note = &notes->notes[i];

		if (note->process == process && note->made > (newest ? newest->made : oldest))
			newest = note;
	}
	detail = newest ? pstrdup(newest->detail) : NULL;
	LWLockRelease(&notes->lock);
	return detail;
}

/*
 * Runs before an error is sent to the log and to the client, both of which take
 * the DETAIL from here. An empty one is that of a wait that was ended by another process.
 */
static void
add_detail(ErrorData *error)
{
	if (error->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED && error->elevel == ERROR && MyProc != NULL &&
		notes != NULL && (error->detail == NULL || error->detail[0] == '\0'))
	{
		error->detail = take_note();
		error->detail_log = NULL;
	}
	if (previous_emit_log_hook)
		previous_emit_log_hook(error);
}

bool
lock_wait_end(int process, TimestampTz since, const char *detail)
{
	PGPROC	   *proc = BackendPidGetProc(process);
	bool		ended = false;

	if (proc == NULL)
		return false;
	/* before the error can be raised */
	leave_note(proc->lockGroupLeader ? proc->lockGroupLeader->pid : process, detail);
	for (int i = 0; i < NUM_LOCK_PARTITIONS; i++)
		LWLockAcquire(LockHashPartitionLockByIndex(i), LW_EXCLUSIVE);
	if (proc->pid == process && proc->databaseId == MyDatabaseId && proc->waitStatus == PROC_WAIT_STATUS_WAITING &&
		proc->waitLock != NULL && (TimestampTz) pg_atomic_read_u64(&proc->waitStart) == since)
	{
		RemoveFromWaitQueue(proc, LockTagHashCode(&proc->waitLock->tag));
		pg_atomic_write_u64(&proc->waitStart, 0);
		SetLatch(&proc->procLatch);
		ended = true;
	}
	for (int i = NUM_LOCK_PARTITIONS; --i >= 0;)
		LWLockRelease(LockHashPartitionLockByIndex(i));
	return ended;
}

static void
init_notes(void *memory)
{
	LWLockInitialize(&((Notes *) memory)->lock, shmem_lwlock_tranche());
}

void
lock_waits_preload(void)
{
	shmem_register("shardext deadlocks", sizeof(Notes), (void **) &notes, init_notes);
	previous_emit_log_hook = emit_log_hook;
	emit_log_hook = add_detail;
}
