/*
 * table_plan_check.h
 *	  The checks that refuse what cannot be kept across shards.
 */
#ifndef SHARDEXT_TABLE_PLAN_CHECK_H
#define SHARDEXT_TABLE_PLAN_CHECK_H

#include "postgres.h"
#include "nodes/pg_list.h"

#include "ddl/table_plan.h"

/* Constraints that would not hold across shards: ERROR SX003 naming the constraint and what would work. */
extern void table_plans_check(List *plans);

/* The same for one table; also used by DDL on sharded tables, with a plan of table_plan_of_sharded. */
extern void table_plan_check_constraints(const TablePlan *plan, List *plans);

/* Foreign keys from and to a reference table: ERROR SX003. */
extern void reference_check(Oid relid);

/* The same and more for a table that is to become one. */
extern void reference_check_new(Oid relid);

/* Constraints and triggers whose names begin so are ours. */
#define GUARD_NAME	"shardext_guard"
extern bool guard_name_is_reserved(const char *name);

#endif
