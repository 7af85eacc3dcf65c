/*
 * tuple_codec.h
 *	  Values between Datums and the wire: rows that come from other nodes,
 *	  parameters that go there.
 */
#ifndef SHARDEXT_TUPLE_CODEC_H
#define SHARDEXT_TUPLE_CODEC_H

#include "postgres.h"
#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "conn/conn.h"

typedef struct RowCodec RowCodec;
typedef struct ParamCodec ParamCodec;

/* Has the (base) type a binary form that surely means the same on all nodes? */
extern bool tuple_codec_is_binary(Oid type);

/*
 * Rows of ncols columns, column i for attribute attnos[i] of desc (attnos NULL:
 * 1, 2, ...). Both codecs live in CurrentMemoryContext, hold no state of an
 * execution and may be shared by several.
 */
extern RowCodec *row_codec_make(TupleDesc desc, int ncols, const AttrNumber *attnos);

/* Can such rows come from another node? Not every row of no named type can. */
extern bool row_codec_takes(const List *target_list);

/* Every column can come in binary. */
extern bool row_codec_is_binary(const RowCodec *codec);

/*
 * Store row number row of result in the virtual slot; values that need memory
 * get it from CurrentMemoryContext, nothing points into result. Attributes the
 * codec does not know are NULL.
 */
extern void row_codec_decode(const RowCodec *codec, const PGresult *result, int row, TupleTableSlot *slot);

extern ParamCodec *param_codec_make(int nparams, const Oid *types);

/* Parameters as libpq wants them, in CurrentMemoryContext. */
extern void param_codec_encode(ParamCodec *codec, const Datum *values, const bool *nulls, ConnParams *params);

/*
 * From begin to end output functions write what any session reads back unchanged; begin's result is for end. An error
 * in between undoes it as well.
 */
extern int	exact_output_begin(void);
extern void exact_output_end(int level);

/* The bytes that a value takes when it is sent: what it is toasted to says nothing about that. 0: by value. */
extern Size tuple_value_bytes(Datum value, bool byval, int16 length);

#endif
