/*
 * push_sets.h
 *	  Set operations as levels that the shards can carry out.
 */
#ifndef SHARDEXT_PUSH_SETS_H
#define SHARDEXT_PUSH_SETS_H

#include "postgres.h"

#include "nodes/parsenodes.h"

/*
 * Levels that give the rows of a set operation, which refers to nothing outside; each has a sub-SELECT in FROM and
 * nothing else. Copies; NULL: it cannot be put so.
 */

/* The set operation is the sub-SELECT. Above it are ORDER BY and LIMIT. */
extern Query *push_set_as_input(Query *query);

/* The sub-SELECT is a UNION ALL of the legs; the level makes its rows distinct, or groups them. */
extern Query *push_set_as_groups(Query *query);

/*
 * Of a level of that kind (only columns of a set operation, made distinct or grouped by all of them): how many percent
 * of the rows of all legs it gives. 0: it is none. PostgreSQL's planner does not know how many different rows there
 * are among those of several legs; for a set operation it takes them all to be different.
 */
extern int	push_set_percent(const Query *query);

/* Are the rows of the sub-SELECT the union of those that each shard's tables give, each row once? */
extern bool push_rows_lie_in_shards(Query *query);

#endif
