/*
 * merge_order.h
 *	  The order in which rows of several nodes are merged.
 */
#ifndef SHARDEXT_MERGE_ORDER_H
#define SHARDEXT_MERGE_ORDER_H

#include "postgres.h"
#include "access/attnum.h"
#include "nodes/pg_list.h"

struct ExplainState;

/* By which columns of a slot, and how. */
typedef struct MergeOrder
{
	int			nkeys;
	AttrNumber *columns;
	Oid		   *operators;
	Oid		   *collations;
	bool	   *nulls_first;
} MergeOrder;

/*
 * clauses: of SortGroupClause *, whose tleSortGroupRef are numbers of columns (of TargetEntry *). NULL if there are
 * none.
 */
extern MergeOrder *merge_order_make(List *clauses, List *columns);

/* "Merge Key" of EXPLAIN, with the columns' names. */
extern void merge_order_explain(const MergeOrder *order, List *columns, struct ExplainState *es);

#endif
