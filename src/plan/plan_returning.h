/*
 * plan_returning.h
 *	  RETURNING with subqueries: the write, then a SELECT over what it gives back.
 */
#ifndef SHARDEXT_PLAN_RETURNING_H
#define SHARDEXT_PLAN_RETURNING_H

#include "postgres.h"
#include "plan/plan_way.h"

/* For INSERT, UPDATE and DELETE whose RETURNING has subqueries. */
extern PlannedStmt *plan_returning(const PlanInput *input, const Reason **reason);

#endif
