/*
 * dxact_peers.c
 *	  The worker's connections to other nodes.
 *
 * A node that does not answer must not delay what concerns others: connections
 * are made side by side, each round of a duty waits for them a moment only, and
 * an attempt that is not through goes on in the next round. While the host itself
 * has not answered, a new attempt begins every ATTEMPT_MS, since TCP asks again
 * at longer and longer intervals.
 *
 *		(none) --want--> attempt --await--> connection --lost, idle--> (none)
 *							 `--failed--> (none), reported once
 */
#include "postgres.h"

#include "base/settings.h"
#include "catalog/node_map.h"
#include "dxact/dxact_internal.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define AWAIT_MS	150
#define SLICE_MS	5
#define ATTEMPT_MS	1500
#define KEEP_IDLE_MS 5000

typedef struct Peer
{
	int			node_id;
	char		name[NAMEDATALEN];
	uint64		generation;		/* of the catalog when the address was looked up */

	/* at most one of them */
	NodeConn   *conn;
	ConnAttempt *attempt;

	int			attempts;
	TimestampTz begun;			/* the attempt */
	TimestampTz wanted;			/* last */
	bool		reported;		/* as unreachable */
} Peer;

static List *peers = NIL;

static Peer *
find(int node_id)
{
	ListCell   *lc;

	foreach(lc, peers)
	{
		Peer	   *peer = lfirst(lc);

		if (peer->node_id == node_id)
			return peer;
	}
	return NULL;
}

static void
let_go(Peer *peer)
{
	if (peer->conn)
		conn_taken_drop(peer->conn);
	if (peer->attempt)
		conn_attempt_drop(peer->attempt);
	peer->conn = NULL;
	peer->attempt = NULL;
}

static void
report(Peer *peer, const char *reason)
{
	if (!peer->reported)
		ereport(LOG,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("the worker cannot reach node \"%s\"", peer->name),
				 errdetail_internal("%s", reason)));
	peer->reported = true;
}

/* An attempt that has had its time without a sign of life makes room for a new one. */
static void
give_up_in_time(Peer *peer)
{
	int			patience = conn_attempt_is_heard(peer->attempt) ?
		Max(setting_connect_timeout, ATTEMPT_MS) : ATTEMPT_MS;

	if (!TimestampDifferenceExceeds(peer->begun, GetCurrentTimestamp(), patience))
		return;
	report(peer, "no answer");
	let_go(peer);
}

static void
begin_attempt(Peer *peer)
{
	const NodeInfo *node = node_by_id(peer->node_id);

	if (node == NULL)
		return;
	strlcpy(peer->name, node->name, sizeof(peer->name));
	peer->generation = catalog_generation();
	peer->begun = GetCurrentTimestamp();
	peer->attempt = conn_attempt_start(node, GetUserNameFromId(extension_owner(), false), peer->attempts++);
}

void
dxact_peer_want(int node_id)
{
	Peer	   *peer = find(node_id);

	if (peer == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		peer = palloc0(sizeof(Peer));
		peer->node_id = node_id;
		peers = lappend(peers, peer);
		MemoryContextSwitchTo(old);
	}
	peer->wanted = GetCurrentTimestamp();
	if (peer->generation != catalog_generation() || (peer->conn && !conn_taken_is_usable(peer->conn)))
		let_go(peer);
	if (peer->attempt)
		give_up_in_time(peer);
	if (peer->conn == NULL && peer->attempt == NULL)
		begin_attempt(peer);
}

/* Look after one attempt; false if it is still under way. */
static bool
go_on(Peer *peer, long timeout_ms)
{
	switch (conn_attempt_poll(peer->attempt, timeout_ms))
	{
		case CONN_PROGRESS_PENDING:
			return false;
		case CONN_PROGRESS_FAILED:
			report(peer, conn_attempt_reason(peer->attempt));
			let_go(peer);
			break;
		case CONN_PROGRESS_DONE:
			peer->conn = conn_attempt_take(peer->attempt);
			peer->attempt = NULL;
			peer->attempts = 0;
			if (peer->reported)
				ereport(LOG,
						(errmsg("the worker has reached node \"%s\" again", peer->name)));
			peer->reported = false;
			break;
	}
	return true;
}

void
dxact_peers_await(void)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), AWAIT_MS);
	bool		pending = true;

	while (pending && GetCurrentTimestamp() < deadline)
	{
		ListCell   *lc;

		pending = false;
		foreach(lc, peers)
		{
			Peer	   *peer = lfirst(lc);

			if (peer->attempt && !go_on(peer, SLICE_MS))
				pending = true;
		}
	}
}

NodeConn *
dxact_peer(int node_id)
{
	Peer	   *peer = find(node_id);

	return peer ? peer->conn : NULL;
}

void
dxact_peer_failed(int node_id, const char *reason)
{
	Peer	   *peer = find(node_id);

	report(peer, reason);
	let_go(peer);
}

/* Connections that nobody has wanted for a while, or whose node may have left, are closed. */
void
dxact_peers_tidy(void)
{
	ListCell   *lc;

	foreach(lc, peers)
	{
		Peer	   *peer = lfirst(lc);

		if (peer->generation == catalog_generation() &&
			!TimestampDifferenceExceeds(peer->wanted, GetCurrentTimestamp(), KEEP_IDLE_MS))
			continue;
		let_go(peer);
		peers = foreach_delete_current(peers, lc);
		pfree(peer);
	}
}
