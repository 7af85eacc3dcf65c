/*
 * copy_by_row.c
 *	  COPY FROM into a sharded table whose triggers go to other shards, or fire for the statement.
 *
 * A trigger that fires where its row lies can go no further (plan/far_trigger.c), and one FOR EACH
 * STATEMENT would fire in each shard. Then
 * COPY is an INSERT that PostgreSQL's executor carries out here, row by row
 * (plan/plan_by_row.c), and which has the input for its rows:
 *
 *	 ModifyTable				BEFORE triggers, checks; the shell's access method sends the row to its shard
 *	   Shard Row Batch			writes of other nodes wait for each other (exec/row_ahead.h)
 *	     Copy Rows				a line of the input at a time: defaults, ids, WHERE
 *
 * So statement triggers fire once, transition tables are whole, and errors of what is done here for a row
 * name its line. What waits is sent with others, then no line is to blame.
 *
 * The plan is the one that standard_planner makes of an INSERT of nothing but NULLs, whose row
 * is replaced by our node.
 */
#include "postgres.h"

#include "commands/progress.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "tcop/dest.h"
#include "utils/backend_progress.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/pg_compat.h"
#include "base/settings.h"
#include "catalog/id_maker.h"
#include "catalog/table_map.h"
#include "copy/copy_by_row.h"
#include "exec/row_ahead.h"
#include "plan/far_trigger.h"
#include "plan/plan_pull.h"
#include "plan/shippable.h"
#include "route/route.h"

typedef struct CopyRows
{
	CustomScanState css;
	CopyInput  *input;			/* set when the executor has started */
	int64		read;
	int64		excluded;
} CopyRows;

static Node *create_state(CustomScan *scan);
static void begin(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *exec(CustomScanState *node);
static void end(CustomScanState *node);
static void rescan(CustomScanState *node);

static const CustomScanMethods rows_scan_methods = {
	.CustomName = "Copy Rows",
	.CreateCustomScanState = create_state,
};

static const CustomExecMethods rows_exec_methods = {
	.CustomName = "Copy Rows",
	.BeginCustomScan = begin,
	.ExecCustomScan = exec,
	.EndCustomScan = end,
	.ReScanCustomScan = rescan,
};

bool
copy_by_row_is_needed(Relation table)
{
	Query		insert = {.type = T_Query, .commandType = CMD_INSERT};
	const TableInfo *target = table_info(RelationGetRelid(table));
	TriggerTexts texts = {NIL, NIL};

	return table->trigdesc != NULL && !session_is_forwarded() &&
		(far_trigger_is_for_statement(&insert, target) || far_trigger_fires(&insert, target, &texts));
}

/* ---------- the plan ---------- */

static bool
has_no_value(Relation table, AttrNumber attno)
{
	Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(table), attno - 1);

	return attribute->attisdropped || attribute->attgenerated;
}

/* INSERT INTO table VALUES (NULL, ..), of which the executor checks the rights that the COPY needs. */
static Query *
make_insert(const CopyInput *input)
{
	Query	   *insert = makeNode(Query);
	TupleDesc	desc = RelationGetDescr(input->table);

	insert->commandType = CMD_INSERT;
	insert->canSetTag = true;
	insert->resultRelation = 1;
	insert->rtable = copyObject(input->range_table);
	sx_query_set_permissions(insert, copyObject(input->permissions));
	insert->jointree = makeFromExpr(NIL, NULL);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		Expr	   *null;

		if (has_no_value(input->table, i + 1))
			continue;
		null = (Expr *) makeNullConst(attribute->atttypid, attribute->atttypmod, attribute->attcollation);
		insert->targetList = lappend(insert->targetList,
									 makeTargetEntry(null, i + 1, pstrdup(NameStr(attribute->attname)), false));
	}
	return insert;
}

/* The node that gives the input's rows; row is the target list of NULLs. */
static Plan *
make_rows(Relation table, List *row)
{
	CustomScan *scan = makeNode(CustomScan);
	ListCell   *lc;

	scan->methods = &rows_scan_methods;
	scan->custom_scan_tlist = row;
	foreach(lc, row)
	{
		TargetEntry *null = lfirst_node(TargetEntry, lc);
		TargetEntry *column = flatCopyTargetEntry(null);

		/* what is no value must look like a constant */
		if (!has_no_value(table, null->resno))
			column->expr = (Expr *) makeVarFromTargetEntry(INDEX_VAR, null);
		scan->scan.plan.targetlist = lappend(scan->scan.plan.targetlist, column);
	}
	return &scan->scan.plan;
}

static PlannedStmt *
make_plan(const CopyInput *input, const char *query_string)
{
	PlannedStmt *plan = plan_pull_query(make_insert(input), query_string, 0, NULL);
	ModifyTable *modify = castNode(ModifyTable, plan->planTree);

	outerPlan(modify) = make_rows(input->table, outerPlan(modify)->targetlist);
	if (!input->single)
		row_ahead_insert(modify);
	return plan;
}

/* ---------- rows ---------- */

static Node *
create_state(CustomScan *scan)
{
	CopyRows   *rows = (CopyRows *) newNode(sizeof(CopyRows), T_CustomScanState);

	rows->css.methods = &rows_exec_methods;
	return (Node *) rows;
}

static void
begin(CustomScanState *node, EState *estate, int eflags)
{
}

static void
end(CustomScanState *node)
{
}

static void
rescan(CustomScanState *node)
{
	elog(ERROR, "the input of COPY cannot be read again");
}

/* The shard of the row as it comes, before triggers; none without a key. */
static int
row_shard(CopyInput *input, const TableInfo *table)
{
	Datum		keys[ROUTE_MAX_KEYS];

	for (int i = 0; i < table->nkeys; i++)
	{
		bool		isnull;

		keys[i] = copy_input_value(input, table->keys[i], &isnull);
		if (isnull)
			return ROUTE_NO_SHARD;
	}
	return route_shard(&table->spec, keys);
}

/* Ids that the input lacks: its owner makes them in the row's shard. A key, and others where that is open, in any. */
static void
make_ids(CopyInput *input)
{
	const TableInfo *table = table_info(RelationGetRelid(input->table));

	for (int i = 0; i < input->ndefaults; i++)
	{
		const CopyDefault *id = &input->defaults[i];
		int			shard;

		if (id->kind != COPY_DEFAULT_OWNER)
			continue;
		shard = row_shard(input, table);
		if (!input->known[id->attno - 1] && shard != ROUTE_NO_SHARD && shippable_is_next_id((Node *) id->expr->expr))
			copy_input_set(input, id->attno, Int64GetDatum(id_maker_next_of(shard)));
	}
}

/* The next row that WHERE lets through. */
static bool
next_row(CopyRows *rows)
{
	CopyInput  *input = rows->input;

	while (copy_input_next(input))
	{
		CHECK_FOR_INTERRUPTS();
		make_ids(input);
		copy_input_complete(input, true);
		if (copy_input_matches(input))
		{
			pgstat_progress_update_param(PROGRESS_COPY_TUPLES_PROCESSED, ++rows->read);
			return true;
		}
		pgstat_progress_update_param(PROGRESS_COPY_TUPLES_EXCLUDED, ++rows->excluded);
	}
	return false;
}

static TupleTableSlot *
exec(CustomScanState *node)
{
	CopyRows   *rows = (CopyRows *) node;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	int			natts = slot->tts_tupleDescriptor->natts;

	ExecClearTuple(slot);
	if (!next_row(rows))
		return slot;
	memcpy(slot->tts_values, rows->input->values, natts * sizeof(Datum));
	memcpy(slot->tts_isnull, rows->input->nulls, natts * sizeof(bool));
	return ExecStoreVirtualTuple(slot);
}

/* ---------- the statement ---------- */

static CopyRows *
find_rows(PlanState *state)
{
	while (outerPlanState(state) != NULL)
		state = outerPlanState(state);
	if (!IsA(state, CustomScanState) || ((CustomScanState *) state)->methods != &rows_exec_methods)
		elog(ERROR, "the plan of COPY does not read its input");
	return (CopyRows *) state;
}

uint64
copy_by_row(CopyInput *input, const char *query_string)
{
	PlannedStmt *plan = make_plan(input, query_string);
	QueryDesc  *query_desc;
	uint64		stored;

	PushCopiedSnapshot(GetActiveSnapshot());
	UpdateActiveSnapshotCommandId();
	query_desc = CreateQueryDesc(plan, query_string, GetActiveSnapshot(), InvalidSnapshot, None_Receiver, NULL, NULL,
								 0);
	ExecutorStart(query_desc, 0);
	find_rows(query_desc->planstate)->input = input;

	copy_input_push_context(input);
	sx_executor_run_all(query_desc);
	copy_input_pop_context(input);

	stored = query_desc->estate->es_processed;
	ExecutorFinish(query_desc);
	ExecutorEnd(query_desc);
	FreeQueryDesc(query_desc);
	PopActiveSnapshot();
	return stored;
}
