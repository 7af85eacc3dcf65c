/*
 * kept_plan.h
 *	  A place in a plan for the local plan that its executions make.
 */
#ifndef SHARDEXT_KEPT_PLAN_H
#define SHARDEXT_KEPT_PLAN_H

#include "postgres.h"
#include "nodes/extensible.h"
#include "exec/local_run.h"

typedef struct KeptPlan
{
	ExtensibleNode node;
	LocalPlan  *plan;			/* NULL until an execution needs it */
} KeptPlan;

/* An empty place, to be put into a plan node's private list. A copy of the plan has an empty one again. */
extern Node *kept_plan_make(void);

/* The local plan for this Query, which lies in the same plan; made on first use. */
extern LocalPlan *kept_plan_get(KeptPlan *kept, const Query *query, const char *query_string, int cursor_options);

extern void kept_plan_preload(void);

#endif
