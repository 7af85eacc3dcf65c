/*
 * modify_rows.c
 *	  Custom Scan (Shard Modify): rows of a child plan, each changed or deleted
 *	  in its shard by its ctid.
 *
 * Steps: read the child to its end (the scan below it has locked each row of
 * the table in its latest version); find the shard of each row by its key and
 * hand the row to the sender of INSERT (exec/insert_batch.h), whose statements
 * are here UPDATE or DELETE by ctid; at the end wait for all nodes. What these
 * statements give back is sorted by the rows' ordinals; RETURNING is evaluated
 * over it and over the row of the child that it came from.
 *
 * A ctid is good as long as the lock is held, that is, to the end of the
 * transaction. All statements are one command (exec/statement_command.h): a row
 * that a join gives more than once is written once, and one that a trigger or
 * function of the statement has changed meanwhile is the error that it is in PostgreSQL.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "base/pg_compat.h"
#include "catalog/table_map.h"
#include "exec/insert_batch.h"
#include "exec/modify_rows.h"
#include "exec/plan_reason.h"
#include "exec/returned_rows.h"
#include "exec/scan_rows.h"
#include "exec/statement_command.h"

/* Items of custom_private. */
enum
{
	PRIVATE_FLAGS,				/* int list: command, first_param */
	PRIVATE_TEXT_QUERY,
	PRIVATE_RUN_QUERY,
	PRIVATE_ATTNOS,
	PRIVATE_QUERY_STRING,
	PRIVATE_TABLE,				/* oid list of one */
	PRIVATE_RETURNED,
};

typedef struct ModifyState
{
	CustomScanState css;

	/* plan */
	InsertForm	form;
	const char *query_string;

	/* execution */
	const TableInfo *table;
	InsertSender *sender;
	bool		done;
	Tuplestorestate *rows;		/* of the child */
	TupleTableSlot *row;		/* one of them */
	int64		next_row;		/* ordinal of the one after row */

	ReturnedRows *returned;		/* what the statements gave back; NULL without RETURNING */
} ModifyState;

static Node *create_state(CustomScan *scan);
static void begin(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *exec(CustomScanState *node);
static void end(CustomScanState *node);
static void explain(CustomScanState *node, List *ancestors, ExplainState *es);

static const CustomScanMethods modify_scan_methods = {
	.CustomName = "Shard Modify",
	.CreateCustomScanState = create_state,
};

static const CustomExecMethods modify_exec_methods = {
	.CustomName = "Shard Modify",
	.BeginCustomScan = begin,
	.ExecCustomScan = exec,
	.EndCustomScan = end,
	.ReScanCustomScan = scan_rows_only_once,
	.ExplainCustomScan = explain,
};

/* ---------- planner side ---------- */

/* The scan tuple: columns of the row written, then columns of other tables. */
static List *
scan_columns(const ModifyParts *parts)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, list_concat_copy(parts->form.returned, parts->carried))
	{
		Node	   *var = lfirst(lc);
		Const	   *type = makeNullConst(exprType(var), exprTypmod(var), exprCollation(var));

		result = lappend(result, makeTargetEntry((Expr *) type, list_length(result) + 1, NULL, false));
	}
	return result;
}

CustomScan *
modify_rows_make(const ModifyParts *parts)
{
	CustomScan *scan = makeNode(CustomScan);
	const InsertForm *form = &parts->form;

	scan->methods = &modify_scan_methods;
	scan->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	scan->custom_scan_tlist = scan_columns(parts);
	scan->scan.plan.targetlist = parts->result;
	scan->custom_plans = list_make1(parts->child);
	scan->custom_private = list_make4(list_make2_int(form->command, form->first_param),
									  form->text_query, form->run_query, form->attnos);
	scan->custom_private = list_concat(scan->custom_private,
									   list_make3(makeString(pstrdup(parts->query_string ? parts->query_string : "")),
												  list_make1_oid(form->table), form->returned));
	scan->scan.plan.startup_cost = parts->child->total_cost;
	scan->scan.plan.total_cost = parts->child->total_cost;
	scan->scan.plan.plan_rows = parts->result ? parts->child->plan_rows : 0;
	return scan;
}

bool
modify_rows_is(const Plan *plan)
{
	return IsA(plan, CustomScan) && ((const CustomScan *) plan)->methods == &modify_scan_methods;
}

/* ---------- state ---------- */

static Node *
create_state(CustomScan *scan)
{
	ModifyState *state = (ModifyState *) newNode(sizeof(ModifyState), T_CustomScanState);
	List	   *private = scan->custom_private;
	List	   *flags = (List *) list_nth(private, PRIVATE_FLAGS);

	state->css.methods = &modify_exec_methods;
	state->form.command = (CmdType) linitial_int(flags);
	state->form.first_param = lsecond_int(flags);
	state->form.text_query = (Query *) list_nth(private, PRIVATE_TEXT_QUERY);
	state->form.run_query = (Query *) list_nth(private, PRIVATE_RUN_QUERY);
	state->form.attnos = (List *) list_nth(private, PRIVATE_ATTNOS);
	state->form.table = linitial_oid((List *) list_nth(private, PRIVATE_TABLE));
	state->form.returned = (List *) list_nth(private, PRIVATE_RETURNED);
	state->query_string = strVal(list_nth(private, PRIVATE_QUERY_STRING));
	return (Node *) state;
}

static void
begin(CustomScanState *node, EState *estate, int eflags)
{
	CustomScan *scan = (CustomScan *) node->ss.ps.plan;

	node->custom_ps = list_make1(ExecInitNode((Plan *) linitial(scan->custom_plans), estate, eflags));
}

/* ---------- RETURNING ---------- */

/* The ordinal is one of the columns that the statements give back. */
static void
keep_returned(void *arg, TupleTableSlot *slot, int64 ordinal)
{
	returned_rows_put_slot(((ModifyState *) arg)->returned);
}

/* Make state->row the row of the child with this ordinal; ordinals only grow. */
static void
go_to_row(ModifyState *state, int64 ordinal)
{
	while (state->next_row <= ordinal)
	{
		if (!tuplestore_gettupleslot(state->rows, true, false, state->row))
			elog(ERROR, "row " INT64_FORMAT " was not sent", ordinal);
		state->next_row++;
	}
	slot_getallattrs(state->row);
}

static TupleTableSlot *
next_returned(ModifyState *state)
{
	TupleTableSlot *slot = state->css.ss.ss_ScanTupleSlot;
	int			nreturned = list_length(state->form.returned);
	int			ncarried = slot->tts_tupleDescriptor->natts - nreturned;
	int			first;
	int64		ordinal;

	ExecClearTuple(slot);
	ordinal = state->returned != NULL ? returned_rows_next(state->returned, slot) : -1;
	if (ordinal < 0)
		return slot;
	go_to_row(state, ordinal);
	first = list_length(state->form.attnos) - 1 + state->table->nkeys;
	memcpy(slot->tts_values + nreturned, state->row->tts_values + first, ncarried * sizeof(Datum));
	memcpy(slot->tts_isnull + nreturned, state->row->tts_isnull + first, ncarried * sizeof(bool));
	return ExecStoreVirtualTuple(slot);
}

/* ---------- rows ---------- */

/* The types of the values that are sent. */
static Oid *
value_types(ModifyState *state)
{
	Oid		   *types = palloc(sizeof(Oid) * list_length(state->form.attnos));
	ListCell   *lc;

	foreach(lc, state->form.attnos)
	{
		int			attno = lfirst_int(lc);

		types[foreach_current_index(lc)] = attno == 0 ? INT8OID :
			attno == SelfItemPointerAttributeNumber ? TIDOID : get_atttype(state->form.table, attno);
	}
	return types;
}

/* Do triggers count statements? Then all rows of a shard go in one. */
static bool
has_statement_triggers(const ModifyState *state)
{
	Relation	shell = table_open(state->form.table, NoLock);
	TriggerDesc *triggers = shell->trigdesc;
	bool		result = false;

	if (triggers != NULL && state->form.command == CMD_UPDATE)
		result = triggers->trig_update_before_statement || triggers->trig_update_after_statement;
	else if (triggers != NULL)
		result = triggers->trig_delete_before_statement || triggers->trig_delete_after_statement;
	table_close(shell, NoLock);
	return result;
}

static void
send_row(ModifyState *state, int64 ordinal)
{
	TupleTableSlot *row = state->row;
	bool		returning = state->returned != NULL;
	int			nvalues = list_length(state->form.attnos) - returning;
	Datum	   *values = palloc(sizeof(Datum) * (nvalues + 1));
	bool	   *nulls = palloc(sizeof(bool) * (nvalues + 1));
	Datum		keys[ROUTE_MAX_KEYS];

	slot_getallattrs(row);
	memcpy(values, row->tts_values, sizeof(Datum) * nvalues);
	memcpy(nulls, row->tts_isnull, sizeof(bool) * nvalues);
	values[nvalues] = Int64GetDatum(ordinal);
	nulls[nvalues] = false;
	for (int i = 0; i < state->table->nkeys; i++)
		keys[i] = row->tts_values[nvalues + i];
	insert_sender_add(state->sender, route_shard(&state->table->spec, keys), NULL, values, nulls);
	pfree(values);
	pfree(nulls);
}

static void
read_child(ModifyState *state)
{
	PlanState  *child = (PlanState *) linitial(state->css.custom_ps);
	TupleTableSlot *row;

	state->rows = tuplestore_begin_heap(state->returned != NULL, false, work_mem);
	state->row = ExecInitExtraTupleSlot(state->css.ss.ps.state, ExecGetResultType(child), &TTSOpsMinimalTuple);
	for (row = ExecProcNode(child); !TupIsNull(row); row = ExecProcNode(child))
	{
		CHECK_FOR_INTERRUPTS();
		tuplestore_puttupleslot(state->rows, row);
	}
}

/* Statements in local shards must see the versions that were locked; those elsewhere have snapshots of their own. */
static void
see_locked_versions(EState *estate)
{
	Snapshot	old = estate->es_snapshot;

	if (IsolationUsesXactSnapshot())
		return;
	estate->es_snapshot = statement_command_snapshot(estate, GetLatestSnapshot());
	UnregisterSnapshot(old);
}

static void
run_modify(ModifyState *state)
{
	EState	   *estate = state->css.ss.ps.state;
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);
	int64		ordinal = 0;
	uint64		written;

	state->table = table_info(state->form.table);
	if (state->table == NULL || state->table->kind != TABLE_SHARDED)
		elog(ERROR, "relation %u is no sharded table any more", state->form.table);
	if (state->css.ss.ps.plan->targetlist != NIL)
		state->returned = returned_rows_make(estate, state->css.ss.ss_ScanTupleSlot->tts_tupleDescriptor,
											 list_length(state->form.returned));
	read_child(state);
	see_locked_versions(estate);

	state->form.meter = work_meter_make(estate);
	state->sender = insert_sender_make(&state->form, value_types(state), state->query_string,
									   has_statement_triggers(state), estate, state->css.ss.ps.ps_ExprContext,
									   state->returned != NULL ? returned_rows_slot(state->returned) : NULL,
									   keep_returned, state);
	while (tuplestore_gettupleslot(state->rows, true, false, state->row))
	{
		CHECK_FOR_INTERRUPTS();
		send_row(state, ordinal++);
	}
	written = insert_sender_finish(state->sender);
	if (state->returned != NULL)
	{
		returned_rows_sort(state->returned);
		tuplestore_rescan(state->rows);
	}
	else
		estate->es_processed += written;
	MemoryContextSwitchTo(old);
}

static TupleTableSlot *
access_next(ScanState *node)
{
	ModifyState *state = (ModifyState *) node;

	if (!state->done)
	{
		state->done = true;
		run_modify(state);
	}
	return next_returned(state);
}

static TupleTableSlot *
exec(CustomScanState *node)
{
	return scan_rows_returned(node, access_next);
}

static void
end(CustomScanState *node)
{
	ModifyState *state = (ModifyState *) node;

	if (state->sender)
		insert_sender_end(state->sender);
	if (state->returned != NULL)
		returned_rows_end(state->returned);
	if (state->rows)
		tuplestore_end(state->rows);
	ExecEndNode((PlanState *) linitial(node->custom_ps));
}

static void
explain(CustomScanState *node, List *ancestors, ExplainState *es)
{
	ModifyState *state = (ModifyState *) node;

	ExplainPropertyText("Method", METHOD_ROWS, es);
	ExplainPropertyText("Command", state->form.command == CMD_UPDATE ? "Update" : "Delete", es);
	plan_reason_explain((CustomScan *) node->ss.ps.plan, es);
	work_meter_explain(state->form.meter, es);
}

void
modify_rows_preload(void)
{
	RegisterCustomScanMethods(&modify_scan_methods);
}
