/*
 * scan_route.h
 *	  Custom Scan (Shard Route): a whole statement carried out in one shard.
 */
#ifndef SHARDEXT_SCAN_ROUTE_H
#define SHARDEXT_SCAN_ROUTE_H

#include "postgres.h"
#include "base/errors.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"

/* What the planner decided; scan_route_make packs it into copyable nodes. */
typedef struct RouteParts
{
	CmdType		command;
	List	   *target_list;	/* of the statement's result (RETURNING for DML); NIL if it has none */
	List	   *key_relids;		/* OID list and list of expression lists: ways to compute the shard; */
	List	   *key_exprs;		/* several must agree, else ERROR (the planner made sure they do) */
	bool		any_shard;		/* INSERT without key: a shard of this node if it owns any, else by weight */
	bool		reference_only; /* no shard at all: reference tables read here */

	Query	   *run_query;		/* for local_run */
	const char *query_string;
	int			cursor_options;

	const char *remote_sql;		/* NULL: cannot be forwarded, */
	const Reason *remote_reason;	/* because */
	List	   *remote_params;	/* expressions evaluated here, $1.. of remote_sql */
	bool		prepare;		/* worth a prepared statement on the node */
	bool		writes;			/* DML, locking clauses or functions that may write */
} RouteParts;

extern CustomScan *scan_route_make(const RouteParts *parts);
extern void scan_route_preload(void);

#endif
