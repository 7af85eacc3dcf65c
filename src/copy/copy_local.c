/*
 * copy_local.c
 *	  Rows of COPY FROM that are stored on this node: in its shard tables, or in
 *	  its copy of a reference table.
 *
 * Each shard table that gets a row becomes a target: opened and locked
 * (RowExclusiveLock, to the end of the transaction), ownership checked under the
 * lock, with its indexes, triggers and a batch of rows. A batch goes to the table
 * in one table_multi_insert; BEFORE ROW triggers, or expressions that may look at
 * the table, make it a batch of one. All batches are written when together they
 * hold too much.
 *
 * The targets' root is the table of the statement (the shell), as if they were
 * its partitions: errors about a row are worded by the shell, and what they show
 * of the row follows the rights on it.
 *
 * Memory: BATCH_ROWS rows per target, BUFFER_BYTES in all.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "commands/progress.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "pgstat.h"
#include "storage/lmgr.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/pg_compat.h"
#include "catalog/table_map.h"
#include "copy/copy_local.h"
#include "exec/guard_check.h"
#include "exec/reference_capture.h"
#include "route/route.h"

#define BATCH_ROWS		200
#define BUFFER_BYTES	(8 * 1024 * 1024)

/* A table that rows are stored in. */
typedef struct CopyTarget
{
	ResultRelInfo *rel;
	TransitionCaptureState *capture;
	bool		before_row;		/* has BEFORE ROW triggers */

	/* the batch */
	int			batch;			/* rows it takes before it is written */
	int			nused;
	int			nslots;
	TupleTableSlot **slots;
	uint64	   *lines;
} CopyTarget;

struct CopyLocal
{
	CopyInput  *input;
	EState	   *estate;
	ResultRelInfo *root;
	CommandId	command;
	ReferenceCapture *capture;	/* NULL: rows stay here */
	BulkInsertState bulk;
	CopyTarget *bulk_target;	/* the one bulk has a buffer of */

	int			ntargets;
	CopyTarget **targets;		/* in the order of opening */
	CopyTarget **by_shard;		/* ROUTE_MAX_SHARDS + 1: the last is the table itself */

	Size		buffered;
	uint64		stored;
};

static CopyTarget **
target_of(CopyLocal *local, int shard)
{
	return &local->by_shard[shard == ROUTE_NO_SHARD ? ROUTE_MAX_SHARDS : shard];
}

CopyLocal *
copy_local_begin(CopyInput *input)
{
	CopyLocal  *local = palloc0(sizeof(CopyLocal));
	MemoryContext old;

	local->input = input;
	local->estate = input->estate;
	local->command = GetCurrentCommandId(true);
	local->targets = palloc0((ROUTE_MAX_SHARDS + 1) * sizeof(CopyTarget *));
	local->by_shard = palloc0((ROUTE_MAX_SHARDS + 1) * sizeof(CopyTarget *));

	old = MemoryContextSwitchTo(local->estate->es_query_cxt);
	sx_exec_init_range_table(local->estate, input->range_table, input->permissions);
	local->root = makeNode(ResultRelInfo);
	InitResultRelInfo(local->root, input->table, 1, NULL, 0);
	MemoryContextSwitchTo(old);

	local->bulk = GetBulkInsertState();
	AfterTriggerBeginQuery();
	return local;
}

void
copy_local_capture(CopyLocal *local)
{
	local->capture = reference_capture_begin(local->root, local->estate);
}

/* ---- targets ---- */

static CopyTarget *
make_target(CopyLocal *local, Relation table)
{
	EState	   *estate = local->estate;
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);
	CopyTarget *target = palloc0(sizeof(CopyTarget));
	ResultRelInfo *rel;

	if (table == local->input->table)
		rel = local->root;
	else
	{
		rel = makeNode(ResultRelInfo);
		InitResultRelInfo(rel, table, 0, local->root, 0);
	}
	if (rel->ri_IndexRelationDescs == NULL)
		ExecOpenIndices(rel, false);
	guard_check_attach(rel, estate);
	estate->es_tuple_routing_result_relations = lappend(estate->es_tuple_routing_result_relations, rel);

	target->rel = rel;
	target->capture = MakeTransitionCaptureState(rel->ri_TrigDesc, RelationGetRelid(table), CMD_INSERT);
	target->before_row = rel->ri_TrigDesc && rel->ri_TrigDesc->trig_insert_before_row;
	target->batch = (target->before_row || local->input->single) ? 1 : BATCH_ROWS;
	MemoryContextSwitchTo(old);

	ExecBSInsertTriggers(estate, rel);
	return target;
}

ShardVerdict
copy_local_open(CopyLocal *local, int shard)
{
	CopyTarget **target = target_of(local, shard);
	Relation	shell = local->input->table;
	Oid			relid;
	ShardVerdict verdict;

	if (*target != NULL)
		return SHARD_OK;
	if (shard == ROUTE_NO_SHARD)
	{
		*target = local->targets[local->ntargets++] = make_target(local, shell);
		return SHARD_OK;
	}

	relid = table_shard_relid(RelationGetRelid(shell), shard);
	if (!OidIsValid(relid))
		return SHARD_MOVED;
	LockRelationOid(relid, RowExclusiveLock);
	verdict = shard_map_check(shard, SHARD_WRITE, NULL);
	if (verdict != SHARD_OK)
		return verdict;
	*target = local->targets[local->ntargets++] = make_target(local, table_open(relid, NoLock));
	return SHARD_OK;
}

static void
close_target(CopyTarget *target, bool is_table)
{
	for (int i = 0; i < target->nslots; i++)
		ExecDropSingleTupleTableSlot(target->slots[i]);
	table_finish_bulk_insert(target->rel->ri_RelationDesc, 0);
	ExecCloseIndices(target->rel);
	if (!is_table)
		table_close(target->rel->ri_RelationDesc, NoLock);
}

/* ---- rows ---- */

/* Index entries and AFTER ROW triggers of one stored row. */
static void
finish_row(CopyLocal *local, CopyTarget *target, TupleTableSlot *slot)
{
	ResultRelInfo *rel = target->rel;
	List	   *recheck = NIL;

	if (rel->ri_NumIndices > 0)
		recheck = sx_insert_index_tuples(rel, slot, local->estate);
	if (rel->ri_TrigDesc != NULL &&
		(rel->ri_TrigDesc->trig_insert_after_row || rel->ri_TrigDesc->trig_insert_new_table))
		ExecARInsertTriggers(local->estate, rel, slot, recheck, target->capture);
	else if (recheck != NIL)
		ExecARInsertTriggers(local->estate, rel, slot, recheck, NULL);
	list_free(recheck);
}

static void
write_batch(CopyLocal *local, CopyTarget *target)
{
	CopyFromState cstate = local->input->cstate;
	uint64		line = cstate->cur_lineno;
	bool		line_valid = cstate->line_buf_valid;
	MemoryContext old;

	if (target->nused == 0)
		return;
	if (local->bulk_target != target)
		ReleaseBulkInsertStatePin(local->bulk);
	local->bulk_target = target;

	/* Errors name the line of the row they are about, not the one read last. */
	if (target->batch > 1)
		cstate->line_buf_valid = false;
	old = MemoryContextSwitchTo(GetPerTupleMemoryContext(local->estate));
	table_multi_insert(target->rel->ri_RelationDesc, target->slots, target->nused, local->command, 0, local->bulk);
	MemoryContextSwitchTo(old);
	for (int i = 0; i < target->nused; i++)
	{
		cstate->cur_lineno = target->lines[i];
		finish_row(local, target, target->slots[i]);
		ExecClearTuple(target->slots[i]);
	}
	local->stored += target->nused;
	target->nused = 0;
	cstate->cur_lineno = line;
	cstate->line_buf_valid = line_valid;
}

static void
write_all(CopyLocal *local)
{
	for (int i = 0; i < local->ntargets; i++)
		write_batch(local, local->targets[i]);
	local->buffered = 0;
}

/* A free slot of the batch. */
static TupleTableSlot *
next_slot(CopyTarget *target)
{
	if (target->slots == NULL)
	{
		target->slots = palloc(target->batch * sizeof(TupleTableSlot *));
		target->lines = palloc(target->batch * sizeof(uint64));
	}
	if (target->nused == target->nslots)
		target->slots[target->nslots++] = table_slot_create(target->rel->ri_RelationDesc, NULL);
	return target->slots[target->nused];
}

static Size
slot_bytes(TupleTableSlot *slot)
{
	bool		should_free;
	HeapTuple	tuple = ExecFetchSlotHeapTuple(slot, false, &should_free);
	Size		bytes = tuple->t_len;

	if (should_free)
		heap_freetuple(tuple);
	return bytes + sizeof(BufferHeapTupleTableSlot);
}

void
copy_local_insert(CopyLocal *local, int shard)
{
	CopyTarget *target = *target_of(local, shard);
	CopyInput  *input = local->input;
	ResultRelInfo *rel = target->rel;
	TupleConstr *constraints = RelationGetDescr(rel->ri_RelationDesc)->constr;
	MemoryContext old = MemoryContextSwitchTo(local->estate->es_query_cxt);
	TupleTableSlot *slot = next_slot(target);
	int			natts = slot->tts_tupleDescriptor->natts;

	MemoryContextSwitchTo(old);
	ExecClearTuple(slot);
	memcpy(slot->tts_values, input->values, natts * sizeof(Datum));
	memcpy(slot->tts_isnull, input->nulls, natts * sizeof(bool));
	ExecStoreVirtualTuple(slot);
	slot->tts_tableOid = RelationGetRelid(rel->ri_RelationDesc);

	if (target->before_row && !ExecBRInsertTriggers(local->estate, rel, slot))
		return;					/* the trigger said: nothing */
	if (constraints && constraints->has_generated_stored)
		ExecComputeStoredGenerated(rel, local->estate, slot, CMD_INSERT);
	if (constraints)
		ExecConstraints(rel, slot, local->estate);

	/* So far it points into the per-tuple context. */
	ExecMaterializeSlot(slot);
	target->lines[target->nused++] = input->cstate->cur_lineno;
	local->buffered += slot_bytes(slot);
	if (target->nused == target->batch)
		write_batch(local, target);
	if (local->buffered > BUFFER_BYTES)
		write_all(local);
}

uint64
copy_local_end(CopyLocal *local)
{
	EState	   *estate = local->estate;

	write_all(local);
	if (local->capture != NULL)
		reference_capture_send(local->capture);
	copy_input_pop_context(local->input);	/* triggers at the end are about no line */
	FreeBulkInsertState(local->bulk);
	for (int i = 0; i < local->ntargets; i++)
		ExecASInsertTriggers(estate, local->targets[i]->rel, local->targets[i]->capture);
	AfterTriggerEndQuery(estate);
	for (int i = 0; i < local->ntargets; i++)
		close_target(local->targets[i], local->targets[i]->rel == local->root);
	ExecResetTupleTable(estate->es_tupleTable, false);
	estate->es_tupleTable = NIL;
	ExecCloseResultRelations(estate);
	return local->stored;
}
