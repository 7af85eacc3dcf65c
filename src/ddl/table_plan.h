/*
 * table_plan.h
 *	  What shard_table has decided about the tables it is about to shard.
 */
#ifndef SHARDEXT_TABLE_PLAN_H
#define SHARDEXT_TABLE_PLAN_H

#include "postgres.h"
#include "access/attnum.h"
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
	char	   *past;			/* what unshard_table will want to know; see table_restore.h */
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

/* The plan of a sharded table from the catalog; NULL if it is none. */
extern TablePlan *table_plan_of_sharded(Oid relid);

/* The plan of a table among those being made, or of one sharded before; NULL for others. */
extern const TablePlan *table_plan_find(Oid relid, List *plans);

extern bool table_plan_has_key(const TablePlan *plan, AttrNumber attnum);

/* Do a row and the row of the other table it references lie in one shard? */
struct ForeignKeyCacheInfo;
extern bool table_plan_colocated(const TablePlan *from, const TablePlan *to, const struct ForeignKeyCacheInfo *fk);

#endif
