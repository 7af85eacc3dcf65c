/*
 * push_exchange.h
 *	  Rows that nodes send to each other, as nodes of a Query: laid out by
 *	  shardext.exchange_rows, read by shardext.exchange_read.
 */
#ifndef SHARDEXT_PUSH_EXCHANGE_H
#define SHARDEXT_PUSH_EXCHANGE_H

#include "postgres.h"

#include "nodes/parsenodes.h"

/* Can the columns of inner that are used be exchanged? */
extern bool exchange_takes(const Query *inner);

/* The output columns of inner that are used: those that are no constant NULL. */
extern Bitmapset *exchange_columns(const Query *inner);

/*
 * SELECT shardext.exchange_rows(target, .., c1, ..) FROM (inner): the rows, divided by the output column. target:
 * "schema"."table", NULL to divide by hash (exec/exchange.h).
 */
extern Query *exchange_rows_out(Query *inner, const char *target, AttrNumber column);

/*
 * An entry for FROM: shardext.exchange_read(handle, rows, ..) with inner's output columns. anchor_column: by its hash
 * all that is read with it is divided; 0: this is not the anchor.
 */
extern RangeTblEntry *exchange_entry(const Query *inner, const Alias *eref, Node *handle, double rows,
									 AttrNumber anchor_column);

/* anchor_column of such an entry; 0 for any other, too. */
extern AttrNumber exchange_anchor_column(const RangeTblEntry *rte);

/* Is there any such entry in the Query, at its own level or inside of it? */
extern bool exchange_is_read(Query *query);

#endif
