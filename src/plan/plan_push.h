/*
 * plan_push.h
 *	  PostgreSQL's own plan over what the shards carry out.
 */
#ifndef SHARDEXT_PLAN_PUSH_H
#define SHARDEXT_PLAN_PUSH_H

#include "plan/plan_way.h"

/* A statement that reads sharded tables over many shards: what can be is done in the shards, the rest here. */
extern PlannedStmt *plan_push_levels(const PlanInput *input);

/* The same for the rows that an INSERT, or a SELECT of what it writes, takes from a sub-SELECT. Changes query. */
extern PlannedStmt *plan_push_source(const PlanInput *input, Query *query);

/*
 * The same for what an UPDATE, DELETE or MERGE of rows of shards or of a reference table reads beside the table that it
 * writes. Changes query.
 */
extern PlannedStmt *plan_push_beside(const PlanInput *input, Query *query);

/*
 * A SELECT that another node has sent with a note of shards: over these shards
 * only, which are here. NULL, and why it would mean something else shard by shard.
 */
extern PlannedStmt *plan_push_noted(const PlanInput *input, const Reason **reason);

#endif
