/*
 * push_colocate.h
 *	  Can one level of a statement be carried out shard by shard?
 */
#ifndef SHARDEXT_PUSH_COLOCATE_H
#define SHARDEXT_PUSH_COLOCATE_H

#include "postgres.h"

#include "plan/shard_walk.h"

/* A level whose joined rows are the union, over the shards, of what the tables of each shard give. */
typedef struct Colocation
{
	StatementWalk walk;			/* of the level, restricted to one value of the anchor's key */
	const TableInfo *table;		/* the anchor: each joined row has exactly one row of it */
	Index		anchor;			/* its entry in the range table; a sub-SELECT that passes the key on counts */
	bool		is_relation;	/* the entry is the table itself */
	List	   *values;			/* the key's value, one parameter per column */
} Colocation;

/*
 * query: a SELECT without set operation. Looks at everything inside of it, at
 * all levels. Nothing outside may be referred to. NULL, or the Reason why not.
 */
extern const Reason *push_find_colocation(Query *query, Colocation *colocation);

/* Entries of the level that may be its anchor: sharded tables that each joined row has one row of. */
extern Bitmapset *push_anchors(const Query *query);

/*
 * The sharded tables in the level whose rows need not lie with the anchor's (of
 * Occurrence *, whose frames are Querys of the level). False if that is not to be known.
 */
extern bool push_tables_elsewhere(Query *query, Index anchor, List **elsewhere);

/*
 * Do joined rows that are equal in these expressions (by the default equality
 * of their types) always lie in one shard?
 */
extern bool push_pins_shard(const Colocation *colocation, List *exprs);

#endif
