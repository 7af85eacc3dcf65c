/*
 * exchange.h
 *	  Rows that go from node to node: each node divides its own by shard, keeps
 *	  them until it is asked, and fetches from the others what its shards need.
 */
#ifndef SHARDEXT_EXCHANGE_H
#define SHARDEXT_EXCHANGE_H

#include "postgres.h"

#include "nodes/bitmapset.h"
#include "utils/tuplestore.h"

#include "exec/row_pack.h"

typedef struct ExchangeRows ExchangeRows;

/*
 * Rows of these types, divided by column key (1, 2, ..). target: the sharded table (schema and name, quoted) to whose
 * shards they go, those that cannot match a key of it nowhere; NULL: all of them are divided by the hash of the
 * column. In CurrentMemoryContext.
 */
extern ExchangeRows *exchange_rows_make(const char *target, int key, int ncols, const Oid *types);
/* Rows that everybody gets, those of the pack to begin with; it belongs to the result from now on. */
extern ExchangeRows *exchange_rows_make_for_all(RowPack *pack);

extern int	exchange_rows_columns(const ExchangeRows *rows);
extern void exchange_rows_add(ExchangeRows *rows, const Datum *values, const bool *nulls);

/* All rows are there. */
extern void exchange_rows_end(ExchangeRows *rows);

/* A value that says where the rows lie; good on every node until the transaction ends. */
extern bytea *exchange_rows_handle(const ExchangeRows *rows);

/* Where the rows of both lie. */
extern bytea *exchange_handle_merge(const bytea *one, const bytea *other);

/* Is the value a handle (of those that begin a pack of rows, none is)? */
extern bool exchange_is_handle(const bytea *value);

/* The rows for these shards (NULL: all there are) into a tuplestore, from wherever they lie. */
extern void exchange_read(const bytea *handle, const Bitmapset *shards, RowPackReader *packs, Tuplestorestate *store);

/* Can rows be divided by the hash of a column of this type and collation? Equal values go to the same shard. */
extern bool exchange_hash_takes(Oid type, Oid collation);

extern void exchange_preload(void);

#endif
