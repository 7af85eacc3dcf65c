/*
 * shard_places.h
 *	  WHERE ctid = ... in a statement over several shards: each looks for its own rows.
 */
#ifndef SHARDEXT_SHARD_PLACES_H
#define SHARDEXT_SHARD_PLACES_H

#include "postgres.h"
#include "nodes/params.h"
#include "nodes/primnodes.h"

/* What a fragment compares the ctid with. places: an array; constants and parameters only. */
extern Node *shard_places_call(Node *places);

/* The places, if the node is such a call; else NULL. */
extern Node *shard_places_of(const Node *node);

/* An array of the ctids in a shard that are among them. statement (or NULL): values of parameters. */
extern Datum shard_places_part(const Node *places, ParamListInfo statement, int shard);

#endif
