/*
 * aggregate_state.h
 *	  Partial results of aggregates that are not results: their transition states.
 *
 * Three aggregates of schema shardext stand around any other, A:
 *
 *	  partial_state('A', ..)				A's state over rows, as bytea
 *	  merge_states('A', state)				one state of several, as bytea
 *	  combine_states('A', state, null)		A's result from states; the null says its type
 *
 * The last two believe what they are given, so only the planner may make calls of them.
 */
#ifndef SHARDEXT_AGGREGATE_STATE_H
#define SHARDEXT_AGGREGATE_STATE_H

#include "postgres.h"
#include "fmgr.h"

/* What the planner puts into the location of such an Aggref; no parser does. */
#define AGGREGATE_STATE_LOCATION	(-2)

/* Has the aggregate states that these functions can handle? */
extern bool aggregate_state_is_known(Oid aggregate);

/* For aggregate_funcs.c. */
extern Datum aggregate_state_step(FunctionCallInfo fcinfo);
extern Datum aggregate_state_merge(FunctionCallInfo fcinfo);
extern Datum aggregate_state_write(FunctionCallInfo fcinfo);
extern Datum aggregate_state_result(FunctionCallInfo fcinfo);

#endif
