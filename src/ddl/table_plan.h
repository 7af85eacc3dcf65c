/*
 * table_plan.h
 *	  What shard_table has decided about the tables it is about to shard, and
 *	  the checks that refuse what cannot be kept across shards.
 */
#ifndef SHARDEXT_TABLE_PLAN_H
#define SHARDEXT_TABLE_PLAN_H

#include "postgres.h"
#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"

#include "route/route.h"

typedef struct TablePlan
{
	Oid			relid;
	char	   *name;			/* qualified */
	bool		has_rows;

	/* asked for */
	List	   *key_names;		/* of char * */
	const char *strategy_name;	/* NULL: choose */
	List	   *id_names;		/* of char *, or NIL */

	/* decided */
	int			nkeys;
	AttrNumber	keys[ROUTE_MAX_KEYS];
	Bitmapset  *id_columns;
	Bitmapset  *becomes_id;		/* serial or identity columns that get DEFAULT shardext.next_id() */
	RouteSpec	spec;
} TablePlan;

/* Nothing decided yet; takes ACCESS EXCLUSIVE on the table and checks what kind of relation it is. */
extern TablePlan *table_plan_make(Oid relid, List *key_names, const char *strategy_name, List *id_names);

/*
 * Locks are held: decide id columns and strategies of all plans (List of
 * TablePlan *), which may refer to each other.
 */
extern void table_plans_decide(List *plans);

/* Relation is an ordinary, permanent, plain table of a user that is not ours yet; the caller owns it. */
extern void table_check_kind(Oid relid, const char *action);

/* Constraints that would not hold across shards: ERROR SX003 naming the constraint and what would work. */
extern void table_plans_check(List *plans);

/* For replicate_table: foreign keys from and to the table. */
extern void reference_check(Oid relid);

/*
 * Also used by DDL on sharded tables: may this unique index, this foreign key
 * exist on it? relid's plan from the catalog.
 */
extern TablePlan *table_plan_of_sharded(Oid relid);
extern void table_plan_check_constraints(const TablePlan *plan, List *plans);

#endif
