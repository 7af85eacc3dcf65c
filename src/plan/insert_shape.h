/*
 * insert_shape.h
 *	  The statements that carry a batch of rows of an INSERT: registered with
 *	  exec/insert_shards.h.
 */
#ifndef SHARDEXT_INSERT_SHAPE_H
#define SHARDEXT_INSERT_SHAPE_H

#include "exec/insert_shards.h"

extern const InsertShape *insert_shape_make(const InsertForm *form, const Bitmapset *made_by_owner, int nrows);

/* Why no shape of the form could be sent to other nodes; NULL if they can. */
extern const Reason *insert_shape_check(const InsertForm *form);

/* The highest number of a statement parameter in the Query: values come after it. */
extern int	insert_shape_max_param(Query *query);

/* The range table entry VALUES with these rows of Params, each a list. */
extern RangeTblEntry *insert_shape_values(List *values_lists);

/* Entries other than those of the table written (and of "excluded") become empty: nothing shall refer to them. */
extern void insert_shape_retire_entries(Query *query);

/* The source of an INSERT's rows goes, its WITH queries included, unless ON CONFLICT reads them. */
extern void insert_shape_drop_source(Query *query);
extern bool insert_shape_needs_with(const Query *query);

extern void insert_shape_preload(void);

#endif
