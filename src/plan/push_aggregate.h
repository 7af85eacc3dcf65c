/*
 * push_aggregate.h
 *	  Aggregates in two steps: partial results per shard, combined above.
 */
#ifndef SHARDEXT_PUSH_AGGREGATE_H
#define SHARDEXT_PUSH_AGGREGATE_H

#include "postgres.h"
#include "nodes/primnodes.h"

/*
 * Gives the Var that stands above for an expression that the fragment computes
 * (columns of the fragment are added as they are asked for).
 */
typedef struct PushColumns
{
	Var		   *(*column) (struct PushColumns *columns, Expr *expr);
} PushColumns;

/*
 * The expression that computes the aggregate from partial results, which are
 * asked of columns; NULL if it cannot be had from partial results. disjoint: no
 * value of its arguments is met in two shards, so that DISTINCT may be applied in each.
 */
extern Node *push_aggregate_combine(const Aggref *aggref, bool disjoint, PushColumns *columns);

/* Can it? */
extern bool push_aggregate_is_combinable(const Aggref *aggref, bool disjoint);

#endif
