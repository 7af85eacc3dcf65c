/*
 * exec_explain.h
 *	  What EXPLAIN shows of the route node.
 */
#ifndef SHARDEXT_EXEC_EXPLAIN_H
#define SHARDEXT_EXEC_EXPLAIN_H

#include "postgres.h"
#include "commands/explain.h"
#include "exec/route_state.h"

/* The plan of a statement inside of the one that is explained, where we are in the output. */
extern void exec_explain_nested(QueryDesc *query_desc, ExplainState *es);

extern void exec_explain_route(RouteState *state, ExplainState *es);

#endif
