/*
 * push_rows_of.h
 *	  Rows that a fragment gets with it, as nodes of a Query: packed on the
 *	  coordinator (shardext.pack_rows), read in the shards (shardext.rows_of).
 */
#ifndef SHARDEXT_PUSH_ROWS_OF_H
#define SHARDEXT_PUSH_ROWS_OF_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/primnodes.h"

/* Can all output columns be packed? */
extern bool rows_of_takes(const Query *inner);

/* SELECT shardext.pack_rows(c1, ..) FROM (inner): one row of one column. */
extern Query *rows_of_pack(Query *inner);

/* SELECT aggregate FROM (inner) AS alias, whose columns are Vars of entry 1 in the aggregate. */
extern Query *rows_of_collect(Query *inner, const char *alias, Aggref *aggregate);

/*
 * An entry for FROM: shardext.rows_of(packed, rows) with inner's output columns. eref gives the names; a column
 * without one gets another.
 */
extern RangeTblEntry *rows_of_entry(const Query *inner, const Alias *eref, Node *packed, double rows);

/* The same for another function with these arguments; and how many rows it gives, as an argument of any of them. */
extern RangeTblEntry *rows_of_function(const Query *inner, const Alias *eref, Oid function_id, List *args);
extern Const *rows_of_estimate(double rows);

#endif
