/*
 * worker.c
 *	  The worker of one database: runs the duties while there is a cluster.
 *
 * Ends by itself when the database is no node (any more); holds no lock between
 * duties, so DROP EXTENSION does not wait for it. A duty that fails is reported,
 * its transaction aborted, and called again after a pause that doubles up to
 * MAX_PAUSE_MS; nodes that cannot be reached are part of life: they are reported
 * once and tried again at the usual pace.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/errors.h"
#include "base/fault.h"
#include "catalog/node_map.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"
#include "worker/worker.h"
#include "worker/worker_duties.h"
#include "worker/worker_slots.h"

#define MAX_DUTIES		16
#define MAX_PAUSE_MS	60000

typedef struct DutyState
{
	TimestampTz next_at;
	int			pause_ms;		/* 0: the last call went well */
	bool		unreachable;	/* reported already */
} DutyState;

static DutyState states[MAX_DUTIES];
static MemoryContext duty_cxt;

static void
leave(int code, Datum database)
{
	worker_slot_leave(DatumGetObjectId(database), WORKER_END_CRASHED);
}

/* Is there still something to look after? */
static bool
database_is_node(void)
{
	bool		is_node;

	StartTransactionCommand();
	is_node = cluster_info() != NULL;
	CommitTransactionCommand();
	return is_node;
}

static void
report_failure(const Duty *duty, DutyState *state)
{
	ErrorData  *error;

	MemoryContextSwitchTo(duty_cxt);
	error = CopyErrorData();
	if (error->sqlerrcode != ERRCODE_SX_NODE_UNAVAILABLE)
	{
		EmitErrorReport();
		state->pause_ms = Min(Max(state->pause_ms * 2, duty->interval_ms), MAX_PAUSE_MS);
	}
	else if (!state->unreachable)
	{
		ereport(LOG,
				(errcode(error->sqlerrcode),
				 errmsg("could not %s: %s", duty->name, error->message),
				 error->detail ? errdetail_internal("%s", error->detail) : 0));
		state->unreachable = true;
	}
	FlushErrorState();
}

static void
run_duty(const Duty *duty, DutyState *state)
{
	PG_TRY();
	{
		FAULT_POINT("worker_duty");
		duty->run();
		state->pause_ms = 0;
		state->unreachable = false;
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		report_failure(duty, state);
		AbortOutOfAnyTransaction();
		LWLockReleaseAll();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	state->next_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), Max(duty->interval_ms, state->pause_ms));
	MemoryContextSwitchTo(duty_cxt);
	MemoryContextReset(duty_cxt);
}

/* Run what is due; milliseconds until the next duty is. */
static long
run_due_duties(void)
{
	TimestampTz next = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), MAX_PAUSE_MS);

	for (int i = 0; i < worker_duty_count; i++)
	{
		if (states[i].next_at <= GetCurrentTimestamp())
			run_duty(&worker_duties[i], &states[i]);
		next = Min(next, states[i].next_at);
		CHECK_FOR_INTERRUPTS();
	}
	return Max(TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next), 10);
}

static void
sleep_until_due(long timeout_ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, timeout_ms, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

void
shardext_worker_main(Datum arg)
{
	Oid			database = DatumGetObjectId(arg);

	Assert(worker_duty_count <= MAX_DUTIES);
	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	ConfigReloadPending = true; /* one that came since the fork was ignored */
	BackgroundWorkerUnblockSignals();

	worker_slot_enter(database);
	before_shmem_exit(leave, arg);
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	pgstat_report_appname("shardext worker");
	duty_cxt = AllocSetContextCreate(TopMemoryContext, "shardext duty", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(duty_cxt);

	while (database_is_node())
	{
		long		timeout_ms = run_due_duties();

		pgstat_report_activity(STATE_IDLE, NULL);
		sleep_until_due(timeout_ms);
	}
	worker_slot_leave(database, WORKER_END_NO_CLUSTER);
	proc_exit(0);
}
