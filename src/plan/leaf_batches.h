/*
 * leaf_batches.h
 *	  Leaf scans whose rows come sorted, and in batches: SELECT .. ORDER BY ..
 *	  LIMIT .. FOR UPDATE of one sharded table.
 */
#ifndef SHARDEXT_LEAF_BATCHES_H
#define SHARDEXT_LEAF_BATCHES_H

#include "postgres.h"
#include "nodes/pathnodes.h"
#include "exec/scan_fanout.h"

/* Rows that each node gives in the first batch of a scan of rel; 0: all rows are fetched at once. */
extern int	leaf_batches_rows(const PlannerInfo *root, const RelOptInfo *rel, const RangeTblEntry *rte);

/* How LockRows will lock the rows of such a scan, if with SKIP LOCKED; else LCS_NONE. */
extern LockClauseStrength leaf_batches_skip(const PlannerInfo *root, const RelOptInfo *rel);

/* Columns of the table by which the rows of such a scan are sorted, as attribute numbers (int list). */
extern List *leaf_batches_columns(const PlannerInfo *root);

/* Give parts->run_query, whose column i is attribute number i of attnos, the order and a LIMIT, which is an input. */
extern void leaf_batches_limit(FanoutParts *parts, const PlannerInfo *root, const List *attnos, int rows);

/* Among the parameters of the text for other nodes, the size of the batch: to be asked before they are those sent. */
extern void leaf_batches_find_param(FanoutParts *parts, const List *params);

#endif
