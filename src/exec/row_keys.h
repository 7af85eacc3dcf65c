/*
 * row_keys.h
 *	  Foreign keys of rows that are written one by one, looked after where the
 *	  rows lie when all of their statement are written.
 */
#ifndef SHARDEXT_ROW_KEYS_H
#define SHARDEXT_ROW_KEYS_H

#include "postgres.h"
#include "storage/itemptr.h"
#include "utils/rel.h"

/* The command has written a row of a shard's table; before and after are its versions' ctids, NULL: there is none. */
extern void row_keys_note(Relation table, int shard, CommandId command, const ItemPointerData *before,
						  const ItemPointerData *after);

/* It has written all its rows of this node: look after their foreign keys. */
extern void row_keys_look(CommandId command);

extern void row_keys_preload(void);

#endif
