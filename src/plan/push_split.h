/*
 * push_split.h
 *	  Cuts a query level in two: a fragment for the shards, the rest above it.
 */
#ifndef SHARDEXT_PUSH_SPLIT_H
#define SHARDEXT_PUSH_SPLIT_H

#include "postgres.h"

#include "plan/push_colocate.h"

typedef struct PushSplit
{
	Query	   *fragment;		/* what each shard is asked; its output columns are plain ones */
	Query	   *above;			/* the level, with the fragment as its only relation: entry 1, still to be made */
	bool		saves;			/* there is more to it than fetching rows of one table */
	bool		repeats;		/* each shard gives what one would give once: partial groups, a LIMIT's rows */
} PushSplit;

/*
 * Cut a colocated level. Both Querys are copies. NULL and split filled, or the
 * Reason why it cannot be. merges: rows of several nodes can be merged in the
 * fragment's order.
 */
extern const Reason *push_split(const Query *query, const Colocation *colocation, bool merges, PushSplit *split);

/* Would the fragment give joined rows, and all else be above it? */
extern bool push_gives_rows(const Query *query, const Colocation *colocation);

/* Are its rows, for all that it does with them, the union of those of the shards? */
extern bool push_stays_in_shards(const Query *query, const Colocation *colocation);

/*
 * Cut any level below its groups, windows and so on: the fragment, which only joins and filters, gives the columns
 * that the rest needs, expr being the first of them. False: there are subqueries or whole rows above the joins.
 */
extern bool push_split_below(const Query *query, Expr *expr, PushSplit *split);

/* Expressions in which all rows of each of its groups are equal: those of GROUP BY that all grouping sets have. */
extern List *push_group_exprs(const Query *query);

/* Does the level combine rows: would it mean something else shard by shard? */
extern bool push_combines_rows(const Query *query);

/* Take away grouping, sorting, limits and the like: what the level does with its joined rows. */
extern void push_clear_upper_part(Query *query);

#endif
