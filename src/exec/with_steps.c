/*
 * with_steps.c
 *	  Custom Scan (Shard With): a statement carried out as several, one after the
 *	  other, that are one command.
 *
 * Steps: at the first row wanted, each plan runs to its end in a nested
 * executor with the snapshot and command id of the statement around, its rows
 * going into a tuplestore; later plans find it by its name in the query
 * environment, as the transition tables of triggers are found. The rows of
 * the last plan are the result.
 *
 * What PostgreSQL does in one statement is seen by none of its parts: see
 * exec/statement_command.h for how that is kept up on other nodes. AFTER
 * triggers fire at the end of each step, not of the statement.
 */
#include "postgres.h"

#include "access/tupdesc.h"
#include "executor/executor.h"
#include "executor/tstoreReceiver.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "utils/snapmgr.h"

#include "base/pg_compat.h"
#include "exec/exec_explain.h"
#include "exec/plan_reason.h"
#include "exec/result_columns.h"
#include "exec/scan_rows.h"
#include "exec/statement_command.h"
#include "exec/with_steps.h"

/* Items of custom_private. */
enum
{
	PRIVATE_PLANS,
	PRIVATE_NAMES,
	PRIVATE_COUNTED,			/* int list of one */
	PRIVATE_QUERY_STRING,
};

typedef struct WithStep
{
	PlannedStmt *plan;
	char	   *name;			/* NULL: nobody reads its rows by name */
	Tuplestorestate *rows;		/* NULL: it gives none that are read */
	QueryDesc  *query_desc;		/* kept after its end for EXPLAIN */
} WithStep;

typedef struct WithState
{
	CustomScanState css;

	/* plan */
	int			nsteps;
	WithStep   *steps;
	int			counted;
	const char *query_string;

	/* execution */
	QueryEnvironment *environment;
	bool		done;
	TupleTableSlot *row;		/* of the last step */
} WithState;

static Node *create_state(CustomScan *scan);
static void begin(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *exec(CustomScanState *node);
static void end(CustomScanState *node);
static void explain(CustomScanState *node, List *ancestors, ExplainState *es);

static const CustomScanMethods with_scan_methods = {
	.CustomName = "Shard With",
	.CreateCustomScanState = create_state,
};

static const CustomExecMethods with_exec_methods = {
	.CustomName = "Shard With",
	.BeginCustomScan = begin,
	.ExecCustomScan = exec,
	.EndCustomScan = end,
	.ReScanCustomScan = scan_rows_only_once,
	.ExplainCustomScan = explain,
};

/* ---------- planner side ---------- */

CustomScan *
with_steps_make(const WithParts *parts)
{
	CustomScan *scan = makeNode(CustomScan);
	const PlannedStmt *last = llast_node(PlannedStmt, parts->plans);
	ListCell   *lc;

	scan->methods = &with_scan_methods;
	scan->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	(void) result_columns_set(scan, parts->target_list);
	scan->custom_private = list_make4(parts->plans, parts->names, list_make1_int(parts->counted),
									  makeString(pstrdup(parts->query_string ? parts->query_string : "")));
	foreach(lc, parts->plans)
		scan->scan.plan.total_cost += lfirst_node(PlannedStmt, lc)->planTree->total_cost;
	scan->scan.plan.startup_cost = scan->scan.plan.total_cost;
	scan->scan.plan.plan_rows = last->planTree->plan_rows;
	scan->scan.plan.plan_width = last->planTree->plan_width;
	return scan;
}

/* ---------- state ---------- */

static Node *
create_state(CustomScan *scan)
{
	WithState  *state = (WithState *) newNode(sizeof(WithState), T_CustomScanState);
	List	   *plans = (List *) list_nth(scan->custom_private, PRIVATE_PLANS);
	List	   *names = (List *) list_nth(scan->custom_private, PRIVATE_NAMES);

	state->css.methods = &with_exec_methods;
	state->nsteps = list_length(plans);
	state->steps = palloc0(sizeof(WithStep) * state->nsteps);
	for (int i = 0; i < state->nsteps; i++)
	{
		char	   *name = strVal(list_nth(names, i));

		state->steps[i].plan = list_nth_node(PlannedStmt, plans, i);
		state->steps[i].name = name[0] != '\0' ? name : NULL;
	}
	state->counted = linitial_int((List *) list_nth(scan->custom_private, PRIVATE_COUNTED));
	state->query_string = strVal(list_nth(scan->custom_private, PRIVATE_QUERY_STRING));
	return (Node *) state;
}

/* The rows of a step under its name. */
static void
make_known(WithState *state, const WithStep *step)
{
	EphemeralNamedRelation entry = palloc0(sizeof(EphemeralNamedRelationData));

	entry->md.name = step->name;
	entry->md.tupdesc = CreateTupleDescCopy(step->query_desc->tupDesc);
	entry->md.enrtype = ENR_NAMED_TUPLESTORE;
	entry->reldata = step->rows;
	register_ENR(state->environment, entry);
}

/* Start one plan; what it reads of earlier ones is known. */
static void
start_step(WithState *state, WithStep *step, int eflags)
{
	EState	   *estate = state->css.ss.ps.state;
	DestReceiver *dest = None_Receiver;
	bool		gives_rows = step->plan->commandType == CMD_SELECT || step->plan->hasReturning;

	if (gives_rows)
	{
		step->rows = tuplestore_begin_heap(false, false, work_mem);
		dest = CreateDestReceiver(DestTuplestore);
		SetTuplestoreDestReceiverParams(dest, step->rows, estate->es_query_cxt, false, NULL, NULL);
	}
	step->query_desc = CreateQueryDesc(step->plan, state->query_string, estate->es_snapshot,
									   estate->es_crosscheck_snapshot, dest, estate->es_param_list_info,
									   state->environment, estate->es_instrument);
	ExecutorStart(step->query_desc, eflags);
	step->query_desc->estate->es_output_cid = estate->es_output_cid;
	if (gives_rows && step->name != NULL)
		make_known(state, step);
}

static void
begin(CustomScanState *node, EState *estate, int eflags)
{
	WithState  *state = (WithState *) node;

	state->environment = statement_command_environment(estate->es_queryEnv);
	for (int i = 0; i < state->nsteps; i++)
		statement_command_pass_on(state->environment, estate->es_queryEnv, state->steps[i].plan);
	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
		return;
	for (int i = 0; i < state->nsteps; i++)
		start_step(state, &state->steps[i], eflags);
}

/* ---------- execution ---------- */

static void
run_steps(WithState *state)
{
	EState	   *estate = state->css.ss.ps.state;
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);

	for (int i = 0; i < state->nsteps; i++)
	{
		WithStep   *step = &state->steps[i];

		CHECK_FOR_INTERRUPTS();
		start_step(state, step, 0);
		sx_executor_run_all(step->query_desc);
		ExecutorFinish(step->query_desc);
		if (i == state->counted && estate->es_plannedstmt->commandType != CMD_SELECT &&
			!estate->es_plannedstmt->hasReturning)
			estate->es_processed += step->query_desc->estate->es_processed;
	}
	if (state->steps[state->nsteps - 1].rows != NULL)
		state->row = ExecInitExtraTupleSlot(estate, state->css.ss.ss_ScanTupleSlot->tts_tupleDescriptor,
											&TTSOpsMinimalTuple);
	MemoryContextSwitchTo(old);
}

static TupleTableSlot *
access_next(ScanState *node)
{
	WithState  *state = (WithState *) node;

	if (!state->done)
	{
		state->done = true;
		run_steps(state);
	}
	return scan_rows_kept(&state->css, state->steps[state->nsteps - 1].rows, state->row);
}

static TupleTableSlot *
exec(CustomScanState *node)
{
	return node->ss.ps.state->es_plannedstmt->commandType == CMD_SELECT ? scan_rows(node, access_next) :
		scan_rows_returned(node, access_next);
}

static void
end(CustomScanState *node)
{
	WithState  *state = (WithState *) node;

	for (int i = state->nsteps - 1; i >= 0; i--)
	{
		WithStep   *step = &state->steps[i];

		if (step->query_desc != NULL)
		{
			ExecutorEnd(step->query_desc);
			FreeQueryDesc(step->query_desc);
			step->query_desc = NULL;
		}
	}
	for (int i = 0; i < state->nsteps; i++)
	{
		if (state->steps[i].rows != NULL)
			tuplestore_end(state->steps[i].rows);
		state->steps[i].rows = NULL;
	}
}

/* ---------- EXPLAIN ---------- */

static void
explain(CustomScanState *node, List *ancestors, ExplainState *es)
{
	WithState  *state = (WithState *) node;

	ExplainPropertyText("Method", METHOD_STEPS, es);
	for (int i = 0; i < state->nsteps; i++)
	{
		const WithStep *step = &state->steps[i];

		if (step->query_desc == NULL)
			continue;
		ExplainPropertyText("Step", step->name != NULL ? strchr(step->name + 1, '*') + 2 : "result", es);
		exec_explain_nested(step->query_desc, es);
	}
	plan_reason_explain((CustomScan *) node->ss.ps.plan, es);
}

void
with_steps_preload(void)
{
	RegisterCustomScanMethods(&with_scan_methods);
}
