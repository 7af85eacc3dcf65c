/*
 * plan_insert.h
 *	  INSERT of rows of many shards into a sharded table: rows are computed
 *	  here, each goes to its shard.
 */
#ifndef SHARDEXT_PLAN_INSERT_H
#define SHARDEXT_PLAN_INSERT_H

#include "plan/plan_way.h"

/* For CMD_INSERT whose target is a sharded table. */
extern PlannedStmt *plan_insert(const PlanInput *input, const Reason **reason);

/* For what another node's Shard Insert has sent: rows for shards of this node. */
extern PlannedStmt *plan_insert_here(const PlanInput *input, const Reason **reason);

/* The same for a reference table: every row on every node, computed once. */
extern PlannedStmt *plan_insert_everywhere(const PlanInput *input, const Reason **reason);

#endif
