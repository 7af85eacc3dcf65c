/*
 * row_conflict.h
 *	  INSERT .. ON CONFLICT row by row.
 */
#ifndef SHARDEXT_ROW_CONFLICT_H
#define SHARDEXT_ROW_CONFLICT_H

#include "postgres.h"
#include "executor/execdesc.h"
#include "executor/tuptable.h"
#include "utils/rel.h"

#include "exec/row_ahead.h"

/*
 * Let the ModifyTables of a started execution that have ON CONFLICT and write shells ask the shards for conflicts; in
 * batches, if there are any (ahead may be NULL).
 */
extern void row_conflict_attach(const QueryDesc *query_desc, RowAhead *ahead);

/* Is the shell one that such a ModifyTable writes? Then these are its access method's part. */
extern bool row_conflict_is_checked(Relation shell);

/* The row at hand was inserted when conflicts were looked for: show in the slot where. Then the next row may come. */
extern void row_conflict_show(Relation shell, TupleTableSlot *slot);
extern void row_conflict_done(Relation shell);

/* The place of the row that is in the way. */
extern void row_conflict_fetch(Relation shell, TupleTableSlot *slot);

/* Has this command itself put that row there? */
extern bool row_conflict_is_own(Relation shell, ItemPointer place);

#endif
