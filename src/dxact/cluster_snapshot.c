/*
 * cluster_snapshot.c
 *	  One cut through all nodes for a statement, or for a transaction.
 *
 * A client's session with shardext.snapshot = 'cluster' makes a cut
 *
 *	  READ COMMITTED: for each SELECT without row locks, at ExecutorStart;
 *	  REPEATABLE READ and above: for the transaction, at its first statement.
 *
 *	1. close the gates of all nodes in the order of their numbers; each waits
 *	   until no commit is under way there. Nothing becomes visible anywhere then.
 *	2. take a snapshot on all nodes at once, in the remote transactions
 *	3. look at the clock: the gates are leased
 *	4. open the gates
 *
 * The snapshots are held, here and there, and statements run with them: the
 * executor is given the held one, with the own command counter, in place of
 * the statement's own (which was taken before, for parsing and planning). So
 * isolation levels stay what they are.
 *
 *		NONE --cut--> STATEMENT --its ExecutorEnd--> NONE
 *		NONE --cut--> TRANSACTION --end of the transaction--> NONE
 *
 * Connections that were not there when the cut was made (those of another role,
 * say of a view's owner) have no part in it and are refused.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/transam.h"
#include "access/xact.h"
#include "base/errors.h"
#include "base/fault.h"
#include "base/settings.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "catalog/pg_type.h"
#include "dxact/cluster_snapshot.h"
#include "dxact/commit_gate.h"
#include "dxact/dxact_internal.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "tcop/pquery.h"
#include "utils/lsyscache.h"
#include "utils/portal.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

typedef enum Scope
{
	SCOPE_NONE,
	SCOPE_STATEMENT,
	SCOPE_TRANSACTION
} Scope;

static ExecutorStart_hook_type previous_start = NULL;
static ExecutorEnd_hook_type previous_end = NULL;

static Scope scope = SCOPE_NONE;
static bool cutting = false;
static bool used = false;		/* nodes may hold snapshots of this transaction */
static Snapshot held = NULL;	/* in a forwarded session also without a scope */
static QueryDesc *owner = NULL; /* of a cut for a statement; compared only */

bool
cluster_snapshot_is_held(void)
{
	return scope != SCOPE_NONE;
}

void
cluster_snapshot_check_new(const char *node)
{
	if (scope == SCOPE_NONE || cutting)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("node \"%s\" has no part in the snapshot of the whole cluster", node),
			 errdetail("It was added, or its connection was lost, after the snapshot had been taken."),
			 errhint("Repeat the transaction.")));
}

void
cluster_snapshot_take(void)
{
	cluster_snapshot_drop();
	held = RegisterSnapshotOnOwner(GetLatestSnapshot(), TopTransactionResourceOwner);
	shard_map_hold_snapshot(true);
}

void
cluster_snapshot_drop(void)
{
	if (held != NULL)
		UnregisterSnapshotFromOwner(held, TopTransactionResourceOwner);
	held = NULL;
	shard_map_hold_snapshot(false);
}

/* Every participant lets its snapshot go, with what is sent to it next. */
static void
drop_on_nodes(void)
{
	dlist_iter	iter;

	dlist_foreach(iter, &dxact_participants)
	{
		Participant *participant = dlist_container(Participant, link, iter.cur);

		if (!conn_is_broken(participant->conn))
			conn_queue(participant->conn, false, "SELECT shardext.internal_snapshot_drop()");
	}
}

void
cluster_snapshot_before_end(void)
{
	cluster_snapshot_drop();
	scope = SCOPE_NONE;
	owner = NULL;
	used = false;
}

void
cluster_snapshot_after_abort(void)
{
	/* the resource owner has let the snapshot go, or will */
	held = NULL;
	shard_map_hold_snapshot(false);
	scope = SCOPE_NONE;
	owner = NULL;
	used = false;
	cutting = false;
	commit_gate_open();
}

void
cluster_snapshot_after_level_abort(void)
{
	commit_gate_open();
	cutting = false;
	if (scope == SCOPE_TRANSACTION || session_is_forwarded())
		return;
	cluster_snapshot_drop();
	scope = SCOPE_NONE;
	owner = NULL;
	/* what was queued for that may have been taken out with the level */
	if (used)
		drop_on_nodes();
}

static void
forget_cut(void)
{
	dlist_iter	iter;

	dlist_foreach(iter, &dxact_participants)
		dlist_container(Participant, link, iter.cur)->in_cut = false;
}

/* The statement on all other nodes at once, within the remote transactions. */
static void
on_all_nodes(const char *sql, void (*here) (void))
{
	int			n = 0;
	NodeConn  **conns = palloc(sizeof(NodeConn *) * Max(list_length(node_list()), 1));
	ListCell   *lc;

	foreach(lc, node_list())
	{
		const NodeInfo *node = lfirst(lc);

		if (node->node_id == node_self())
			continue;
		conns[n] = dxact_connection(node->node_id, GetUserId(), DXACT_READ);
		((Participant *) conn_participant(conns[n++]))->in_cut = true;
	}
	dxact_run_at_once(conns, n, sql, here);
	pfree(conns);
}

static int
milliseconds_left(int64 deadline)
{
	return Max((deadline - commit_gate_clock()) / 1000, 1);
}

static void
close_gates(int64 deadline)
{
	ListCell   *lc;

	foreach(lc, node_list())
	{
		const NodeInfo *node = lfirst(lc);
		const Oid	types[] = {INT4OID, INT4OID};
		char		patience[16];
		char		lease[16];
		const char *values[] = {patience, lease};
		ConnParams	params = {.n = 2, .types = types, .values = values};

		if (node->node_id == node_self())
		{
			commit_gate_close(milliseconds_left(deadline), setting_snapshot_timeout);
			continue;
		}
		snprintf(patience, sizeof(patience), "%d", milliseconds_left(deadline));
		snprintf(lease, sizeof(lease), "%d", setting_snapshot_timeout);
		(void) conn_execute(dxact_connection(node->node_id, GetUserId(), DXACT_READ),
							"SELECT shardext.internal_gate_close($1, $2)", &params);
	}
}

static void
make_cut(Scope for_what, QueryDesc *query_desc)
{
	/* each gate is closed later than this, for as long */
	int64		deadline = commit_gate_clock() + setting_snapshot_timeout * INT64CONST(1000);

	cluster_snapshot_drop();
	forget_cut();
	cutting = true;
	used = true;
	close_gates(deadline);
	FAULT_POINT("cluster_snapshot_closed");
	on_all_nodes("SELECT shardext.internal_snapshot_take()", cluster_snapshot_take);
	FAULT_POINT("cluster_snapshot_taken");
	if (commit_gate_clock() >= deadline)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("could not get a snapshot of the whole cluster in time"),
				 errhint("Repeat the transaction, or raise shardext.snapshot_timeout.")));
	on_all_nodes("SELECT shardext.internal_gate_open()", commit_gate_open);
	cutting = false;
	scope = for_what;
	owner = for_what == SCOPE_STATEMENT ? query_desc : NULL;
}

/* Give the executor the held snapshot, with the commands of this transaction that are seen already. */
static void
use_held(QueryDesc *query_desc)
{
	bool		replace = ActiveSnapshotSet() && GetCurrentTransactionNestLevel() == 1;

	/* in a subtransaction the active one may be that of an outer level; parallel workers would get it */
	if (replace)
		PopActiveSnapshot();
	else if (query_desc->plannedstmt->parallelModeNeeded)
	{
		query_desc->plannedstmt = copyObject(query_desc->plannedstmt);
		query_desc->plannedstmt->parallelModeNeeded = false;
	}
	PushCopiedSnapshot(held);
	UpdateActiveSnapshotCommandId();
	UnregisterSnapshot(query_desc->snapshot);
	query_desc->snapshot = RegisterSnapshot(GetActiveSnapshot());
	if (!replace)
		PopActiveSnapshot();
}

/* Does it look at tables other than PostgreSQL's and our own? */
static bool
uses_tables(const PlannedStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->rtable)
	{
		const RangeTblEntry *rte = lfirst(lc);

		if (rte->rtekind == RTE_RELATION && rte->relid >= FirstNormalObjectId &&
			get_rel_namespace(rte->relid) != extension_schema())
			return true;
	}
	return false;
}

/* Is it a SELECT of what is committed, neither for update nor with writes in it? */
static bool
only_reads(const PlannedStmt *stmt)
{
	return stmt->commandType == CMD_SELECT && stmt->rowMarks == NIL && !stmt->hasModifyingCTE;
}

/* Does it run inside the statement that the cut was made for? */
static bool
is_nested(void)
{
	return owner != NULL && ActivePortal != NULL && ActivePortal->queryDesc == owner;
}

static bool
wants_cut(const QueryDesc *query_desc, int eflags)
{
	if (setting_snapshot != SNAPSHOT_CLUSTER || cutting || (eflags & EXEC_FLAG_EXPLAIN_ONLY) != 0 ||
		scope == SCOPE_TRANSACTION || IsParallelWorker())
		return false;
	if (!IsolationUsesXactSnapshot() && (!only_reads(query_desc->plannedstmt) || is_nested()))
		return false;
	return cluster_info() != NULL && uses_tables(query_desc->plannedstmt);
}

static void
start_executor(QueryDesc *query_desc, int eflags)
{
	if (query_desc->snapshot != InvalidSnapshot && (setting_snapshot == SNAPSHOT_CLUSTER || held != NULL))
	{
		if (!session_is_forwarded() && wants_cut(query_desc, eflags))
			make_cut(IsolationUsesXactSnapshot() ? SCOPE_TRANSACTION : SCOPE_STATEMENT, query_desc);
		if (held != NULL && (session_is_forwarded() || scope == SCOPE_TRANSACTION ||
							 (scope == SCOPE_STATEMENT && only_reads(query_desc->plannedstmt))))
			use_held(query_desc);
	}
	if (previous_start)
		previous_start(query_desc, eflags);
	else
		standard_ExecutorStart(query_desc, eflags);
}

static void
end_executor(QueryDesc *query_desc)
{
	if (owner == query_desc && scope == SCOPE_STATEMENT)
	{
		cluster_snapshot_drop();
		scope = SCOPE_NONE;
		owner = NULL;
		drop_on_nodes();
	}
	if (previous_end)
		previous_end(query_desc);
	else
		standard_ExecutorEnd(query_desc);
}

void
cluster_snapshot_preload(void)
{
	previous_start = ExecutorStart_hook;
	ExecutorStart_hook = start_executor;
	previous_end = ExecutorEnd_hook;
	ExecutorEnd_hook = end_executor;
}
