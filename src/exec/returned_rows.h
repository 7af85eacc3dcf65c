/*
 * returned_rows.h
 *	  Rows that statements in many shards give back, put into the order of the
 *	  rows that they were made for.
 */
#ifndef SHARDEXT_RETURNED_ROWS_H
#define SHARDEXT_RETURNED_ROWS_H

#include "postgres.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"

typedef struct ReturnedRows ReturnedRows;

/* For rows of the first ncolumns columns of the descriptor. Lives in the current context, which must be the query's. */
extern ReturnedRows *returned_rows_make(EState *estate, TupleDesc columns, int ncolumns);

/* A virtual slot of these columns with the ordinal, int8, behind them. */
extern TupleTableSlot *returned_rows_slot(ReturnedRows *rows);

/* Keep a row: what the slot above holds now, or the columns of another slot and an ordinal. */
extern void returned_rows_put_slot(ReturnedRows *rows);
extern void returned_rows_put(ReturnedRows *rows, TupleTableSlot *slot, int64 ordinal);

/* All have been put; then: the next one, by ordinal, into the first values of the slot. -1: there are no more. */
extern void returned_rows_sort(ReturnedRows *rows);
extern int64 returned_rows_next(ReturnedRows *rows, TupleTableSlot *slot);

extern void returned_rows_end(ReturnedRows *rows);

#endif
