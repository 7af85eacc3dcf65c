/*
 * reference_rows.c
 *	  Custom Scan (Reference Rows): PostgreSQL's own ModifyTable on this node's
 *	  copy of a reference table; the rows that it writes go to the other copies.
 *
 * Steps: when the executor starts, the table is locked on all nodes against
 * other writers, and under READ COMMITTED the statement gets a snapshot that
 * sees what those before it have committed; the first row wanted runs the child
 * to its end, keeps the rows of RETURNING, and sends the rows written to the
 * other nodes (exec/reference_capture.h). AFTER triggers fire later, at the end
 * of the statement, and see its changes on all nodes.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/pg_compat.h"
#include "catalog/node_map.h"
#include "exec/plan_reason.h"
#include "exec/reference_capture.h"
#include "exec/reference_rows.h"
#include "exec/result_columns.h"
#include "exec/scan_rows.h"
#include "exec/statement_command.h"

typedef struct ReferenceRowsState
{
	CustomScanState css;
	Oid			table;
	ReferenceCapture *capture;
	bool		done;
	Tuplestorestate *returned;	/* NULL without RETURNING */
	TupleTableSlot *returned_slot;
} ReferenceRowsState;

static Node *create_state(CustomScan *scan);
static void begin(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *exec(CustomScanState *node);
static void end(CustomScanState *node);
static void explain(CustomScanState *node, List *ancestors, ExplainState *es);

static const CustomScanMethods rows_scan_methods = {
	.CustomName = "Reference Rows",
	.CreateCustomScanState = create_state,
};

static const CustomExecMethods rows_exec_methods = {
	.CustomName = "Reference Rows",
	.BeginCustomScan = begin,
	.ExecCustomScan = exec,
	.EndCustomScan = end,
	.ReScanCustomScan = scan_rows_only_once,
	.ExplainCustomScan = explain,
};

CustomScan *
reference_rows_make(Plan *child, Oid table, List *returning)
{
	CustomScan *scan = makeNode(CustomScan);

	scan->methods = &rows_scan_methods;
	scan->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	(void) result_columns_set(scan, returning);
	scan->custom_plans = list_make1(child);
	scan->custom_private = list_make1(list_make1_oid(table));
	scan->scan.plan.startup_cost = child->total_cost;
	scan->scan.plan.total_cost = child->total_cost;
	scan->scan.plan.plan_rows = child->plan_rows;
	scan->scan.plan.plan_width = child->plan_width;
	return scan;
}

static Node *
create_state(CustomScan *scan)
{
	ReferenceRowsState *state = (ReferenceRowsState *) newNode(sizeof(ReferenceRowsState), T_CustomScanState);

	state->css.methods = &rows_exec_methods;
	state->table = linitial_oid(linitial(scan->custom_private));
	return (Node *) state;
}

/* READ COMMITTED goes on with a snapshot of now: it sees all that the writers before have committed. */
static void
renew_snapshot(EState *estate)
{
	Snapshot	before = estate->es_snapshot;

	if (IsolationUsesXactSnapshot())
		return;
	estate->es_snapshot = statement_command_snapshot(estate, GetTransactionSnapshot());
	UnregisterSnapshot(before);
}

static ResultRelInfo *
find_target(EState *estate, Oid table)
{
	ListCell   *lc;

	foreach(lc, estate->es_opened_result_relations)
	{
		ResultRelInfo *target = (ResultRelInfo *) lfirst(lc);

		if (RelationGetRelid(target->ri_RelationDesc) == table)
			return target;
	}
	elog(ERROR, "the plan does not write reference table %u", table);
}

static void
begin(CustomScanState *node, EState *estate, int eflags)
{
	ReferenceRowsState *state = (ReferenceRowsState *) node;
	CustomScan *scan = (CustomScan *) node->ss.ps.plan;
	bool		runs = (eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0;

	if (runs)
	{
		(void) reference_capture_lock(state->table, true);
		renew_snapshot(estate);
	}
	node->custom_ps = list_make1(ExecInitNode(linitial(scan->custom_plans), estate, eflags));
	if (runs)
		state->capture = reference_capture_begin(find_target(estate, state->table), estate);
}

static void
run_child(ReferenceRowsState *state)
{
	PlanState  *child = linitial(state->css.custom_ps);
	EState	   *estate = state->css.ss.ps.state;
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);
	TupleTableSlot *row;

	if (state->css.ss.ps.plan->targetlist != NIL)
	{
		state->returned = tuplestore_begin_heap(false, false, work_mem);
		state->returned_slot = ExecInitExtraTupleSlot(estate, state->css.ss.ss_ScanTupleSlot->tts_tupleDescriptor,
													  &TTSOpsMinimalTuple);
	}
	PushActiveSnapshot(estate->es_snapshot);
	for (;;)
	{
		ResetPerTupleExprContext(estate);
		row = ExecProcNode(child);
		if (TupIsNull(row))
			break;
		if (state->returned != NULL)
			tuplestore_puttupleslot(state->returned, row);
	}
	reference_capture_send(state->capture);
	PopActiveSnapshot();
	MemoryContextSwitchTo(old);
}

static TupleTableSlot *
access_next(ScanState *node)
{
	ReferenceRowsState *state = (ReferenceRowsState *) node;

	if (!state->done)
	{
		state->done = true;
		run_child(state);
	}
	return scan_rows_kept(&state->css, state->returned, state->returned_slot);
}

/* Rows count as ModifyTable has counted them. */
static TupleTableSlot *
exec(CustomScanState *node)
{
	return scan_rows(node, access_next);
}

static void
end(CustomScanState *node)
{
	ReferenceRowsState *state = (ReferenceRowsState *) node;
	ListCell   *lc;

	foreach(lc, node->custom_ps)
		ExecEndNode((PlanState *) lfirst(lc));
	if (state->returned != NULL)
		tuplestore_end(state->returned);
}

static void
explain(CustomScanState *node, List *ancestors, ExplainState *es)
{
	ExplainPropertyInteger("Copies", NULL, list_length(node_list()), es);
	plan_reason_explain((CustomScan *) node->ss.ps.plan, es);
}

void
reference_rows_preload(void)
{
	RegisterCustomScanMethods(&rows_scan_methods);
}
