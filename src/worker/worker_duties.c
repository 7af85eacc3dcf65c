/*
 * worker_duties.c
 *	  The table of duties, and those that belong to no other folder.
 *
 * A duty is called outside of any transaction and starts its own. It may raise
 * errors: the worker reports them, cleans up and calls again later. It must not
 * wait long for locks: the recovery of prepared transactions, which may hold them, is
 * another duty of the same process.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/catalog_write.h"
#include "catalog/node_map.h"
#include "base/settings.h"
#include "cluster/catalog_image.h"
#include "conn/conn_failures.h"
#include "ddl/index_leftovers.h"
#include "dxact/dxact.h"
#include "miscadmin.h"
#include "move/job_process.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "worker/worker_duties.h"

#define READ_VERSION "SELECT catalog_version FROM shardext.catalog_cluster"

/* How often nodes are tried, and how long an attempt may take. */
#define TRY_EACH_MS		10000
#define TRY_TIMEOUT_MS	2000

static void refresh_map(void);
static void try_nodes(void);

const Duty	worker_duties[] = {
	{.name = "refresh the catalog from the authority", .interval_ms = 1000, .run = refresh_map},
	{.name = "finish distributed transactions", .interval_ms = 500, .run = dxact_recover_duty},
	{.name = "look for deadlocks over several nodes", .interval_ms = 250, .run = dxact_deadlock_duty},
	{.name = "drop indexes that were not finished", .interval_ms = 2000, .run = index_leftovers_duty},
	{.name = "run jobs", .interval_ms = 1000, .run = jobs_duty},
	{.name = "try nodes", .interval_ms = 500, .run = try_nodes},
};
const int	worker_duty_count = lengthof(worker_duties);

#define ANSWER_MS 2000

/* The authority's version of the catalog; 0 if it does not answer. */
static int64
authority_version(NodeConn *conn, int node_id)
{
	char	   *reason = NULL;
	PGresult   *result = conn_ask(conn, READ_VERSION, NULL, ANSWER_MS, &reason);
	int64		version = result && PQntuples(result) == 1 ? pg_strtoint64(PQgetvalue(result, 0, 0)) : 0;

	if (result == NULL)
		dxact_peer_failed(node_id, reason);
	conn_result_free(result);
	return version;
}

/*
 * Take over what the authority has and this node has missed. A change that is
 * under way here (its transaction may be prepared) holds the lock: then it is not
 * missed, and there will be a next time.
 */
static void
refresh_from(const NodeInfo *authority)
{
	NodeConn   *conn;

	dxact_peer_want(authority->node_id);
	dxact_peers_await();
	conn = dxact_peer(authority->node_id);
	if (conn == NULL || authority_version(conn, authority->node_id) <= cluster_require()->catalog_version ||
		!catalog_write_lock_conditional())
		return;
	if (catalog_image_pull(conn))
		ereport(LOG,
				(errmsg("catalog refreshed from node \"%s\"", authority->name)));
}

static void
refresh_map(void)
{
	const ClusterInfo *cluster;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	cluster = cluster_info();
	if (cluster != NULL && cluster->authority != cluster->this_node)
	{
		const NodeInfo *authority = node_by_id(cluster->authority);

		if (authority != NULL)
			refresh_from(authority);
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/* Numbers of the nodes to be tried: the authority tries all, another node those that have failed. */
static List *
nodes_to_try(MemoryContext cxt)
{
	const ClusterInfo *cluster = cluster_info();
	int			nfailures;
	ConnFailure *failures = conn_failures_get(&nfailures);
	List	   *nodes = NIL;
	MemoryContext old;
	ListCell   *lc;

	if (cluster == NULL)
		return NIL;
	old = MemoryContextSwitchTo(cxt);
	foreach(lc, node_list())
	{
		const NodeInfo *node = lfirst(lc);
		bool		wanted = cluster->authority == cluster->this_node;

		for (int i = 0; i < nfailures && !wanted; i++)
			wanted = failures[i].node_id == node->node_id;
		if (wanted && node->node_id != cluster->this_node)
			nodes = lappend_int(nodes, node->node_id);
	}
	MemoryContextSwitchTo(old);
	return nodes;
}

/* Attempts under way; nobody waits for them, so a node that hangs keeps no other duty. In TopMemoryContext. */
typedef struct Try
{
	int			node_id;
	TimestampTz begun;
	ConnAttempt *attempt;
} Try;

static List *tries = NIL;

/* False: still under way. */
static bool
look_after(Try *item)
{
	switch (conn_attempt_poll(item->attempt, 1))
	{
		case CONN_PROGRESS_PENDING:
			if (!TimestampDifferenceExceeds(item->begun, GetCurrentTimestamp(),
											Min(setting_connect_timeout, TRY_TIMEOUT_MS)))
				return false;
			/* FALLTHROUGH */
		case CONN_PROGRESS_FAILED:
			conn_failure_note(item->node_id, conn_attempt_reason(item->attempt));
			break;
		case CONN_PROGRESS_DONE:
			conn_failure_clear(item->node_id);
			break;
	}
	conn_attempt_drop(item->attempt);
	return true;
}

static void
begin_try(int node_id)
{
	const NodeInfo *node = node_by_id(node_id);
	ConnAttempt *attempt = node ? conn_attempt_start(node, GetUserNameFromId(extension_owner(), false), 0) : NULL;
	MemoryContext old;
	Try		   *item;

	if (attempt == NULL)
		return;
	old = MemoryContextSwitchTo(TopMemoryContext);
	item = palloc(sizeof(Try));
	item->node_id = node_id;
	item->begun = GetCurrentTimestamp();
	item->attempt = attempt;
	tries = lappend(tries, item);
	MemoryContextSwitchTo(old);
}

/*
 * shardext.status shall say which nodes do not answer though nobody needs them
 * now, and stop saying it when they do.
 */
static void
try_nodes(void)
{
	static TimestampTz next = 0;
	ListCell   *lc;

	foreach(lc, tries)
	{
		Try		   *item = lfirst(lc);

		if (!look_after(item))
			continue;
		tries = foreach_delete_current(tries, lc);
		pfree(item);
	}
	if (tries != NIL || GetCurrentTimestamp() < next)
		return;
	next = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), TRY_EACH_MS);
	StartTransactionCommand();
	foreach(lc, nodes_to_try(CurrentMemoryContext))
		begin_try(lfirst_int(lc));
	CommitTransactionCommand();
}
