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
 * The plan of a SELECT whose rows are to be inserted. *is_volatile: they come from VALUES, and what is computed for
 * them calls volatile functions; that is known of the plan only, in which much may have become constants.
 */
extern PlannedStmt *plan_inserted_rows(const PlanInput *input, Query *query, bool *is_volatile);

#endif
