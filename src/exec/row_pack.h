/*
 * row_pack.h
 *	  Rows in one value: how a small result reaches other nodes as a parameter
 *	  of the statement that they are sent.
 */
#ifndef SHARDEXT_ROW_PACK_H
#define SHARDEXT_ROW_PACK_H

#include "postgres.h"
#include "access/tupdesc.h"
#include "utils/tuplestore.h"

typedef struct RowPack RowPack;

/* Can columns of this type be packed? Not rows of no named type. */
extern bool row_pack_takes(Oid type);

/* An empty pack of rows of these types, in CurrentMemoryContext. */
extern RowPack *row_pack_make(int ncols, const Oid *types);
extern int	row_pack_columns(const RowPack *pack);
extern void row_pack_add(RowPack *pack, const Datum *values, const bool *nulls);

/* All rows added so far; the pack may be used on. ERROR 54000 beyond 1 GB was raised by row_pack_add. */
extern bytea *row_pack_get(const RowPack *pack);

/* The rows into a tuplestore. What does not look like rows of desc is an ERROR. */
extern void row_pack_read(const bytea *packed, TupleDesc desc, Tuplestorestate *store);

#endif
