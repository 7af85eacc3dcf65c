/*
 * kept_plan.c
 *	  A place in a plan for the local plan that its executions make.
 *
 * A plan that the plan cache keeps (a prepared statement, of a client or of
 * another node; a function's) is executed again and again. The plans for shards
 * that an execution has made (local_template.h) stay in the memory of the plan
 * around them and go with it.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "exec/kept_plan.h"
#include "exec/plan_node.h"

#define KEPT_PLAN_NAME "ShardextKeptPlan"

static void
copy_empty(ExtensibleNode *newnode, const ExtensibleNode *oldnode)
{
	((KeptPlan *) newnode)->plan = NULL;
}

void
kept_plan_preload(void)
{
	plan_node_register(KEPT_PLAN_NAME, sizeof(KeptPlan), copy_empty);
}

Node *
kept_plan_make(void)
{
	KeptPlan   *kept = (KeptPlan *) newNode(sizeof(KeptPlan), T_ExtensibleNode);

	kept->node.extnodename = KEPT_PLAN_NAME;
	return (Node *) kept;
}

LocalPlan *
kept_plan_get(KeptPlan *kept, const Query *query, const char *query_string, int cursor_options)
{
	if (kept->plan == NULL)
	{
		MemoryContext outer = MemoryContextSwitchTo(GetMemoryChunkContext(kept));

		kept->plan = local_plan_make(query, query_string, cursor_options);
		MemoryContextSwitchTo(outer);
	}
	return kept->plan;
}
