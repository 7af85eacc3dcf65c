/*
 * plan_with.h
 *	  WITH clauses that write: each becomes a statement of its own.
 */
#ifndef SHARDEXT_PLAN_WITH_H
#define SHARDEXT_PLAN_WITH_H

#include "postgres.h"
#include "plan/plan_way.h"

/* For statements with a WITH clause that writes. */
extern PlannedStmt *plan_with(const PlanInput *input, const Reason **reason);

#endif
