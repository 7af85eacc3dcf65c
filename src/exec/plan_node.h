/*
 * plan_node.h
 *	  Nodes of ours that plans carry.
 */
#ifndef SHARDEXT_PLAN_NODE_H
#define SHARDEXT_PLAN_NODE_H

#include "postgres.h"
#include "nodes/extensible.h"
#include "nodes/plannodes.h"

/* Called while a plan is copied: fill the new node, whose own header is set, from the old one. */
typedef void (*PlanNodeCopy) (ExtensibleNode *newnode, const ExtensibleNode *oldnode);

/* Make an extensible node known to PostgreSQL, by its name and the size of its struct. At preload. */
extern void plan_node_register(const char *name, Size size, PlanNodeCopy copy);

/*
 * Expressions of a Query as the executor wants them: function OIDs filled in, defaults and named arguments put in their
 * places. What a plan of ours evaluates by itself has not been seen by the planner.
 */
extern List *plan_node_expressions(const List *exprs);

/* Is the node of the plan read once only, from beginning to end? False as well if that is not known. */
extern bool plan_node_is_read_once(const Plan *plan, const Plan *node);

#endif
