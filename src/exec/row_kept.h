/*
 * row_kept.h
 *	  Rows that a statement has written on other nodes, kept here for its AFTER
 *	  triggers.
 */
#ifndef SHARDEXT_ROW_KEPT_H
#define SHARDEXT_ROW_KEPT_H

#include "postgres.h"
#include "executor/tuptable.h"
#include "nodes/bitmapset.h"
#include "storage/itemptr.h"

typedef struct RowKept RowKept;

/* In CurrentMemoryContext. A row whose foreign columns change is not kept. slot is one for rows of the table. */
extern RowKept *row_kept_make(const Bitmapset *foreign_columns, TupleTableSlot *slot);

/* Can a write be kept, from old (NULL: an insert) to what is in the slot (NULL: a delete)? */
extern bool row_kept_takes(const RowKept *kept, MinimalTuple old, TupleTableSlot *slot);

/* Keep it: the old version as that at this place; the slot gets a place that no row has, under which it is found. */
extern void row_kept_put(RowKept *kept, const ItemPointerData *place, MinimalTuple old, TupleTableSlot *slot);

/* The row of this place; NULL: it has not been kept. */
extern MinimalTuple row_kept_get(const RowKept *kept, const ItemPointerData *place);

#endif
