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
	const TableInfo *table;		/* the anchor: each joined row has exactly one row of it; NULL: there is none */
	Index		anchor;			/* its entry in the range table; a sub-SELECT that passes the key on counts */
	bool		is_relation;	/* the entry is the table itself */
	List	   *values;			/* the key's value, one parameter per column; NIL: without anchor */
	List	   *full_keys;		/* of FULL JOINs, where no table is an anchor: see push_full_join.h */
} Colocation;

/*
 * query: a SELECT without set operation. Looks at everything inside of it, at
 * all levels. Nothing outside may be referred to. NULL, or the Reason why not.
 */
extern const Reason *push_find_colocation(Query *query, Colocation *colocation);

/*
 * Entries of the level that may be its anchor: sharded tables that each joined row has one row of; moving: stages
 * (push_stages.h), too.
 */
extern Bitmapset *push_anchors(const Query *query, bool moving);

/* In which shards a level that is not colocated might be carried out: those of one table's rows. */
typedef struct PushAnchor
{
	/* given */
	Index		entry;			/* one of push_anchors */
	bool		moves;			/* its rows do not stay where they are: they are divided by the hash of .. */
	AttrNumber	column;			/* .. this column, which is its key then */

	/* found */
	const TableInfo *table;		/* that stays; NULL: it moves */
	RouteSpec	spec;			/* by which rows are divided */
	List	   *elsewhere;		/* of Occurrence *: sharded tables whose rows need not lie with the anchor's */
	Node	   *value;			/* the key's value; NULL: it has several columns */
	StatementWalk walk;			/* of the level, restricted to that; its frames are Querys of the level */
} PushAnchor;

/* Fill in an anchor; false: what lies with it is not to be known. */
extern bool push_walk_anchor(Query *query, PushAnchor *anchor);

/*
 * Of an entry of a Query of the level: a column among these that is equal to the anchor's key in all rows that
 * matter, and can be divided like it; 0: there is none.
 */
extern AttrNumber push_tied_column(const PushAnchor *anchor, const Query *frame, Index varno,
								   const Bitmapset *columns);

/* Columns (of Var *) of these entries of the level that something else is compared with for equality. */
extern List *push_join_columns(Query *query, const Bitmapset *entries);

/*
 * Do joined rows that are equal in these expressions (by the default equality
 * of their types) always lie in one shard?
 */
extern bool push_pins_shard(const Colocation *colocation, List *exprs);

#endif
