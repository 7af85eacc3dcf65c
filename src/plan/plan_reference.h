/*
 * plan_reference.h
 *	  Writes on reference tables: the same change on every node.
 */
#ifndef SHARDEXT_PLAN_REFERENCE_H
#define SHARDEXT_PLAN_REFERENCE_H

#include "plan/plan_way.h"

/* For INSERT, UPDATE, DELETE and MERGE whose target is a reference table. */
extern PlannedStmt *plan_reference(const PlanInput *input, const Reason **reason);

/* The same for all others: PostgreSQL's own plan on this node's copy; rows written go to the other copies. */
extern PlannedStmt *plan_reference_rows(const PlanInput *input, const Reason **reason);

#endif
