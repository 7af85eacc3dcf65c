/*
 * exchange_peer.h
 *	  Fetches rows of an exchange from the nodes on which they lie.
 */
#ifndef SHARDEXT_EXCHANGE_PEER_H
#define SHARDEXT_EXCHANGE_PEER_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"
#include "utils/tuplestore.h"

#include "conn/conn.h"
#include "exec/row_pack.h"

/* What is fetched from one node. */
typedef struct PeerFetch
{
	ConnStream	stream;			/* first */
	int			node_id;
	StringInfoData names;		/* of files, one after the other */
} PeerFetch;

/*
 * Ask all nodes at once for the rows of these shards (NULL: all); read must follow, in the same memory context,
 * before anything else is asked. After an error of these, or between them, the connections must be closed. fetches:
 * of PeerFetch *, one for each node.
 */
extern void exchange_peers_ask(List *fetches, const Bitmapset *shards);
extern void exchange_peers_read(List *fetches, RowPackReader *packs, Tuplestorestate *store);

/* All connections there are. */
extern void exchange_peers_close(void);

#endif
