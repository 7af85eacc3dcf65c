/*
 * row_modify.h
 *	  What a ModifyTable over a shell does with its rows: questions that row by
 *	  row writes ask of its plan.
 */
#ifndef SHARDEXT_ROW_MODIFY_H
#define SHARDEXT_ROW_MODIFY_H

#include "postgres.h"
#include "nodes/execnodes.h"
#include "nodes/lockoptions.h"
#include "nodes/plannodes.h"

/* What may happen to rows: of TRIGGER_TYPE_INSERT, _UPDATE and _DELETE. */
extern int	row_modify_events(const ModifyTable *plan);

/* Actions of foreign keys are to be carried out by the coordinator. Said of a plan, and asked of it. */
extern void row_modify_keep_actions(ModifyTable *plan);
extern bool row_modify_keeps_actions(const ModifyTable *plan);

/* Is every row of the table that the child gives written? */
extern bool row_modify_writes_all(const ModifyTable *plan);

/* Are rows asked for in their old version, if not for their lock? */
extern bool row_modify_reads_old(const ModifyTable *plan);

/* Is a column of the shard key assigned to? Then rows may leave their shards. */
extern bool row_modify_may_move(EState *estate, ResultRelInfo *target);

/* The lock that its writes take: as PostgreSQL has it, but the strongest if the row may leave its shard. */
extern LockTupleMode row_modify_lock_mode(const ModifyTable *plan, EState *estate, ResultRelInfo *target);

/* Does RETURNING show of the row written, of the relation with this number, what is known only where it lies? */
extern bool row_modify_returns_place(List *returning, Index target);

#endif
