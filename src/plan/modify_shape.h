/*
 * modify_shape.h
 *	  The statements that change or delete a batch of rows by their ctid: made
 *	  for the sender of exec/insert_batch.h.
 */
#ifndef SHARDEXT_MODIFY_SHAPE_H
#define SHARDEXT_MODIFY_SHAPE_H

#include "exec/insert_shards.h"

/* form->command is CMD_UPDATE or CMD_DELETE; see InsertForm. */
extern const InsertShape *modify_shape_make(const InsertForm *form, int nrows);

/* Why no shape of the form could be sent to other nodes; NULL if they can. */
extern const Reason *modify_shape_check(const InsertForm *form);

#endif
