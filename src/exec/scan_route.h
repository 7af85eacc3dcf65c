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
	const Reason *remote_reason;	/* because; or text_query is given instead */
	List	   *remote_params;	/* expressions evaluated here, $1.. of remote_sql */

	/*
	 * Instead of remote_sql: the Query that the registered deparser turns into
	 * it when a shard of another node is first met. Statements whose shard is
	 * here never pay for deparsing.
	 */
	Query	   *text_query;
	bool		lift_literals;

	bool		prepare;		/* worth a prepared statement on the node */
	bool		writes;			/* DML, locking clauses or functions that may write */
} RouteParts;

/*
 * What plan registers at preload to deparse text_query lazily: *sql and *params
 * as remote_sql and remote_params above (in CurrentMemoryContext; text_query
 * may be scribbled on), or the reason why it cannot be forwarded.
 */
typedef const Reason *(*RouteDeparser) (Query *text_query, bool lift_literals, const char **sql, List **params);

extern void scan_route_set_deparser(RouteDeparser deparser);

extern CustomScan *scan_route_make(const RouteParts *parts);
extern void scan_route_preload(void);

#endif
