/*
 * scan_fanout.c
 *	  Custom Scan (Shard Scan): one fragment carried out in many shards.
 *
 * Steps: at the first row wanted, the parameters and the shard keys are
 * evaluated and the fragment is started on all nodes (exec/fragment.h); rows
 * then stream. A leaf yields rows of the shell's shape (or of scan_tlist) to
 * the qual and projection of its plan; a whole statement yields its result.
 *
 * The rows of the fragment never depend on parameters that change between
 * rescans. So the first rescan starts again and keeps the rows in a
 * tuplestore, further ones read that: all of it, or what has the key that they
 * ask for (exec/kept_rows.h).
 *
 * A leaf whose rows are locked until there are enough of them fetches them in
 * batches (exec/scan_batches.h).
 *
 * custom_private and custom_exprs are packed and unpacked only here:
 * custom_exprs holds the parameters of the remote text, then the expressions
 * of all shard keys.
 */
#include "postgres.h"

#include "commands/explain.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "parser/parsetree.h"

#include "base/pg_compat.h"
#include "catalog/table_map.h"
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
#include "exec/statement_command.h"
#include "exec/whole_statement.h"

/* Items of custom_private. */
enum
{
	PRIVATE_FLAGS,				/* int list: FLAG_* */
	PRIVATE_RUN_QUERY,
	PRIVATE_QUERY_STRING,
	PRIVATE_REMOTE_SQL,			/* or NULL */
	PRIVATE_ATTNOS,
	PRIVATE_SHARDS,
	PRIVATE_KEY_RELIDS,
	PRIVATE_KEY_LENGTHS,
	PRIVATE_OIDS,				/* shell, role */
	PRIVATE_KEY_COLUMNS,
	PRIVATE_CURRENT_OF,			/* or NULL */
	PRIVATE_INPUT_IDS,
	PRIVATE_KEPT_PLAN,
	PRIVATE_MERGE_BY,			/* see FanoutParts */
};

enum
{
	FLAG_COMMAND,
	FLAG_WRITES,
	FLAG_LOCAL_ONLY,
	FLAG_NPARAMS,
	FLAG_BELOW,					/* not the whole statement: may be read again */
	FLAG_HOLD,
	FLAG_PLACE_COLUMN,
	FLAG_NRECHECK,
	FLAG_TOGETHER,
	FLAG_BATCH_ROWS,
	FLAG_BATCH_PARAM,
	FLAG_BATCH_INPUT,
	FLAG_SKIP,
};

typedef struct FanoutState
{
	CustomScanState css;

	/* plan */
	CmdType		command;
	bool		local_only;
	bool		is_below;		/* other nodes of the plan */
	Oid			shell;
	Bitmapset  *only_shards;
	List	   *key_relids;
	List	   *key_lengths;
	List	   *key_states;		/* of ExprState * */
	List	   *param_states;
	List	   *input_states;
	List	   *input_ids;
	FragmentSpec spec;
	ScanPlace	place;
	MergeOrder *order;			/* NULL: rows come in any order */
	int			batch_rows;		/* 0: all at once */
	int			batch_param;
	int			batch_input;

	/* execution */
	Bitmapset  *shards;
	bool		shards_known;
	Fragment   *fragment;		/* NULL before the first row (but for a cursor) and after the last */
	FragmentMerge *merge;		/* of its rows, if there is an order */
	MemoryContext fragment_cxt;
	ScanBatches *batches;		/* or NULL */
	bool		was_read;		/* a row was asked for */
	Bitmapset  *follows;		/* parameters of the plan that decide which rows there are */
	bool		finished;

	/* rescans */
	bool		keep;			/* the rows */
	KeptRows   *kept;
} FanoutState;

static Node *create_state(CustomScan *scan);
static void begin(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *exec(CustomScanState *node);
static void rescan(CustomScanState *node);
static void shut_down(CustomScanState *node);
static void end(CustomScanState *node);
static void start(FanoutState *state);
static void explain(CustomScanState *node, List *ancestors, ExplainState *es);

static const CustomScanMethods fanout_scan_methods = {
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

/* ---------- planner side ---------- */

static List *
all_columns(int n)
{
	List	   *result = NIL;

	for (int i = 1; i <= n; i++)
		result = lappend_int(result, i);
	return result;
}

CustomScan *
scan_fanout_make(const FanoutParts *parts)
{
	CustomScan *scan = makeNode(CustomScan);
	List	   *attnos = parts->attnos;
	List	   *key_relids = NIL;
	List	   *key_lengths = NIL;
	List	   *flags;
	ListCell   *lc;

	scan->methods = &fanout_scan_methods;
	scan->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	scan->scan.scanrelid = parts->scanrelid;
	if (parts->is_part)
	{
		scan->custom_scan_tlist = parts->scan_tlist;
		attnos = all_columns(list_length(parts->scan_tlist));
	}
	else if (parts->scanrelid == 0)
	{
		attnos = all_columns(result_columns_set(scan, parts->target_list));
	}
	else
		scan->custom_scan_tlist = parts->scan_tlist;

	scan->custom_exprs = list_concat_copy(parts->remote_params, parts->inputs);
	foreach(lc, parts->shard_keys)
	{
		FanoutKey  *key = (FanoutKey *) lfirst(lc);

		key_relids = lappend_oid(key_relids, key->relid);
		key_lengths = lappend_int(key_lengths, list_length(key->exprs));
		scan->custom_exprs = list_concat(scan->custom_exprs, key->exprs);
	}
	scan->custom_exprs = plan_node_expressions(list_concat(scan->custom_exprs, parts->recheck));

	/* several steps: list_make takes five at most */
	flags = list_make5_int(parts->command, parts->writes, parts->local_only, list_length(parts->remote_params),
						   parts->is_part || parts->scanrelid > 0);
	flags = list_concat(flags, list_make4_int(parts->hold, parts->place_column, list_length(parts->recheck),
											   parts->together));
	flags = list_concat(flags, list_make4_int((int) parts->batch_rows, parts->batch_param, parts->batch_input,
											   parts->skip));
	scan->custom_private = list_make4(flags,
									  parts->run_query,
									  makeString(pstrdup(parts->query_string ? parts->query_string : "")),
									  parts->remote_sql ? makeString(pstrdup(parts->remote_sql)) : NULL);
	scan->custom_private = list_concat(scan->custom_private,
									   list_make5(attnos, shard_set_list(parts->shards), key_relids, key_lengths,
												  list_make2_oid(parts->shell, parts->role)));
	scan->custom_private = list_concat(scan->custom_private,
									   list_make5(parts->key_columns, parts->current_of, parts->input_ids,
												  kept_plan_make(), parts->merge_by));
	plan_method_set(scan, parts->method ? parts->method : parts->scanrelid > 0 ? METHOD_PULL :
					parts->redistributes ? METHOD_REDISTRIBUTE : parts->inputs != NIL ? METHOD_BROADCAST :
					parts->merge_by != NIL ? METHOD_MERGE : METHOD_FRAGMENT);
	return scan;
}

/* ---------- state ---------- */

static AttrNumber *
attnos_of(List *list, int *n)
{
	AttrNumber *result = palloc(sizeof(AttrNumber) * (list_length(list) + 1));
	ListCell   *lc;

	*n = 0;
	foreach(lc, list)
		result[(*n)++] = (AttrNumber) lfirst_int(lc);
	return result;
}

static void
unpack_spec(FanoutState *state, CustomScan *scan)
{
	List	   *private = scan->custom_private;
	List	   *flags = (List *) list_nth(private, PRIVATE_FLAGS);
	Node	   *sql = (Node *) list_nth(private, PRIVATE_REMOTE_SQL);
	List	   *oids = (List *) list_nth(private, PRIVATE_OIDS);
	int			nparams = list_nth_int(flags, FLAG_NPARAMS);
	FragmentSpec *spec = &state->spec;
	Oid		   *types = palloc(sizeof(Oid) * (nparams + 1));
	ListCell   *lc;

	state->command = (CmdType) list_nth_int(flags, FLAG_COMMAND);
	state->local_only = list_nth_int(flags, FLAG_LOCAL_ONLY);
	state->is_below = list_nth_int(flags, FLAG_BELOW);
	state->shell = linitial_oid(oids);
	state->key_relids = (List *) list_nth(private, PRIVATE_KEY_RELIDS);
	state->key_lengths = (List *) list_nth(private, PRIVATE_KEY_LENGTHS);
	state->input_ids = (List *) list_nth(private, PRIVATE_INPUT_IDS);
	foreach(lc, (List *) list_nth(private, PRIVATE_SHARDS))
		state->only_shards = bms_add_member(state->only_shards, lfirst_int(lc));

	state->place.shell = state->shell;
	state->place.column = list_nth_int(flags, FLAG_PLACE_COLUMN);
	state->place.key_columns = (List *) list_nth(private, PRIVATE_KEY_COLUMNS);
	state->place.current_of = (CurrentOfExpr *) list_nth(private, PRIVATE_CURRENT_OF);
	state->place.columns = scan->custom_scan_tlist;
	spec->writes = list_nth_int(flags, FLAG_WRITES);
	spec->hold = list_nth_int(flags, FLAG_HOLD);
	spec->together = list_nth_int(flags, FLAG_TOGETHER);
	spec->run_query = (Query *) list_nth(private, PRIVATE_RUN_QUERY);
	spec->query_string = strVal(list_nth(private, PRIVATE_QUERY_STRING));
	spec->remote_sql = sql ? strVal(sql) : NULL;
	spec->attnos = attnos_of((List *) list_nth(private, PRIVATE_ATTNOS), &spec->ncols);
	spec->role = lsecond_oid(oids);
	spec->returns_rows = state->command == CMD_SELECT || spec->ncols > 0;
	spec->nparams = nparams;
	spec->param_types = types;
	for (int i = 0; i < nparams; i++)
		types[i] = exprType((Node *) list_nth(scan->custom_exprs, i));
	state->batch_rows = list_nth_int(flags, FLAG_BATCH_ROWS);
	state->batch_param = list_nth_int(flags, FLAG_BATCH_PARAM);
	state->batch_input = list_nth_int(flags, FLAG_BATCH_INPUT);
	spec->skip = (LockClauseStrength) list_nth_int(flags, FLAG_SKIP);
	state->order = merge_order_make((List *) list_nth(private, PRIVATE_MERGE_BY), scan->custom_scan_tlist);
	spec->local_plan = (KeptPlan *) list_nth(private, PRIVATE_KEPT_PLAN);
}

static Node *
create_state(CustomScan *scan)
{
	FanoutState *state = (FanoutState *) newNode(sizeof(FanoutState), T_CustomScanState);

	state->css.methods = &fanout_exec_methods;
	unpack_spec(state, scan);
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

/* Are the rows those of the moment when the statement began, whenever they are fetched? */
static bool
starts_at_once(FanoutState *state, int eflags)
{
	EState	   *estate = state->css.ss.ps.state;
	CustomScan *scan = (CustomScan *) state->css.ss.ps.plan;

	return state->command == CMD_SELECT && !state->spec.writes && !(eflags & EXEC_FLAG_EXPLAIN_ONLY) &&
		estate->es_epq_active == NULL && state->place.current_of == NULL &&
		(statement_is_opening_cursor(estate) || writes_meanwhile(estate)) &&
		input_params_of_plan((Node *) scan->custom_exprs) == NULL;
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
		state->input_ids != NIL)
		return false;
	while (plan != NULL && plan != state->css.ss.ps.plan)
	{
		if (plan->righttree != NULL)
			return false;
		plan = IsA(plan, SubqueryScan) ? ((const SubqueryScan *) plan)->subplan : plan->lefttree;
	}
	return plan != NULL;
}

static void
begin(CustomScanState *node, EState *estate, int eflags)
{
	FanoutState *state = (FanoutState *) node;
	CustomScan *scan = (CustomScan *) node->ss.ps.plan;
	List	   *states = ExecInitExprList(scan->custom_exprs, &node->ss.ps);
	int			nrecheck = list_nth_int((List *) list_nth(scan->custom_private, PRIVATE_FLAGS), FLAG_NRECHECK);

	state->param_states = list_copy(states);
	state->param_states = list_truncate(state->param_states, state->spec.nparams);
	state->input_states = list_copy_tail(states, state->spec.nparams);
	state->key_states = list_copy_tail(state->input_states, list_length(state->input_ids));
	state->input_states = list_truncate(state->input_states, list_length(state->input_ids));
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
	if (state->batch_rows > 0)
		state->batches = scan_batches_make(estate, state->batch_rows);
	state->keep = ((eflags & EXEC_FLAG_REWIND) != 0 || writes_meanwhile(estate)) && state->is_below;
	if (state->spec.writes && state->spec.returns_rows)
		statement_command_of_returning(estate, state->spec.run_query);
	if (state->local_only)
		fragment_obey_note(&state->spec, estate->es_sourceText);
	if (starts_at_once(state, eflags))
		start(state);
}

/* ---------- rows ---------- */

static void
find_shards(FanoutState *state)
{
	if (state->shards_known)
		return;
	if (state->local_only)
		state->shards = state->only_shards;
	else if (state->key_relids == NIL)
		state->shards = shard_set_all();
	else
		state->shards = shard_set_eval(state->key_relids, state->key_lengths, state->key_states,
									   state->css.ss.ps.ps_ExprContext);
	state->shards_known = true;
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

	if (state->input_ids == NIL)
		return params;
	types = palloc(sizeof(Oid) * list_length(state->input_ids));
	foreach(lc, state->input_states)
		types[foreach_current_index(lc)] = exprType((Node *) lfirst_node(ExprState, lc)->expr);
	eval_all(state, state->input_states, &values, &nulls);
	if (state->batches != NULL)
		values[state->batch_input] = Int64GetDatum(scan_batches_size(state->batches));
	return input_params_make(params, state->input_ids, types, values, nulls, PARAM_FLAG_CONST);
}

/* All rows, or the batch at hand. */
static void
start_fragment(FanoutState *state)
{
	MemoryContext old;
	int64		limit = 0;
	Datum	   *values;
	bool	   *nulls;

	MemoryContextReset(state->fragment_cxt);
	old = MemoryContextSwitchTo(state->css.ss.ps.state->es_query_cxt);
	find_shards(state);
	MemoryContextSwitchTo(state->fragment_cxt);
	eval_all(state, state->param_states, &values, &nulls);
	if (state->batches != NULL)
	{
		limit = scan_batches_size(state->batches);
		values[state->batch_param] = Int64GetDatum(limit);
		state->spec.snapshot = scan_batches_snapshot(state->batches, &state->spec.oldest_snapshot);
	}
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
	if (state->keep && !kept_rows_open(state->kept))
		kept_rows_begin(state->kept);
	if (!next_row(state))
		return ExecClearTuple(slot);
	slot->tts_tableOid = state->shell;
	if (state->place.column > 0)
		scan_place_show(&state->place, slot);
	return slot;
}

static TupleTableSlot *
exec(CustomScanState *node)
{
	if (scan_place_is_given(&node->ss))
		return scan_place_given(&((FanoutState *) node)->place, &node->ss);
	return ((FanoutState *) node)->command == CMD_SELECT ? scan_rows(node, access_next) :
		scan_rows_returned(node, access_next);
}

static void
rescan(CustomScanState *node)
{
	FanoutState *state = (FanoutState *) node;

	ExecScanReScan(&node->ss);
	if (state->place.current_of != NULL)
		state->finished = false;
	if (!state->was_read)
		return;
	if (bms_overlap(node->ss.ps.chgParam, state->follows))
	{
		kept_rows_forget(state->kept);
		state->shards_known = false;
	}
	if (kept_rows_open(state->kept))
	{
		kept_rows_rescan(state->kept);
		return;
	}
	end_fragment(state);
	state->finished = false;
	state->keep = true;
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
	if (state->command != CMD_SELECT)
		ExplainPropertyText("Command", state->command == CMD_INSERT ? "Insert" :
							state->command == CMD_UPDATE ? "Update" : "Delete", es);
	if (knows_keys(state))
		find_shards(state);
	if (state->shards_known)
	{
		ExplainPropertyList("Nodes", shard_set_owners(state->shards), es);
		ExplainPropertyInteger("Shards", NULL, bms_num_members(state->shards), es);
	}
	if (state->batches != NULL)
		scan_batches_explain(state->batches, es);
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
	RegisterCustomScanMethods(&fanout_scan_methods);
}
