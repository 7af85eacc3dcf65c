/*
 * ddl_gate.c
 *	  Keeps clients' BEGIN waiting for a moment while DDL waits for those that
 *	  have begun.
 *
 * Transaction blocks over several nodes are what DDL cannot get its locks for
 * when there are many of them (ddl_locks.c): at any time some have locks on one
 * node and will ask for more on another. With the gate closed on all nodes no
 * new ones come, and those that are there get to their end.
 *
 * The gate is a time in shared memory until which BEGIN waits; nobody has to
 * open it. One closure, however often it is prolonged, lasts CLOSED_MS at most,
 * and the gate then stays open for OPEN_MS, so that nobody can use it to keep
 * others out. Databases share a few gates: a wrong neighbour waits for a moment.
 *
 * What it does not do: single statements are not stopped (they hold a lock
 * before we see them), nor are sessions of other nodes (their transactions have
 * begun elsewhere).
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/latch.h"
#include "storage/spin.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "base/shmem.h"
#include "ddl/ddl_gate.h"

#define GATES		16
#define CLOSED_MS	1500
#define OPEN_MS		750

typedef struct Gate
{
	slock_t		mutex;
	TimestampTz closed_at;		/* start of the present or last closure */
	pg_atomic_uint64 until;		/* TimestampTz; read without the lock */
} Gate;

static Gate *gates = NULL;

static Gate *
my_gate(void)
{
	return &gates[MyDatabaseId % GATES];
}

void
ddl_gate_close(int ms)
{
	Gate	   *gate = my_gate();
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz until;

	SpinLockAcquire(&gate->mutex);
	until = (TimestampTz) pg_atomic_read_u64(&gate->until);
	if (now >= TimestampTzPlusMilliseconds(Max(until, gate->closed_at + CLOSED_MS * INT64CONST(1000)), OPEN_MS))
		gate->closed_at = now;
	until = Min(TimestampTzPlusMilliseconds(now, ms), TimestampTzPlusMilliseconds(gate->closed_at, CLOSED_MS));
	if (until > (TimestampTz) pg_atomic_read_u64(&gate->until))
		pg_atomic_write_u64(&gate->until, (uint64) until);
	SpinLockRelease(&gate->mutex);
}

void
ddl_nap(long ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

void
ddl_gate_pass(void)
{
	Gate	   *gate;
	TimestampTz until;

	if (gates == NULL)
		return;
	gate = my_gate();
	while ((until = (TimestampTz) pg_atomic_read_u64(&gate->until)) != 0)
	{
		TimestampTz now = GetCurrentTimestamp();

		if (until <= now)
			return;
		ddl_nap(Min(TimestampDifferenceMilliseconds(now, until) + 1, 20));
	}
}

static void
init_gates(void *memory)
{
	for (int i = 0; i < GATES; i++)
	{
		Gate	   *gate = &((Gate *) memory)[i];

		SpinLockInit(&gate->mutex);
		pg_atomic_init_u64(&gate->until, 0);
	}
}

void
ddl_gate_preload(void)
{
	shmem_register("shardext DDL gates", sizeof(Gate) * GATES, (void **) &gates, init_gates);
}
