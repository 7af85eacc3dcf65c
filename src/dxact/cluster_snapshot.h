/*
 * cluster_snapshot.h
 *	  shardext.snapshot = 'cluster': statements, or transactions of REPEATABLE READ
 *	  and above, see one cut through all nodes.
 */
#ifndef SHARDEXT_CLUSTER_SNAPSHOT_H
#define SHARDEXT_CLUSTER_SNAPSHOT_H

#include "postgres.h"

/* Does a cut hold now, so that each connection used must have its snapshot? */
extern bool cluster_snapshot_is_held(void);

/* A connection is about to be used that has no part in the cut: ERROR 40001 unless that is just being made. */
extern void cluster_snapshot_check_new(const char *node);

/* On a node, for its coordinator: hold a snapshot of this moment for the statements to come; let it go. */
extern void cluster_snapshot_take(void);
extern void cluster_snapshot_drop(void);

/* Ends of the transaction, and of a level of it that failed. */
extern void cluster_snapshot_before_end(void);
extern void cluster_snapshot_after_abort(void);
extern void cluster_snapshot_after_level_abort(void);

extern void cluster_snapshot_preload(void);

#endif
