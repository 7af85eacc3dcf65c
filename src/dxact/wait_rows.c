/*
 * wait_rows.c
 *	  Asking all nodes for their waits.
 *
 * Every node answers with shardext.internal_local_waits: one row per process that
 * waits for a lock and per process it waits for, one per session of its own
 * clients that waits for other nodes.
 */
#include "postgres.h"

#include "base/errors.h"
#include "catalog/node_map.h"
#include "dxact/dxact_internal.h"
#include "dxact/wait_rows.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define READ_WAITS "SELECT * FROM shardext.internal_local_waits"

NodeConn *
wait_peer_connect(int node_id, const char *role_name)
{
	const NodeInfo *node = node_by_id(node_id);

	return node ? conn_try_private(node, role_name, NULL) : NULL;
}

static List *
local_rows(List *rows)
{
	MemoryContext cxt = CurrentMemoryContext;
	int			self = node_self();

	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	if (SPI_execute(READ_WAITS, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the waits of this node");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MemoryContext spi = MemoryContextSwitchTo(cxt);
		WaitRow    *row = palloc(sizeof(WaitRow));

		row->place = self;
		for (int c = 0; c < WAIT_COLUMNS; c++)
			row->values[c] = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, c + 1);
		rows = lappend(rows, row);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	PopActiveSnapshot();
	return rows;
}

static void
cannot_absorb(ConnStream *stream)
{
	elog(ERROR, "nested use of a connection while nodes are asked for waits");
}

/* One answer of a peer: a row, or the end. */
static List *
take_answer(WaitPeer *peer, List *rows)
{
	PGresult   *result = conn_stream_next(&peer->stream);

	for (int r = 0; result != NULL && PQnfields(result) == WAIT_COLUMNS && r < PQntuples(result); r++)
	{
		WaitRow    *row = palloc(sizeof(WaitRow));

		row->place = peer->node_id;
		for (int c = 0; c < WAIT_COLUMNS; c++)
			row->values[c] = PQgetisnull(result, r, c) ? NULL : pstrdup(PQgetvalue(result, r, c));
		rows = lappend(rows, row);
	}
	conn_result_free(result);
	return rows;
}

/* The same; a node that has nothing but an error to say is left out. */
static List *
take_answer_or_fail(WaitPeer *peer, List *rows)
{
	MemoryContext old = CurrentMemoryContext;

	PG_TRY();
	{
		rows = take_answer(peer, rows);
	}
	PG_CATCH();
	{
		int			category = ERRCODE_TO_CATEGORY(geterrcode());

		/* an interrupt of this session is no answer */
		if (category == ERRCODE_OPERATOR_INTERVENTION && geterrcode() != ERRCODE_ADMIN_SHUTDOWN)
			PG_RE_THROW();
		MemoryContextSwitchTo(old);
		FlushErrorState();
		peer->failed = true;
		peer->stream.conn = NULL;
	}
	PG_END_TRY();
	return rows;
}

List *
wait_rows_collect(WaitPeer *peers, int npeers, TimestampTz deadline)
{
	List	   *rows = NIL;
	ConnStream **active = palloc(sizeof(ConnStream *) * Max(npeers, 1));

	for (int i = 0; i < npeers; i++)
	{
		peers[i].stream.absorb = cannot_absorb;
		conn_stream_start(peers[i].conn, &peers[i].stream, READ_WAITS, NULL, true, false);
	}
	rows = local_rows(rows);
	for (;;)
	{
		int			n = 0;
		int			ready;

		for (int i = 0; i < npeers; i++)
			if (peers[i].stream.conn != NULL)
				active[n++] = &peers[i].stream;
		if (n == 0)
			break;
		ready = conn_wait_any_until(active, n, deadline);
		if (ready < 0)
			break;
		rows = take_answer_or_fail((WaitPeer *) ((char *) active[ready] - offsetof(WaitPeer, stream)), rows);
	}
	for (int i = 0; i < npeers; i++)
		if (peers[i].stream.conn != NULL)
		{
			conn_stream_forget(&peers[i].stream);
			peers[i].failed = true;
		}
	pfree(active);
	return rows;
}

static int64
number(const WaitRow *row, WaitColumn column)
{
	return row->values[column] ? pg_strtoint64(row->values[column]) : 0;
}

/* Does the row tell of a session at its own node? */
static bool
is_at_home(const WaitRow *row)
{
	return number(row, WAIT_WAITER_NODE) == row->place;
}

/* The running session that has prepared the transaction; pid 0 if it is gone. */
static SessionName
coordinator_of(List *rows, const char *gid_text)
{
	SessionName nobody = {0, 0};
	DxactGid	gid;
	ListCell   *lc;

	if (gid_text == NULL || !dxact_gid_parse(gid_text, &gid))
		return nobody;
	nobody.node = gid.coordinator;
	foreach(lc, rows)
	{
		const WaitRow *row = lfirst(lc);

		if (row->place == gid.coordinator && is_at_home(row) && row->values[WAIT_WAITER_XID] != NULL &&
			(uint32) number(row, WAIT_WAITER_XID) == (uint32) gid.number)
			return (SessionName)
			{
				row->place, number(row, WAIT_WAITER_PID)
			};
	}
	return nobody;
}

static void
add_edge(WaitGraph *graph, List *rows, const WaitRow *row)
{
	WaitEdge   *edge = &graph->edges[graph->nedges++];

	edge->waiter.node = number(row, WAIT_WAITER_NODE);
	edge->waiter.pid = number(row, WAIT_WAITER_PID);
	edge->place = row->place;
	edge->waiter_process = number(row, WAIT_WAITER_PROCESS);
	edge->blocker_process = number(row, WAIT_BLOCKER_PROCESS);
	edge->wait_start = number(row, WAIT_SINCE);
	edge->waited_ms = number(row, WAIT_WAITED_MS);
	edge->lock = row->values[WAIT_LOCK];
	edge->mode = row->values[WAIT_MODE];
	edge->gid = row->values[WAIT_BLOCKER_GID];
	edge->waiter_role = row->values[WAIT_WAITER_ROLE];
	edge->waiter_statement = row->values[WAIT_WAITER_STATEMENT];
	edge->blocker_role = row->values[WAIT_BLOCKER_ROLE];
	edge->blocker_statement = row->values[WAIT_BLOCKER_STATEMENT];
	if (edge->blocker_process == 0)
		edge->blocker = coordinator_of(rows, edge->gid);
	else
	{
		edge->blocker.node = number(row, WAIT_BLOCKER_NODE);
		edge->blocker.pid = number(row, WAIT_BLOCKER_PID);
	}
}

static void
add_session(WaitGraph *graph, const WaitRow *row)
{
	SessionName name = {row->place, number(row, WAIT_WAITER_PID)};
	WaitSession *session = graph->sessions;

	while (session < graph->sessions + graph->nsessions &&
		   (session->name.pid != name.pid || session->name.node != name.node))
		session++;
	if (session == graph->sessions + graph->nsessions)
	{
		graph->nsessions++;
		session->name = name;
		session->xact_start = number(row, WAIT_XACT_START);
	}
	session->waited_ms = Max(session->waited_ms, number(row, WAIT_WAITED_MS));
}

WaitGraph *
wait_rows_graph(List *rows)
{
	WaitGraph  *graph = palloc0(sizeof(WaitGraph));
	ListCell   *lc;

	graph->edges = palloc0(sizeof(WaitEdge) * Max(list_length(rows), 1));
	graph->sessions = palloc0(sizeof(WaitSession) * Max(list_length(rows), 1));
	foreach(lc, rows)
	{
		const WaitRow *row = lfirst(lc);

		if (row->values[WAIT_LOCK] != NULL)
			add_edge(graph, rows, row);
		if (is_at_home(row))
			add_session(graph, row);
	}
	wait_graph_sort(graph);
	return graph;
}
