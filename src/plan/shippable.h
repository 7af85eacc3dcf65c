/*
 * shippable.h
 *	  May this expression or Query be evaluated on another node?
 */
#ifndef SHARDEXT_SHIPPABLE_H
#define SHARDEXT_SHIPPABLE_H

#include "postgres.h"
#include "base/errors.h"
#include "nodes/parsenodes.h"

/* NULL: yes, the same value comes out there (after lifting, see shard_sql.h). */
extern const Reason *shippable_check_query(Query *query);
extern const Reason *shippable_check_expr(Node *expr);

/* Only the coordinator may compute it, but it does not depend on any row: lift it into a parameter. */
extern bool shippable_must_lift(Node *expr);

/* Immutable, or safe to compute once more: for deciding shards and pruning. No Vars, no volatile functions. */
extern bool shippable_is_stable_free(Node *expr);

#endif
