/*
 * aggregate_funcs.c
 *	  SQL functions of aggregate_state.c: what the aggregates over states of aggregates are made of.
 */
#include "postgres.h"

#include "fmgr.h"

#include "exec/aggregate_state.h"

PG_FUNCTION_INFO_V1(shardext_internal_state_step);
PG_FUNCTION_INFO_V1(shardext_internal_state_merge);
PG_FUNCTION_INFO_V1(shardext_internal_state_write);
PG_FUNCTION_INFO_V1(shardext_internal_state_result);

Datum
shardext_internal_state_step(PG_FUNCTION_ARGS)
{
	return aggregate_state_step(fcinfo);
}

Datum
shardext_internal_state_merge(PG_FUNCTION_ARGS)
{
	return aggregate_state_merge(fcinfo);
}

Datum
shardext_internal_state_write(PG_FUNCTION_ARGS)
{
	return aggregate_state_write(fcinfo);
}

Datum
shardext_internal_state_result(PG_FUNCTION_ARGS)
{
	return aggregate_state_result(fcinfo);
}
