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
 * An UPDATE or DELETE of a sharded table whose rows a join or a sub-SELECT names, which locks those alone if it goes by
 * row, and is no slower by much: it goes in batches.
 */
extern bool plan_by_row_locks_less(Query *query, Oid relid);

/* An UPDATE or DELETE of one whose foreign keys must not be checked before all rows are written, as by row they are. */
extern bool plan_by_row_checks_later(const Query *query, Oid relid);

#endif
