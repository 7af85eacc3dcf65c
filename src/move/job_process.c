/*
 * job_process.c
 *	  The processes that run jobs.
 *
 * Each is a dynamic background worker that holds an advisory lock on its job while
 * it runs, so there are never two. The worker of the database looks every two
 * seconds whether all jobs that have not ended have one; that also covers
 * crashes and restarts.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/errors.h"
#include "catalog/node_map.h"
#include "cluster/cluster.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "move/job_process.h"
#include "move/job_store.h"
#include "move/move_link.h"
#include "move/move_steps.h"
#include "move/place_run.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

/* The advisory lock space of ours, as in shard_map.c, another class. */
#define JOB_LOCK_SPACE	6
#define JOB_LOCK_CLASS	2

static List *to_start = NIL;	/* int64 *, in TopTransactionContext */

static bool
lock_job(int64 job, bool keep)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, JOB_LOCK_CLASS, (uint32) (job % JOB_NODE_FACTOR), JOB_LOCK_SPACE);
	if (LockAcquire(&tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		return false;
	if (!keep)
		(void) LockRelease(&tag, ExclusiveLock, true);
	return true;
}

static void
start_process(int64 job)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId),
	};
	BackgroundWorkerHandle *handle;

	snprintf(worker.bgw_name, BGW_MAXLEN, "shardext job " INT64_FORMAT, job);
	snprintf(worker.bgw_type, BGW_MAXLEN, "shardext job");
	snprintf(worker.bgw_library_name, sizeof(worker.bgw_library_name), "shardext");
	snprintf(worker.bgw_function_name, BGW_MAXLEN, "shardext_job_main");
	memcpy(worker.bgw_extra, &job, sizeof(job));
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		ereport(LOG,
				(errmsg("could not start a process for job " INT64_FORMAT, job),
				 errhint("Raise max_worker_processes.")));
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	ListCell   *lc;

	if (event == XACT_EVENT_COMMIT)
	{
		foreach(lc, to_start)
			start_process(*(int64 *) lfirst(lc));
	}
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		to_start = NIL;
}

void
job_start_at_commit(int64 job)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	int64	   *number = palloc(sizeof(int64));

	*number = job;
	to_start = lappend(to_start, number);
	MemoryContextSwitchTo(old);
}

void
jobs_duty(void)
{
	ListCell   *lc;

	foreach(lc, jobs_to_run())
	{
		int64		job = *(int64 *) lfirst(lc);

		if (lock_job(job, false))
			start_process(job);
	}
}

ErrorData *
job_error_take(MemoryContext cxt)
{
	ErrorData  *error;

	HOLD_INTERRUPTS();
	MemoryContextSwitchTo(cxt);
	error = CopyErrorData();
	EmitErrorReport();
	FlushErrorState();
	AbortOutOfAnyTransaction();
	MemoryContextSwitchTo(cxt);
	RESUME_INTERRUPTS();
	return error;
}

static void
wait_a_while(long wait_ms)
{
	if (wait_ms > 0)
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, wait_ms, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

static void
begin_again(int64 number)
{
	Job		   *job = job_load(number);

	if (job != NULL && strcmp(job->kind, "move") == 0)
		move_resume(job);
}

PGDLLEXPORT void shardext_job_main(Datum arg);

void
shardext_job_main(Datum arg)
{
	MemoryContext step_cxt;
	int64		number;
	bool		goes_on = true;

	memcpy(&number, MyBgworkerEntry->bgw_extra, sizeof(number));
	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	ConfigReloadPending = true; /* one that came since the fork was ignored */
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(arg), InvalidOid, 0);
	pgstat_report_appname(MyBgworkerEntry->bgw_name);
	if (!lock_job(number, true))
		proc_exit(0);
	step_cxt = AllocSetContextCreate(TopMemoryContext, "shardext job", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(step_cxt);
	begin_again(number);
	while (goes_on)
	{
		long		wait_ms;
		Job		   *job;

		MemoryContextSwitchTo(step_cxt);
		MemoryContextReset(step_cxt);
		job = job_load(number);
		if (job == NULL || strcmp(job->state, "done") == 0)
			break;
		goes_on = strcmp(job->kind, "move") == 0 ? move_advance(job, &wait_ms) : place_advance(job, &wait_ms);
		pgstat_report_activity(STATE_IDLE, NULL);
		if (goes_on)
			wait_a_while(wait_ms);
	}
	move_links_forget();
	proc_exit(0);
}

void
job_process_preload(void)
{
	RegisterXactCallback(at_transaction_end, NULL);
	cluster_leaving_hook = jobs_require_none;
}
