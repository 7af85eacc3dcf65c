/*
 * node_region.h
 *	  Where rows may go: a logical shard does not leave the region of its node.
 */
#ifndef SHARDEXT_NODE_REGION_H
#define SHARDEXT_NODE_REGION_H

#include "postgres.h"
#include "catalog/node_map.h"

extern bool node_region_is_same(const NodeInfo *a, const NodeInfo *b);

/* May shards of one node be moved to the other? From a node without a label, to any. */
extern bool node_region_allows(const NodeInfo *from, const NodeInfo *to);

/* ERROR SX005 if not. */
extern void node_region_require(const NodeInfo *from, const NodeInfo *to);

#endif
