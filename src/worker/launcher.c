/*
 * launcher.c
 *	  Keeps one worker in every database that is a node of a cluster, and gets
 *	  workers out of the way of commands that need a database for themselves.
 *
 * The launcher looks at pg_database every few seconds, and at once when a database
 * becomes a node. Which databases are nodes only a process inside one can see: so a
 * worker is started in each, and ends at once where there is nothing to do
 * (worker_slots.c says when it is tried again).
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "base/pg_compat.h"
#include "catalog/pg_database.h"
#include "cluster/cluster.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"
#include "worker/worker.h"
#include "worker/worker_slots.h"

#define LOOK_MS			1000
#define INVALID_CONNLIMIT	(-2)	/* datconnlimit of a half dropped database */
#define LAUNCHER_RESTART_SECONDS 1

static ProcessUtility_hook_type previous_utility_hook = NULL;

/* Databases that may be nodes, in CurrentMemoryContext. */
static Oid *
list_databases(int *n)
{
	MemoryContext caller_cxt = CurrentMemoryContext;
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;
	Oid		   *databases = palloc(16 * sizeof(Oid));
	int			room = 16;

	*n = 0;
	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);

		if (!database->datallowconn || database->datistemplate || database->datconnlimit == INVALID_CONNLIMIT)
			continue;
		if (*n == room)
			databases = repalloc(databases, (room *= 2) * sizeof(Oid));
		databases[(*n)++] = database->oid;
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller_cxt);
	return databases;
}

static void
start_worker(Oid database)
{
	static bool reported = false;
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_main_arg = ObjectIdGetDatum(database),
	};
	BackgroundWorkerHandle *handle;

	snprintf(worker.bgw_name, BGW_MAXLEN, "shardext worker for database %u", database);
	snprintf(worker.bgw_type, BGW_MAXLEN, "shardext worker");
	snprintf(worker.bgw_library_name, sizeof(worker.bgw_library_name), "shardext");
	snprintf(worker.bgw_function_name, BGW_MAXLEN, "shardext_worker_main");
	if (!RegisterDynamicBackgroundWorker(&worker, &handle) && !reported)
	{
		ereport(LOG,
				(errmsg("could not start a worker for database %u", database),
				 errhint("Raise max_worker_processes by the number of databases that are nodes.")));
		reported = true;
	}
}

static void
look_around(void)
{
	int			n;
	Oid		   *databases = list_databases(&n);
	TimestampTz now = GetCurrentTimestamp();

	worker_slots_forget_others(n, databases);
	for (int i = 0; i < n; i++)
		if (worker_slot_claim(databases[i], now))
			start_worker(databases[i]);
}

void
shardext_launcher_main(Datum arg)
{
	MemoryContext look_cxt;

	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	ConfigReloadPending = true; /* one that came since the fork was ignored */
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	worker_slots_set_launcher(MyLatch);
	look_cxt = AllocSetContextCreate(TopMemoryContext, "shardext launcher", ALLOCSET_DEFAULT_SIZES);

	for (;;)
	{
		MemoryContextSwitchTo(look_cxt);
		look_around();
		MemoryContextReset(look_cxt);
		pgstat_report_activity(STATE_IDLE, NULL);

		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, LOOK_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
	}
}

static const char *
option_value(List *options, const char *name)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *option = lfirst(lc);

		if (strcmp(option->defname, name) == 0 && option->arg != NULL)
			return defGetString(option);
	}
	return NULL;
}

/* Name of the database that a command needs without other sessions, or NULL. */
static const char *
database_needed(Node *command)
{
	if (IsA(command, DropdbStmt))
		return ((DropdbStmt *) command)->dbname;
	if (IsA(command, CreatedbStmt))
		return option_value(((CreatedbStmt *) command)->options, "template");
	if (IsA(command, AlterDatabaseStmt) &&
		option_value(((AlterDatabaseStmt *) command)->options, "tablespace") != NULL)
		return ((AlterDatabaseStmt *) command)->dbname;
	if (IsA(command, RenameStmt) && ((RenameStmt *) command)->renameType == OBJECT_DATABASE)
		return ((RenameStmt *) command)->subname;
	return NULL;
}

static void
make_way(PlannedStmt *pstmt, const char *query_string, bool read_only_tree, ProcessUtilityContext context,
		 ParamListInfo params, QueryEnvironment *query_env, DestReceiver *dest, QueryCompletion *completion)
{
	const char *name = database_needed(pstmt->utilityStmt);
	Oid			database = name ? get_database_oid(name, true) : InvalidOid;

	/* who may not have the database gets PostgreSQL's error, and the worker stays */
	if (OidIsValid(database) && context == PROCESS_UTILITY_TOPLEVEL &&
		sx_database_ownercheck(database, GetUserId()))
		worker_slot_stop(database);
	if (previous_utility_hook)
		previous_utility_hook(pstmt, query_string, read_only_tree, context, params, query_env, dest, completion);
	else
		standard_ProcessUtility(pstmt, query_string, read_only_tree, context, params, query_env, dest, completion);
}

void
worker_preload(void)
{
	BackgroundWorker launcher = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = LAUNCHER_RESTART_SECONDS,
	};

	worker_slots_preload();
	cluster_joined_hook = worker_slot_request;
	previous_utility_hook = ProcessUtility_hook;
	ProcessUtility_hook = make_way;
	if (IsBinaryUpgrade)
		return;
	snprintf(launcher.bgw_name, BGW_MAXLEN, "shardext launcher");
	snprintf(launcher.bgw_type, BGW_MAXLEN, "shardext launcher");
	snprintf(launcher.bgw_library_name, sizeof(launcher.bgw_library_name), "shardext");
	snprintf(launcher.bgw_function_name, BGW_MAXLEN, "shardext_launcher_main");
	RegisterBackgroundWorker(&launcher);
}
