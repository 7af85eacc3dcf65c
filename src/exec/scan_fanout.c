/*
 * scan_fanout.c
 *	  Custom Scan (Shard Scan): one fragment carried out in many shards.
 *
 * Steps: at the first row wanted, the parameters and the shard keys are
 * evaluated and the fragment is started on all nodes (exec/fragment.h); rows
 * then stream. A leaf yields rows of the shell's shape (or of scan_tlist) to
 * the qual and projection of its plan; a whole statement yields its result.
 *
 * If somebody writes before that, in the statement itself or while its cursor is
 * open, the fragment starts with the statement, so that the rows are those of its
 * beginning, and they are kept for rescans from the first reading on. If its
 * values change meanwhile (a step of WITH RECURSIVE) it starts late, with a snapshot
 * that the nodes take with the statement (exec/snapshot_number.h).
 *
 * The rows of the fragment never depend on parameters that change between
 * rescans. So the first rescan starts again and keeps the rows in a
 * tuplestore, further ones read that: all of it, or what has the key that they
 * ask for (exec/kept_rows.h).
 *
 * Where each reading wants few of the rows, as a correlated sub-SELECT does, the
 * first readings fetch just these, by a Shard Scan below that has the
 * parameters in its fragment (plan/leaf_lookup.h): a page of twenty posts does
 * not need all likes.
 *
 * A leaf whose rows are locked until there are enough of them fetches them in
 * batches (exec/scan_batches.h).
 *
 * What the planner decided is read from the plan by fanout_plan.c.
 */
#include "postgres.h"

#include "commands/explain.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"

#include "base/pg_compat.h"
#include "catalog/table_map.h"
#include "exec/at_start.h"
#include "exec/fanout_plan.h"
#include "exec/fragment_merge.h"
#include "exec/input_params.h"
#include "exec/kept_rows.h"
#include "exec/plan_node.h"
#include "exec/plan_reason.h"
#include "exec/result_columns.h"
#include "exec/scan_batches.h"
#include "exec/scan_fanout.h"
#include "exec/scan_place.h"
#include "exec/scan_rows.h"
#include "exec/shard_set.h"
#include "exec/snapshot_number.h"
#include "exec/statement_command.h"
#include "exec/whole_statement.h"

typedef struct FanoutState
{
	CustomScanState css;

	/* plan */
	FanoutPlan	plan;
	FragmentSpec spec;
	ScanPlace	place;
	MergeOrder *order;			/* NULL: rows come in any order */
	Bitmapset  *follows;		/* parameters of the plan that decide which rows there are */
	List	   *key_states;		/* of ExprState * */
	List	   *param_states;
	List	   *input_states;

	/* execution */
	Bitmapset  *shards;
	bool		shards_known;
	Fragment   *fragment;		/* NULL before the first row (but for a cursor) and after the last */
	FragmentMerge *merge;		/* of its rows, if there is an order */
	MemoryContext fragment_cxt;
	ScanBatches *batches;		/* or NULL */
	bool		was_read;		/* a row was asked for */
	bool		finished;

	/* rescans */
	bool		keep;			/* the rows */
	KeptRows   *kept;

	/* lookups; custom_ps has the scan that makes them */
	SnapshotNumber *number;		/* of all of them and of the scan of all rows; or NULL */
	double		spent;			/* on lookups, in rows fetched */
	bool		is_decided;		/* it is decided where the rows of this reading come from .. */
	bool		looks_up;		/* .. from a lookup */
} FanoutState;

static Node *create_state(CustomScan *scan);
static void begin(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *exec(CustomScanState *node);
static void rescan(CustomScanState *node);
static void shut_down(CustomScanState *node);
static void end(CustomScanState *node);
static void start(FanoutState *state);
static void explain(CustomScanState *node, List *ancestors, ExplainState *es);

const CustomScanMethods scan_fanout_methods = {
	.CustomName = "Shard Scan",
	.CreateCustomScanState = create_state,
};

static const CustomExecMethods fanout_exec_methods = {
	.CustomName = "Shard Scan",
	.BeginCustomScan = begin,
	.ExecCustomScan = exec,
	.EndCustomScan = end,
	.ReScanCustomScan = rescan,
	.ShutdownCustomScan = shut_down,
	.ExplainCustomScan = explain,
};

/* ---------- state ---------- */

static Node *
create_state(CustomScan *scan)
{
	FanoutState *state = (FanoutState *) newNode(sizeof(FanoutState), T_CustomScanState);

	state->css.methods = &fanout_exec_methods;
	fanout_plan_read(scan, &state->plan, &state->spec, &state->place);
	state->order = merge_order_make(state->plan.merge_by, scan->custom_scan_tlist);
	return (Node *) state;
}

/* The statement goes on reading shards after it has begun to write them, and must not see what it wrote. */
static bool
writes_meanwhile(const EState *estate)
{
	ListCell   *lc;

	foreach(lc, estate->es_plannedstmt->resultRelations)
	{
		const TableInfo *table = table_info(rt_fetch(lfirst_int(lc), estate->es_plannedstmt->rtable)->relid);

		if (table != NULL && table->kind == TABLE_SHARDED)
			return true;
	}
	return false;
}

/* Might rows that are asked for later show what the statement, or a function that it calls, has written? */
static bool
is_overtaken(const FanoutState *state)
{
	return writes_meanwhile(state->css.ss.ps.state) || (state->plan.early && !state->spec.alone);
}

/* Do the rows have to be those of the moment when the statement began, whenever they are fetched? */
static bool
shows_beginning(const FanoutState *state)
{
	return statement_is_opening_cursor(state->css.ss.ps.state) || is_overtaken(state);
}

static bool
starts_at_once(FanoutState *state, int eflags)
{
	EState	   *estate = state->css.ss.ps.state;

	return state->plan.command == CMD_SELECT && !state->spec.writes && !(eflags & EXEC_FLAG_EXPLAIN_ONLY) &&
		estate->es_epq_active == NULL && state->place.current_of == NULL && shows_beginning(state);
}

/*
 * InitPlans of a leaf in a statement that writes may lock rows, and are not computed before its triggers have fired
 * (plan/leaf_inputs.h).
 */
static bool
may_start_with_inputs(const FanoutState *state)
{
	return !OidIsValid(state->plan.shell) || !writes_meanwhile(state->css.ss.ps.state);
}

/* Can what the scan is given be computed now: by InitPlans that depend on nothing around them? */
static bool
has_all_inputs(const FanoutState *state)
{
	int			param = -1;

	while ((param = bms_next_member(state->follows, param)) >= 0)
	{
		const SubPlanState *plan = state->css.ss.ps.state->es_param_exec_vals[param].execPlan;

		if (plan == NULL || !bms_is_empty(plan->planstate->plan->extParam))
			return false;
	}
	return true;
}

/* Values that it is given are not there yet, or change: it starts when they are there, and shows this moment. */
static void
fix_snapshot(FanoutState *state)
{
	EState	   *estate = state->css.ss.ps.state;

	state->number = snapshot_number_make(estate);
	snapshot_number_renew(state->number);
	snapshot_number_take(state->number, state->spec.role);
}

/* All nodes have begun. The scan may be running, for an input of another; lookups have the number of that above. */
static void
start_with_inputs(void *arg)
{
	FanoutState *state = arg;

	if (state->fragment != NULL || state->was_read || state->number != NULL)
		return;
	if (has_all_inputs(state))
		start(state);
	else
		fix_snapshot(state);
}

/*
 * Is the statement a SELECT whose plan is one line of nodes that ends in this scan? Nothing else of it can be asked of
 * any node then, and the scan is not read again.
 */
static bool
is_alone(const FanoutState *state, const EState *estate)
{
	const PlannedStmt *stmt = estate->es_plannedstmt;
	const Plan *plan = stmt->planTree;

	if (stmt->commandType != CMD_SELECT || stmt->hasModifyingCTE || stmt->rowMarks != NIL || stmt->subplans != NIL ||
		state->plan.input_ids != NIL)
		return false;
	while (plan != NULL && plan != state->css.ss.ps.plan)
	{
		if (plan->righttree != NULL)
			return false;
		plan = IsA(plan, SubqueryScan) ? ((const SubqueryScan *) plan)->subplan : plan->lefttree;
	}
	return plan != NULL;
}

/* The scan below is given the same snapshot. None if it might see what the statement, or its command, has written. */
static void
begin_lookups(FanoutState *state, Plan *plan, EState *estate, int eflags)
{
	PlanState  *lookup;

	if (writes_meanwhile(estate) || statement_command(estate) != 0)
		return;
	lookup = ExecInitNode(plan, estate, eflags);
	state->css.custom_ps = list_make1(lookup);
	state->number = ((FanoutState *) lookup)->number = snapshot_number_make(estate);
	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
		snapshot_number_renew(state->number);
}

/* Do values of the level around choose among the rows? Then they will be read again, most likely. */
static bool
is_chosen_from(const CustomScanState *node)
{
	return input_params_of_plan((Node *) node->ss.ps.plan->qual) != NULL;
}

static bool
keeps_rows(const FanoutState *state, const EState *estate, int eflags)
{
	return state->plan.is_below &&
		((eflags & EXEC_FLAG_REWIND) != 0 || is_chosen_from(&state->css) ||
		 (shows_beginning(state) && !plan_node_is_read_once(estate->es_plannedstmt->planTree, state->css.ss.ps.plan)));
}

static void
begin(CustomScanState *node, EState *estate, int eflags)
{
	FanoutState *state = (FanoutState *) node;
	CustomScan *scan = (CustomScan *) node->ss.ps.plan;
	List	   *states = ExecInitExprList(scan->custom_exprs, &node->ss.ps);
	int			nrecheck = state->plan.nrecheck;

	state->param_states = list_copy(states);
	state->param_states = list_truncate(state->param_states, state->spec.nparams);
	state->input_states = list_copy_tail(states, state->spec.nparams);
	state->key_states = list_copy_tail(state->input_states, list_length(state->plan.input_ids));
	state->input_states = list_truncate(state->input_states, list_length(state->plan.input_ids));
	state->key_states = list_truncate(state->key_states, list_length(state->key_states) - nrecheck);
	state->place.recheck = ExecInitQual(list_copy_tail(scan->custom_exprs, list_length(states) - nrecheck),
										&node->ss.ps);
	state->follows = input_params_of_plan((Node *) scan->custom_exprs);
	state->spec.slot_desc = node->ss.ss_ScanTupleSlot->tts_tupleDescriptor;
	state->spec.meter = work_meter_make(estate);
	state->spec.alone = is_alone(state, estate);
	/* whose rights have just been checked, whoever fetches the rows */
	if (!OidIsValid(state->spec.role))
		state->spec.role = GetUserId();
	state->fragment_cxt = AllocSetContextCreate(estate->es_query_cxt, "shardext fragment", ALLOCSET_DEFAULT_SIZES);
	state->kept = kept_rows_make(&node->ss);
	if (state->plan.batch_rows > 0)
		state->batches = scan_batches_make(estate, state->plan.batch_rows);
	state->keep = keeps_rows(state, estate, eflags);
	if (state->spec.writes && state->spec.returns_rows)
		statement_command_of_returning(estate, state->spec.run_query);
	if (state->plan.local_only)
		fragment_obey_note(&state->spec, estate->es_sourceText);
	if (scan->custom_plans != NIL)
		begin_lookups(state, linitial(scan->custom_plans), estate, eflags);
	if (!starts_at_once(state, eflags))
		return;
	if (state->follows == NULL)
		start(state);
	else if (may_start_with_inputs(state))
		at_start_add(estate, start_with_inputs, state);
}

/* ---------- rows ---------- */

/* In memory of the execution, or of the fragment if there are others next time. */
static void
find_shards(FanoutState *state)
{
	MemoryContext old;

	if (state->shards_known)
		return;
	old = MemoryContextSwitchTo(state->follows != NULL ? state->fragment_cxt : state->css.ss.ps.state->es_query_cxt);
	if (state->plan.local_only)
		state->shards = state->plan.only_shards;
	else if (state->plan.key_relids == NIL)
		state->shards = shard_set_all();
	else
		state->shards = shard_set_eval(state->plan.key_relids, state->plan.key_lengths, state->key_states,
									   state->css.ss.ps.ps_ExprContext);
	state->shards_known = true;
	MemoryContextSwitchTo(old);
}

static void
eval_all(FanoutState *state, List *expr_states, Datum **values, bool **nulls)
{
	ListCell   *lc;

	*values = palloc(sizeof(Datum) * (list_length(expr_states) + 1));
	*nulls = palloc(sizeof(bool) * (list_length(expr_states) + 1));
	foreach(lc, expr_states)
	{
		int			i = foreach_current_index(lc);

		(*values)[i] = ExecEvalExpr((ExprState *) lfirst(lc), state->css.ss.ps.ps_ExprContext, &(*nulls)[i]);
	}
}

/* The parameters of run_query, in the current context: those of the statement, and what the plan computes first. */
static ParamListInfo
local_params(FanoutState *state)
{
	ParamListInfo params = state->css.ss.ps.state->es_param_list_info;
	Oid		   *types;
	Datum	   *values;
	bool	   *nulls;
	ListCell   *lc;

	if (state->plan.input_ids == NIL)
		return params;
	types = palloc(sizeof(Oid) * list_length(state->plan.input_ids));
	foreach(lc, state->input_states)
		types[foreach_current_index(lc)] = exprType((Node *) lfirst_node(ExprState, lc)->expr);
	eval_all(state, state->input_states, &values, &nulls);
	if (state->batches != NULL)
		values[state->plan.batch_input] = Int64GetDatum(scan_batches_size(state->batches));
	return input_params_make(params, state->plan.input_ids, types, values, nulls, PARAM_FLAG_CONST);
}

/* All rows, or the batch at hand. */
static void
start_fragment(FanoutState *state)
{
	MemoryContext old;
	int64		limit = 0;
	Datum	   *values;
	bool	   *nulls;

	if (state->follows != NULL)
		state->shards_known = false;
	MemoryContextReset(state->fragment_cxt);
	find_shards(state);
	old = MemoryContextSwitchTo(state->fragment_cxt);
	eval_all(state, state->param_states, &values, &nulls);
	if (state->batches != NULL)
	{
		limit = scan_batches_size(state->batches);
		values[state->plan.batch_param] = Int64GetDatum(limit);
		state->spec.snapshot = scan_batches_snapshot(state->batches, &state->spec.oldest_snapshot);
	}
	else if (state->number != NULL)
		state->spec.snapshot = snapshot_number_get(state->number, &state->spec.oldest_snapshot);
	state->spec.local_params = local_params(state);
	state->fragment = fragment_start(&state->spec, state->shards, values, nulls, state->css.ss.ps.state);
	if (state->order != NULL)
		state->merge = fragment_merge_start(state->fragment, state->spec.slot_desc, state->order, limit);
	MemoryContextSwitchTo(old);
}

static void
start(FanoutState *state)
{
	if (state->batches != NULL)
		scan_batches_restart(state->batches);
	start_fragment(state);
}

static void
end_fragment(FanoutState *state)
{
	if (state->merge != NULL)
		fragment_merge_end(state->merge);
	if (state->fragment != NULL)
		fragment_end(state->fragment);
	state->merge = NULL;
	state->fragment = NULL;
}

static void
finish(FanoutState *state)
{
	if (state->fragment == NULL)
		return;
	if (!state->spec.returns_rows)
		state->css.ss.ps.state->es_processed += fragment_processed(state->fragment);
	end_fragment(state);
	if (state->batches != NULL)
		scan_batches_end(state->batches);
	state->finished = true;
}

static bool
next_of_fragment(FanoutState *state)
{
	TupleTableSlot *slot = state->css.ss.ss_ScanTupleSlot;

	if (state->merge != NULL ? !fragment_merge_next(state->merge, slot) : !fragment_next(state->fragment, slot))
		return false;
	if (state->place.column > 0)
		scan_place_mark(&state->place, slot);
	return true;
}

/* Could there be more rows than those of the batch that has been read? */
static bool
go_on_after_batch(const FanoutState *state)
{
	if (state->batches == NULL)
		return false;
	return state->merge != NULL ? fragment_merge_hit_limit(state->merge) :
		fragment_most_rows(state->fragment) >= scan_batches_size(state->batches);
}

/* Has an earlier batch given the row? */
static bool
was_given(FanoutState *state)
{
	int			node_id;

	if (state->batches == NULL)
		return false;
	node_id = state->merge != NULL ? fragment_merge_row_node(state->merge) : fragment_row_node(state->fragment);
	return !scan_batches_take(state->batches, node_id, &state->place.place);
}

/* The next row that the shards give. */
static bool
fetch_row(FanoutState *state)
{
	TupleTableSlot *slot = state->css.ss.ss_ScanTupleSlot;

	if (state->finished)
		return false;
	if (state->fragment == NULL)
		start(state);
	state->was_read = true;
	do
	{
		CHECK_FOR_INTERRUPTS();
		while (!next_of_fragment(state))
		{
			if (!go_on_after_batch(state))
			{
				finish(state);
				return false;
			}
			end_fragment(state);
			scan_batches_next(state->batches);
			start_fragment(state);
		}
	} while (was_given(state) || state->place.locked);
	if (kept_rows_open(state->kept))
		kept_rows_add(state->kept, slot);
	return true;
}

static bool
next_row(FanoutState *state)
{
	if (kept_rows_want_keys(state->kept))
	{
		while (fetch_row(state))
			CHECK_FOR_INTERRUPTS();
		kept_rows_find_keys(state->kept);
	}
	return (kept_rows_open(state->kept) && kept_rows_next(state->kept)) || fetch_row(state);
}

/*
 * For the first readings only the rows wanted are fetched; if there are more readings, all rows once, since each lookup
 * is a round trip.
 */
static bool
looks_up(FanoutState *state)
{
	if (state->is_decided || state->css.custom_ps == NIL)
		return state->looks_up;
	state->is_decided = true;
	state->looks_up = state->spent < state->plan.rows_of_all && !state->was_read && state->fragment == NULL;
	if (state->looks_up)
		state->spent += state->plan.rows_of_lookup;
	return state->looks_up;
}

static TupleTableSlot *
next_looked_up(FanoutState *state)
{
	TupleTableSlot *slot = state->css.ss.ss_ScanTupleSlot;
	TupleTableSlot *row = ExecProcNode(linitial(state->css.custom_ps));

	ExecClearTuple(slot);
	if (TupIsNull(row))
		return slot;
	state->spent++;
	slot_getallattrs(row);
	memcpy(slot->tts_values, row->tts_values, slot->tts_tupleDescriptor->natts * sizeof(Datum));
	memcpy(slot->tts_isnull, row->tts_isnull, slot->tts_tupleDescriptor->natts * sizeof(bool));
	slot->tts_tableOid = state->plan.shell;
	return ExecStoreVirtualTuple(slot);
}

static TupleTableSlot *
access_next(ScanState *node)
{
	FanoutState *state = (FanoutState *) node;
	TupleTableSlot *slot = node->ss_ScanTupleSlot;

	if (state->place.current_of != NULL)
	{
		bool		found = !state->finished && scan_place_current(&state->place, node);

		state->finished = true;
		return found ? slot : ExecClearTuple(slot);
	}
	if (looks_up(state))
		return next_looked_up(state);
	if (state->keep && !kept_rows_open(state->kept))
		kept_rows_begin(state->kept);
	if (!next_row(state))
		return ExecClearTuple(slot);
	slot->tts_tableOid = state->plan.shell;
	if (state->place.column > 0)
		scan_place_show(&state->place, slot);
	return slot;
}

static TupleTableSlot *
exec(CustomScanState *node)
{
	if (scan_place_is_given(&node->ss))
		return scan_place_given(&((FanoutState *) node)->place, &node->ss);
	return ((FanoutState *) node)->plan.command == CMD_SELECT ? scan_rows(node, access_next) :
		scan_rows_returned(node, access_next);
}

static void
rescan_lookups(FanoutState *state)
{
	PlanState  *lookup = linitial(state->css.custom_ps);

	state->is_decided = false;
	if (state->css.ss.ps.chgParam != NULL)
		UpdateChangedParamSet(lookup, state->css.ss.ps.chgParam);
	if (lookup->chgParam == NULL)
		ExecReScan(lookup);
}

static void
rescan(CustomScanState *node)
{
	FanoutState *state = (FanoutState *) node;
	bool		others = bms_overlap(node->ss.ps.chgParam, state->follows);

	ExecScanReScan(&node->ss);
	if (node->custom_ps != NIL)
		rescan_lookups(state);
	if (state->place.current_of != NULL)
		state->finished = false;
	if (!state->was_read)
		return;
	if (others)
		kept_rows_forget(state->kept);
	if (kept_rows_open(state->kept))
	{
		kept_rows_rescan(state->kept);
		return;
	}
	end_fragment(state);
	state->finished = false;
	state->keep = state->keep || !others;
}

static void
shut_down(CustomScanState *node)
{
	FanoutState *state = (FanoutState *) node;

	if (state->fragment != NULL)
		fragment_shutdown(state->fragment);
}

static void
end(CustomScanState *node)
{
	FanoutState *state = (FanoutState *) node;

	end_fragment(state);
	if (state->batches != NULL)
		scan_batches_end(state->batches);
	kept_rows_forget(state->kept);
	if (node->custom_ps != NIL)
		ExecEndNode(linitial(node->custom_ps));
	if (state->number != NULL)
		snapshot_number_end(state->number);
}

/* ---------- EXPLAIN ---------- */

/* Are the values of the shard keys there before the plan runs? Its sub-SELECTs must not run for EXPLAIN. */
static bool
knows_keys(const FanoutState *state)
{
	bool		has_params = state->css.ss.ps.state->es_param_list_info != NULL;
	ListCell   *lc;

	foreach(lc, state->key_states)
	{
		Node	   *key = (Node *) lfirst_node(ExprState, lc)->expr;

		if (input_params_of_plan(key) != NULL || (!has_params && input_params_has_statements(key)))
			return false;
	}
	return true;
}

static void
explain(CustomScanState *node, List *ancestors, ExplainState *es)
{
	FanoutState *state = (FanoutState *) node;

	plan_method_explain((CustomScan *) node->ss.ps.plan, es);
	if (state->plan.command != CMD_SELECT)
		ExplainPropertyText("Command", state->plan.command == CMD_INSERT ? "Insert" :
							state->plan.command == CMD_UPDATE ? "Update" : "Delete", es);
	if (knows_keys(state))
		find_shards(state);
	if (state->shards_known)
	{
		ExplainPropertyList("Nodes", shard_set_owners(state->shards), es);
		ExplainPropertyInteger("Shards", NULL, bms_num_members(state->shards), es);
	}
	if (state->batches != NULL)
		scan_batches_explain(state->batches, es);
	if (node->custom_ps != NIL)
		ExplainPropertyInteger("Lookups At Most", NULL, state->plan.rows_of_all / state->plan.rows_of_lookup, es);
	if (state->order != NULL)
		merge_order_explain(state->order, ((CustomScan *) node->ss.ps.plan)->custom_scan_tlist, es);
	plan_reason_explain((CustomScan *) node->ss.ps.plan, es);
	if (es->verbose && state->spec.remote_sql != NULL)
		ExplainPropertyText("Remote SQL", state->spec.remote_sql, es);
	if (es->verbose && !es->analyze && state->shards_known)
		fragment_explain_shard(&state->spec, state->shards, state->css.ss.ps.state, es);
	if (state->fragment != NULL)
		fragment_note_work(state->fragment);
	kept_rows_explain(state->kept, es);
	work_meter_explain(state->spec.meter, es);
}

void
scan_fanout_preload(void)
{
	kept_plan_preload();
	RegisterCustomScanMethods(&scan_fanout_methods);
}
