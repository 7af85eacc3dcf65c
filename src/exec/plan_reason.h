/*
 * plan_reason.h
 *	  Why a statement did not go to one shard, or not as it is to all of them:
 *	  kept in its plan, shown by EXPLAIN (VERBOSE).
 */
#ifndef SHARDEXT_PLAN_REASON_H
#define SHARDEXT_PLAN_REASON_H

#include "postgres.h"
#include "base/errors.h"
#include "commands/explain.h"
#include "nodes/plannodes.h"

/*
 * Put the reasons into the first of our custom scans in the plan: why it is not
 * routed to one shard, why it is not pushed to the nodes as a whole. Either may
 * be NULL.
 */
extern void plan_reason_attach(PlannedStmt *plan, const Reason *not_routed, const Reason *not_pushed);

/* The lines of EXPLAIN (VERBOSE), if scan has any. */
extern void plan_reason_explain(const CustomScan *scan, ExplainState *es);

#endif
