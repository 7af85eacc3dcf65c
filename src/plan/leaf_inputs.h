/*
 * leaf_inputs.h
 *	  What the plan around a leaf computes for its fragment.
 */
#ifndef SHARDEXT_LEAF_INPUTS_H
#define SHARDEXT_LEAF_INPUTS_H

#include "postgres.h"
#include "nodes/pathnodes.h"
#include "exec/scan_fanout.h"

/*
 * Parameters of the plan (PARAM_EXEC) that conditions in the fragment on this relation, which may lock, or start before
 * the plan runs, for a cursor, may use.
 */
extern Bitmapset *leaf_inputs_known(const PlannerInfo *root, const RelOptInfo *rel, bool locked, bool starts_early);

/* An expression with these as parameters of a statement, for those who look at no others; and back. */
extern Node *leaf_inputs_as_statements(Node *expr);
extern Node *leaf_inputs_as_plans(Node *expr);

/* Make them inputs of parts->run_query, and what its TABLESAMPLE needs of the plan. */
extern void leaf_inputs_take(FanoutParts *parts);

/* The parameters of the text for other nodes, as what this plan computes. */
extern List *leaf_inputs_as_sent(const FanoutParts *parts, List *params);

#endif
