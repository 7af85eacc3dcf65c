/*
 * commit_gate.c
 *	  The gate of a node: commits pass it, a reader of the whole cluster closes it.
 *
 *		commit:		mark -> is the gate closed? no: go on; yes: unmark, wait, again
 *					... local commit, COMMIT PREPARED everywhere -> unmark
 *		reader:		close -> wait until there is no mark
 *
 * Both write before they look (with a barrier between), so either the commit
 * sees the closed gate or the reader sees the mark. A commit that nobody
 * disturbs pays two stores, a barrier and a look.
 *
 * A mark is the database in the process' own place of an array. What a mark
 * would stand for after a crash, or when a node could not be reached in time, is
 * kept by the decision records: until it has once been seen that none is left
 * (unfinished), a gate does not count as closed.
 *
 * A closed gate is leased: it opens by itself when the time is over, whatever has
 * become of the reader, who looks at the clock before he uses what he has seen.
 * One reader at a time; commits that wait go before the next one.
 *
 * Locks: Gates.lock while gates are looked up; Gate.mutex (spinlock), leaves.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/errors.h"
#include "base/shmem.h"
#include "catalog/node_map.h"
#include "catalog/pg_type.h"
#include "dxact/commit_gate.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port/atomics.h"
#include "portability/instr_time.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/spin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#define MOST_GATES		256		/* databases of the server */
#define NAP_MS			50

typedef struct Gate
{
	Oid			database;
	slock_t		mutex;
	int			closer;			/* process; 0: open */
	int			waiting;		/* commits that wait for it to open */
	pg_atomic_uint64 closed_until;	/* 0: open */
	pg_atomic_uint64 unfinished_at; /* when a part was left behind last, or the server was started */
	pg_atomic_uint64 settled_at;	/* value of that for which no decision record was left */
	ConditionVariable changed;	/* opened */
	ConditionVariable drained;	/* a mark was taken away while it was closed */
} Gate;

typedef struct Gates
{
	LWLock		lock;
	Gate		gates[MOST_GATES];
} Gates;

typedef union Mark
{
	pg_atomic_uint32 database;	/* 0: not committing */
	char		line[PG_CACHE_LINE_SIZE];
} Mark;

static Gates *all_gates = NULL;
static Mark *marks = NULL;

/* Of this process. */
static Gate *own_gate = NULL;
static Mark *own_mark = NULL;
static bool marked = false;
static bool waiting = false;
static bool closing = false;

int64
commit_gate_clock(void)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	return (int64) INSTR_TIME_GET_MICROSEC(now);
}

static void
init_gates(void *memory)
{
	Gates	   *gates = memory;

	LWLockInitialize(&gates->lock, shmem_lwlock_tranche());
	for (int i = 0; i < MOST_GATES; i++)
	{
		Gate	   *gate = &gates->gates[i];

		SpinLockInit(&gate->mutex);
		pg_atomic_init_u64(&gate->closed_until, 0);
		pg_atomic_init_u64(&gate->unfinished_at, (uint64) GetCurrentTimestamp());
		pg_atomic_init_u64(&gate->settled_at, 0);
		ConditionVariableInit(&gate->changed);
		ConditionVariableInit(&gate->drained);
	}
}

void
commit_gate_preload(void)
{
	shmem_register("shardext gates", sizeof(Gates), (void **) &all_gates, init_gates);
	shmem_register_per_backend("shardext marks", sizeof(Mark), (void **) &marks);
}

/* The gate of this database; NULL if there are too many databases. */
static Gate *
find_gate(void)
{
	Gate	   *found = NULL;

	LWLockAcquire(&all_gates->lock, LW_EXCLUSIVE);
	for (int i = 0; i < MOST_GATES && (found == NULL || found->database != MyDatabaseId); i++)
	{
		Gate	   *gate = &all_gates->gates[i];

		if (gate->database == MyDatabaseId || (found == NULL && !OidIsValid(gate->database)))
			found = gate;
	}
	if (found != NULL)
		found->database = MyDatabaseId;
	LWLockRelease(&all_gates->lock);
	return found;
}

static void
leave_at_exit(int code, Datum arg)
{
	commit_gate_leave();
	commit_gate_open();
}

/* False: this database has no gate. */
static bool
know_own(void)
{
	if (own_mark != NULL)
		return own_gate != NULL;
	if (marks == NULL || !OidIsValid(MyDatabaseId))
		return false;
	own_mark = &marks[MyProc - ProcGlobal->allProcs];
	own_gate = find_gate();
	if (own_gate != NULL)
		before_shmem_exit(leave_at_exit, (Datum) 0);
	return own_gate != NULL;
}

static bool
is_closed(Gate *gate)
{
	uint64		until = pg_atomic_read_u64(&gate->closed_until);

	return until != 0 && (int64) until > commit_gate_clock();
}

static void
change_waiting(Gate *gate, int by)
{
	SpinLockAcquire(&gate->mutex);
	gate->waiting += by;
	SpinLockRelease(&gate->mutex);
	waiting = by > 0;
}

static void
unmark(Gate *gate)
{
	pg_atomic_write_u32(&own_mark->database, 0);
	marked = false;
	pg_memory_barrier();
	if (pg_atomic_read_u64(&gate->closed_until) != 0)
		ConditionVariableBroadcast(&gate->drained);
}

static void
wait_until_open(Gate *gate)
{
	if (!waiting)
		change_waiting(gate, 1);
	ConditionVariablePrepareToSleep(&gate->changed);
	while (is_closed(gate))
	{
		int64		left = (int64) pg_atomic_read_u64(&gate->closed_until) - commit_gate_clock();

		(void) ConditionVariableTimedSleep(&gate->changed, Max(left / 1000, 1), PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
}

void
commit_gate_enter(void)
{
	if (!TransactionIdIsValid(GetTopTransactionIdIfAny()) || !know_own())
		return;
	for (;;)
	{
		pg_atomic_write_u32(&own_mark->database, MyDatabaseId);
		marked = true;
		pg_memory_barrier();
		if (!is_closed(own_gate))
			break;
		unmark(own_gate);
		wait_until_open(own_gate);
	}
	if (waiting)
	{
		change_waiting(own_gate, -1);
		ConditionVariableBroadcast(&own_gate->changed);
	}
}

void
commit_gate_leave(void)
{
	if (waiting)
		change_waiting(own_gate, -1);
	if (marked)
		unmark(own_gate);
}

void
commit_gate_unfinished(void)
{
	if (marked)
		pg_atomic_write_u64(&own_gate->unfinished_at, (uint64) GetCurrentTimestamp());
}

pg_noreturn static void
raise_time_out(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 errmsg("could not get a snapshot of the whole cluster in time"),
			 errdetail("%s", what),
			 errhint("Repeat the transaction, or raise shardext.snapshot_timeout.")));
}

/* Close the gate if nobody else has, and no commit is still waiting from the last time. */
static bool
try_close(Gate *gate, int lease_ms)
{
	int64		now = commit_gate_clock();
	bool		closed = false;

	SpinLockAcquire(&gate->mutex);
	if (gate->waiting == 0 && (gate->closer == 0 || (int64) pg_atomic_read_u64(&gate->closed_until) <= now))
	{
		gate->closer = MyProcPid;
		pg_atomic_write_u64(&gate->closed_until, (uint64) (now + lease_ms * INT64CONST(1000)));
		closed = true;
	}
	SpinLockRelease(&gate->mutex);
	pg_memory_barrier();
	return closed;
}

static bool
has_marks(void)
{
	for (int i = 0; i < MaxBackends; i++)
		if (pg_atomic_read_u32(&marks[i].database) == MyDatabaseId)
			return true;
	return false;
}

/* Is there a decision of before that moment, and of this cluster, whose part is not known to be committed? */
static bool
has_decisions(TimestampTz before)
{
	char	   *ours = psprintf("shardext:%s:", cluster_require()->cluster_id);
	Oid			types[] = {TIMESTAMPTZOID, TEXTOID};
	Datum		values[] = {TimestampTzGetDatum(before), CStringGetTextDatum(ours)};
	Oid			user;
	int			context;
	bool		found;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(extension_owner(), context | SECURITY_LOCAL_USERID_CHANGE);
	PushActiveSnapshot(GetLatestSnapshot());
	SPI_connect();
	if (SPI_execute_with_args("SELECT 1 FROM shardext.catalog_decision"
							  " WHERE trouble IS NULL AND made <= $1 AND pg_catalog.starts_with(gid, $2)",
							  2, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the decision records");
	found = SPI_processed > 0;
	SPI_finish();
	PopActiveSnapshot();
	SetUserIdAndSecContext(user, context);
	return found;
}

/* With the gate closed and no mark: is really nothing under way? */
static bool
is_settled(Gate *gate)
{
	uint64		unfinished_at = pg_atomic_read_u64(&gate->unfinished_at);

	if (pg_atomic_read_u64(&gate->settled_at) == unfinished_at)
		return true;
	if (has_decisions((TimestampTz) unfinished_at))
		return false;
	pg_atomic_write_u64(&gate->settled_at, unfinished_at);
	return true;
}

static long
left_until(int64 deadline, const char *what)
{
	int64		left = deadline - commit_gate_clock();

	if (left <= 0)
	{
		ConditionVariableCancelSleep();
		commit_gate_open();
		raise_time_out(what);
	}
	return Max(left / 1000, 1);
}

static void
close_and_drain(Gate *gate, int64 deadline, int lease_ms)
{
	ConditionVariablePrepareToSleep(&gate->changed);
	while (!try_close(gate, lease_ms))
	{
		long		left = left_until(deadline, "Another reader has closed the gate of a node.");

		(void) ConditionVariableTimedSleep(&gate->changed, Min(left, NAP_MS), PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
	closing = true;
	ConditionVariablePrepareToSleep(&gate->drained);
	while (has_marks())
		(void) ConditionVariableTimedSleep(&gate->drained, left_until(deadline, "A commit is under way on a node."),
										   PG_WAIT_EXTENSION);
	ConditionVariableCancelSleep();
}

void
commit_gate_close(int patience_ms, int lease_ms)
{
	int64		deadline = commit_gate_clock() + patience_ms * INT64CONST(1000);

	if (!know_own())
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("this database has no gate, which a snapshot of the whole cluster needs"),
				 errdetail("More than %d databases of this server have been written to.", MOST_GATES)));
	if (marked || closing)
		elog(ERROR, "a gate is closed once, and not by a transaction that commits");
	for (;;)
	{
		long		left;

		close_and_drain(own_gate, deadline, lease_ms);
		if (is_settled(own_gate))
			return;
		commit_gate_open();
		left = left_until(deadline, "Committed transactions of a node are not finished on all nodes yet.");
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, Min(left, NAP_MS),
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

void
commit_gate_open(void)
{
	bool		opened = false;

	if (!closing)
		return;
	closing = false;
	SpinLockAcquire(&own_gate->mutex);
	if (own_gate->closer == MyProcPid)
	{
		own_gate->closer = 0;
		pg_atomic_write_u64(&own_gate->closed_until, 0);
		opened = true;
	}
	SpinLockRelease(&own_gate->mutex);
	if (opened)
		ConditionVariableBroadcast(&own_gate->changed);
}
