/*
 * row_access.h
 *	  Single rows of sharded tables for PostgreSQL's executor on the coordinator,
 *	  wherever they lie.
 */
#ifndef SHARDEXT_ROW_ACCESS_H
#define SHARDEXT_ROW_ACCESS_H

#include "postgres.h"
#include "access/tableam.h"
#include "executor/executor.h"

/* What is asked of the node that has the row; numbers travel. */
typedef enum RowReadKind
{
	ROW_READ_ANY,				/* this version, visible or not */
	ROW_READ_CURRENT,			/* this version, if nothing has changed it that we see */
	ROW_READ_LATEST,			/* the version that is current now */
	ROW_READ_LOCK,				/* lock it, in its latest version */
	ROW_READ_SEEN				/* this version, if the statement's snapshot sees it */
} RowReadKind;

typedef enum RowWriteKind
{
	ROW_WRITE_INSERT,
	ROW_WRITE_UPDATE,
	ROW_WRITE_DELETE,
	ROW_WRITE_MOVE				/* delete: it goes to another shard */
} RowWriteKind;

/*
 * What a node says, instead of TM_SelfModified, of a row that a command after this one has changed: something that the
 * statement has called. (TM_Invisible cannot be: the statement has seen the row.)
 */
#define ROW_CHANGED_LATER TM_Invisible

/* The row at a place (row_place.h) in its version of now, into a slot of the shell's kind; false: it is gone. */
extern bool row_access_latest(Relation shell, ItemPointer place, Snapshot snapshot, TupleTableSlot *slot);

/* As row_here_insert_unless, wherever the row belongs; place is that of the row inserted or of the one in the way. */
extern TM_Result row_access_insert_unless(Relation shell, TupleTableSlot *slot, CommandId command, List *arbiters,
										  ItemPointer place);

/* The shard that a row of the shell belongs to; for a NULL key an error, or ROUTE_NO_SHARD. */
extern int	row_access_shard(Relation shell, TupleTableSlot *slot, bool null_ok);

/* Before an execution starts that may write rows of shells: all that it asks of other nodes is one command there. */
extern void row_access_prepare(QueryDesc *query_desc);

/* Let a started execution write shells row by row: its plan was made for that. */
extern void row_access_attach(const QueryDesc *query_desc);

/* A statement is about to run that may look at rows, maybe in a trigger of an execution that writes shells. */
extern void row_access_interrupt(bool may_write);

extern void row_access_preload(void);

#endif
