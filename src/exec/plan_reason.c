/*
 * plan_reason.c
 *	  Why a statement did not go to one shard: kept in its plan for EXPLAIN.
 *
 * The sentences are DefElems at the end of custom_private, whatever else the
 * node keeps there, so that plans may be copied. One node of a plan has them:
 * the first of ours from the top.
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"

#include "base/pg_compat.h"
#include "exec/plan_reason.h"

/* Names of the lines, and of the DefElems. */
#define NOT_ROUTED	"Not Routed"
#define NOT_PUSHED	"Not Pushed"

static CustomScan *first_of_ours(Plan *plan);

static CustomScan *
first_in_list(List *plans)
{
	ListCell   *lc;

	foreach(lc, plans)
	{
		CustomScan *found = first_of_ours((Plan *) lfirst(lc));

		if (found != NULL)
			return found;
	}
	return NULL;
}

static CustomScan *
first_of_ours(Plan *plan)
{
	CustomScan *found = NULL;

	if (plan == NULL)
		return NULL;
	switch (nodeTag(plan))
	{
		case T_CustomScan:
			if (strncmp(((CustomScan *) plan)->methods->CustomName, "Shard ", 6) == 0)
				return (CustomScan *) plan;
			found = first_in_list(((CustomScan *) plan)->custom_plans);
			break;
		case T_Append:
			found = first_in_list(((Append *) plan)->appendplans);
			break;
		case T_MergeAppend:
			found = first_in_list(((MergeAppend *) plan)->mergeplans);
			break;
		case T_SubqueryScan:
			found = first_of_ours(((SubqueryScan *) plan)->subplan);
			break;
		default:
			break;
	}
	if (found == NULL)
		found = first_of_ours(plan->lefttree);
	if (found == NULL)
		found = first_of_ours(plan->righttree);
	return found;
}

static void
attach(CustomScan *scan, const char *name, const Reason *reason)
{
	if (reason != NULL)
		scan->custom_private = lappend(scan->custom_private,
									   makeDefElem(pstrdup(name), (Node *) makeString(pstrdup(reason->detail)), -1));
}

void
plan_reason_attach(PlannedStmt *plan, const Reason *not_routed, const Reason *not_pushed)
{
	CustomScan *scan = first_of_ours(plan->planTree);

	if (scan == NULL)
		scan = first_in_list(plan->subplans);
	if (scan == NULL)
		return;
	attach(scan, NOT_ROUTED, not_routed);
	attach(scan, NOT_PUSHED, not_pushed);
}

void
plan_reason_explain(const CustomScan *scan, ExplainState *es)
{
	ListCell   *lc;

	if (!es->verbose)
		return;
	foreach(lc, scan->custom_private)
	{
		Node	   *item = (Node *) lfirst(lc);

		if (item != NULL && IsA(item, DefElem))
			ExplainPropertyText(((DefElem *) item)->defname, defGetString((DefElem *) item), es);
	}
}
