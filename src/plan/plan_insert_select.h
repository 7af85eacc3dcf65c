/*
 * plan_insert_select.h
 *	  INSERT .. SELECT whose rows stay in the shards that they are read from.
 */
#ifndef SHARDEXT_PLAN_INSERT_SELECT_H
#define SHARDEXT_PLAN_INSERT_SELECT_H

#include "postgres.h"
#include "plan/plan_way.h"

/* For CMD_INSERT whose target is a sharded table. */
extern PlannedStmt *plan_insert_select(const PlanInput *input, const Reason **reason);

/*
 * Does the statement, run in each shard over that shard's rows, insert the same rows as all at once, each in the shard
 * where it belongs?
 */
extern bool insert_select_stays(Query *query);

#endif
