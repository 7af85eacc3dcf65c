/*
 * insert_batch.c
 *	  Rows on their way to their shards, of which each is changed or deleted by
 *	  its ctid, and rows inserted into a reference table.
 *
 * Rows are kept per shard (and per set of columns that the owner is to fill
 * in) until BATCH_ROWS of them or BATCH_MEMORY bytes in all have come together.
 * A batch goes out in chunks of 1, 2, 4, ... BATCH_ROWS rows, so that few
 * different statements are made, each once: its text and its local plan are a
 * Shape. With one_statement all rows of a shard make one chunk, since ON
 * CONFLICT DO UPDATE must see when it meets a row twice.
 *
 * A chunk for a local shard runs at once. A chunk for another node is sent, and
 * its answer is read before the next chunk goes to that node: nodes work in
 * parallel, and at most one chunk per node is under way. A chunk that is
 * refused goes to the owner that the map names then.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "access/xact.h"
#include "base/errors.h"
#include "base/statement_note.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "exec/fragment.h"
#include "exec/insert_batch.h"
#include "exec/local_run.h"
#include "exec/reference_order.h"
#include "exec/remote_run.h"
#include "exec/statement_command.h"
#include "route/route.h"

#define BATCH_ROWS		64
#define BATCH_MEMORY	(4 * 1024 * 1024)
#define MAX_PARAMS		65000

/* One statement text and local plan, for so many rows of such columns. */
typedef struct Shape
{
	Bitmapset  *made_by_owner;
	int			nrows;
	const InsertShape *made;
	LocalPlan  *local_plan;		/* NULL until a local shard needs it */
	int			nparams;
	Oid		   *param_types;
	int		   *value_of;		/* parameter i is value value_of[i] of the chunk, */
	ExprState **exprs;			/* or, when that is -1, this expression */
} Shape;

typedef struct BatchKey
{
	int			shard;
	uint32		columns;		/* index into sender->column_sets */
} BatchKey;

/* Memory of a batch's rows. The chunks cut from it end in any order: it goes with the last of them. */
typedef struct RowMemory
{
	MemoryContext cxt;
	int			users;			/* the batch while it is being cut, and chunks */
} RowMemory;

typedef struct Batch
{
	BatchKey	key;
	int			nrows;
	int			space;
	Size		bytes;
	Datum	   *values;			/* nrows * ncolumns, columns made by the owner left out */
	bool	   *nulls;
	int64	   *ordinals;
	RowMemory  *memory;			/* NULL while there are no rows */
} Batch;

/* Rows of a batch that go out as one statement. */
typedef struct Chunk
{
	Shape	   *shape;
	int			shard;
	Datum	   *values;
	bool	   *nulls;
	int64	   *ordinals;
	RowMemory  *memory;			/* NULL: another chunk keeps the rows */
} Chunk;

/* One other node: the chunk it works on. */
typedef struct NodeLane
{
	int			node_id;
	RemoteRun  *run;			/* NULL: idle */
	MemoryContext run_cxt;		/* of one run */
	Chunk		chunk;
} NodeLane;

struct InsertSender
{
	/* statement */
	const InsertForm *form;
	const char *query_string;
	bool		one_statement;
	int			ncolumns;
	const Oid  *types;
	int16	   *lengths;
	bool	   *byval;
	EState	   *estate;
	ExprContext *econtext;
	TupleTableSlot *returning;
	InsertReturned returned;
	void	   *arg;
	MemoryContext cxt;			/* of the query */

	/* rows */
	List	   *column_sets;	/* of Bitmapset *: sets of columns the owner makes */
	HTAB	   *batches;
	Size		buffered;
	int64		next_ordinal;

	/* sending */
	List	   *shapes;
	List	   *lanes;
	uint64		processed;
};

static void send_chunk(InsertSender *sender, Chunk *chunk);

InsertSender *
insert_sender_make(const InsertForm *form, const Oid *types, const char *query_string, bool one_statement,
				   EState *estate, ExprContext *econtext, TupleTableSlot *returning, InsertReturned returned,
				   void *arg)
{
	InsertSender *sender = palloc0(sizeof(InsertSender));
	HASHCTL		ctl = {0};

	sender->form = form;
	sender->query_string = query_string;
	sender->one_statement = one_statement;
	sender->ncolumns = list_length(form->attnos);
	sender->types = types;
	sender->lengths = palloc(sizeof(int16) * (sender->ncolumns + 1));
	sender->byval = palloc(sizeof(bool) * (sender->ncolumns + 1));
	for (int i = 0; i < sender->ncolumns; i++)
		get_typlenbyval(types[i], &sender->lengths[i], &sender->byval[i]);
	sender->estate = estate;
	sender->econtext = econtext;
	sender->returning = returning;
	sender->returned = returned;
	sender->arg = arg;
	sender->cxt = CurrentMemoryContext;

	ctl.keysize = sizeof(BatchKey);
	ctl.entrysize = sizeof(Batch);
	ctl.hcxt = sender->cxt;
	sender->batches = hash_create("shardext insert batches", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return sender;
}

/* ---------- shapes ---------- */

static int
columns_given(const InsertSender *sender, const Bitmapset *made_by_owner)
{
	return sender->ncolumns - bms_num_members(made_by_owner);
}

static void
bind_params(InsertSender *sender, Shape *shape)
{
	int			nvalues = shape->nrows * columns_given(sender, shape->made_by_owner);
	ListCell   *lc;
	int			i = 0;

	shape->nparams = list_length(shape->made->remote_params);
	shape->param_types = palloc(sizeof(Oid) * (shape->nparams + 1));
	shape->value_of = palloc(sizeof(int) * (shape->nparams + 1));
	shape->exprs = palloc0(sizeof(ExprState *) * (shape->nparams + 1));
	foreach(lc, shape->made->remote_params)
	{
		Expr	   *expr = (Expr *) lfirst(lc);
		int			value = -1;

		if (IsA(expr, Param) && ((Param *) expr)->paramkind == PARAM_EXTERN)
			value = ((Param *) expr)->paramid - sender->form->first_param - 1;
		shape->param_types[i] = exprType((Node *) expr);
		shape->value_of[i] = value >= 0 && value < nvalues ? value : -1;
		if (shape->value_of[i] < 0)
			shape->exprs[i] = ExecPrepareExpr(expr, sender->estate);
		i++;
	}
}

static Shape *
shape_for(InsertSender *sender, const Bitmapset *made_by_owner, int nrows)
{
	MemoryContext old;
	Shape	   *shape;
	ListCell   *lc;

	foreach(lc, sender->shapes)
	{
		shape = (Shape *) lfirst(lc);
		if (shape->nrows == nrows && bms_equal(shape->made_by_owner, made_by_owner))
			return shape;
	}
	old = MemoryContextSwitchTo(sender->cxt);
	shape = palloc0(sizeof(Shape));
	shape->made_by_owner = bms_copy(made_by_owner);
	shape->nrows = nrows;
	shape->made = insert_shards_maker()(sender->form, made_by_owner, nrows);
	bind_params(sender, shape);
	sender->shapes = lappend(sender->shapes, shape);
	MemoryContextSwitchTo(old);
	return shape;
}

/* ---------- one chunk, here ---------- */

/* The statement's own parameters, then the values. */
static ParamListInfo
local_params(InsertSender *sender, const Chunk *chunk)
{
	int			first = sender->form->first_param;
	int			ngiven = columns_given(sender, chunk->shape->made_by_owner);
	int			nvalues = chunk->shape->nrows * ngiven;
	ParamListInfo own = sender->estate->es_param_list_info;
	ParamListInfo params = makeParamList(first + nvalues);
	int			column = 0;

	for (int i = 0; own != NULL && i < Min(first, own->numParams); i++)
	{
		ParamExternData room;

		params->params[i] = own->paramFetch ? *own->paramFetch(own, i + 1, false, &room) : own->params[i];
	}
	for (int i = 0; i < nvalues; i++)
	{
		ParamExternData *param = &params->params[first + i];

		if (i % ngiven == 0)
			column = 0;
		while (bms_is_member(column, chunk->shape->made_by_owner))
			column++;
		param->value = chunk->values[i];
		param->isnull = chunk->nulls[i];
		param->pflags = PARAM_FLAG_CONST;
		param->ptype = sender->types[column++];
	}
	return params;
}

static int64
ordinal_of(const Chunk *chunk, int row)
{
	return chunk->ordinals[Min(row, chunk->shape->nrows - 1)];
}

/* False if the shard is not ours (any more). */
static bool
run_here(InsertSender *sender, const Chunk *chunk)
{
	MemoryContext old = MemoryContextSwitchTo(sender->cxt);
	Shape	   *shape = chunk->shape;
	LocalRun   *run;
	TupleTableSlot *row;
	int			refused;
	int			n = 0;

	if (shape->local_plan == NULL)
		shape->local_plan = local_plan_make(shape->made->local_query, sender->query_string, 0);
	run = local_run_start_shard(shape->local_plan, chunk->shard, local_params(sender, chunk),
								sender->estate, 0, &refused);
	if (refused != ROUTE_NO_SHARD)
	{
		ShardVerdict verdict = local_run_verdict(run);

		local_run_end(run);
		MemoryContextSwitchTo(old);
		if (verdict == SHARD_TOO_NEW && IsolationUsesXactSnapshot())
			shard_map_raise(chunk->shard, verdict);
		if (verdict == SHARD_TOO_NEW)
			local_run_newer_snapshot(sender->estate);
		return false;
	}
	while ((row = local_run_next(run)) != NULL)
	{
		if (sender->returning != NULL)
		{
			ExecCopySlot(sender->returning, row);
			sender->returned(sender->arg, sender->returning, ordinal_of(chunk, n++));
		}
	}
	sender->processed += local_run_processed(run);
	local_run_note_work(run, sender->form->meter, NULL, local_run_processed(run));
	local_run_end(run);
	MemoryContextSwitchTo(old);
	return true;
}

/* ---------- one chunk, on another node ---------- */

static void
release_rows(RowMemory *memory)
{
	if (--memory->users == 0)
		MemoryContextDelete(memory->cxt);
}

static void
free_chunk(Chunk *chunk)
{
	if (chunk->memory != NULL)
		release_rows(chunk->memory);
	chunk->memory = NULL;
}

static NodeLane *
lane_of(InsertSender *sender, int node_id)
{
	NodeLane   *lane;
	ListCell   *lc;
	MemoryContext old;

	foreach(lc, sender->lanes)
	{
		lane = (NodeLane *) lfirst(lc);
		if (lane->node_id == node_id)
			return lane;
	}
	old = MemoryContextSwitchTo(sender->cxt);
	lane = palloc0(sizeof(NodeLane));
	lane->node_id = node_id;
	lane->run_cxt = AllocSetContextCreate(sender->cxt, "shardext insert lane", ALLOCSET_DEFAULT_SIZES);
	sender->lanes = lappend(sender->lanes, lane);
	MemoryContextSwitchTo(old);
	return lane;
}

/* Read a node's answer; a refused chunk is sent again. */
static void
finish_lane(InsertSender *sender, NodeLane *lane)
{
	MemoryContext old;
	Chunk		chunk = lane->chunk;
	RemoteRun  *run = lane->run;
	TupleTableSlot *returning = sender->form->everywhere ? NULL : sender->returning;
	bool		refused;
	int			n = 0;

	if (run == NULL)
		return;
	old = MemoryContextSwitchTo(sender->cxt);
	while (remote_run_next(run, returning))
		sender->returned(sender->arg, returning, ordinal_of(&chunk, n++));
	refused = remote_run_refused(run) != ROUTE_NO_SHARD;
	if (!refused)
		sender->processed += remote_run_processed(run);
	lane->run = NULL;
	remote_run_end(run);
	MemoryContextSwitchTo(old);
	if (refused)
		send_chunk(sender, &chunk);
	else
		free_chunk(&chunk);
}

static void
run_there(InsertSender *sender, Chunk *chunk, int node_id)
{
	NodeLane   *lane = lane_of(sender, node_id);
	Shape	   *shape = chunk->shape;
	MemoryContext old;
	bool		everywhere = sender->form->everywhere;
	TupleDesc	desc = sender->returning && !everywhere ? sender->returning->tts_tupleDescriptor : NULL;
	int			ncolumns = desc ? desc->natts : 0;
	AttrNumber *attnos;
	Datum	   *values;
	bool	   *nulls;
	const char *note;

	finish_lane(sender, lane);

	MemoryContextReset(lane->run_cxt);
	old = MemoryContextSwitchTo(lane->run_cxt);
	attnos = palloc(sizeof(AttrNumber) * (ncolumns + 1));
	for (int i = 0; i < ncolumns; i++)
		attnos[i] = i + 1;
	values = palloc(sizeof(Datum) * (shape->nparams + 1));
	nulls = palloc(sizeof(bool) * (shape->nparams + 1));
	for (int i = 0; i < shape->nparams; i++)
	{
		if (shape->value_of[i] >= 0)
		{
			values[i] = chunk->values[shape->value_of[i]];
			nulls[i] = chunk->nulls[shape->value_of[i]];
		}
		else
			values[i] = ExecEvalExpr(shape->exprs[i], sender->econtext, &nulls[i]);
	}
	lane->chunk = *chunk;
	lane->run = remote_run_make(shape->made->remote_sql, desc, ncolumns, attnos,
								shape->nparams, shape->param_types, true);
	remote_run_set_command(lane->run, statement_command(sender->estate));
	remote_run_set_meter(lane->run, sender->form->meter);
	note = everywhere ? STATEMENT_NOTE_REFERENCE : statement_note_shards(bms_make_singleton(chunk->shard), false);
	remote_run_start(lane->run, node_id, GetUserId(), note, values, nulls, false);
	MemoryContextSwitchTo(old);
}

/* ---------- one chunk, on all nodes: reference tables ---------- */

typedef struct CopyStep
{
	InsertSender *sender;
	Chunk	   *chunk;
} CopyStep;

static void
start_copy(void *arg, int node_id)
{
	CopyStep   *step = (CopyStep *) arg;
	Chunk		chunk = *step->chunk;

	chunk.memory = NULL;		/* the chunk is needed for the other nodes as well */
	run_there(step->sender, &chunk, node_id);
}

static uint64
finish_copy(void *arg, int node_id)
{
	InsertSender *sender = ((CopyStep *) arg)->sender;
	uint64		before = sender->processed;
	uint64		rows;

	finish_lane(sender, lane_of(sender, node_id));
	rows = sender->processed - before;
	sender->processed = before;
	return rows;
}

static uint64
copy_here(void *arg)
{
	CopyStep   *step = (CopyStep *) arg;
	uint64		before = step->sender->processed;
	uint64		rows;

	(void) run_here(step->sender, step->chunk);
	rows = step->sender->processed - before;
	step->sender->processed = before;
	return rows;
}

static const ReferenceSteps copy_steps = {
	.start = start_copy,
	.finish = finish_copy,
	.here = copy_here,
};

static void
send_everywhere(InsertSender *sender, Chunk *chunk)
{
	CopyStep	step = {sender, chunk};

	sender->processed += reference_order_run(sender->form->table, &copy_steps, &step);
	free_chunk(chunk);
}

static void
send_chunk(InsertSender *sender, Chunk *chunk)
{
	if (sender->form->everywhere)
	{
		send_everywhere(sender, chunk);
		return;
	}
	for (int attempt = 0;; attempt++)
	{
		int			owner = shard_map_owner(chunk->shard, NULL);

		CHECK_FOR_INTERRUPTS();
		if (owner == node_self())
		{
			if (run_here(sender, chunk))
			{
				free_chunk(chunk);
				return;
			}
		}
		else if (owner != 0)
		{
			run_there(sender, chunk, owner);
			return;
		}
		fragment_wait_for_owner(chunk->shard, attempt);
	}
}

/* ---------- batches ---------- */

static int
largest_power(int n)
{
	int			result = 1;

	while (result * 2 <= n && result < BATCH_ROWS)
		result *= 2;
	return result;
}

/* Send all rows of a batch and leave it empty. */
static void
flush_batch(InsertSender *sender, Batch *batch)
{
	Bitmapset  *made_by_owner = (Bitmapset *) list_nth(sender->column_sets, batch->key.columns);
	int			ngiven = columns_given(sender, made_by_owner);
	int			first = 0;

	while (first < batch->nrows)
	{
		int			left = batch->nrows - first;
		int			nrows = sender->one_statement ? left : largest_power(left);
		Chunk		chunk = {0};

		chunk.shape = shape_for(sender, made_by_owner, nrows);
		chunk.shard = batch->key.shard;
		chunk.values = batch->values + first * ngiven;
		chunk.nulls = batch->nulls + first * ngiven;
		chunk.ordinals = batch->ordinals + first;
		chunk.memory = batch->memory;
		chunk.memory->users++;
		first += nrows;
		send_chunk(sender, &chunk);
	}
	release_rows(batch->memory);
	sender->buffered -= batch->bytes;
	batch->nrows = batch->space = 0;
	batch->bytes = 0;
	batch->memory = NULL;
}

static void
flush_all(InsertSender *sender)
{
	HASH_SEQ_STATUS status;
	Batch	   *batch;

	hash_seq_init(&status, sender->batches);
	while ((batch = (Batch *) hash_seq_search(&status)) != NULL)
	{
		if (batch->nrows > 0)
			flush_batch(sender, batch);
	}
}

static uint32
column_set_index(InsertSender *sender, const Bitmapset *made_by_owner)
{
	MemoryContext old;
	ListCell   *lc;

	foreach(lc, sender->column_sets)
	{
		if (bms_equal((Bitmapset *) lfirst(lc), made_by_owner))
			return foreach_current_index(lc);
	}
	old = MemoryContextSwitchTo(sender->cxt);
	sender->column_sets = lappend(sender->column_sets, bms_copy(made_by_owner));
	MemoryContextSwitchTo(old);
	return list_length(sender->column_sets) - 1;
}

static void
make_room(InsertSender *sender, Batch *batch, int ngiven)
{
	if (batch->memory == NULL)
	{
		MemoryContext cxt = AllocSetContextCreate(sender->cxt, "shardext insert batch", ALLOCSET_SMALL_SIZES);

		batch->memory = MemoryContextAlloc(cxt, sizeof(RowMemory));
		batch->memory->cxt = cxt;
		batch->memory->users = 1;
		batch->values = NULL;
	}
	if (batch->nrows < batch->space)
		return;
	batch->space = Max(8, batch->space * 2);
	if (batch->values == NULL)
	{
		batch->values = MemoryContextAlloc(batch->memory->cxt, sizeof(Datum) * (batch->space * ngiven + 1));
		batch->nulls = MemoryContextAlloc(batch->memory->cxt, sizeof(bool) * (batch->space * ngiven + 1));
		batch->ordinals = MemoryContextAlloc(batch->memory->cxt, sizeof(int64) * batch->space);
		return;
	}
	batch->values = repalloc(batch->values, sizeof(Datum) * (batch->space * ngiven + 1));
	batch->nulls = repalloc(batch->nulls, sizeof(bool) * (batch->space * ngiven + 1));
	batch->ordinals = repalloc(batch->ordinals, sizeof(int64) * batch->space);
}

static void
check_one_statement(InsertSender *sender, const Batch *batch, int ngiven)
{
	if (sender->one_statement && (batch->nrows + 1) * ngiven > MAX_PARAMS)
		ereport(ERROR,
				(errcode(ERRCODE_SX_NOT_SUPPORTED),
				 sender->form->command == CMD_INSERT ?
				 errmsg("too many rows of one shard for INSERT ... ON CONFLICT DO UPDATE") :
				 errmsg("too many rows of one shard for a table with statement triggers"),
				 errdetail("All rows of a shard must fit into one statement of %d values.", MAX_PARAMS),
				 errhint("Write the rows in several statements.")));
}

void
insert_sender_add(InsertSender *sender, int shard, const Bitmapset *made_by_owner,
				  const Datum *values, const bool *nulls)
{
	BatchKey	key = {shard, column_set_index(sender, made_by_owner)};
	int			ngiven = columns_given(sender, made_by_owner);
	MemoryContext old;
	Batch	   *batch;
	bool		found;
	int			to;

	batch = (Batch *) hash_search(sender->batches, &key, HASH_ENTER, &found);
	if (!found)
	{
		batch->nrows = batch->space = 0;
		batch->bytes = 0;
		batch->memory = NULL;
	}
	check_one_statement(sender, batch, ngiven);
	make_room(sender, batch, ngiven);

	old = MemoryContextSwitchTo(batch->memory->cxt);
	to = batch->nrows * ngiven;
	sender->buffered -= batch->bytes;
	for (int i = 0; i < sender->ncolumns; i++)
	{
		if (bms_is_member(i, made_by_owner))
			continue;
		batch->nulls[to] = nulls[i];
		batch->values[to] = nulls[i] ? (Datum) 0 : datumCopy(values[i], sender->byval[i], sender->lengths[i]);
		if (!nulls[i])
			batch->bytes += tuple_value_bytes(values[i], sender->byval[i], sender->lengths[i]);
		batch->bytes += sizeof(Datum) + sizeof(bool);
		to++;
	}
	MemoryContextSwitchTo(old);
	sender->buffered += batch->bytes;
	batch->ordinals[batch->nrows++] = sender->next_ordinal++;

	if (!sender->one_statement && batch->nrows >= BATCH_ROWS)
		flush_batch(sender, batch);
	if (!sender->one_statement && sender->buffered > BATCH_MEMORY)
		flush_all(sender);
}

uint64
insert_sender_finish(InsertSender *sender)
{
	bool		busy = true;

	flush_all(sender);
	/* a refused chunk may open another lane */
	while (busy)
	{
		busy = false;
		for (int i = 0; i < list_length(sender->lanes); i++)
		{
			NodeLane   *lane = (NodeLane *) list_nth(sender->lanes, i);

			if (lane->run != NULL)
			{
				busy = true;
				finish_lane(sender, lane);
			}
		}
	}
	return sender->processed;
}

void
insert_sender_end(InsertSender *sender)
{
	ListCell   *lc;

	foreach(lc, sender->lanes)
	{
		NodeLane   *lane = (NodeLane *) lfirst(lc);

		if (lane->run != NULL)
			remote_run_end(lane->run);
		lane->run = NULL;
	}
}
