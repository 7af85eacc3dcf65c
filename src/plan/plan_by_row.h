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

/*
 * Does a join or a sub-SELECT that is evaluated here say which rows an UPDATE or DELETE of a sharded table writes? By
 * row it locks those alone. (But RETURNING cannot show their xmin and the like then.)
 */
extern bool plan_by_row_locks_less(const Query *query);

/* An UPDATE or DELETE of one whose foreign keys must not be checked before all rows are written, as by row they are. */
extern bool plan_by_row_checks_later(const Query *query, Oid relid);

#endif
