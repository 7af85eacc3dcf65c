/*
 * plan_node.h
 *	  Nodes of ours that plans carry.
 */
#ifndef SHARDEXT_PLAN_NODE_H
#define SHARDEXT_PLAN_NODE_H

#include "postgres.h"
#include "nodes/extensible.h"

/* Called while a plan is copied: fill the new node, whose own header is set, from the old one. */
typedef void (*PlanNodeCopy) (ExtensibleNode *newnode, const ExtensibleNode *oldnode);

/* Make an extensible node known to PostgreSQL, by its name and the size of its struct. At preload. */
extern void plan_node_register(const char *name, Size size, PlanNodeCopy copy);

#endif
