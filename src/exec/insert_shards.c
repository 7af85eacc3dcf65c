/*
 * insert_shards.c
 *	  Custom Scan (Shard Insert): rows of a child plan, each inserted into its
 *	  shard.
 *
 * Steps: read the child (to its end first when it may read what is written);
 * for each row find the shard, by the key, else by an id column, else any;
 * hand it to the sender (exec/insert_batch.h); at the end wait for all nodes.
 * Rows of RETURNING are sorted into the order of the input and come out after
 * that.
 *
 * An id column whose value is ID_DEFERRED (the planner has put that in place
 * of the default next_id()) is left to the owner, which fills in its own
 * default.
 */
#include "postgres.h"

#include "access/table.h"
#include "common/pg_prng.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "catalog/id_maker.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "catalog/table_map.h"
#include "exec/insert_batch.h"
#include "exec/insert_rows.h"
#include "exec/insert_shards.h"
#include "exec/plan_reason.h"
#include "exec/result_columns.h"
#include "exec/returned_rows.h"
#include "exec/row_triggers.h"
#include "exec/scan_rows.h"
#include "exec/shard_set.h"
#include "exec/statement_command.h"
#include "id/id_layout.h"

/* Rows of a sharded table go when so many bytes have come together, */
#define BUFFER_MEMORY	(4 * 1024 * 1024)
/* .. or so many, if foreign keys should see all of them at once. */
#define TOGETHER_MEMORY	(256 * 1024 * 1024)

/* Items of custom_private. */
enum
{
	PRIVATE_FLAGS,				/* int list: FLAG_* */
	PRIVATE_TEXT_QUERY,
	PRIVATE_RUN_QUERY,
	PRIVATE_ATTNOS,
	PRIVATE_QUERY_STRING,
	PRIVATE_TABLE,				/* oid list of one */
	PRIVATE_WHOLE_SQL,			/* or NULL; from here on for a sharded table only */
	PRIVATE_WHOLE_PARAMS,
	PRIVATE_WHOLE_QUERY,
	PRIVATE_WHOLE_PLAN,
};

enum
{
	FLAG_SPOOL,
	FLAG_ONE_STATEMENT,
	FLAG_FIRST_PARAM,
	FLAG_EVERYWHERE,
	FLAG_HERE,
};

typedef struct InsertState
{
	CustomScanState css;

	/* plan */
	InsertForm	form;
	const char *query_string;
	bool		spool;
	bool		one_statement;
	Size		limit;			/* of the bytes that go in one */
	bool		here;

	/* columns, by position in form.attnos; -1: not computed here */
	int			ncolumns;
	Oid		   *types;
	int			key_position[ROUTE_MAX_KEYS];
	Bitmapset  *id_positions;

	/* execution */
	InsertSender *sender;		/* of a reference table's rows, */
	RowSender  *row_sender;		/* or of a sharded one's */
	bool		done;
	Bitmapset  *free_shards;	/* to choose from for rows without key */
	int			last_free;

	ReturnedRows *returned;		/* NULL without RETURNING */
} InsertState;

static Node *create_state(CustomScan *scan);
static void begin(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *exec(CustomScanState *node);
static void end(CustomScanState *node);
static void explain(CustomScanState *node, List *ancestors, ExplainState *es);

static InsertShapeMaker shape_maker = NULL;

static const CustomScanMethods insert_scan_methods = {
	.CustomName = "Shard Insert",
	.CreateCustomScanState = create_state,
};

static const CustomExecMethods insert_exec_methods = {
	.CustomName = "Shard Insert",
	.BeginCustomScan = begin,
	.ExecCustomScan = exec,
	.EndCustomScan = end,
	.ReScanCustomScan = scan_rows_only_once,
	.ExplainCustomScan = explain,
};

void
insert_shards_set_maker(InsertShapeMaker maker)
{
	shape_maker = maker;
}

InsertShapeMaker
insert_shards_maker(void)
{
	if (shape_maker == NULL)
		elog(ERROR, "nobody makes the statements of multi-row INSERTs");
	return shape_maker;
}

/* ---------- planner side ---------- */

CustomScan *
insert_shards_make(const InsertParts *parts)
{
	CustomScan *scan = makeNode(CustomScan);
	const InsertShape *whole = parts->form.whole;

	scan->methods = &insert_scan_methods;
	scan->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	(void) result_columns_set(scan, parts->target_list);
	if (parts->result != NIL)
		scan->scan.plan.targetlist = parts->result;
	scan->custom_plans = list_make1(parts->child);
	scan->custom_private = list_make5(list_make5_int(parts->spool, parts->one_statement, parts->form.first_param,
													 parts->form.everywhere, parts->here),
									  parts->form.text_query,
									  parts->form.run_query,
									  parts->form.attnos,
									  makeString(pstrdup(parts->query_string ? parts->query_string : "")));
	scan->custom_private = lappend(scan->custom_private, list_make1_oid(parts->form.table));
	if (!parts->form.everywhere)
		scan->custom_private = list_concat(scan->custom_private,
										   list_make4(whole->remote_sql ? makeString(pstrdup(whole->remote_sql)) : NULL,
													  whole->remote_params, whole->local_query, kept_plan_make()));
	scan->scan.plan.startup_cost = parts->child->total_cost;
	scan->scan.plan.total_cost = parts->child->total_cost;
	scan->scan.plan.plan_rows = parts->target_list ? parts->child->plan_rows : 0;
	return scan;
}

/* ---------- state ---------- */

static void
unpack_whole(InsertForm *form, List *private)
{
	InsertShape *whole = palloc(sizeof(InsertShape));
	Node	   *sql = (Node *) list_nth(private, PRIVATE_WHOLE_SQL);

	whole->remote_sql = sql != NULL ? strVal(sql) : NULL;
	whole->remote_params = (List *) list_nth(private, PRIVATE_WHOLE_PARAMS);
	whole->local_query = (Query *) list_nth(private, PRIVATE_WHOLE_QUERY);
	form->whole = whole;
	form->whole_plan = (KeptPlan *) list_nth(private, PRIVATE_WHOLE_PLAN);
}

static Node *
create_state(CustomScan *scan)
{
	InsertState *state = (InsertState *) newNode(sizeof(InsertState), T_CustomScanState);
	List	   *private = scan->custom_private;
	List	   *flags = (List *) list_nth(private, PRIVATE_FLAGS);

	state->css.methods = &insert_exec_methods;
	state->form.command = CMD_INSERT;
	state->spool = list_nth_int(flags, FLAG_SPOOL);
	state->one_statement = list_nth_int(flags, FLAG_ONE_STATEMENT);
	state->form.first_param = list_nth_int(flags, FLAG_FIRST_PARAM);
	state->form.everywhere = list_nth_int(flags, FLAG_EVERYWHERE);
	state->here = list_nth_int(flags, FLAG_HERE);
	state->form.text_query = (Query *) list_nth(private, PRIVATE_TEXT_QUERY);
	state->form.run_query = (Query *) list_nth(private, PRIVATE_RUN_QUERY);
	state->form.attnos = (List *) list_nth(private, PRIVATE_ATTNOS);
	state->form.table = linitial_oid((List *) list_nth(private, PRIVATE_TABLE));
	state->query_string = strVal(list_nth(private, PRIVATE_QUERY_STRING));
	if (!state->form.everywhere)
		unpack_whole(&state->form, private);
	return (Node *) state;
}

static int
position_of(List *attnos, int attno)
{
	ListCell   *lc;

	foreach(lc, attnos)
	{
		if (lfirst_int(lc) == attno)
			return foreach_current_index(lc);
	}
	return -1;
}

static void
find_columns(InsertState *state)
{
	const TableInfo *table = table_info(state->form.table);
	ListCell   *lc;

	if (table == NULL || (table->kind == TABLE_REFERENCE) != state->form.everywhere)
		elog(ERROR, "relation %u has changed its kind", state->form.table);
	state->ncolumns = list_length(state->form.attnos);
	state->types = palloc(sizeof(Oid) * (state->ncolumns + 1));
	foreach(lc, state->form.attnos)
	{
		int			i = foreach_current_index(lc);

		state->types[i] = get_atttype(state->form.table, lfirst_int(lc));
		if (bms_is_member(lfirst_int(lc), table->id_columns))
			state->id_positions = bms_add_member(state->id_positions, i);
	}
	for (int i = 0; i < table->nkeys; i++)
		state->key_position[i] = position_of(state->form.attnos, table->keys[i]);
}

static Plan *
child_plan(const InsertState *state)
{
	return (Plan *) linitial(((const CustomScan *) state->css.ss.ps.plan)->custom_plans);
}

/* Rows that a coordinator has sent need no executor, unless somebody wants to see it. */
static void
begin(CustomScanState *node, EState *estate, int eflags)
{
	InsertState *state = (InsertState *) node;
	bool		seen = estate->es_instrument != 0 || (eflags & EXEC_FLAG_EXPLAIN_ONLY) != 0;

	if (seen || !state->here || !row_arrays_are(child_plan(state)))
		node->custom_ps = list_make1(ExecInitNode(child_plan(state), estate, eflags));
	if (!state->form.everywhere)
		statement_command_of_returning(estate, state->form.whole->local_query);
	if (!(eflags & EXEC_FLAG_EXPLAIN_ONLY))
		find_columns(state);
}

/* ---------- RETURNING ---------- */

static void
keep_returned(void *arg, TupleTableSlot *slot, int64 ordinal)
{
	returned_rows_put(((InsertState *) arg)->returned, slot, ordinal);
}

static TupleTableSlot *
next_returned(InsertState *state)
{
	TupleTableSlot *slot = state->css.ss.ss_ScanTupleSlot;

	ExecClearTuple(slot);
	if (state->returned == NULL || returned_rows_next(state->returned, slot) < 0)
		return slot;
	return ExecStoreVirtualTuple(slot);
}

/* ---------- the shard of a row ---------- */

static void
raise_null_key(const TableInfo *table, int keyno)
{
	Relation	shell = table_open(table->relid, AccessShareLock);

	ereport(ERROR,
			(errcode(ERRCODE_NOT_NULL_VIOLATION),
			 errmsg("null value in column \"%s\" of relation \"%s\" violates not-null constraint",
					get_attname(table->relid, table->keys[keyno], false), RelationGetRelationName(shell)),
			 errdetail("The shard key says in which shard the row lies."),
			 errtablecol(shell, table->keys[keyno])));
}

/* Shards of one node, taken by weight. */
static Bitmapset *
shards_by_weight(const Bitmapset *all)
{
	Bitmapset  *result = NULL;
	int			total = 0;
	int			pick;
	ListCell   *lc;

	foreach(lc, node_list())
		total += ((NodeInfo *) lfirst(lc))->weight;
	pick = (int) (pg_prng_double(&pg_global_prng_state) * Max(total, 1));
	foreach(lc, node_list())
	{
		NodeInfo   *info = (NodeInfo *) lfirst(lc);
		Bitmapset  *shards = shard_set_of_node(all, info->node_id);

		if (shards != NULL)
			result = shards;
		pick -= info->weight;
		if (pick < 0 && result != NULL)
			break;
	}
	return result;
}

/* For a row that may lie anywhere: shards of this node if it owns any, else of another one, in turn. */
static int
choose_shard(InsertState *state)
{
	if (state->free_shards == NULL)
	{
		Bitmapset  *all = shard_set_all();
		int			skip;

		state->free_shards = shard_set_of_node(all, node_self());
		if (state->free_shards == NULL)
			state->free_shards = shards_by_weight(all);
		if (state->free_shards == NULL)
			state->free_shards = all;
		state->last_free = -1;
		skip = (int) (pg_prng_double(&pg_global_prng_state) * bms_num_members(state->free_shards));
		while (skip-- > 0)
			state->last_free = bms_next_member(state->free_shards, state->last_free);
	}
	state->last_free = bms_next_member(state->free_shards, state->last_free);
	if (state->last_free < 0)
		state->last_free = bms_next_member(state->free_shards, -1);
	return state->last_free;
}

static int
shard_of_row(InsertState *state, const Datum *values, const bool *nulls, const Bitmapset *made_by_owner)
{
	const TableInfo *table = table_info(state->form.table);
	Datum		keys[ROUTE_MAX_KEYS];
	bool		complete = true;
	int			position = -1;

	for (int i = 0; i < table->nkeys; i++)
	{
		int			at = state->key_position[i];

		if (at < 0 || bms_is_member(at, made_by_owner))
		{
			complete = false;
			continue;
		}
		if (nulls[at])
			raise_null_key(table, i);
		keys[i] = values[at];
	}
	if (complete)
		return route_shard(&table->spec, keys);

	while ((position = bms_next_member(state->id_positions, position)) >= 0)
	{
		if (!nulls[position] && !bms_is_member(position, made_by_owner))
			return route_shard(route_spec_id(), &values[position]);
	}
	return choose_shard(state);
}

/* Columns whose value the owner is to make: ids that are not known yet. */
static Bitmapset *
deferred_columns(InsertState *state, const Datum *values, const bool *nulls)
{
	Bitmapset  *result = NULL;
	int			position = -1;

	while ((position = bms_next_member(state->id_positions, position)) >= 0)
	{
		if (!nulls[position] && DatumGetInt64(values[position]) == ID_DEFERRED)
			result = bms_add_member(result, position);
	}
	return result;
}

/* ---------- execution ---------- */

/* A coordinator has sent the row and says for which shard. */
static void
insert_row_here(InsertState *state, TupleTableSlot *row)
{
	slot_getsomeattrs(row, state->ncolumns + 1);
	row_sender_add(state->row_sender, DatumGetInt32(row->tts_values[state->ncolumns]), NULL, row->tts_values,
				   row->tts_isnull, SIZE_MAX);
}

static void
insert_row(InsertState *state, TupleTableSlot *row)
{
	ExprContext *econtext = state->css.ss.ps.ps_ExprContext;
	MemoryContext old;
	Bitmapset  *made_by_owner;
	int			shard;

	if (state->here)
	{
		insert_row_here(state, row);
		return;
	}
	slot_getsomeattrs(row, state->ncolumns);
	ResetExprContext(econtext);
	old = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
	made_by_owner = deferred_columns(state, row->tts_values, row->tts_isnull);
	MemoryContextSwitchTo(state->css.ss.ps.state->es_query_cxt);
	shard = state->form.everywhere ? ROUTE_NO_SHARD :
		shard_of_row(state, row->tts_values, row->tts_isnull, made_by_owner);
	if (state->row_sender != NULL)
		row_sender_add(state->row_sender, shard, made_by_owner, row->tts_values, row->tts_isnull,
					   state->limit);
	else
		insert_sender_add(state->sender, shard, made_by_owner, row->tts_values, row->tts_isnull);
	MemoryContextSwitchTo(old);
}

/* Next row of the child; NULL at its end. */
static TupleTableSlot *
next_of_child(PlanState *child)
{
	TupleTableSlot *row = ExecProcNode(child);

	return TupIsNull(row) ? NULL : row;
}

static void
insert_from_child(InsertState *state)
{
	PlanState  *child = (PlanState *) linitial(state->css.custom_ps);
	TupleTableSlot *row;

	while ((row = next_of_child(child)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		insert_row(state, row);
	}
}

/* As insert_from_child, but nothing is written before the child is at its end. */
static void
insert_spooled(InsertState *state)
{
	EState	   *estate = state->css.ss.ps.state;
	PlanState  *child = (PlanState *) linitial(state->css.custom_ps);
	TupleTableSlot *row = ExecInitExtraTupleSlot(estate, ExecGetResultType(child), &TTSOpsMinimalTuple);
	Tuplestorestate *store = tuplestore_begin_heap(false, false, work_mem);
	TupleTableSlot *read;

	while ((read = next_of_child(child)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		tuplestore_puttupleslot(store, read);
	}
	while (tuplestore_gettupleslot(store, true, false, row))
	{
		CHECK_FOR_INTERRUPTS();
		insert_row(state, row);
	}
	ExecClearTuple(row);
	tuplestore_end(store);
}

/* What refers to rows of its own table is checked when what goes together is written. */
static Size
limit_of(const InsertState *state)
{
	if (state->one_statement)
		return SIZE_MAX;
	return row_triggers_tie_inserted(state->form.table) ? TOGETHER_MEMORY : BUFFER_MEMORY;
}

static void
make_sender(InsertState *state, TupleTableSlot *returned_slot)
{
	EState	   *estate = state->css.ss.ps.state;
	ExprContext *econtext = state->css.ss.ps.ps_ExprContext;

	if (state->form.everywhere)
		state->sender = insert_sender_make(&state->form, state->types, state->query_string, state->one_statement,
										   estate, econtext, returned_slot, keep_returned, state);
	else
	{
		state->limit = limit_of(state);
		state->row_sender = row_sender_make(&state->form, state->types, state->query_string, state->here, estate,
											econtext, returned_slot, keep_returned, state);
	}
}

static void
run_insert(InsertState *state)
{
	EState	   *estate = state->css.ss.ps.state;
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);
	TupleTableSlot *returned_slot = NULL;
	uint64		written;

	if (state->css.ss.ps.plan->targetlist != NIL)
	{
		TupleDesc	columns = state->css.ss.ss_ScanTupleSlot->tts_tupleDescriptor;

		state->returned = returned_rows_make(estate, columns, columns->natts);
		returned_slot = ExecInitExtraTupleSlot(estate, columns, &TTSOpsVirtual);
	}
	state->form.meter = work_meter_make(estate);
	make_sender(state, returned_slot);
	if (state->css.custom_ps == NIL)
		row_sender_take(state->row_sender, row_arrays_read(child_plan(state), estate->es_param_list_info));
	else if (state->spool)
		insert_spooled(state);
	else
		insert_from_child(state);
	written = state->row_sender != NULL ? row_sender_finish(state->row_sender, &state->css.ss.ps) :
		insert_sender_finish(state->sender);
	if (state->returned != NULL)
		returned_rows_sort(state->returned);
	else
		estate->es_processed += written;
	MemoryContextSwitchTo(old);
}

static TupleTableSlot *
access_next(ScanState *node)
{
	InsertState *state = (InsertState *) node;

	if (!state->done)
	{
		state->done = true;
		run_insert(state);
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
	InsertState *state = (InsertState *) node;

	if (state->sender)
		insert_sender_end(state->sender);
	if (state->row_sender)
		row_sender_end(state->row_sender);
	if (state->returned != NULL)
		returned_rows_end(state->returned);
	if (node->custom_ps != NIL)
		ExecEndNode((PlanState *) linitial(node->custom_ps));
}

static void
explain(CustomScanState *node, List *ancestors, ExplainState *es)
{
	InsertState *state = (InsertState *) node;

	ExplainPropertyText("Method", state->form.everywhere ? METHOD_COPIES : METHOD_ROWS, es);
	plan_reason_explain((CustomScan *) node->ss.ps.plan, es);
	work_meter_explain(state->form.meter, es);
}

void
insert_shards_preload(void)
{
	RegisterCustomScanMethods(&insert_scan_methods);
}
