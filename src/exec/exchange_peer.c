/*
 * exchange_peer.c
 *	  Fetches rows of an exchange from the nodes on which they lie.
 *
 * The node that carries out a part of a statement connects to the others as
 * the role the part runs as, and proves that it is a node, as for any connection
 * between nodes. What it asks for is on the disk there already: the
 * session it opens takes no part in any transaction, takes no locks and waits for
 * nobody. One connection for each node serves the whole transaction; it is
 * closed at its end, or after an error.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/errors.h"
#include "catalog/node_map.h"
#include "exec/exchange_peer.h"

#define FETCH_TEXT	"SELECT shardext.internal_exchange_fetch($1, $2)"

typedef struct Peer
{
	int			node_id;
	Oid			role;
	NodeConn   *conn;
} Peer;

/* Connections of this transaction, and the memory that holds them; NULL: none. */
static MemoryContext peers_cxt = NULL;
static List *peers = NIL;

void
exchange_peers_close(void)
{
	MemoryContext cxt = peers_cxt;

	peers = NIL;
	peers_cxt = NULL;
	/* closes them */
	if (cxt != NULL)
		MemoryContextDelete(cxt);
}

static NodeConn *
peer_connection(int node_id)
{
	Oid			role = GetUserId();
	const NodeInfo *node = node_by_id(node_id);
	MemoryContext outer;
	Peer	   *peer;
	ListCell   *lc;

	foreach(lc, peers)
	{
		peer = (Peer *) lfirst(lc);
		if (peer->node_id == node_id && peer->role == role)
			return peer->conn;
	}
	if (node == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SX_CATALOG_MISMATCH),
				 errmsg("node %d is not a member of the cluster", node_id),
				 errdetail("It has left the cluster, or this node has not heard of it yet."),
				 errhint("Run the statement again.")));
	if (peers_cxt == NULL)
		peers_cxt = AllocSetContextCreate(TopMemoryContext, "shardext exchange connections", ALLOCSET_SMALL_SIZES);
	outer = MemoryContextSwitchTo(peers_cxt);
	peer = palloc0(sizeof(Peer));
	peer->node_id = node_id;
	peer->role = role;
	peer->conn = conn_open_private(node, GetUserNameFromId(role, false));
	peers = lappend(peers, peer);
	MemoryContextSwitchTo(outer);
	return peer->conn;
}

/* Nobody else uses these connections. */
static void
absorb(ConnStream *stream)
{
	elog(ERROR, "rows of an exchange are in the way of another question");
}

/* "{1,2,3}"; NULL: all. */
static char *
array_of(const Bitmapset *set)
{
	StringInfoData out;
	int			member = -1;

	if (set == NULL)
		return NULL;
	initStringInfo(&out);
	while ((member = bms_next_member(set, member)) >= 0)
		appendStringInfo(&out, "%c%d", out.len == 0 ? '{' : ',', member);
	appendStringInfoChar(&out, '}');
	return out.data;
}

static void
ask(PeerFetch *fetch, const char *shards)
{
	Oid			types[2] = {BYTEAOID, INT4ARRAYOID};
	const char *values[2] = {fetch->names.data, shards};
	int			lengths[2] = {fetch->names.len, shards != NULL ? (int) strlen(shards) : 0};
	int			formats[2] = {1, 0};
	ConnParams	params = {2, types, values, lengths, formats};

	fetch->stream.absorb = absorb;
	conn_stream_start(peer_connection(fetch->node_id), &fetch->stream, FETCH_TEXT, &params, false, true);
}

void
exchange_peers_ask(List *fetches, const Bitmapset *shards)
{
	char	   *text = array_of(shards);
	ListCell   *lc;

	foreach(lc, fetches)
		ask((PeerFetch *) lfirst(lc), text);
}

static void
read_stream(ConnStream *stream, RowPackReader *packs, Tuplestorestate *store)
{
	PGresult   *result;

	while ((result = conn_stream_next(stream)) != NULL)
	{
		for (int i = 0; i < PQntuples(result); i++)
			row_pack_reader_read(packs, PQgetvalue(result, i, 0), PQgetlength(result, i, 0), store);
		conn_result_free(result);
	}
}

void
exchange_peers_read(List *fetches, RowPackReader *packs, Tuplestorestate *store)
{
	ListCell   *lc;

	foreach(lc, fetches)
		read_stream(&((PeerFetch *) lfirst(lc))->stream, packs, store);
}
