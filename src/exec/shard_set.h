/*
 * shard_set.h
 *	  The set of shards that a list of key expressions names at execution.
 */
#ifndef SHARDEXT_SHARD_SET_H
#define SHARDEXT_SHARD_SET_H

#include "postgres.h"
#include "nodes/bitmapset.h"
#include "nodes/execnodes.h"
#include "nodes/pg_list.h"

/*
 * The shard in which rows with these key values lie, for the spec of relid
 * (InvalidOid: the id layout). ROUTE_NO_SHARD when no row can have them: a
 * NULL, or a value outside the strategy's domain.
 */
extern int	shard_set_find(Oid relid, int nkeys, const Datum *values, const bool *nulls, const Oid *types);

/*
 * Union over all keys: relids[i] is the spec of key i, which takes the next
 * lengths[i] of the expression states.
 */
extern Bitmapset *shard_set_eval(List *relids, List *lengths, List *expr_states, ExprContext *econtext);

/* All shards of the cluster. */
extern Bitmapset *shard_set_all(void);

/* Of the set, those whose owner by the map is this node (for INSERTs that are free to choose a shard). */
extern Bitmapset *shard_set_of_node(const Bitmapset *shards, int node_id);

/* Names of the owners of the shards, by node id. */
extern List *shard_set_owners(const Bitmapset *shards);

/* As an int list, which plans can hold. */
extern List *shard_set_list(const Bitmapset *shards);

/* How many give rows of their own when all are asked: the shards of this node one by one, and each other node. */
extern int	shard_set_givers(void);

#endif
