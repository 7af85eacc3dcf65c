/*
 * scan_place.h
 *	  Rows of a Shard Scan that the executor will come back to: to lock or write
 *	  them, or to look at their latest version.
 */
#ifndef SHARDEXT_SCAN_PLACE_H
#define SHARDEXT_SCAN_PLACE_H

#include "postgres.h"
#include "executor/executor.h"

typedef struct ScanPlace
{
	/* plan */
	Oid			shell;
	int			column;			/* of the scan tuple, with the ctid; 0: nobody asks for it */
	List	   *key_columns;	/* int list: of the scan tuple, with the shard key */
	CurrentOfExpr *current_of;	/* or NULL */
	List	   *columns;		/* of the scan tuple: TargetEntries of the shell's Vars; NIL: it is the shell's row */

	/* execution */
	ExprState  *recheck;		/* the fragment's conditions */
	ItemPointerData place;		/* of the row at hand */
	bool		locked;			/* by somebody else, who keeps it from being locked with SKIP LOCKED */
	TupleTableSlot *shell_slot; /* a row fetched by its place; NULL: not made yet */
} ScanPlace;

/* The slot has a row as its shard gave it: make its ctid a place. */
extern void scan_place_mark(ScanPlace *scan, TupleTableSlot *slot);

/* The slot has a row that was marked before: show its place as the slot's ctid. */
extern void scan_place_show(const ScanPlace *scan, TupleTableSlot *slot);

/* The row of the cursor of WHERE CURRENT OF, into the scan tuple; false: there is none any more. */
extern bool scan_place_current(ScanPlace *scan, ScanState *node);

/* Does EvalPlanQual say which row this scan gives? */
extern bool scan_place_is_given(const ScanState *node);

/* That row, checked and projected. */
extern TupleTableSlot *scan_place_given(ScanPlace *scan, ScanState *node);

#endif
