/*
 * row_ahead.c
 *	  Custom Scan (Shard Row Batch), below a ModifyTable over a shell.
 *
 * ModifyTable asks for one row, fetches the old version of the row to be
 * changed, and writes it: each a round trip. This node gives it the same rows in
 * the same order, but reads a batch of them first, and has those rows of the
 * table that lie on other nodes locked and fetched by one statement per node. What
 * ModifyTable then asks of the access method (row_access.c) is here already. A
 * row that is locked in the version that the scan saw can be written later: such
 * writes, and inserts, are collected (row_queue.c), and sent before the next
 * batch is locked, and before the end of the rows is told.
 *
 * Batches begin with one row and grow, as far as the rows are small.
 *
 *	 what a row turns out to be		what happens
 *	 locked, as the scan saw it		fetched; its write waits
 *	 changed meanwhile, or gone,	nothing: ModifyTable finds it as it is, one round trip after
 *	 or written by this command		the other, and does what PostgreSQL does (EvalPlanQual)
 *	 a second time in the batch		the same
 *	 of a shard of this node		the same, without a round trip
 *
 * For INSERT .. ON CONFLICT the rows of a batch are tried (row_conflict.c): inserted, or
 * the row in the way locked and fetched.
 *
 * BEFORE triggers are user's code between the writes. When one runs a statement,
 * what waits goes first; if the statement may write, the batch's rows that are still
 * to come are not relied on to be as they were locked. AFTER triggers are given the
 * rows as they are kept here (row_kept.h).
 *
 * What is not done: rows are locked only if they will be written (not for MERGE
 * WHEN MATCHED AND ..: these are fetched only). Writes wait only if nobody needs
 * to know the row's new place: no RETURNING of ctid and the like, no AFTER triggers
 * but those that look at the row alone. For ON CONFLICT with BEFORE triggers rows are
 * handed on as they come. So they are for EvalPlanQual, which runs the plan again
 * for one row.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/pg_compat.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "catalog/shell_am.h"
#include "catalog/table_map.h"
#include "exec/at_finish.h"
#include "exec/plan_reason.h"
#include "exec/row_ahead.h"
#include "exec/row_hold.h"
#include "exec/row_kept.h"
#include "exec/row_modify.h"
#include "exec/row_place.h"
#include "exec/row_there.h"
#include "exec/row_triggers.h"
#include "exec/statement_command.h"

/* Rows of a batch, and bytes of them and of the rows fetched, after which the next ones are smaller. */
#define MAX_ROWS	1024
#define MAX_BYTES	(1024 * 1024)

typedef struct AheadRow
{
	MinimalTuple row;			/* of the child */
	MinimalTuple old;			/* of the table; NULL: not fetched */
	ItemPointerData place;		/* invalid: it has none, or it is not looked after */
	bool		locked;			/* and not written */

	/* ON CONFLICT: what became of the row, if tried; at in_way lies the row itself, or the one in its way */
	int			shard;
	bool		tried;
	TM_Result	result;
	ItemPointerData in_way;
} AheadRow;

struct RowAhead
{
	CustomScanState css;

	/* how ModifyTable writes; shell NULL: rows are handed on as they come */
	Relation	shell;
	AttrNumber	place_attno;	/* in the child's rows; 0: none */
	bool		locks;
	bool		fetches;
	LockTupleMode mode;
	uint32		command;
	RowKeys		keys;
	bool		fires_before;	/* user's code runs between the writes */
	RowQueue   *queue;			/* NULL: no write waits */
	RowKept    *kept;			/* for AFTER triggers; NULL: nothing is */
	RowQueue   *tries;			/* NULL: rows are not tried */

	/* the batch; the row given last is rows[next - 1] */
	AheadRow   *rows;
	int			nrows;
	int			next;
	int			wanted;			/* the next one's size */
	Size		bytes;
	bool		at_end;

	/* memory */
	MemoryContext batch_cxt;
	TupleTableSlot *given;		/* a minimal tuple of the child's rows */
	TupleTableSlot *old;		/* .. of the table's */
	TupleTableSlot *trying;		/* a row to be inserted */
};

/* A row to be locked or fetched: its number in the batch. */
typedef struct Wanted
{
	int		   *numbers;
	int		   *shards;
	ItemPointerData *ctids;
	int			n;
} Wanted;

static Node *create_state(CustomScan *scan);
static void begin(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *exec(CustomScanState *node);
static void end(CustomScanState *node);
static void rescan(CustomScanState *node);
static void explain(CustomScanState *node, List *ancestors, ExplainState *es);

static const CustomScanMethods ahead_scan_methods = {
	.CustomName = "Shard Row Batch",
	.CreateCustomScanState = create_state,
};

static const CustomExecMethods ahead_exec_methods = {
	.CustomName = "Shard Row Batch",
	.BeginCustomScan = begin,
	.ExecCustomScan = exec,
	.EndCustomScan = end,
	.ReScanCustomScan = rescan,
	.ExplainCustomScan = explain,
};

/* ---------- planner side ---------- */

void
row_ahead_insert(ModifyTable *modify)
{
	Plan	   *child = outerPlan(modify);
	CustomScan *scan = makeNode(CustomScan);
	Plan	   *plan = &scan->scan.plan;
	ListCell   *lc;

	scan->methods = &ahead_scan_methods;
	foreach(lc, child->targetlist)
	{
		TargetEntry *below = lfirst_node(TargetEntry, lc);
		TargetEntry *here = flatCopyTargetEntry(below);
		Expr	   *var = (Expr *) makeVarFromTargetEntry(OUTER_VAR, below);

		scan->custom_scan_tlist = lappend(scan->custom_scan_tlist,
										  makeTargetEntry(var, below->resno, below->resname, false));
		/* values for dropped columns must look like constants */
		here->expr = IsA(below->expr, Const) ? copyObject(below->expr) :
			(Expr *) makeVarFromTargetEntry(INDEX_VAR, below);
		plan->targetlist = lappend(plan->targetlist, here);
	}
	plan->startup_cost = child->startup_cost;
	plan->total_cost = child->total_cost;
	plan->plan_rows = child->plan_rows;
	plan->plan_width = child->plan_width;
	plan->extParam = bms_copy(child->extParam);
	plan->allParam = bms_copy(child->allParam);
	plan->lefttree = child;
	plan_method_set(scan, METHOD_ROWS);
	outerPlan(modify) = plan;
}

/* ---------- begin and end ---------- */

static Node *
create_state(CustomScan *scan)
{
	RowAhead   *ahead = (RowAhead *) newNode(sizeof(RowAhead), T_CustomScanState);

	ahead->css.methods = &ahead_exec_methods;
	return (Node *) ahead;
}

static void
begin(CustomScanState *node, EState *estate, int eflags)
{
	RowAhead   *ahead = (RowAhead *) node;

	outerPlanState(node) = ExecInitNode(outerPlan(node->ss.ps.plan), estate, eflags);
	ahead->given = ExecInitExtraTupleSlot(estate, node->ss.ss_ScanTupleSlot->tts_tupleDescriptor, &TTSOpsMinimalTuple);
	ahead->place_attno = ExecFindJunkAttributeInTlist(node->ss.ps.plan->targetlist, "ctid");
}

static void
flush_queue(void *arg)
{
	row_queue_flush(((RowAhead *) arg)->queue);
}

/* Can AFTER triggers be given the rows that are kept? Not if they fire after this execution, for one around it. */
static bool
can_keep(const ModifyTable *plan, const TriggerDesc *triggers, const EState *estate)
{
	return plan->onConflictAction == ONCONFLICT_NONE && (estate->es_top_eflags & EXEC_FLAG_SKIP_TRIGGERS) == 0 &&
		row_triggers_need_only_rows(triggers, row_modify_events(plan));
}

/* Let writes wait, if nobody has to know the new place of a row. */
static void
let_writes_wait(RowAhead *ahead, const ModifyTable *plan, const TriggerDesc *triggers, EState *estate)
{
	bool		fires_after = row_triggers_fire_after(triggers, row_modify_events(plan));

	if ((fires_after && !can_keep(plan, triggers, estate)) ||
		row_modify_returns_place(plan->returningLists, linitial_int(plan->resultRelations)))
		return;
	if (fires_after)
		ahead->kept = row_kept_make(row_triggers_foreign_columns(ahead->shell, row_modify_events(plan)), ahead->old);
	ahead->queue = row_queue_make(ahead->shell, ahead->command, ahead->keys);
	/* who reads RETURNING may stop before the end */
	if (plan->returningLists != NIL)
		(void) at_finish_add(estate, flush_queue, ahead);
}

static void
make_batches(RowAhead *ahead, EState *estate)
{
	ahead->rows = palloc(sizeof(AheadRow) * MAX_ROWS);
	ahead->batch_cxt = AllocSetContextCreate(estate->es_query_cxt, "shardext batch of rows", ALLOCSET_DEFAULT_SIZES);
	ahead->wanted = 1;
}

RowAhead *
row_ahead_attach(const QueryDesc *query_desc, RowKeys keys)
{
	ModifyTableState *state = (ModifyTableState *) query_desc->planstate;
	EState	   *estate = query_desc->estate;
	const ModifyTable *plan;
	ResultRelInfo *target;
	RowAhead   *ahead;
	MemoryContext old;

	if (!IsA(state, ModifyTableState) || !IsA(outerPlanState(state), CustomScanState) ||
		((CustomScanState *) outerPlanState(state))->methods != &ahead_exec_methods)
		return NULL;
	plan = (const ModifyTable *) state->ps.plan;
	target = state->resultRelInfo;
	ahead = (RowAhead *) outerPlanState(state);
	if (!shell_am_is(target->ri_RelationDesc))
		return NULL;
	ahead->fires_before = row_triggers_fire_before(target->ri_TrigDesc, row_modify_events(plan));
	if (ahead->fires_before && plan->onConflictAction != ONCONFLICT_NONE)
		return NULL;
	old = MemoryContextSwitchTo(estate->es_query_cxt);
	ahead->shell = target->ri_RelationDesc;
	ahead->old = ExecInitExtraTupleSlot(estate, RelationGetDescr(ahead->shell), &TTSOpsMinimalTuple);
	ahead->command = statement_command(estate);
	ahead->keys = keys;
	ahead->locks = ahead->place_attno > 0 && row_modify_writes_all(plan);
	ahead->fetches = ahead->place_attno > 0 &&
		(row_modify_reads_old(plan) || row_triggers_see_old(target->ri_TrigDesc, row_modify_events(plan)));
	if (ahead->locks)
		ahead->mode = row_modify_lock_mode(plan, estate, target);
	if (plan->onConflictAction == ONCONFLICT_NONE)
		let_writes_wait(ahead, plan, target->ri_TrigDesc, estate);
	if (ahead->locks || ahead->fetches)
		make_batches(ahead, estate);
	MemoryContextSwitchTo(old);
	return ahead;
}

void
row_ahead_try(RowAhead *ahead, const ModifyTableState *state, List *arbiters)
{
	const ModifyTable *plan = (const ModifyTable *) state->ps.plan;
	EState	   *estate = state->ps.state;

	ahead->tries = row_queue_make_tries(ahead->shell, ahead->command, arbiters);
	ahead->trying = ExecInitExtraTupleSlot(estate, RelationGetDescr(ahead->shell), &TTSOpsVirtual);
	ahead->locks = ahead->fetches = plan->onConflictAction == ONCONFLICT_UPDATE;
	if (ahead->locks)
		ahead->mode = row_modify_lock_mode(plan, estate, state->resultRelInfo);
	if (ahead->locks)
		let_writes_wait(ahead, plan, state->resultRelInfo->ri_TrigDesc, estate);
	make_batches(ahead, estate);
}

/* ---------- a batch ---------- */

static void
read_rows(RowAhead *ahead)
{
	MemoryContext old;

	ahead->nrows = ahead->next = 0;
	ahead->bytes = 0;
	MemoryContextReset(ahead->batch_cxt);
	while (ahead->nrows < ahead->wanted && ahead->bytes < MAX_BYTES)
	{
		TupleTableSlot *slot = ExecProcNode(outerPlanState(ahead));
		AheadRow   *row = &ahead->rows[ahead->nrows];
		bool		isnull = true;
		Datum		place = (Datum) 0;

		if (TupIsNull(slot))
		{
			ahead->at_end = true;
			break;
		}
		if (ahead->place_attno > 0)
			place = slot_getattr(slot, ahead->place_attno, &isnull);
		memset(row, 0, sizeof(AheadRow));
		ItemPointerSetInvalid(&row->place);
		if (!isnull)
			row->place = *(ItemPointer) DatumGetPointer(place);
		old = MemoryContextSwitchTo(ahead->batch_cxt);
		row->row = ExecCopySlotMinimalTuple(slot);
		MemoryContextSwitchTo(old);
		ahead->bytes += row->row->t_len;
		ahead->nrows++;
	}
}

static int
compare_places(const void *a, const void *b, void *arg)
{
	const RowAhead *ahead = (const RowAhead *) arg;
	int			x = *(const int *) a;
	int			y = *(const int *) b;
	int			order = ItemPointerCompare(&ahead->rows[x].place, &ahead->rows[y].place);

	return order != 0 ? order : x - y;
}

/* The rows of other nodes in the batch; of those that come more than once only the first is looked after. */
static void
find_wanted(RowAhead *ahead, Wanted *wanted)
{
	int			n = 0;

	wanted->numbers = palloc(sizeof(int) * ahead->nrows);
	wanted->shards = palloc(sizeof(int) * ahead->nrows);
	wanted->ctids = palloc(sizeof(ItemPointerData) * ahead->nrows);
	for (int i = 0; i < ahead->nrows; i++)
	{
		if (ItemPointerIsValid(&ahead->rows[i].place))
			wanted->numbers[n++] = i;
	}
	qsort_arg(wanted->numbers, n, sizeof(int), compare_places, ahead);
	for (int i = n - 1; i > 0; i--)
	{
		AheadRow   *row = &ahead->rows[wanted->numbers[i]];

		if (ItemPointerEquals(&row->place, &ahead->rows[wanted->numbers[i - 1]].place))
			ItemPointerSetInvalid(&row->place);
	}
	/* in the order of the rows, which is that of the locks */
	for (int i = 0; i < ahead->nrows; i++)
	{
		ItemPointerData ctid;
		int			shard;

		if (!ItemPointerIsValid(&ahead->rows[i].place))
			continue;
		shard = row_place_read(&ahead->rows[i].place, &ctid);
		if (shard == ROUTE_NO_SHARD || shard_map_owner(shard, NULL) == node_self())
			continue;
		wanted->numbers[wanted->n] = i;
		wanted->shards[wanted->n] = shard;
		wanted->ctids[wanted->n++] = ctid;
	}
}

typedef struct TakeArg
{
	RowAhead   *ahead;
	const Wanted *wanted;
} TakeArg;

static void
take_row(void *arg, int number, TupleTableSlot *slot)
{
	RowAhead   *ahead = ((TakeArg *) arg)->ahead;
	AheadRow   *row;
	MemoryContext old;

	if (number < 0 || number >= ((TakeArg *) arg)->wanted->n)
		elog(ERROR, "row %d was not asked for", number);
	row = &ahead->rows[((TakeArg *) arg)->wanted->numbers[number]];
	row->locked = ahead->locks;
	if (slot == NULL)
		return;
	old = MemoryContextSwitchTo(ahead->batch_cxt);
	row->old = ExecCopySlotMinimalTuple(slot);
	MemoryContextSwitchTo(old);
	ahead->bytes += row->old->t_len;
}

static void
lock_rows(RowAhead *ahead)
{
	Wanted		wanted = {0};
	TakeArg		arg = {ahead, &wanted};
	MemoryContext old = MemoryContextSwitchTo(ahead->batch_cxt);

	find_wanted(ahead, &wanted);
	if (wanted.n > 0)
		row_there_read_many(ahead->shell, ahead->command, ahead->locks ? ROW_READ_LOCK : ROW_READ_ANY, ahead->mode,
							wanted.n, wanted.shards, wanted.ctids, ahead->fetches, take_row, &arg);
	MemoryContextSwitchTo(old);
}

/* Of the row with this number in the batch its node has told what became of it. */
static void
take_tried(void *arg, int number, TM_Result result, ItemPointer ctid)
{
	RowAhead   *ahead = (RowAhead *) arg;
	AheadRow   *row;

	if (number < 0 || number >= ahead->nrows)
		elog(ERROR, "row %d was not tried", number);
	row = &ahead->rows[number];
	row->tried = true;
	row->result = result;
	row_place_make(row->shard, ctid, &row->in_way);
	if (ahead->locks && result == TM_Updated)
		row->place = row->in_way;
}

static void
try_rows(RowAhead *ahead)
{
	TupleTableSlot *slot = ahead->trying;
	int			natts = slot->tts_tupleDescriptor->natts;

	for (int i = 0; i < ahead->nrows; i++)
	{
		AheadRow   *row = &ahead->rows[i];

		ExecStoreMinimalTuple(row->row, ahead->given, false);
		slot_getallattrs(ahead->given);
		ExecClearTuple(slot);
		memcpy(slot->tts_values, ahead->given->tts_values, sizeof(Datum) * natts);
		memcpy(slot->tts_isnull, ahead->given->tts_isnull, sizeof(bool) * natts);
		ExecStoreVirtualTuple(slot);
		row->shard = row_access_shard(ahead->shell, slot, true);
		if (row->shard != ROUTE_NO_SHARD)
			row_hold_shard(ahead->shell, ahead->command, row->shard);
		if (row->shard != ROUTE_NO_SHARD && shard_map_owner(row->shard, NULL) != node_self() && row_queue_takes(slot))
			row_queue_add_try(ahead->tries, row->shard, i, slot);
	}
	ExecClearTuple(slot);
	ExecClearTuple(ahead->given);
	row_queue_run_tries(ahead->tries, take_tried, ahead);
}

/*
 * Rows in whose way is one that could not be locked as it was, or one that comes in the way of a row before: these are
 * tried when the executor comes to them.
 */
static void
forget_tries(RowAhead *ahead)
{
	for (int i = 0; i < ahead->nrows; i++)
	{
		if (ahead->rows[i].result == TM_Updated && !ahead->rows[i].locked)
			ahead->rows[i].tried = false;
	}
}

static void
next_batch(RowAhead *ahead)
{
	if (ahead->at_end)
	{
		ahead->nrows = ahead->next = 0;
		return;
	}
	read_rows(ahead);
	if (ahead->tries != NULL)
		try_rows(ahead);
	lock_rows(ahead);
	if (ahead->tries != NULL && ahead->locks)
		forget_tries(ahead);
	ahead->wanted = ahead->bytes >= MAX_BYTES ? Max(ahead->wanted / 4, 1) : Min(ahead->wanted * 2, MAX_ROWS);
}

/* ---------- rows ---------- */

/* The old version of the row given last, which may be of any size, is not asked for any more. */
static void
forget_old(RowAhead *ahead)
{
	AheadRow   *row = ahead->next > 0 ? &ahead->rows[ahead->next - 1] : NULL;

	if (row == NULL || row->old == NULL)
		return;
	pfree(row->old);
	row->old = NULL;
}

/* A row in the node's own slot. */
static TupleTableSlot *
show(RowAhead *ahead, TupleTableSlot *row)
{
	TupleTableSlot *slot = ahead->css.ss.ss_ScanTupleSlot;
	int			natts = slot->tts_tupleDescriptor->natts;

	slot_getallattrs(row);
	memcpy(slot->tts_values, row->tts_values, natts * sizeof(Datum));
	memcpy(slot->tts_isnull, row->tts_isnull, natts * sizeof(bool));
	return ExecStoreVirtualTuple(slot);
}

static TupleTableSlot *
exec(CustomScanState *node)
{
	RowAhead   *ahead = (RowAhead *) node;
	TupleTableSlot *row;

	ExecClearTuple(node->ss.ss_ScanTupleSlot);
	if (ahead->batch_cxt == NULL)
		row = ExecProcNode(outerPlanState(node));
	else
	{
		forget_old(ahead);
		if (ahead->next == ahead->nrows)
		{
			if (ahead->queue != NULL)
				row_queue_flush(ahead->queue);
			next_batch(ahead);
		}
		row = ahead->next < ahead->nrows ?
			ExecStoreMinimalTuple(ahead->rows[ahead->next++].row, ahead->given, false) : NULL;
	}
	if (!TupIsNull(row))
		return show(ahead, row);
	if (ahead->queue != NULL)
		row_queue_flush(ahead->queue);
	return node->ss.ss_ScanTupleSlot;
}

static void
end(CustomScanState *node)
{
	ExecEndNode(outerPlanState(node));
}

/* Only EvalPlanQual does that. */
static void
rescan(CustomScanState *node)
{
	Assert(((RowAhead *) node)->shell == NULL);
	if (node->ss.ps.chgParam != NULL)
		UpdateChangedParamSet(outerPlanState(node), node->ss.ps.chgParam);
	if (outerPlanState(node)->chgParam == NULL)
		ExecReScan(outerPlanState(node));
}

static void
explain(CustomScanState *node, List *ancestors, ExplainState *es)
{
	plan_method_explain((CustomScan *) node->ss.ps.plan, es);
	plan_reason_explain((CustomScan *) node->ss.ps.plan, es);
}

/* ---------- the access method ---------- */

bool
row_ahead_is_for(const RowAhead *ahead, Relation shell)
{
	return ahead->shell == shell;
}

/* The row that the executor is at, if it is the one at this place. */
static AheadRow *
row_at(const RowAhead *ahead, const ItemPointerData *place)
{
	AheadRow   *row = ahead->next > 0 ? &ahead->rows[ahead->next - 1] : NULL;

	return row != NULL && ItemPointerIsValid(&row->place) &&
		ItemPointerEquals(&row->place, unconstify(ItemPointerData *, place)) ? row : NULL;
}

bool
row_ahead_fetch(const RowAhead *ahead, const ItemPointerData *place, TupleTableSlot *slot)
{
	const AheadRow *at = row_at(ahead, place);
	MinimalTuple row = at != NULL ? at->old : NULL;

	if (row == NULL && ahead->kept != NULL)
		row = row_kept_get(ahead->kept, place);
	if (row == NULL)
		return false;
	ExecStoreMinimalTuple(row, ahead->old, false);
	ExecCopySlot(slot, ahead->old);
	ExecMaterializeSlot(slot);
	ExecClearTuple(ahead->old);
	return true;
}

bool
row_ahead_take_lock(RowAhead *ahead, const ItemPointerData *place)
{
	AheadRow   *row = row_at(ahead, place);
	bool		result = row != NULL && row->locked;

	if (result)
		row->locked = false;
	return result;
}

bool
row_ahead_take_try(RowAhead *ahead, TM_Result *result, ItemPointer place)
{
	AheadRow   *row = ahead->tries != NULL && ahead->next > 0 ? &ahead->rows[ahead->next - 1] : NULL;

	if (row == NULL || !row->tried)
		return false;
	row->tried = false;
	*result = row->result;
	*place = row->in_way;
	return true;
}

bool
row_ahead_fetch_locked(const RowAhead *ahead, const ItemPointerData *place, LockTupleMode mode, TupleTableSlot *slot)
{
	const AheadRow *row = row_at(ahead, place);

	return row != NULL && row->locked && mode <= ahead->mode && row_ahead_fetch(ahead, place, slot);
}

void
row_ahead_interrupt(RowAhead *ahead, bool may_write)
{
	if (!ahead->fires_before)
		return;
	if (ahead->queue != NULL)
		row_queue_flush(ahead->queue);
	for (int i = Max(ahead->next - 1, 0); may_write && i < ahead->nrows; i++)
		ahead->rows[i].locked = false;
}

RowQueue *
row_ahead_queue(const RowAhead *ahead)
{
	return ahead->queue;
}

/* The old version of the row at this place, which the executor is at; NULL: no place. */
static MinimalTuple
old_at(const RowAhead *ahead, const ItemPointerData *place)
{
	return place != NULL ? row_at(ahead, place)->old : NULL;
}

bool
row_ahead_may_wait(const RowAhead *ahead, const ItemPointerData *place, TupleTableSlot *slot)
{
	return ahead->queue != NULL &&
		(ahead->kept == NULL || row_kept_takes(ahead->kept, old_at(ahead, place), slot));
}

void
row_ahead_keep(RowAhead *ahead, const ItemPointerData *place, TupleTableSlot *slot)
{
	if (ahead->kept != NULL)
		row_kept_put(ahead->kept, place, old_at(ahead, place), slot);
}

void
row_ahead_preload(void)
{
	RegisterCustomScanMethods(&ahead_scan_methods);
}
