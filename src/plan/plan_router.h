/*
 * plan_router.h
 *	  The first way: the whole statement goes to one shard.
 */
#ifndef SHARDEXT_PLAN_ROUTER_H
#define SHARDEXT_PLAN_ROUTER_H

#include "plan/plan_way.h"

/* Any statement whose sharded tables all need one shard. */
extern PlannedStmt *plan_router(const PlanInput *input, const Reason **reason);

extern void plan_router_preload(void);

#endif
