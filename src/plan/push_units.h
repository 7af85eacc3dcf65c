/*
 * push_units.h
 *	  What of a query level has to come from elsewhere for it to be carried out in
 *	  the shards of one table.
 */
#ifndef SHARDEXT_PUSH_UNITS_H
#define SHARDEXT_PUSH_UNITS_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "plan/push_colocate.h"

typedef struct PushUnit
{
	Query	   *frame;			/* entry varno of this Query, .. */
	Index		varno;
	SubLink    *link;			/* .. or the sub-SELECT of this */
	Query	   *inner;			/* its rows */
	AttrNumber	tied_column;	/* equals the anchor's key wherever the rows matter; 0: none does */
	bool		is_anchor;		/* the anchor itself, which moves */
	double		rows;
	double		bytes;
} PushUnit;

/*
 * The units of the level with the anchor given (of PushUnit *), which is filled in; the level is changed: conditions
 * on a unit alone go into it. False: it cannot be, or there are none. *known_sizes, NIL at first, is kept between calls
 * for one level.
 */
extern bool push_find_units(Query *query, PushAnchor *anchor, List **known_sizes, List **units);

/* The costs of a unit, in rows fetched from a node: given to all shards, and redistributed. */
extern double push_broadcast_cost(const PushUnit *unit);
extern double push_move_cost(const PushUnit *unit);

/* Does it cost less to redistribute, or is it too large for anything else? */
extern bool push_moves_rather(const PushUnit *unit);
extern double push_broadcast_limit(void);	/* bytes */

/* Rows that come to this node if the level is pulled, and rows that it yields. */
extern double push_pulled_rows(Query *query, double *result_rows);

#endif
