/*
 * input_params.h
 *	  Parameters of a fragment that its plan computes, beside those of the
 *	  statement.
 */
#ifndef SHARDEXT_INPUT_PARAMS_H
#define SHARDEXT_INPUT_PARAMS_H

#include "postgres.h"
#include "nodes/bitmapset.h"
#include "nodes/params.h"
#include "nodes/pg_list.h"

/*
 * ids (int list): the numbers, above all that the fragment uses of the
 * statement's. statement (may be NULL) and the arrays must live as long. pflags:
 * PARAM_FLAG_CONST, or 0: a planner may estimate with the values, but not plan for them.
 */
extern ParamListInfo input_params_make(ParamListInfo statement, List *ids, const Oid *types, const Datum *values,
									   const bool *nulls, uint16 pflags);

/* The same values for the planner, but for those that are too large to be copied into a plan; NULL: there are none. */
extern ParamListInfo input_params_for_planner(ParamListInfo actual);

/* Which values that other nodes of the plan compute first are used in an expression? */
extern Bitmapset *input_params_of_plan(Node *expr);

/* Are parameters of the statement? EXPLAIN (GENERIC_PLAN) has no values for them. */
extern bool input_params_has_statements(Node *expr);

#endif
