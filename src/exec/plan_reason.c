/*
 * plan_reason.c
 *	  How a plan node comes to its rows, and why not in another way: kept in its
 *	  plan for EXPLAIN.
 *
 * Method and sentences are DefElems at the end of custom_private, whatever else
 * the node keeps there, so that plans may be copied. One node of a plan has the
 * sentences: the first of ours from the top.
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
#define METHOD		"Method"

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
			if (strncmp(((CustomScan *) plan)->methods->CustomName, "Shard ", 6) == 0 ||
				strcmp(((CustomScan *) plan)->methods->CustomName, "Reference Rows") == 0)
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
attach(CustomScan *scan, const char *name, const char *text)
{
	scan->custom_private = lappend(scan->custom_private,
								   makeDefElem(pstrdup(name), (Node *) makeString(pstrdup(text)), -1));
}

void
plan_method_set(CustomScan *scan, const char *method)
{
	attach(scan, METHOD, method);
}

/* The node that has the sentences; NULL: none of ours. */
static CustomScan *
node_for_reasons(const PlannedStmt *plan)
{
	CustomScan *scan = first_of_ours(plan->planTree);

	return scan != NULL ? scan : first_in_list(plan->subplans);
}

void
plan_reason_attach(PlannedStmt *plan, const Reason *not_routed, const Reason *not_pushed)
{
	CustomScan *scan = node_for_reasons(plan);

	if (scan == NULL)
		return;
	if (not_routed != NULL)
		attach(scan, NOT_ROUTED, not_routed->detail);
	if (not_pushed != NULL)
		attach(scan, NOT_PUSHED, not_pushed->detail);
}

void
plan_reason_attach_not_pushed(PlannedStmt *plan, List *reasons)
{
	CustomScan *scan = node_for_reasons(plan);
	ListCell   *lc;

	foreach(lc, reasons)
	{
		if (scan != NULL)
			attach(scan, NOT_PUSHED, strVal(lfirst(lc)));
	}
}

/* The texts of one name. */
static List *
texts_of(const CustomScan *scan, const char *name)
{
	List	   *texts = NIL;
	ListCell   *lc;

	foreach(lc, scan->custom_private)
	{
		Node	   *item = (Node *) lfirst(lc);

		if (item != NULL && IsA(item, DefElem) && strcmp(((DefElem *) item)->defname, name) == 0)
			texts = lappend(texts, defGetString((DefElem *) item));
	}
	return texts;
}

static void
show(const CustomScan *scan, const char *name, ExplainState *es)
{
	List	   *texts = texts_of(scan, name);
	ListCell   *lc;

	/* sentences have lines of their own */
	if (es->format == EXPLAIN_FORMAT_TEXT || list_length(texts) == 1)
	{
		foreach(lc, texts)
			ExplainPropertyText(name, (char *) lfirst(lc), es);
	}
	else if (texts != NIL)
		ExplainPropertyList(name, texts, es);
}

void
plan_method_explain(const CustomScan *scan, ExplainState *es)
{
	show(scan, METHOD, es);
}

void
plan_reason_explain(const CustomScan *scan, ExplainState *es)
{
	if (es->verbose)
		show(scan, NOT_ROUTED, es);
	show(scan, NOT_PUSHED, es);
}
