/*
 * fragment_merge.h
 *	  The rows of a fragment in the order of its ORDER BY.
 */
#ifndef SHARDEXT_FRAGMENT_MERGE_H
#define SHARDEXT_FRAGMENT_MERGE_H

#include "postgres.h"
#include "exec/fragment.h"
#include "exec/merge_order.h"

typedef struct FragmentMerge FragmentMerge;

/*
 * fragment: just started; each node sends its rows sorted. order lives as long. Everything lives in the current
 * context. fragment_merge_end before fragment_end.
 * limit: each shard gives so many rows at most; 0: all. Where a node has given that many the rows end.
 */
extern FragmentMerge *fragment_merge_start(Fragment *fragment, TupleDesc desc, const MergeOrder *order, int64 limit);
extern bool fragment_merge_next(FragmentMerge *merge, TupleTableSlot *slot);

/* The node that has given the row at hand. */
extern int	fragment_merge_row_node(const FragmentMerge *merge);

/* Have the rows ended because of the limit? */
extern bool fragment_merge_hit_limit(const FragmentMerge *merge);
extern void fragment_merge_end(FragmentMerge *merge);

#endif
