/*
 * leaf_fragment.h
 *	  The SELECT that fetches what a plan needs of one sharded table.
 */
#ifndef SHARDEXT_LEAF_FRAGMENT_H
#define SHARDEXT_LEAF_FRAGMENT_H

#include "postgres.h"
#include "exec/scan_fanout.h"
#include "nodes/pathnodes.h"

/*
 * For the base relation rel (a shell) of root: the Shard Scan that yields
 * tlist, having checked clauses (RestrictInfos, already in execution order).
 * Safe clauses and needed columns go into the fragment, the rest is done here.
 * lock: the rows that the fragment gives are locked, in their latest version;
 * their ctids are then those of their shards, else places (exec/row_place.h).
 * for_cursor: rows of the statement may be asked for by WHERE CURRENT OF; starts_early: before the plan runs.
 * batch_rows: rows that each node gives at first, sorted (plan/leaf_batches.h); 0: all.
 */
extern CustomScan *leaf_fragment_plan(PlannerInfo *root, RelOptInfo *rel, List *tlist, List *clauses,
									  LockClauseStrength lock, bool for_cursor, bool starts_early, int batch_rows,
									  const char *query_string);

#endif
