/*
 * node_check.h
 *	  May this server and database become a node, or be one under a new address?
 */
#ifndef SHARDEXT_NODE_CHECK_H
#define SHARDEXT_NODE_CHECK_H

#include "postgres.h"
#include "catalog/node_map.h"

/* One ERROR that names everything that is wrong; returns only when nothing is. */
extern void node_check_candidate(const NodeInfo *candidate);

/* ERROR unless the address leads to the member with this node_id. */
extern void node_check_address(const NodeInfo *node);

#endif
