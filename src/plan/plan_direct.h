/*
 * plan_direct.h
 *	  A SELECT of one known shard of this node: PostgreSQL's own plan of it, with
 *	  nothing of ours around.
 */
#ifndef SHARDEXT_PLAN_DIRECT_H
#define SHARDEXT_PLAN_DIRECT_H

#include "plan/plan_way.h"

/* The plan, or NULL: the statement is not of this kind. It is checked again when it starts. */
extern PlannedStmt *plan_direct(const PlanInput *input);

/* replan: a plan of the same statement by one of the other ways, for when the shard is no longer here. */
extern void plan_direct_preload(PlannedStmt *(*replan) (PlanInput *input));

#endif
