/*
 * shippable.h
 *	  May this expression or Query be evaluated on another node?
 */
#ifndef SHARDEXT_SHIPPABLE_H
#define SHARDEXT_SHIPPABLE_H

#include "postgres.h"
#include "base/errors.h"
#include "nodes/parsenodes.h"

struct PlannerInfo;

/* NULL: yes, the same value comes out there (after lifting, see shard_sql.h). */
extern const Reason *shippable_check_query(Query *query);
extern const Reason *shippable_check_expr(Node *expr);

/*
 * For a rewritten Query whose text is made from the Query before rewriting: do
 * its policies (and views, if they are named in the text), which the other node
 * expands by itself, mean the same there?
 */
extern const Reason *shippable_check_hidden(Query *run_query, bool views_are_named);

/* Are values of the type known on other nodes? Names of objects and rows of a table may be of what lies here only. */
extern bool shippable_type(Oid type);

/* Why another node would not know the type of an expression, or what a constant names; NULL: it does. */
extern const Reason *shippable_check_known(const Node *node);

/* Only the coordinator may compute it, but it does not depend on any row: lift it into a parameter. */
extern bool shippable_must_lift(Node *expr);

/*
 * As shippable_must_lift, for places that are evaluated exactly once in the
 * statement: volatile functions too.
 */
extern bool shippable_must_lift_once(Node *expr);

/*
 * The same for places that are evaluated once or never: only if it does no harm
 * to compute the value in vain. nextval() is such a function.
 */
extern bool shippable_must_lift_early(Node *expr);

/* Does its evaluation on another node call anything, functions or types, that is not PostgreSQL's own? */
extern bool shippable_runs_users_code(Node *expr);

/* Does it call a volatile function that may see what the statement itself has written so far? */
extern bool shippable_sees_writes(Query *query);

/*
 * The same of a statement of which this level is being planned: of all that is neither the level nor a sub-SELECT of it
 * without a plan yet, and of all.
 */
extern bool shippable_others_see_writes(const struct PlannerInfo *root);
extern bool shippable_plan_sees_writes(const struct PlannerInfo *root);

/* Immutable, or safe to compute once more: for deciding shards and pruning. No Vars, no volatile functions. */
extern bool shippable_is_stable_free(Node *expr);

/* A call of shardext.next_id() without argument, which the owner of the row's shard carries out. */
extern bool shippable_is_next_id(Node *expr);

/*
 * Is each expression of the Query's target list evaluated exactly once? INSERT of one row; SELECT without FROM
 * that is the statement itself.
 */
extern bool shippable_tlist_is_once(const Query *query, bool is_statement);

/*
 * May the text for another node name a column that the user has not named? Its
 * rights are checked there as well, as if he had.
 */
extern bool shippable_may_insert_column(Oid relid, AttrNumber attno);

#endif
