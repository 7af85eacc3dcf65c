/*
 * plan_modify.h
 *	  UPDATE and DELETE of one sharded table over many shards, without joins.
 */
#ifndef SHARDEXT_PLAN_MODIFY_H
#define SHARDEXT_PLAN_MODIFY_H

#include "catalog/table_map.h"
#include "plan/plan_way.h"

/* For CMD_UPDATE and CMD_DELETE whose target is a sharded table; also SELECT FOR UPDATE of one table. */
extern PlannedStmt *plan_modify(const PlanInput *input, const Reason **reason);

/* Does an UPDATE leave columns that say in which shard a row lies as they are? Why not, or NULL. */
extern const Reason *plan_modify_check_assignments(const Query *query, const TableInfo *table);

/* Does a write look at ctid, xmin or the like? Why that must not be, or NULL. */
extern const Reason *plan_modify_check_positions(const PlanInput *input);

/* Do all subqueries of an expression, or all parts of a Query, read reference tables only? */
extern bool reads_only_reference_tables(Node *node);

#endif
