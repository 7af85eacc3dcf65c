/*
 * each_shard.c
 *	  Custom Scan (Each Shard): the rows of one shard after the other, below
 *	  nodes that work on the rows of all of them.
 *
 *	  HashAggregate                   one hash table for all shards of this node
 *	    ->  Custom Scan (Each Shard)
 *	          ->  Seq Scan on fact    an executor of its own in each shard
 *
 * A template (local_template.h) is a plan for one shard. Where groups, or the
 * first rows of an order, reach over shards, doing that in each shard for itself
 * gives as many partial results as there are shards, which have to be made, and
 * combined: of a small shard nearly as many as it has rows. So the plan is cut
 * below its uppermost node that takes all rows before it gives one. What is
 * above is executed once, what is below in each shard (local_run.c).
 *
 * The cut is possible where the node does not count on the order of its input,
 * which is sorted by shard at best: HashAggregate, and the Sort below a Limit if it
 * sorts joined rows, and keeps the first ones only. (Sorting many rows is
 * cheaper in portions, and so are aggregates without groups: a shard gives one
 * row of them.) There must be no subplans, which know the tables of the shard
 * that the plan was turned to last, and no workers.
 *
 * Rows go through as they are: this node costs a few nanoseconds for each.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "executor/instrument.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"

#include "exec/each_shard.h"

struct EachShardState
{
	CustomScanState css;

	/* the shard whose rows are read */
	PlanState  *below;			/* or NULL */
	MemoryContext below_cxt;	/* its executor's */
	bool		finished;		/* there are no more shards */

	/* the next one */
	EachShardNext next;
	void	   *arg;

	/* what the shards before it have counted, by plan_node_id; NULL: nothing is counted, or there was none */
	Instrumentation *counted;
	int			ncounted;
};

static Node *create_state(CustomScan *scan);
static void begin(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *exec(CustomScanState *node);
static void end(CustomScanState *node);
static void rescan(CustomScanState *node);

static const CustomScanMethods each_shard_scan_methods = {
	.CustomName = "Each Shard",
	.CreateCustomScanState = create_state,
};

static const CustomExecMethods each_shard_exec_methods = {
	.CustomName = "Each Shard",
	.BeginCustomScan = begin,
	.ExecCustomScan = exec,
	.EndCustomScan = end,
	.ReScanCustomScan = rescan,
};

/* ---------- the plan ---------- */

/* Does it give rows of tables as they are read and joined? */
static bool
gives_joined_rows(const Plan *plan)
{
	switch (nodeTag(plan))
	{
		case T_SeqScan:
		case T_IndexScan:
		case T_IndexOnlyScan:
		case T_BitmapHeapScan:
		case T_NestLoop:
		case T_MergeJoin:
		case T_HashJoin:
			return true;
		default:
			return false;
	}
}

/*
 * The uppermost node that takes all rows of its input, in any order; NULL: there is none. What is below a Limit may
 * have made rows distinct, or groups, in one shard only: of such rows the first are not the first of all.
 */
static Plan *
find_cut(const PlannedStmt *stmt)
{
	Plan	   *plan = stmt->planTree;
	bool		is_limited = IsA(plan, Limit);

	if (stmt->commandType != CMD_SELECT || stmt->subplans != NIL || stmt->rowMarks != NIL || stmt->parallelModeNeeded)
		return NULL;
	if (is_limited)
		return IsA(plan->lefttree, Sort) && gives_joined_rows(plan->lefttree->lefttree) ? plan->lefttree : NULL;
	return IsA(plan, Agg) && ((Agg *) plan)->aggstrategy == AGG_HASHED ? plan : NULL;
}

static CustomScan *
make_each_shard(Plan *below)
{
	CustomScan *scan = makeNode(CustomScan);
	Plan	   *plan = &scan->scan.plan;
	ListCell   *lc;

	scan->methods = &each_shard_scan_methods;
	foreach(lc, below->targetlist)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Var		   *column = makeVarFromTargetEntry(OUTER_VAR, tle);
		TargetEntry *output = flatCopyTargetEntry(tle);

		scan->custom_scan_tlist = lappend(scan->custom_scan_tlist,
										  makeTargetEntry((Expr *) column, tle->resno, tle->resname, false));
		output->expr = (Expr *) makeVarFromTargetEntry(INDEX_VAR, tle);
		plan->targetlist = lappend(plan->targetlist, output);
	}
	plan->startup_cost = below->startup_cost;
	plan->total_cost = below->total_cost;
	plan->plan_rows = below->plan_rows;
	plan->plan_width = below->plan_width;
	plan->extParam = below->extParam;
	plan->allParam = below->allParam;
	plan->plan_node_id = -1;
	plan->lefttree = below;
	return scan;
}

void
each_shard_insert(PlannedStmt *stmt)
{
	Plan	   *above = find_cut(stmt);

	if (above != NULL && above->lefttree != NULL)
		above->lefttree = (Plan *) make_each_shard(above->lefttree);
}

bool
each_shard_is(const Plan *plan)
{
	return IsA(plan, CustomScan) && ((const CustomScan *) plan)->methods == &each_shard_scan_methods;
}

PlannedStmt *
each_shard_statement(const EachShardState *state, const PlannedStmt *stmt)
{
	PlannedStmt *result = makeNode(PlannedStmt);

	*result = *stmt;
	result->planTree = state->css.ss.ps.plan->lefttree;
	return result;
}

/* ---------- execution ---------- */

static Node *
create_state(CustomScan *scan)
{
	EachShardState *state = (EachShardState *) newNode(sizeof(EachShardState), T_CustomScanState);

	state->css.methods = &each_shard_exec_methods;
	return (Node *) state;
}

/* The slots are those of the plan below, whatever their kind. */
static void
begin(CustomScanState *node, EState *estate, int eflags)
{
	node->ss.ps.resultops = NULL;
	node->ss.ps.resultopsset = true;
	node->ss.ps.resultopsfixed = false;
}

EachShardState *
each_shard_find(PlanState *planstate)
{
	for (; planstate != NULL; planstate = outerPlanState(planstate))
	{
		if (each_shard_is(planstate->plan))
			return (EachShardState *) planstate;
	}
	return NULL;
}

/* ---------- what is counted ---------- */

static bool
add_to_counted(PlanState *planstate, void *context)
{
	EachShardState *state = (EachShardState *) context;
	int			id = planstate->plan->plan_node_id;

	if (planstate->instrument == NULL || id < 0)
		return planstate_tree_walker(planstate, add_to_counted, context);
	if (id >= state->ncounted)
	{
		int			n = (id + 1) * 2;
		Instrumentation *larger = MemoryContextAllocZero(state->css.ss.ps.state->es_query_cxt,
														 sizeof(Instrumentation) * n);

		if (state->ncounted > 0)
			memcpy(larger, state->counted, sizeof(Instrumentation) * state->ncounted);
		state->counted = larger;
		state->ncounted = n;
	}
	InstrEndLoop(planstate->instrument);
	state->counted[id] = *planstate->instrument;
	return planstate_tree_walker(planstate, add_to_counted, context);
}

static bool
go_on_counting(PlanState *planstate, void *context)
{
	EachShardState *state = (EachShardState *) context;
	int			id = planstate->plan->plan_node_id;

	if (planstate->instrument != NULL && id >= 0 && id < state->ncounted)
		InstrAggNode(planstate->instrument, &state->counted[id]);
	return planstate_tree_walker(planstate, go_on_counting, context);
}

/* ---------- rows ---------- */

void
each_shard_attach(EachShardState *state, QueryDesc *rows, EachShardNext next, void *arg)
{
	state->below = rows->planstate;
	state->below_cxt = rows->estate->es_query_cxt;
	state->next = next;
	state->arg = arg;
	/* EXPLAIN goes down this way */
	outerPlanState(state) = state->below;
	if (state->counted != NULL)
		(void) go_on_counting(state->below, state);
}

void
each_shard_detach(EachShardState *state)
{
	if (state->css.ss.ps.instrument != NULL && state->below != NULL)
		(void) add_to_counted(state->below, state);
	outerPlanState(state) = state->below = NULL;
}

static TupleTableSlot *
exec(CustomScanState *node)
{
	EachShardState *state = (EachShardState *) node;

	while (!state->finished)
	{
		MemoryContext outer = MemoryContextSwitchTo(state->below_cxt);
		TupleTableSlot *slot = ExecProcNode(state->below);

		MemoryContextSwitchTo(outer);
		if (!TupIsNull(slot))
			return slot;
		state->finished = !state->next(state->arg);
	}
	return NULL;
}

static void
end(CustomScanState *node)
{
}

static void
rescan(CustomScanState *node)
{
	elog(ERROR, "the rows of each shard cannot be read again");
}

void
each_shard_preload(void)
{
	RegisterCustomScanMethods(&each_shard_scan_methods);
}
