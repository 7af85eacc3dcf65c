/*
 * plan_modify.h
 *	  UPDATE and DELETE of one sharded table over many shards, without joins.
 */
#ifndef SHARDEXT_PLAN_MODIFY_H
#define SHARDEXT_PLAN_MODIFY_H

#include "plan/plan_way.h"

/* For CMD_UPDATE and CMD_DELETE whose target is a sharded table; also SELECT FOR UPDATE of one table. */
extern PlannedStmt *plan_modify(const PlanInput *input, const Reason **reason);

/* Do all subqueries of an expression, or all parts of a Query, read reference tables only? */
extern bool reads_only_reference_tables(Node *node);

#endif
