/*
 * rows_shape.h
 *	  The statements that carry any number of rows of an INSERT.
 */
#ifndef SHARDEXT_ROWS_SHAPE_H
#define SHARDEXT_ROWS_SHAPE_H

#include "postgres.h"
#include "exec/insert_shards.h"

/* See exec/insert_rows.c; positions in made_by_owner are left out. ERROR if there is no text. */
extern const InsertShape *rows_shape_make(const InsertForm *form, const Bitmapset *made_by_owner);

/* The same, nothing left out; NULL and *reason if there is no text for other nodes. */
extern const InsertShape *rows_shape_make_whole(const InsertForm *form, const Reason **reason);

/* On the node that has got such a text: rows, the SELECT made of it, gives the shard of each row as its last column. */
extern void rows_shape_add_shard(Query *rows);

#endif
