/*
 * copy_text.h
 *	  Rows as lines of COPY's text format.
 */
#ifndef SHARDEXT_COPY_TEXT_H
#define SHARDEXT_COPY_TEXT_H

#include "postgres.h"
#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "lib/stringinfo.h"

typedef struct CopyText CopyText;

/*
 * Lines for all columns that are neither dropped nor generated; the session's
 * DateStyle and kin are made safe until copy_text_end.
 */
extern CopyText *copy_text_begin(TupleDesc desc);

/* ("a", "b") for the COPY statement */
extern char *copy_text_columns(const CopyText *text);

/* One row, appended to line with its newline. */
extern void copy_text_row(CopyText *text, const Datum *values, const bool *nulls, StringInfo line);
extern void copy_text_end(CopyText *text);

#endif
