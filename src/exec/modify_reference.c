/*
 * modify_reference.c
 *	  Custom Scan (Reference Modify): one statement on every copy of a reference
 *	  table.
 *
 * The first row wanted runs the whole statement, in the order that
 * exec/reference_order.h prescribes: this node's copy by local_run on the run
 * query, others by text. Rows of RETURNING come from this node's copy; they
 * are kept and handed out after all nodes have done their part.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "utils/snapmgr.h"

#include "base/pg_compat.h"
#include "base/statement_note.h"
#include "catalog/node_map.h"
#include "exec/local_run.h"
#include "exec/modify_reference.h"
#include "exec/reference_order.h"
#include "exec/plan_node.h"
#include "exec/plan_reason.h"
#include "exec/remote_run.h"
#include "exec/result_columns.h"
#include "exec/scan_rows.h"
#include "exec/statement_command.h"
#include "route/route.h"

/* Items of custom_private. */
enum
{
	PRIVATE_TABLE,				/* oid list of one */
	PRIVATE_RUN_QUERY,
	PRIVATE_QUERY_STRING,
	PRIVATE_REMOTE_SQL,			/* or NULL */
};

/* The statement on its way on one other node. */
typedef struct NodeRun
{
	int			node_id;
	RemoteRun  *run;
} NodeRun;

typedef struct ReferenceState
{
	CustomScanState css;

	/* plan */
	Oid			table;
	Query	   *run_query;
	const char *query_string;
	const char *remote_sql;
	List	   *param_states;

	/* execution */
	bool		done;
	int			nparams;
	Oid		   *types;
	Datum	   *values;
	bool	   *nulls;
	List	   *runs;			/* of NodeRun * */
	WorkMeter  *meter;			/* or NULL */
	Tuplestorestate *returned;
	TupleTableSlot *returned_slot;
} ReferenceState;

static Node *create_state(CustomScan *scan);
static void begin(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *exec(CustomScanState *node);
static void end(CustomScanState *node);
static void explain(CustomScanState *node, List *ancestors, ExplainState *es);

static const CustomScanMethods reference_scan_methods = {
	.CustomName = "Reference Modify",
	.CreateCustomScanState = create_state,
};

static const CustomExecMethods reference_exec_methods = {
	.CustomName = "Reference Modify",
	.BeginCustomScan = begin,
	.ExecCustomScan = exec,
	.EndCustomScan = end,
	.ReScanCustomScan = scan_rows_only_once,
	.ExplainCustomScan = explain,
};

CustomScan *
modify_reference_make(const ReferenceParts *parts)
{
	CustomScan *scan = makeNode(CustomScan);

	scan->methods = &reference_scan_methods;
	scan->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	(void) result_columns_set(scan, parts->target_list);
	scan->custom_exprs = plan_node_expressions(parts->remote_params);
	scan->custom_private = list_make4(list_make1_oid(parts->table),
									  parts->run_query,
									  makeString(pstrdup(parts->query_string ? parts->query_string : "")),
									  parts->remote_sql ? makeString(pstrdup(parts->remote_sql)) : NULL);
	return scan;
}

static Node *
create_state(CustomScan *scan)
{
	ReferenceState *state = (ReferenceState *) newNode(sizeof(ReferenceState), T_CustomScanState);
	Node	   *sql = (Node *) list_nth(scan->custom_private, PRIVATE_REMOTE_SQL);

	state->css.methods = &reference_exec_methods;
	state->table = linitial_oid((List *) list_nth(scan->custom_private, PRIVATE_TABLE));
	state->run_query = (Query *) list_nth(scan->custom_private, PRIVATE_RUN_QUERY);
	state->query_string = strVal(list_nth(scan->custom_private, PRIVATE_QUERY_STRING));
	state->remote_sql = sql ? strVal(sql) : NULL;
	return (Node *) state;
}

static void
begin(CustomScanState *node, EState *estate, int eflags)
{
	ReferenceState *state = (ReferenceState *) node;
	CustomScan *scan = (CustomScan *) node->ss.ps.plan;

	state->param_states = ExecInitExprList(scan->custom_exprs, &node->ss.ps);
}

/* ---------- the steps of reference_order_run ---------- */

static void
start_on_node(void *arg, int node_id)
{
	ReferenceState *state = (ReferenceState *) arg;
	NodeRun    *node = palloc(sizeof(NodeRun));

	node->node_id = node_id;
	node->run = remote_run_make(state->remote_sql, NULL, 0, NULL, state->nparams, state->types, true);
	state->runs = lappend(state->runs, node);
	remote_run_set_command(node->run, statement_command(state->css.ss.ps.state));
	remote_run_set_meter(node->run, state->meter);
	remote_run_start(node->run, node_id, GetUserId(), STATEMENT_NOTE_REFERENCE, state->values, state->nulls, false);
}

static uint64
finish_on_node(void *arg, int node_id)
{
	ReferenceState *state = (ReferenceState *) arg;
	uint64		rows;
	ListCell   *lc;

	foreach(lc, state->runs)
	{
		NodeRun    *node = (NodeRun *) lfirst(lc);

		if (node->node_id != node_id)
			continue;
		while (remote_run_next(node->run, NULL))
			;
		rows = remote_run_processed(node->run);
		remote_run_end(node->run);
		state->runs = foreach_delete_current(state->runs, lc);
		return rows;
	}
	elog(ERROR, "nothing was sent to node %d", node_id);
}

/*
 * The writers' lock is held: READ COMMITTED goes on with a snapshot that sees
 * all that the writers before have committed, or copies could come to differ.
 */
static uint64
write_here(void *arg)
{
	ReferenceState *state = (ReferenceState *) arg;
	EState	   *estate = state->css.ss.ps.state;
	LocalPlan  *plan = local_plan_make(state->run_query, state->query_string, 0);
	Snapshot	before = estate->es_snapshot;
	LocalRun   *run;
	TupleTableSlot *row;
	uint64		rows;

	PushActiveSnapshot(IsolationUsesXactSnapshot() ? before : GetTransactionSnapshot());
	estate->es_snapshot = GetActiveSnapshot();
	run = local_run_start_shard(plan, ROUTE_NO_SHARD, estate->es_param_list_info, estate, 0, NULL);
	while ((row = local_run_next(run)) != NULL)
	{
		if (state->returned)
			tuplestore_puttupleslot(state->returned, row);
	}
	rows = local_run_processed(run);
	local_run_note_work(run, state->meter, NULL, rows);
	local_run_end(run);
	estate->es_snapshot = before;
	PopActiveSnapshot();
	return rows;
}

static const ReferenceSteps steps = {
	.start = start_on_node,
	.finish = finish_on_node,
	.here = write_here,
};

/* ---------- execution ---------- */

static void
eval_params(ReferenceState *state)
{
	int			i = 0;
	ListCell   *lc;

	state->nparams = list_length(state->param_states);
	state->types = palloc(sizeof(Oid) * (state->nparams + 1));
	state->values = palloc(sizeof(Datum) * (state->nparams + 1));
	state->nulls = palloc(sizeof(bool) * (state->nparams + 1));
	foreach(lc, state->param_states)
	{
		ExprState  *expr = (ExprState *) lfirst(lc);

		state->types[i] = exprType((Node *) expr->expr);
		state->values[i] = ExecEvalExpr(expr, state->css.ss.ps.ps_ExprContext, &state->nulls[i]);
		i++;
	}
}

static void
run_statement(ReferenceState *state)
{
	EState	   *estate = state->css.ss.ps.state;
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);
	uint64		written;

	eval_params(state);
	state->meter = work_meter_make(estate);
	if (list_length(state->css.ss.ps.plan->targetlist) > 0)
	{
		state->returned = tuplestore_begin_heap(false, false, work_mem);
		state->returned_slot = ExecInitExtraTupleSlot(estate, state->css.ss.ss_ScanTupleSlot->tts_tupleDescriptor,
													  &TTSOpsMinimalTuple);
	}
	written = state->remote_sql == NULL ? reference_order_run_here(state->table, &steps, state) :
		reference_order_run(state->table, &steps, state);
	if (state->returned == NULL)
		estate->es_processed += written;
	MemoryContextSwitchTo(old);
}

static TupleTableSlot *
access_next(ScanState *node)
{
	ReferenceState *state = (ReferenceState *) node;

	if (!state->done)
	{
		state->done = true;
		run_statement(state);
	}
	return scan_rows_kept(&state->css, state->returned, state->returned_slot);
}

static TupleTableSlot *
exec(CustomScanState *node)
{
	return scan_rows_returned(node, access_next);
}

static void
end(CustomScanState *node)
{
	ReferenceState *state = (ReferenceState *) node;
	ListCell   *lc;

	foreach(lc, state->runs)
		remote_run_end(((NodeRun *) lfirst(lc))->run);
	state->runs = NIL;
	if (state->returned)
		tuplestore_end(state->returned);
}

static void
explain(CustomScanState *node, List *ancestors, ExplainState *es)
{
	ReferenceState *state = (ReferenceState *) node;

	ExplainPropertyText("Method", METHOD_COPIES, es);
	ExplainPropertyInteger("Copies", NULL, state->remote_sql ? list_length(node_list()) : 1, es);
	if (es->verbose && state->remote_sql != NULL)
		ExplainPropertyText("Remote SQL", state->remote_sql, es);
	work_meter_explain(state->meter, es);
}

void
modify_reference_preload(void)
{
	RegisterCustomScanMethods(&reference_scan_methods);
}
