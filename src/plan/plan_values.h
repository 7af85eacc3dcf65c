/*
 * plan_values.h
 *	  Plans a SELECT of rows of VALUES; of many rows the planner sees the first.
 */
#ifndef SHARDEXT_PLAN_VALUES_H
#define SHARDEXT_PLAN_VALUES_H

#include "plan/plan_way.h"

/* Does the Query read VALUES, and nothing else? */
extern bool query_reads_values(const Query *query);

/*
 * The plan of a SELECT whose rows are to be inserted. *spool: they come from VALUES, and are to be computed before the
 * first is written, since functions that are called might see it. That is known of the plan only, in which much may
 * have become constants.
 */
extern PlannedStmt *plan_inserted_rows(const PlanInput *input, Query *query, bool *spool);

#endif
