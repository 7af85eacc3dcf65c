/*
 * plan_pull.h
 *	  The last way: PostgreSQL's own plan over leaf scans of the shells.
 */
#ifndef SHARDEXT_PLAN_PULL_H
#define SHARDEXT_PLAN_PULL_H

#include "plan/plan_way.h"

/*
 * Any statement that reads sharded tables and writes only home tables. The
 * caller has made sure that no way before this one wants the statement.
 */
extern PlannedStmt *plan_pull(const PlanInput *input, const Reason **reason);

/*
 * standard_planner with every shell read through Custom Scan (Shard Scan).
 * query is scribbled on. For other ways that need rows computed here.
 */
extern PlannedStmt *plan_pull_query(Query *query, const char *query_string, int cursor_options, ParamListInfo params);

/* The same; the rows that are read of the relation locked (an index into the range table) stay locked. */
extern PlannedStmt *plan_pull_locking(Query *query, Index locked, LockClauseStrength lock, const char *query_string,
									  int cursor_options, ParamListInfo params);

extern void plan_pull_preload(void);

#endif
