/*
 * plan_report.h
 *	  EXPLAIN ANALYZE tells the plans of other nodes, and of shard tables, with
 *	  what they did: those of the one execution there is.
 */
#ifndef SHARDEXT_PLAN_REPORT_H
#define SHARDEXT_PLAN_REPORT_H

#include "postgres.h"
#include "base/pg_compat.h"
#include "commands/explain.h"
#include "executor/execdesc.h"

/*
 * How the plans below a statement that runs are to be told: options of EXPLAIN, "json,verbose,timing". NULL: nobody
 * has asked.
 */
extern const char *plan_report_wish(const EState *estate);
extern bool plan_report_is_verbose(const char *wish);

/* The plan of a statement that has run, as the wish has it. */
extern char *plan_report_text(QueryDesc *query_desc, const char *wish);

/* Such a text as a part of what es tells. */
extern void plan_report_show(const char *label, const char *text, ExplainState *es);

extern void plan_report_preload(void);

#endif
