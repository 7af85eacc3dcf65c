/*
 * copy_hold.h
 *	  Shards that a COPY is going to write on another node: locked there before
 *	  the first row is sent.
 */
#ifndef SHARDEXT_COPY_HOLD_H
#define SHARDEXT_COPY_HOLD_H

#include "postgres.h"

#include "conn/conn.h"
#include "fmgr.h"
#include "nodes/bitmapset.h"

/*
 * Has the node lock the table's part of one shard (ROUTE_NO_SHARD: of all that
 * it owns) until the transaction ends: what it has locked, and owns. What it
 * says of a shard that it does not own is taken as a hint.
 */
extern Bitmapset *copy_hold_there(NodeConn *conn, const char *relation, int shard);

/* The node's side: rows (shard, owner, version), owner being itself if it is held. */
extern void copy_hold_here(FunctionCallInfo fcinfo, Oid relid, int shard);

#endif
