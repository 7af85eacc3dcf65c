/*
 * route_state.h
 *	  The execution state of a Shard Route node, for scan_route.c,
 *	  route_shard.c, route_shortcut.c and exec_explain.c.
 */
#ifndef SHARDEXT_ROUTE_STATE_H
#define SHARDEXT_ROUTE_STATE_H

#include "postgres.h"
#include "nodes/execnodes.h"
#include "exec/remote_run.h"
#include "exec/route_node.h"

typedef enum RoutePhase
{
	ROUTE_NEW,					/* the shard has not been looked for */
	ROUTE_LOCAL,				/* rows come from local */
	ROUTE_REMOTE,				/* rows come from remote */
	ROUTE_DONE					/* no more rows */
} RoutePhase;

typedef struct RouteState
{
	CustomScanState css;		/* must be first */
	RouteNode  *node;
	int			eflags;
	Oid			role;			/* whose rights were checked at the start */

	/* where: known from the first row on */
	RoutePhase	phase;
	bool		key_computed;
	int			key_shard;		/* by the key; ROUTE_NO_SHARD: any will do */
	int			shard;
	int			owner;
	ExprState **key_states;		/* by way and key; NULL for constants and parameters */

	/* running */
	LocalRun   *local;
	RemoteRun  *remote;
	bool		row_waits;		/* the first remote row is in the scan slot */
	uint64		counted;		/* rows affected that es_processed has already */

	/* parameters of the remote statement */
	bool		params_ready;
	Datum	   *values;
	bool	   *nulls;

	/* for EXPLAIN ANALYZE */
	WorkMeter  *meter;
} RouteState;

/* The shard by the key (state->key_shard); false if a parameter has no value (EXPLAIN of a generic plan). */
extern bool route_state_compute_shard(RouteState *state, bool missing_ok);

/* The private part of a plan that is a Shard Route; NULL if it is another. */
extern RouteNode *scan_route_node(const Plan *plan);

/*
 * The shard of a statement, if constants and parameters alone tell it and there
 * is nothing to object to; else ROUTE_NO_SHARD.
 */
extern int	route_node_given_shard(RouteNode *node, ParamListInfo params);

/* Value of an external parameter, as the executor's own expression step gets it; false if there is none. */
extern bool route_param_fetch(ParamListInfo params, const Param *param, Datum *value, bool *isnull);

/* Fills values and nulls. */
extern void route_state_evaluate_params(RouteState *state, const RouteCache *cache);

#endif
