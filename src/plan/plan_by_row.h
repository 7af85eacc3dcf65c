/*
 * plan_by_row.h
 *	  Writes under PostgreSQL's own executor, row by row.
 */
#ifndef SHARDEXT_PLAN_BY_ROW_H
#define SHARDEXT_PLAN_BY_ROW_H

#include "plan/plan_way.h"

/* Any statement that writes sharded tables and no reference table. */
extern PlannedStmt *plan_by_row(const PlanInput *input, const Reason **reason);

/* Does it take the statement? */
extern bool plan_by_row_takes(Query *query);

#endif
