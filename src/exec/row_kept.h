/*
 * row_kept.h
 *	  Rows that a statement has written on other nodes, kept here for its AFTER
 *	  triggers.
 */
#ifndef SHARDEXT_ROW_KEPT_H
#define SHARDEXT_ROW_KEPT_H

#include "postgres.h"
#include "executor/tuptable.h"
#include "storage/itemptr.h"

typedef struct RowKept RowKept;

/* In CurrentMemoryContext. */
extern RowKept *row_kept_make(void);

/* May more rows be kept? */
extern bool row_kept_has_room(const RowKept *kept);

/* The row as it was at this place. */
extern void row_kept_put_old(RowKept *kept, const ItemPointerData *place, TupleTableSlot *slot);

/* A row as it will be; the slot gets a place that no row has, under which it is found. */
extern void row_kept_put_new(RowKept *kept, TupleTableSlot *slot);

/* The row of this place; NULL: it has not been kept. */
extern MinimalTuple row_kept_get(const RowKept *kept, const ItemPointerData *place);

#endif
