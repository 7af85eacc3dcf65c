/*
 * each_shard.h
 *	  A plan for one shard whose upper nodes take the rows of all of them.
 */
#ifndef SHARDEXT_EACH_SHARD_H
#define SHARDEXT_EACH_SHARD_H

#include "postgres.h"
#include "executor/execdesc.h"
#include "nodes/execnodes.h"
#include "nodes/plannodes.h"

/*
 * Put an Each Shard into the plan of a SELECT for one shard, if the rows below may be those of one shard after the
 * other: then what is above is done once for all of them. Else the plan stays as it is.
 */
extern void each_shard_insert(PlannedStmt *stmt);

/* Is it such a node? Its child, the plan that runs in each shard, is its left tree. */
extern bool each_shard_is(const Plan *plan);

/* The node of a plan that has been started; NULL: it has none. */
typedef struct EachShardState EachShardState;
extern EachShardState *each_shard_find(PlanState *planstate);

/* The statement that gives the rows of one shard, in the current context. It shares all it can with stmt. */
extern PlannedStmt *each_shard_statement(const EachShardState *state, const PlannedStmt *stmt);

/*
 * Rows come from the executor of this statement, started in one shard, and when it has no more next(arg) is called,
 * which ends it and attaches that of the next shard, or says false. What they have counted is added up.
 */
typedef bool (*EachShardNext) (void *arg);
extern void each_shard_attach(EachShardState *state, QueryDesc *rows, EachShardNext next, void *arg);

/* The executor that is attached is about to end. */
extern void each_shard_detach(EachShardState *state);

extern void each_shard_preload(void);

#endif
