/*
 * kept_rows.h
 *	  The rows of a Shard Scan, kept for the times it is read again.
 */
#ifndef SHARDEXT_KEPT_ROWS_H
#define SHARDEXT_KEPT_ROWS_H

#include "postgres.h"
#include "nodes/execnodes.h"

struct ExplainState;

typedef struct KeptRows KeptRows;

/* Nothing kept yet. Slots and expressions are those of the scan, whose scan slot exists. */
extern KeptRows *kept_rows_make(ScanState *scan);

/* Are rows being kept? */
extern bool kept_rows_open(const KeptRows *kept);

extern void kept_rows_begin(KeptRows *kept);
extern void kept_rows_add(KeptRows *kept, TupleTableSlot *slot);

/* The next one in the scan slot, in the order in which they were added; false after the last. */
extern bool kept_rows_next(KeptRows *kept);

/* The scan starts over: with other values of its parameters, maybe. */
extern void kept_rows_rescan(KeptRows *kept);

/* Are they read so often, for one key at a time, that finding them by it would pay? All rows must be there then. */
extern bool kept_rows_want_keys(const KeptRows *kept);

/*
 * From now on kept_rows_next gives only those rows that the scan's conditions can be true for, as far as they are
 * equalities with parameters. Changes nothing if there are too many rows.
 */
extern void kept_rows_find_keys(KeptRows *kept);

/* Forgets the rows; others may be kept afterwards. */
extern void kept_rows_forget(KeptRows *kept);

extern void kept_rows_explain(const KeptRows *kept, struct ExplainState *es);

#endif
