/*
 * scan_place.c
 *	  Rows of a Shard Scan that the executor will come back to.
 *
 * Their ctid becomes a place (row_place.h), which needs their shard key. When
 * EvalPlanQual looks again at a row that was changed meanwhile, it hands the
 * scan a row of the shell; it is brought into the shape of the scan tuple, and
 * what the shards checked before is checked here.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "base/pg_compat.h"
#include "catalog/table_map.h"
#include "exec/row_access.h"
#include "exec/row_place.h"
#include "exec/scan_place.h"

void
scan_place_mark(ScanPlace *scan, TupleTableSlot *slot)
{
	const TableInfo *table = table_info(scan->shell);
	ItemPointerData ctid = *(ItemPointer) DatumGetPointer(slot->tts_values[scan->column - 1]);
	Datum		keys[ROUTE_MAX_KEYS];
	ListCell   *lc;

	foreach(lc, scan->key_columns)
		keys[foreach_current_index(lc)] = slot->tts_values[lfirst_int(lc) - 1];
	scan->locked = (ctid.ip_posid & PLACE_LOCKED) != 0;
	ctid.ip_posid &= ~PLACE_LOCKED;
	row_place_make(route_shard(&table->spec, keys), &ctid, &scan->place);
	slot->tts_values[scan->column - 1] = PointerGetDatum(&scan->place);
}

void
scan_place_show(const ScanPlace *scan, TupleTableSlot *slot)
{
	slot->tts_tid = *(ItemPointer) DatumGetPointer(slot->tts_values[scan->column - 1]);
}

static TupleTableSlot *
shell_slot(ScanPlace *scan, ScanState *node)
{
	EState	   *estate = node->ps.state;
	MemoryContext old;

	if (scan->shell_slot == NULL)
	{
		old = MemoryContextSwitchTo(estate->es_query_cxt);
		scan->shell_slot = table_slot_create(node->ss_currentRelation, &estate->es_tupleTable);
		MemoryContextSwitchTo(old);
	}
	return scan->shell_slot;
}

/* A column of the scan tuple, of a row of the shell. */
static Datum
shell_column(TupleTableSlot *row, AttrNumber attno, bool *isnull)
{
	if (attno > 0)
		return slot_getattr(row, attno, isnull);
	*isnull = false;
	if (attno == 0)
		return ExecFetchSlotHeapTupleDatum(row);
	if (attno == SelfItemPointerAttributeNumber)
		return PointerGetDatum(&row->tts_tid);
	if (attno == TableOidAttributeNumber)
		return ObjectIdGetDatum(row->tts_tableOid);
	*isnull = true;				/* nobody has sent the others */
	return (Datum) 0;
}

/* Row of the shell into the scan tuple, which points into it. */
static TupleTableSlot *
take_row(const ScanPlace *scan, ScanState *node, TupleTableSlot *row)
{
	TupleTableSlot *slot = node->ss_ScanTupleSlot;
	int			natts = slot->tts_tupleDescriptor->natts;

	ExecClearTuple(slot);
	for (int i = 0; i < natts; i++)
	{
		AttrNumber	attno = i + 1;

		if (scan->columns != NIL)
			attno = castNode(Var, list_nth_node(TargetEntry, scan->columns, i)->expr)->varattno;
		slot->tts_values[i] = shell_column(row, attno, &slot->tts_isnull[i]);
	}
	ExecStoreVirtualTuple(slot);
	slot->tts_tableOid = scan->shell;
	slot->tts_tid = row->tts_tid;
	return slot;
}

bool
scan_place_current(ScanPlace *scan, ScanState *node)
{
	TupleTableSlot *row = shell_slot(scan, node);
	ItemPointerData place;

	if (!execCurrentOf(scan->current_of, node->ps.ps_ExprContext, scan->shell, &place) ||
		!row_access_latest(node->ss_currentRelation, &place, node->ps.state->es_snapshot, row))
		return false;
	(void) take_row(scan, node, row);
	return true;
}

bool
scan_place_is_given(const ScanState *node)
{
	const EPQState *epq = node->ps.state->es_epq_active;
	int			i = (int) ((const Scan *) node->ps.plan)->scanrelid - 1;

	return epq != NULL && i >= 0 &&
		(epq->relsubs_done[i] || epq->relsubs_slot[i] != NULL || epq->relsubs_rowmark[i] != NULL);
}

/* The row of the shell that EvalPlanQual gives; NULL: none, or no second one. */
static TupleTableSlot *
given_row(ScanPlace *scan, ScanState *node)
{
	EPQState   *epq = node->ps.state->es_epq_active;
	Index		index = ((Scan *) node->ps.plan)->scanrelid;
	TupleTableSlot *row;

	if (epq->relsubs_done[index - 1])
		return NULL;
	epq->relsubs_done[index - 1] = true;
	row = epq->relsubs_slot[index - 1];
	if (row == NULL)
	{
		row = shell_slot(scan, node);
		if (!EvalPlanQualFetchRowMark(epq, index, row))
			return NULL;
	}
	return TupIsNull(row) ? NULL : row;
}

TupleTableSlot *
scan_place_given(ScanPlace *scan, ScanState *node)
{
	ExprContext *econtext = node->ps.ps_ExprContext;
	TupleTableSlot *row = given_row(scan, node);

	ResetExprContext(econtext);
	if (row == NULL)
		return NULL;
	econtext->ecxt_scantuple = take_row(scan, node, row);
	if (!ExecQual(scan->recheck, econtext) || !ExecQual(node->ps.qual, econtext))
		return NULL;
	return node->ps.ps_ProjInfo != NULL ? ExecProject(node->ps.ps_ProjInfo) : node->ss_ScanTupleSlot;
}
