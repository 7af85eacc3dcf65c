/*
 * plan_reason.h
 *	  How a plan node comes to its rows, and why a statement did not go to one
 *	  shard, or not as it is to all of them: kept in its plan, shown by EXPLAIN.
 */
#ifndef SHARDEXT_PLAN_REASON_H
#define SHARDEXT_PLAN_REASON_H

#include "postgres.h"
#include "base/errors.h"
#include "commands/explain.h"
#include "nodes/plannodes.h"

/* The methods: each of our nodes says one. */
#define METHOD_ROUTE		"route" /* the statement runs in one shard */
#define METHOD_FRAGMENT		"fragment"	/* every shard carries it out, rows are concatenated */
#define METHOD_MERGE		"merge" /* the same, and the rows of the nodes are merged in their order */
#define METHOD_BROADCAST	"broadcast" /* the same, with rows of other tables given along */
#define METHOD_REDISTRIBUTE	"redistribute"	/* the same over rows that the nodes send to each other */
#define METHOD_PULL			"pull"	/* rows of one table come here */
#define METHOD_LOOKUP		"lookup"	/* rows of one table that a row of the level around wants come here */
#define METHOD_ROWS			"rows"	/* rows computed here are written where they lie */
#define METHOD_COPIES		"copies"	/* the statement runs on every copy of a reference table */
#define METHOD_STEPS		"steps" /* one statement after the other */

extern void plan_method_set(CustomScan *scan, const char *method);
extern void plan_method_explain(const CustomScan *scan, ExplainState *es);

/*
 * Put the reasons into the first of our custom scans in the plan: why it is not
 * routed to one shard, why it is not pushed to the nodes as a whole. Either may
 * be NULL.
 */
extern void plan_reason_attach(PlannedStmt *plan, const Reason *not_routed, const Reason *not_pushed);

/* The same for levels of the statement, reasons a list of String *. */
extern void plan_reason_attach_not_pushed(PlannedStmt *plan, List *reasons);

/* The lines of EXPLAIN, if scan has any; why it is not routed is told by VERBOSE only. */
extern void plan_reason_explain(const CustomScan *scan, ExplainState *es);

#endif
