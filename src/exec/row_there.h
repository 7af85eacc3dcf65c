/*
 * row_there.h
 *	  Single rows of shards of other nodes: what row_here.h does, on the owner.
 */
#ifndef SHARDEXT_ROW_THERE_H
#define SHARDEXT_ROW_THERE_H

#include "postgres.h"
#include "access/tableam.h"
#include "executor/tuptable.h"
#include "utils/rel.h"

#include "exec/row_access.h"
#include "exec/row_triggers.h"

/*
 * Meanings as in row_here.h. command: what the calls are pieces of (exec/statement_command.h), 0: nothing.
 * The ctid that the owner gives back is in *ctid or in failure.
 */
extern TM_Result row_there_read(Relation shell, uint32 command, int shard, RowReadKind kind, ItemPointer ctid,
								LockTupleMode mode, LockWaitPolicy policy, uint8 flags, TupleTableSlot *slot,
								TM_FailureData *failure);

/* slot NULL: a delete; mode may be NULL */
extern TM_Result row_there_write(Relation shell, uint32 command, int shard, RowWriteKind kind, ItemPointer ctid,
								 TupleTableSlot *slot, RowKeys keys, TM_FailureData *failure,
								 LockTupleMode *mode);

/* The command has written all its rows of these nodes: they look after foreign keys (ROW_KEYS_AT_END). */
extern void row_there_look_after_keys(uint32 command, const Bitmapset *nodes);
extern TM_Result row_there_insert_unless(Relation shell, uint32 command, int shard, TupleTableSlot *slot,
										 List *arbiters, ItemPointer ctid);

/*
 * Many rows, of other nodes all: one round trip to each of them. kind: ROW_READ_LOCK (in this very version, or not) or
 * ROW_READ_ANY. Each row that was locked or found is given to taken, in any order, by its number; row is NULL if only
 * locks are wanted, and good until taken returns.
 */
typedef void (*RowTaken) (void *arg, int number, TupleTableSlot *row);

extern void row_there_read_many(Relation shell, uint32 command, RowReadKind kind, LockTupleMode mode, int n,
								const int *shards, const ItemPointerData *ctids, bool wants_rows, RowTaken taken,
								void *arg);

/* How the shell is named in statements for other nodes, and as whom they are sent. */
extern const char *row_there_shell_name(Relation shell);
extern Oid	row_there_role(Relation shell);

/*
 * Have the node lock the table's part of the shard (ROUTE_NO_SHARD: of all that it owns) for writing: what it has
 * locked. What it says of a shard that it does not own is taken as a hint.
 */
extern Bitmapset *row_there_hold(Relation shell, uint32 command, int node_id, int shard);

#endif
