/*
 * row_here.h
 *	  Single rows of shards of this node, by their ctid: what a table access
 *	  method does, for the coordinator's executor and for other nodes'.
 */
#ifndef SHARDEXT_ROW_HERE_H
#define SHARDEXT_ROW_HERE_H

#include "postgres.h"
#include "access/tableam.h"
#include "executor/tuptable.h"
#include "nodes/lockoptions.h"
#include "utils/rel.h"

#include "exec/row_triggers.h"

/*
 * Meanings as in tableam.h; ctids are those of the shard's table. Slots are of
 * the shell's shape and kind (table_slot_create); afterwards they name the
 * shell as their table. No triggers fire but those that check unique
 * constraints later, and those of foreign keys if so asked. ERROR SX001 if the
 * shard is not here.
 */
extern bool row_here_fetch(Relation shell, int shard, ItemPointer ctid, Snapshot snapshot, TupleTableSlot *slot);

/* The version that is current for the snapshot, of the row whose ctid this is or was; false: none. */
extern bool row_here_fetch_latest(Relation shell, int shard, ItemPointer ctid, Snapshot snapshot, TupleTableSlot *slot);

extern TM_Result row_here_lock(Relation shell, int shard, ItemPointer ctid, TupleTableSlot *slot, CommandId command,
							   LockTupleMode mode, LockWaitPolicy policy, uint8 flags, TM_FailureData *failure);

/*
 * Would LockRows with SKIP LOCKED leave the row out now? False also if that is not certain. The shard's table has been
 * locked.
 */
extern bool row_here_is_skipped(Oid shell, int shard, ItemPointer ctid, LockClauseStrength strength);

extern void row_here_insert(Relation shell, int shard, TupleTableSlot *slot, CommandId command, RowKeys keys);

/*
 * INSERT unless a row is in the way, by the unique indexes named (NIL: by all). TM_Ok: inserted. TM_Updated: ctid is
 * that of the row in the way; TM_SelfModified: and this command has put that there.
 */
extern TM_Result row_here_insert_unless(Relation shell, int shard, TupleTableSlot *slot, CommandId command,
										List *arbiters, ItemPointer ctid);
extern TM_Result row_here_update(Relation shell, int shard, ItemPointer ctid, TupleTableSlot *slot, CommandId command,
								 RowKeys keys, TM_FailureData *failure, LockTupleMode *mode);

/* moving: the row goes to another shard, of which those who wait for it are told. */
extern TM_Result row_here_delete(Relation shell, int shard, ItemPointer ctid, CommandId command, bool moving,
								 RowKeys keys, TM_FailureData *failure);

#endif
