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

/*
 * The same in pieces: what begins every pack, and the rows added since the last call, to be used at once. One after
 * the other they are a pack. row_pack_length: bytes kept.
 */
extern const char *row_pack_header(const RowPack *pack, int *length);
extern const char *row_pack_take(RowPack *pack, int *length);
extern int	row_pack_length(const RowPack *pack);

/*
 * Reads packs of ncols columns into rows of desc: column i becomes attribute attnos[i] (NULL: 1, 2, ..), others are
 * NULL. Both must live as long.
 */
typedef struct RowPackReader RowPackReader;

extern RowPackReader *row_pack_reader_make(TupleDesc desc, int ncols, const AttrNumber *attnos);

/* A pack's rows into a tuplestore. What does not look like rows of desc is an ERROR. A zero byte follows the bytes. */
extern void row_pack_reader_read(RowPackReader *reader, char *bytes, int length, Tuplestorestate *store);

/* The same for one pack of all columns. */
extern void row_pack_read(const bytea *packed, TupleDesc desc, Tuplestorestate *store);

#endif
