/*
 * row_arrays.h
 *	  Rows as arrays, one for each column: how rows of an INSERT travel.
 */
#ifndef SHARDEXT_ROW_ARRAYS_H
#define SHARDEXT_ROW_ARRAYS_H

#include "postgres.h"
#include "nodes/params.h"
#include "nodes/plannodes.h"

/* Does a column of this type travel in an array of text? */
extern bool row_array_is_text(Oid type);

/* n values of a type as one array, as they travel; elements may be changed. */
extern Datum row_array_make(Datum *elements, bool *nulls, int n, Oid type);

/*
 * The values of a column of some rows, as one array. values and nulls: of the first row; those of the next stand width
 * further on. rows: int list, which of them.
 */
extern Datum row_array_of_column(const Datum *values, const bool *nulls, int width, const List *rows, Oid type);
extern Datum row_array_of_ints(const int *values, const List *rows);

/* What was in the arrays, column by column. Values that are pointers point into the arrays. */
typedef struct RowArrays
{
	int			nrows;
	int			ncolumns;
	Datum	  **values;
	bool	  **nulls;
} RowArrays;

/* Does the plan yield the elements of arrays that are all parameters, side by side, and nothing else? */
extern bool row_arrays_are(const Plan *plan);

/* The rows that such a plan would yield. */
extern RowArrays *row_arrays_read(const Plan *plan, ParamListInfo params);

#endif
