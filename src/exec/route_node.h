/*
 * route_node.h
 *	  The private part of a Shard Route plan node: copyable, so that the plan
 *	  cache may keep it, with a place for what is worth keeping between
 *	  executions.
 */
#ifndef SHARDEXT_ROUTE_NODE_H
#define SHARDEXT_ROUTE_NODE_H

#include "postgres.h"
#include "nodes/extensible.h"
#include "exec/local_run.h"
#include "exec/scan_route.h"
#include "exec/tuple_codec.h"
#include "route/route.h"

/* One way to compute the shard, ready for use. */
typedef struct RouteWay
{
	Oid			relid;			/* InvalidOid: the id layout */
	RouteSpec	spec;
	int			nkeys;
	Expr	   *exprs[ROUTE_MAX_KEYS];
	FmgrInfo	procs[ROUTE_MAX_KEYS];	/* for the expressions' own types */
} RouteWay;

/* Lives in the plan's memory, not copied with it: rebuilt by the copy's first execution. */
typedef struct RouteCache
{
	/* the shard */
	uint64		generation;		/* of the catalog, when ways was filled; 0: not filled */
	int			nways;
	RouteWay   *ways;

	/* running here */
	LocalPlan  *local;

	/* running there; rows NULL: none come */
	bool		remote_ready;
	const char *remote_sql;		/* NULL: cannot be forwarded */
	List	   *remote_params;
	Reason		remote_reason;
	TupleDesc	result_desc;
	RowCodec   *rows;
	ParamCodec *params;
	int			nparams;
} RouteCache;

typedef struct RouteNode
{
	ExtensibleNode node;
	RouteParts	parts;			/* pointers to nodes and strings owned by the plan */
	bool		returns_rows;	/* maybe of no column */
	List	   *result_types;	/* of the result's columns: three lists */
	List	   *result_typmods;
	List	   *result_collations;
	RouteCache *cache;			/* NULL until first used */
} RouteNode;

extern RouteNode *route_node_make(const RouteParts *parts);
extern RouteNode *route_node_of(const CustomScan *plan);

/* The cache, made if need be, and the memory context it and the plan live in. */
extern RouteCache *route_node_cache(RouteNode *node);
extern MemoryContext route_node_context(RouteNode *node);

/* cache->ways are up to date afterwards. */
extern void route_node_prepare_ways(RouteNode *node);

/* cache->local is there afterwards. */
extern LocalPlan *route_node_local_plan(RouteNode *node);

/* cache->remote_* are there afterwards (deparses if that has not been done yet). */
extern RouteCache *route_node_prepare_remote(RouteNode *node);

extern void route_node_preload(void);

#endif
