/*
 * shell_am.h
 *	  The table access method of shells: loud unless a statement was routed.
 */
#ifndef SHARDEXT_SHELL_AM_H
#define SHARDEXT_SHELL_AM_H

#include "postgres.h"
#include "access/htup.h"
#include "access/tableam.h"
#include "utils/rel.h"

#define SHELL_AM_NAME	"shardext_shell"

/*
 * While on, a shell reads as an empty table and rows inserted into one are
 * thrown away: for DDL that scans or rewrites (ALTER TABLE, CREATE INDEX, the
 * check of a new foreign key) and for nothing else. Returns what it was, so
 * that the caller puts that back; the end of a transaction and the abort of a
 * subtransaction turn it off. Users' functions
 * that DDL calls meanwhile find the rows: the planner sees to that.
 */
extern bool shell_am_set_reads_empty(bool on);
extern bool shell_am_reads_empty(void);

/*
 * While on, a shell may get a new file: for VACUUM FULL and CLUSTER of all tables,
 * which take the shells along, each in a transaction of its own. Nothing turns
 * it off but the caller, by the value returned.
 */
extern bool shell_am_set_rewritable(bool on);

/*
 * Until it is called again, with NULL: ANALYZE of the shell finds these rows, and is told that they stand for so
 * many. The end of a transaction and the abort of a subtransaction end it, too.
 */
typedef struct ShellSample
{
	Oid			relid;
	int			n;
	HeapTuple  *rows;
	double		tuples;
} ShellSample;

extern void shell_am_set_sample(const ShellSample *sample);

/*
 * What the executor asks of single rows of a shell goes to the layer that
 * reaches them (exec/row_access.h). is_written: does an execution that was
 * planned for that write the shell?
 */
typedef struct ShellRows
{
	bool		(*is_written) (Relation shell);
	bool		(*fetch) (Relation shell, ItemPointer place, TupleTableSlot *slot);
	bool		(*is_current) (Relation shell, ItemPointer place);	/* for SnapshotSelf */
	TM_Result	(*lock) (Relation shell, ItemPointer place, TupleTableSlot *slot, CommandId command,
					  LockTupleMode mode, LockWaitPolicy policy, uint8 flags, TM_FailureData *failure);
	void		(*insert) (Relation shell, TupleTableSlot *slot, CommandId command);
	TM_Result	(*update) (Relation shell, ItemPointer place, TupleTableSlot *slot, CommandId command,
						TM_FailureData *failure, LockTupleMode *mode);
	TM_Result	(*remove) (Relation shell, ItemPointer place, CommandId command, TM_FailureData *failure);

	/* for other snapshots; 40001 if it is not */
	bool		(*is_seen) (Relation shell, ItemPointer place);

	/* INSERT .. ON CONFLICT (exec/row_conflict.h) */
	bool		(*is_checked) (Relation shell);
	void		(*show_inserted) (Relation shell, TupleTableSlot *slot);
	void		(*insert_done) (Relation shell);
	void		(*fetch_conflict) (Relation shell, TupleTableSlot *slot);
} ShellRows;

extern void shell_am_set_rows(const ShellRows *methods);

/* Is this an open shell? */
extern bool shell_am_is(Relation rel);

extern void shell_am_preload(void);

#endif
