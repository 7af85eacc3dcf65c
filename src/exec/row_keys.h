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

/* For rows of reference tables' copies, whose keys are looked after right after the call that has written them. */
#define ROW_KEYS_OF_COPIES	InvalidCommandId

/*
 * The command has written a row of a shard's table, or of a copy (shard is ROUTE_NO_SHARD). before and after are its
 * versions' ctids, NULL: there is none.
 */
extern void row_keys_note(Relation table, int shard, CommandId command, const ItemPointerData *before,
						  const ItemPointerData *after);

/* It has written all its rows of this node: look after their foreign keys, as who runs the statement. */
extern void row_keys_look(CommandId command);

extern void row_keys_preload(void);

#endif
