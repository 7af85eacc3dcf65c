/*
 * scan_rows.h
 *	  ExecCustomScan of nodes whose rows never have to be looked at again.
 */
#ifndef SHARDEXT_SCAN_ROWS_H
#define SHARDEXT_SCAN_ROWS_H

#include "postgres.h"
#include "executor/executor.h"
#include "utils/tuplestore.h"

/* Conditions on a row are asked again where it was locked, not here. */
static inline bool
scan_rows_recheck(ScanState *node, TupleTableSlot *slot)
{
	return true;
}

/*
 * The node's next row: one that access gives, filtered and projected.
 *
 * What scans no relation PostgreSQL takes for a join, and in EvalPlanQual has it say which row that is (newer releases
 * only if it is joined to the row in question). To that ours are joined as a sub-SELECT, whose row is given
 * (plan/push_apart.c); they are asked only where another sub-SELECT is carried out again, and give their rows.
 */
static inline TupleTableSlot *
scan_rows(CustomScanState *node, ExecScanAccessMtd access)
{
	EState	   *estate = node->ss.ps.state;
	EPQState   *epq = estate->es_epq_active;
	TupleTableSlot *row;

	if (((const Scan *) node->ss.ps.plan)->scanrelid == 0)
		estate->es_epq_active = NULL;
	row = ExecScan(&node->ss, access, scan_rows_recheck);
	estate->es_epq_active = epq;
	return row;
}

/*
 * The same for a node that writes and gives back a row for each row written: they count as they are asked for, since
 * the caller may want some of them only (a row limit of SPI, which compares).
 */
static inline TupleTableSlot *
scan_rows_returned(CustomScanState *node, ExecScanAccessMtd access)
{
	TupleTableSlot *slot = scan_rows(node, access);

	if (!TupIsNull(slot))
		node->ss.ps.state->es_processed++;
	return slot;
}

/*
 * The next of the rows that a node has kept (NULL: none) in its scan slot, or nothing there; kept is a slot of minimal
 * tuples.
 */
static inline TupleTableSlot *
scan_rows_kept(CustomScanState *node, Tuplestorestate *rows, TupleTableSlot *kept)
{
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	int			natts = slot->tts_tupleDescriptor->natts;

	ExecClearTuple(slot);
	if (rows == NULL || !tuplestore_gettupleslot(rows, true, false, kept))
		return slot;
	slot_getallattrs(kept);
	memcpy(slot->tts_values, kept->tts_values, natts * sizeof(Datum));
	memcpy(slot->tts_isnull, kept->tts_isnull, natts * sizeof(bool));
	return ExecStoreVirtualTuple(slot);
}

/* ReScanCustomScan of nodes that write: they are on top of their plans. */
static inline void
scan_rows_only_once(CustomScanState *node)
{
	elog(ERROR, "a write cannot be run again");
}

#endif
