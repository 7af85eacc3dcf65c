/*
 * returned_rows.c
 *	  Rows that statements in many shards give back, put into the order of the
 *	  rows that they were made for.
 *
 * Batches come back in any order. Each row carries the ordinal of the one it was
 * made for as its last column, by which all are sorted.
 */
#include "postgres.h"

#include "catalog/pg_operator_d.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/tuplesort.h"

#include "exec/returned_rows.h"

struct ReturnedRows
{
	int			ncolumns;		/* without the ordinal */
	Tuplesortstate *sort;
	TupleTableSlot *put_slot;	/* virtual */
	TupleTableSlot *get_slot;	/* minimal */
};

ReturnedRows *
returned_rows_make(EState *estate, TupleDesc columns, int ncolumns)
{
	ReturnedRows *rows = palloc(sizeof(ReturnedRows));
	AttrNumber	last = ncolumns + 1;
	TupleDesc	desc = CreateTemplateTupleDesc(last);
	Oid			less = Int8LessOperator;
	Oid			collation = InvalidOid;
	bool		nulls_first = false;

	for (int i = 1; i <= ncolumns; i++)
		TupleDescCopyEntry(desc, i, columns, i);
	TupleDescInitEntry(desc, last, "ordinal", INT8OID, -1, 0);
	rows->ncolumns = ncolumns;
	rows->sort = tuplesort_begin_heap(desc, 1, &last, &less, &collation, &nulls_first, work_mem, NULL,
									  TUPLESORT_NONE);
	rows->put_slot = ExecInitExtraTupleSlot(estate, desc, &TTSOpsVirtual);
	rows->get_slot = ExecInitExtraTupleSlot(estate, desc, &TTSOpsMinimalTuple);
	return rows;
}

TupleTableSlot *
returned_rows_slot(ReturnedRows *rows)
{
	return rows->put_slot;
}

void
returned_rows_put_slot(ReturnedRows *rows)
{
	tuplesort_puttupleslot(rows->sort, rows->put_slot);
}

void
returned_rows_put(ReturnedRows *rows, TupleTableSlot *slot, int64 ordinal)
{
	TupleTableSlot *out = rows->put_slot;
	int			n = rows->ncolumns;

	slot_getallattrs(slot);
	ExecClearTuple(out);
	memcpy(out->tts_values, slot->tts_values, n * sizeof(Datum));
	memcpy(out->tts_isnull, slot->tts_isnull, n * sizeof(bool));
	out->tts_values[n] = Int64GetDatum(ordinal);
	out->tts_isnull[n] = false;
	ExecStoreVirtualTuple(out);
	tuplesort_puttupleslot(rows->sort, out);
	ExecClearTuple(out);
}

void
returned_rows_sort(ReturnedRows *rows)
{
	tuplesort_performsort(rows->sort);
}

int64
returned_rows_next(ReturnedRows *rows, TupleTableSlot *slot)
{
	TupleTableSlot *row = rows->get_slot;
	int			n = rows->ncolumns;

	if (!tuplesort_gettupleslot(rows->sort, true, false, row, NULL))
		return -1;
	slot_getallattrs(row);
	memcpy(slot->tts_values, row->tts_values, n * sizeof(Datum));
	memcpy(slot->tts_isnull, row->tts_isnull, n * sizeof(bool));
	return DatumGetInt64(row->tts_values[n]);
}

void
returned_rows_end(ReturnedRows *rows)
{
	tuplesort_end(rows->sort);
}
