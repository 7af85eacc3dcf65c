/*
 * dxact_deadlock.c
 *	  Deadlocks over several nodes: a duty of the worker.
 *
 *	1. Has a session of this node, or a process that waits for a lock here, been
 *	   waiting for deadlock_timeout? A look at shared memory; mostly it ends here.
 *	2. Does that wait concern other nodes at all? What lies within one
 *	   node PostgreSQL finds by itself.
 *	3. All nodes are asked for their waits. If a session of this node's clients is
 *	   the youngest in a circle, all are asked once more: when each of the circle's
 *	   waits has lasted from one answer to the next, all of them were
 *	   there at the moment between, so the circle is none of waits that never met.
 *	4. The victim's own wait is ended, on the node where it waits: 40P01 there, which
 *	   reaches the client the usual way.
 *
 * Each node looks for victims among its own clients' sessions only. Nothing is
 * kept between calls.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/node_map.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "dxact/dxact_internal.h"
#include "dxact/lock_waits.h"
#include "dxact/wait_rows.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* How long nodes may take to answer. */
#define ANSWER_MS			1000
/* Of a statement, in the DETAIL. */
#define STATEMENT_LENGTH	300

/* Connections to the other nodes, as far as there are any at the moment; their number. */
static int
connect_peers(WaitPeer *peers)
{
	int			n = 0;
	ListCell   *lc;

	foreach(lc, node_list())
		if (((NodeInfo *) lfirst(lc))->node_id != node_self())
			dxact_peer_want(((NodeInfo *) lfirst(lc))->node_id);
	dxact_peers_await();
	foreach(lc, node_list())
	{
		int			node_id = ((NodeInfo *) lfirst(lc))->node_id;
		NodeConn   *conn = node_id == node_self() ? NULL : dxact_peer(node_id);

		if (conn == NULL)
			continue;
		peers[n].node_id = node_id;
		peers[n++].conn = conn;
	}
	return n;
}

/* The waits of this node and of all that answer in time. */
static WaitGraph *
ask_all(void)
{
	WaitPeer   *peers = palloc0(sizeof(WaitPeer) * Max(list_length(node_list()), 1));
	int			n = connect_peers(peers);
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ANSWER_MS);
	List	   *rows = NIL;

	PG_TRY();
	{
		rows = wait_rows_collect(peers, n, deadline);
	}
	PG_CATCH();
	{
		for (int i = 0; i < n; i++)
			dxact_peer_failed(peers[i].node_id, "it was asked for its waits in vain");
		PG_RE_THROW();
	}
	PG_END_TRY();
	for (int i = 0; i < n; i++)
		if (peers[i].failed)
			dxact_peer_failed(peers[i].node_id, "it has not told its waits in time");
	return wait_rows_graph(rows);
}

static SessionName
named(SessionName name)
{
	if (name.node == 0)
		name.node = node_self();
	return name;
}

/* Have sessions waited for long for something that other nodes may know more of? */
static bool
concerns_others(TimestampTz since)
{
	List	   *waits = lock_waits_collect();
	List	   *away = lock_waits_away();
	WaitGraph	graph = {0};
	ListCell   *lc;

	graph.edges = palloc0(sizeof(WaitEdge) * Max(list_length(waits), 1));
	graph.sessions = palloc0(sizeof(WaitSession) * Max(list_length(away), 1));
	foreach(lc, away)
	{
		const AwaySession *session = lfirst(lc);

		if (session->since < since)
			return true;
		graph.sessions[graph.nsessions++].name = named(session->name);
	}
	foreach(lc, waits)
	{
		const LocalWait *wait = lfirst(lc);
		WaitEdge   *edge = &graph.edges[graph.nedges++];

		edge->waiter = named(wait->waiter);
		edge->blocker = named(wait->blocker);
		edge->blocker_process = wait->blocker_process;
	}
	wait_graph_sort(&graph);
	foreach(lc, waits)
	{
		const LocalWait *wait = lfirst(lc);

		if (wait->since < since && wait->waiter.node == 0 &&
			wait_graph_leads_away(&graph, named(wait->waiter), node_self()))
			return true;
	}
	return false;
}

/* May the victim's role see what the other's session runs? As in pg_stat_activity. */
static bool
may_see(const char *victim, const char *other)
{
	Oid			victim_role = victim ? get_role_oid(victim, true) : InvalidOid;
	Oid			other_role = other ? get_role_oid(other, true) : InvalidOid;

	if (!OidIsValid(victim_role))
		return false;
	return has_privs_of_role(victim_role, ROLE_PG_READ_ALL_STATS) ||
		(OidIsValid(other_role) && has_privs_of_role(victim_role, other_role));
}

static void
append_statement(StringInfo text, const char *victim, const WaitEdge *edge)
{
	const char *statement = edge->waiter_statement ? edge->waiter_statement : "";
	int			length = strlen(statement);
	int			shown = pg_mbcliplen(statement, length, STATEMENT_LENGTH);

	appendStringInfo(text, "\nSession %d of node \"%s\" runs on node \"%s\": ", edge->waiter.pid,
					 node_name(edge->waiter.node), node_name(edge->place));
	if (victim != NULL && !may_see(victim, edge->waiter_role))
		appendStringInfoString(text, "<insufficient privilege>");
	else
		appendStringInfo(text, "%.*s%s", shown, statement, shown < length ? "..." : "");
}

/* Nodes, waits and statements of a circle; victim NULL: all statements, for the log. */
static char *
describe(const WaitGraph *graph, const int *circle, int length, const char *victim)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < length; i++)
	{
		const WaitEdge *edge = &graph->edges[circle[i]];

		if (i > 0)
			appendStringInfoChar(&text, '\n');
		appendStringInfo(&text, "Session %d of node \"%s\" waits on node \"%s\" for %s on %s;", edge->waiter.pid,
						 node_name(edge->waiter.node), node_name(edge->place), edge->mode, edge->lock);
		appendStringInfo(&text, " blocked by %ssession %d of node \"%s\".",
						 edge->blocker_process == 0 ? "what was prepared for " : "",
						 edge->blocker.pid, node_name(edge->blocker.node));
	}
	for (int i = 0; i < length; i++)
		append_statement(&text, victim, &graph->edges[circle[i]]);
	return text.data;
}

static bool
end_wait_there(const WaitEdge *edge, const char *detail)
{
	const Oid	types[] = {INT4OID, INT8OID, TEXTOID};
	char		process[16];
	char		since[32];
	const char *values[] = {process, since, detail};
	ConnParams	params = {.n = 3, .types = types, .values = values};
	NodeConn   *conn = dxact_peer(edge->place);
	PGresult   *result;
	bool		ended;

	if (conn == NULL)
		return false;
	snprintf(process, sizeof(process), "%d", edge->waiter_process);
	snprintf(since, sizeof(since), INT64_FORMAT, edge->wait_start);
	result = conn_query(conn, "SELECT shardext.internal_end_lock_wait($1, $2, $3)", &params);
	ended = strcmp(PQgetvalue(result, 0, 0), "t") == 0;
	conn_result_free(result);
	return ended;
}

static bool
break_circle(const WaitGraph *graph, const int *circle, int length)
{
	const WaitEdge *edge = &graph->edges[circle[0]];
	char	   *detail = describe(graph, circle, length, edge->waiter_role ? edge->waiter_role : "");
	bool		ended;

	if (edge->place == node_self())
		ended = lock_wait_end(edge->waiter_process, edge->wait_start, detail);
	else
		ended = end_wait_there(edge, detail);
	if (ended)
		ereport(LOG,
				(errcode(ERRCODE_T_R_DEADLOCK_DETECTED),
				 errmsg("deadlock over several nodes: the transaction of session %d is ended", edge->waiter.pid),
				 errdetail_internal("%s", describe(graph, circle, length, NULL))));
	return ended;
}

static void
look_for_victims(void)
{
	for (;;)
	{
		WaitGraph  *first = ask_all();
		WaitGraph  *second;
		int		   *circle;
		int			length = wait_graph_find_victim(first, node_self(), DeadlockTimeout, &circle);

		if (length == 0)
			return;
		second = ask_all();
		for (int i = 0; i < length; i++)
			if (!wait_graph_confirms(second, &first->edges[circle[i]]))
				return;
		if (!break_circle(first, circle, length))
			return;
		CHECK_FOR_INTERRUPTS();
	}
}

void
dxact_deadlock_duty(void)
{
	TimestampTz since = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), -DeadlockTimeout);

	if (!lock_waits_exist(since))
		return;
	StartTransactionCommand();
	if (cluster_info() != NULL && concerns_others(since))
		look_for_victims();
	CommitTransactionCommand();
}
