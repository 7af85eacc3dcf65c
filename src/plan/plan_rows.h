/*
 * plan_rows.h
 *	  UPDATE and DELETE whose rows are found, and whose values are computed, on
 *	  the coordinator.
 */
#ifndef SHARDEXT_PLAN_ROWS_H
#define SHARDEXT_PLAN_ROWS_H

#include "plan/plan_way.h"

/* For CMD_UPDATE and CMD_DELETE whose target is a sharded table. */
extern PlannedStmt *plan_rows(const PlanInput *input, const Reason **reason);

/* Why plan_rows does not take the statement (any one); NULL if it does. */
extern const Reason *plan_rows_check(const PlanInput *input);

#endif
