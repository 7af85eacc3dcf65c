/*
 * insert_rows.c
 *	  Rows of one INSERT into a sharded table on their way to their shards.
 *
 * Rows are kept until some megabytes have come together, or the last one.
 * Then they are sorted by the owners of their shards. Each other node gets one
 * statement, whose parameters are an array per column and one of the shards'
 * numbers:
 *
 *	  INSERT INTO t (a, b) SELECT c1, c2 FROM unnest($1, $2, $3) u(c1, c2, shard)
 *
 * with the note "rows". Its text does not depend on their number, so the node
 * keeps it prepared; its planner makes a Shard Insert of it whose rows are all
 * for shards of its own. Meanwhile rows of this node go into the shard tables,
 * shard after shard: without an executor (row_store.h), or from a tuplestore by
 * one local plan. Then the answers are read. A node refuses all rows or none;
 * refused ones are sorted again. Parts of nodes may be prepared with the rows.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"
#include "utils/tuplestore.h"

#include "base/statement_note.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "dxact/dxact.h"
#include "exec/fragment.h"
#include "exec/insert_rows.h"
#include "exec/local_run.h"
#include "exec/remote_run.h"
#include "exec/row_store.h"
#include "exec/statement_command.h"
#include "exec/tuple_codec.h"
#include "exec/users_code.h"
#include "exec/whole_statement.h"
#include "route/route.h"

/* Rows for which the same columns are left to the owner, and how they go. */
typedef struct RowGroup
{
	Bitmapset  *made_by_owner;
	int			ngiven;
	int		   *given;			/* their positions in form->attnos */
	bool		has_text;		/* some go to other nodes as text */

	/* statements; NULL until needed */
	const InsertShape *shape;
	LocalPlan  *local_plan;
	TupleDesc	desc;			/* of the columns given */

	/* rows: values of row i from i * ngiven on */
	int			nrows;
	int			space;
	Datum	   *values;
	bool	   *nulls;
	int		   *shards;
	int64	   *ordinals;
} RowGroup;

/* More bytes than this are sent at once, not held back for the PREPARE that may go with them. */
#define MAX_HELD_BYTES	(64 * 1024)

/* What one other node is working on. */
typedef struct RowLane
{
	int			node_id;
	List	   *rows;			/* int list: into the group's */
	RemoteRun  *run;			/* NULL: not started, or done */
	bool		refused;
	uint64		processed;
} RowLane;

struct RowSender
{
	/* statement */
	const InsertForm *form;
	const char *query_string;
	bool		here;
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
	List	   *groups;			/* of RowGroup * */
	MemoryContext rows_cxt;		/* what is buffered */
	Size		buffered;
	int64		next_ordinal;

	/* sending */
	List	   *lanes;			/* of RowLane *: this round's, in send_cxt */
	MemoryContext send_cxt;
	uint64		processed;
};

/* Rows of one group for shards of this node, read by its local plan. */
typedef struct LocalRows
{
	RowSender  *sender;
	RowGroup   *group;
	int		   *rows;			/* into the group's, by shard */
	int			nrows;
	int			first;			/* of the shard at hand, */
	int			end;			/* and the first of the next */
	EphemeralNamedRelation entry;
} LocalRows;

RowSender *
row_sender_make(const InsertForm *form, const Oid *types, const char *query_string, bool here, EState *estate,
				ExprContext *econtext, TupleTableSlot *returning, InsertReturned returned, void *arg)
{
	RowSender  *sender = palloc0(sizeof(RowSender));

	sender->form = form;
	sender->query_string = query_string;
	sender->here = here;
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
	sender->rows_cxt = AllocSetContextCreate(sender->cxt, "shardext rows to insert", ALLOCSET_DEFAULT_SIZES);
	sender->send_cxt = AllocSetContextCreate(sender->cxt, "shardext rows on their way", ALLOCSET_DEFAULT_SIZES);
	return sender;
}

/* ---------- groups ---------- */

static RowGroup *
group_of(RowSender *sender, const Bitmapset *made_by_owner)
{
	MemoryContext old;
	RowGroup   *group;
	ListCell   *lc;

	foreach(lc, sender->groups)
	{
		group = (RowGroup *) lfirst(lc);
		if (bms_equal(group->made_by_owner, made_by_owner))
			return group;
	}
	old = MemoryContextSwitchTo(sender->cxt);
	group = palloc0(sizeof(RowGroup));
	group->made_by_owner = bms_copy(made_by_owner);
	group->given = palloc(sizeof(int) * (sender->ncolumns + 1));
	for (int i = 0; i < sender->ncolumns; i++)
	{
		if (bms_is_member(i, made_by_owner))
			continue;
		group->given[group->ngiven++] = i;
		group->has_text |= row_array_is_text(sender->types[i]);
	}
	group->desc = CreateTemplateTupleDesc(group->ngiven);
	for (int i = 0; i < group->ngiven; i++)
		TupleDescInitEntry(group->desc, i + 1, psprintf("c%d", i + 1), sender->types[group->given[i]], -1, 0);
	sender->groups = lappend(sender->groups, group);
	MemoryContextSwitchTo(old);
	return group;
}

static const InsertShape *
shape_of(RowSender *sender, RowGroup *group)
{
	if (group->shape == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(sender->cxt);

		group->shape = group->made_by_owner == NULL ? sender->form->whole :
			insert_shards_maker()(sender->form, group->made_by_owner, INSERT_ANY_ROWS);
		MemoryContextSwitchTo(old);
	}
	return group->shape;
}

static LocalPlan *
local_plan_of(RowSender *sender, RowGroup *group)
{
	if (group->local_plan == NULL)
	{
		const InsertShape *shape = shape_of(sender, group);
		MemoryContext old = MemoryContextSwitchTo(sender->cxt);

		group->local_plan = group->made_by_owner == NULL ?
			kept_plan_get(sender->form->whole_plan, shape->local_query, sender->query_string, 0) :
			local_plan_make(shape->local_query, sender->query_string, 0);
		MemoryContextSwitchTo(old);
	}
	return group->local_plan;
}

/* ---------- rows of this node ---------- */

static void
put_rows(LocalRows *local, Tuplestorestate *store)
{
	RowGroup   *group = local->group;

	for (int i = local->first; i < local->end; i++)
	{
		int			row = local->rows[i];

		tuplestore_putvalues(store, group->desc, group->values + row * group->ngiven,
							 group->nulls + row * group->ngiven);
	}
}

static void
end_store(LocalRows *local)
{
	if (local->entry->reldata != NULL)
		tuplestore_end((Tuplestorestate *) local->entry->reldata);
	local->entry->reldata = NULL;
}

/* The plan is about to start in a shard: its rows are what it finds. */
static void
enter_shard(void *arg, int shard)
{
	LocalRows  *local = (LocalRows *) arg;
	MemoryContext old = MemoryContextSwitchTo(local->sender->send_cxt);
	const int  *shards = local->group->shards;

	end_store(local);
	local->first = local->end;
	while (local->end < local->nrows && shards[local->rows[local->end]] == shard)
		local->end++;
	local->entry->reldata = tuplestore_begin_heap(false, false, work_mem);
	put_rows(local, (Tuplestorestate *) local->entry->reldata);
	MemoryContextSwitchTo(old);
}

static EphemeralNamedRelation
rows_entry(const RowGroup *group)
{
	EphemeralNamedRelation entry = palloc0(sizeof(EphemeralNamedRelationData));

	entry->md.name = INSERT_ROWS_TABLE;
	entry->md.tupdesc = group->desc;
	entry->md.enrtype = ENR_NAMED_TUPLESTORE;
	return entry;
}

static void
read_local_rows(RowSender *sender, LocalRun *run, LocalRows *local)
{
	TupleTableSlot *row;
	int			of_shard = -1;
	int			n = 0;

	while ((row = local_run_next(run)) != NULL)
	{
		if (sender->returning == NULL)
			continue;
		if (of_shard != local->first)
			n = local->first;
		of_shard = local->first;
		ExecCopySlot(sender->returning, row);
		sender->returned(sender->arg, sender->returning,
						 local->group->ordinals[local->rows[Min(n, local->end - 1)]]);
		n++;
	}
}

/* A shard is not ours: the coordinator is told, or it is looked up again, with a newer snapshot if that is it. */
static void
take_verdict(RowSender *sender, int shard, ShardVerdict verdict)
{
	if (sender->here)
		statement_refuse_shard(sender->estate, shard, verdict);
	else if (verdict == SHARD_TOO_NEW && IsolationUsesXactSnapshot())
		shard_map_raise(shard, verdict);
	else if (verdict == SHARD_TOO_NEW)
		local_run_newer_snapshot(sender->estate);
}

static bool
run_here(RowSender *sender, RowGroup *group, const List *rows)
{
	LocalRows	local = {.sender = sender, .group = group, .nrows = list_length(rows)};
	LocalSource source = {.environment = create_queryEnv(), .enter_shard = enter_shard, .arg = &local};
	Bitmapset  *shards = NULL;
	LocalRun   *run;
	int			refused;

	local.rows = rows_by_shard(rows, group->shards);
	for (int i = 0; i < local.nrows; i++)
		shards = bms_add_member(shards, group->shards[local.rows[i]]);
	local.entry = rows_entry(group);
	register_ENR(source.environment, local.entry);
	run = local_run_start_from(local_plan_of(sender, group), shards, sender->estate->es_param_list_info, sender->estate,
							   &refused, &source);
	if (refused != ROUTE_NO_SHARD)
	{
		ShardVerdict verdict = local_run_verdict(run);

		local_run_end(run);
		take_verdict(sender, refused, verdict);
		return sender->here;
	}
	read_local_rows(sender, run, &local);
	sender->processed += local_run_processed(run);
	local_run_note_work(run, sender->form->meter, shards, local_run_processed(run));
	local_run_end(run);
	end_store(&local);
	return true;
}

static bool
store_here(RowSender *sender, const RowGroup *group, const Query *query, const List *rows)
{
	StoredRows	stored = {group->ngiven, group->values, group->nulls, group->shards, list_length(rows)};
	int			refused;
	ShardVerdict verdict;

	stored.rows = rows_by_shard(rows, group->shards);
	verdict = row_store_write(query, &stored, sender->estate, &refused);
	if (verdict == SHARD_OK)
		sender->processed += stored.nrows;
	else
		take_verdict(sender, refused, verdict);
	return verdict == SHARD_OK || sender->here;
}

/* False: nothing has been written, a shard is not ours (any more). */
static bool
write_here(RowSender *sender, RowGroup *group, const List *rows)
{
	const Query *query = shape_of(sender, group)->local_query;

	/* without an executor, unless somebody wants to see it measured */
	return sender->form->meter == NULL && row_store_takes(query) ?
		store_here(sender, group, query, rows) : run_here(sender, group, rows);
}

/* ---------- rows of other nodes ---------- */

/* Which of the columns given the parameter is, or the shards, behind them; negative: what the statement has besides. */
static int
given_by(const RowSender *sender, const Expr *param)
{
	if (!IsA(param, Param) || ((const Param *) param)->paramkind != PARAM_EXTERN)
		return -1;
	return ((const Param *) param)->paramid - sender->form->first_param - 1;
}

/* The parameters of the statement for a node: arrays of values, and what the statement has besides. */
static void
fill_params(RowSender *sender, const RowGroup *group, const List *rows, Oid *types, Datum *values, bool *nulls)
{
	ListCell   *lc;
	int			level;

	foreach(lc, group->shape->remote_params)
	{
		int			i = foreach_current_index(lc);
		Expr	   *expr = (Expr *) lfirst(lc);

		types[i] = exprType((Node *) expr);
		nulls[i] = false;
		if (given_by(sender, expr) < 0)
			values[i] = ExecEvalExpr(ExecPrepareExpr(expr, sender->estate), sender->econtext, &nulls[i]);
	}

	/* no code of users runs under these settings */
	level = group->has_text ? exact_output_begin() : -1;
	foreach(lc, group->shape->remote_params)
	{
		int			i = foreach_current_index(lc);
		int			column = given_by(sender, (const Expr *) lfirst(lc));

		if (column == group->ngiven)
			values[i] = row_array_of_ints(group->shards, rows);
		else if (column >= 0)
			values[i] = row_array_of_column(group->values + column, group->nulls + column, group->ngiven, rows,
											sender->types[group->given[column]]);
	}
	if (level >= 0)
		exact_output_end(level);
}

static void
start_lane(RowSender *sender, RowGroup *group, RowLane *lane, bool followed)
{
	const InsertShape *shape = shape_of(sender, group);
	TupleDesc	desc = sender->returning ? sender->returning->tts_tupleDescriptor : NULL;
	int			ncolumns = desc ? desc->natts : 0;
	int			nparams = list_length(shape->remote_params);
	Oid		   *types = palloc(sizeof(Oid) * (nparams + 1));
	Datum	   *values = palloc(sizeof(Datum) * (nparams + 1));
	bool	   *nulls = palloc(sizeof(bool) * (nparams + 1));

	fill_params(sender, group, lane->rows, types, values, nulls);
	lane->run = remote_run_make(shape->remote_sql, desc, ncolumns, NULL, nparams, types, true);
	remote_run_set_command(lane->run, statement_command(sender->estate));
	remote_run_set_prepare_noted(lane->run);
	if (followed)
		remote_run_set_followed(lane->run);
	remote_run_set_meter(lane->run, sender->form->meter);
	remote_run_start(lane->run, lane->node_id, GetUserId(), STATEMENT_NOTE_ROWS, values, nulls, false);
}

/* Read a node's answer. */
static void
finish_lane(RowSender *sender, RowGroup *group, RowLane *lane)
{
	RemoteRun  *run = lane->run;
	int			n = 0;

	while (remote_run_next(run, sender->returning))
	{
		int			row = list_nth_int(lane->rows, Min(n, list_length(lane->rows) - 1));

		sender->returned(sender->arg, sender->returning, group->ordinals[row]);
		n++;
	}
	lane->refused = remote_run_refused(run) != ROUTE_NO_SHARD;
	lane->processed = remote_run_processed(run);
	lane->run = NULL;
	remote_run_end(run);
}

/* ---------- one round ---------- */

static RowLane *
lane_of(RowSender *sender, int node_id)
{
	RowLane    *lane;
	ListCell   *lc;

	foreach(lc, sender->lanes)
	{
		lane = (RowLane *) lfirst(lc);
		if (lane->node_id == node_id)
			return lane;
	}
	lane = palloc0(sizeof(RowLane));
	lane->node_id = node_id;
	sender->lanes = lappend(sender->lanes, lane);
	return lane;
}

/*
 * All nodes have answered: count their rows, and return those that were refused. If parts have been prepared already,
 * none is kept when there are rows to be sent again: a part that is prepared cannot take them.
 */
static List *
take_answers(RowSender *sender, bool any_refused, bool ahead)
{
	List	   *again = NIL;
	ListCell   *lc;

	foreach(lc, sender->lanes)
		any_refused |= ((const RowLane *) lfirst(lc))->refused;
	if (any_refused && ahead)
		dxact_prepare_take_back();
	foreach(lc, sender->lanes)
	{
		const RowLane *lane = (const RowLane *) lfirst(lc);

		if (lane->refused || (any_refused && ahead))
			again = list_concat(again, lane->rows);
		else
			sender->processed += lane->processed;
	}
	sender->lanes = NIL;
	return again;
}

/* Rows by the owners of their shards: those of this node, and lanes. Returns those without owner. */
static List *
sort_by_owner(RowSender *sender, const RowGroup *group, const List *rows, List **here)
{
	int			self = node_self();
	List	   *again = NIL;
	ListCell   *lc;

	sender->lanes = NIL;
	foreach(lc, rows)
	{
		int			owner = sender->here ? self : shard_map_owner(group->shards[lfirst_int(lc)], NULL);

		if (owner == self)
			*here = lappend_int(*here, lfirst_int(lc));
		else if (owner == 0)
			again = lappend_int(again, lfirst_int(lc));
		else
		{
			RowLane    *lane = lane_of(sender, owner);

			lane->rows = lappend_int(lane->rows, lfirst_int(lc));
		}
	}
	return again;
}

/*
 * Send the lanes. whole: they have all that the transaction does on other nodes, and nothing that is done here until it
 * commits can want more of them. Then PREPARE TRANSACTION goes with the rows, in one message with one answer; true.
 */
static bool
start_lanes(RowSender *sender, RowGroup *group, bool writes_here, bool whole)
{
	ListCell   *lc;

	foreach(lc, sender->lanes)
		start_lane(sender, group, (RowLane *) lfirst(lc), whole);
	if (!whole)
		return false;
	if (writes_here)
		(void) GetTopTransactionId();	/* there is a part here as well */
	if (dxact_prepare_ahead())
		return true;
	foreach(lc, sender->lanes)
		remote_run_release(((RowLane *) lfirst(lc))->run);
	return false;
}

/*
 * Send rows to the owners of their shards; returns those that have to be sent again. last: the plan node whose last
 * rows they are, or NULL.
 */
static List *
send_round(RowSender *sender, RowGroup *group, List *rows, const PlanState *last)
{
	Oid			table = sender->form->table;
	List	   *here = NIL;
	List	   *again = sort_by_owner(sender, group, rows, &here);
	bool		may_be_last = last != NULL && again == NIL && sender->lanes != NIL;
	bool		ahead;
	ListCell   *lc;

	ahead = start_lanes(sender, group, here != NIL,
						may_be_last && sender->buffered <= MAX_HELD_BYTES && statement_has_done_all(last, table) &&
							(here == NIL || !users_code_stores(table, shape_of(sender, group)->local_query)));
	if (here != NIL && !write_here(sender, group, here))
		again = list_concat(again, here);
	if (!ahead)
		ahead = may_be_last && again == NIL && statement_has_done_all(last, table) && dxact_prepare_ahead();
	foreach(lc, sender->lanes)
		finish_lane(sender, group, (RowLane *) lfirst(lc));
	return list_concat(again, take_answers(sender, again != NIL, ahead));
}

static void
send_group(RowSender *sender, RowGroup *group, const PlanState *last)
{
	MemoryContext old = MemoryContextSwitchTo(sender->send_cxt);
	List	   *rows = NIL;

	for (int i = 0; i < group->nrows; i++)
		rows = lappend_int(rows, i);
	for (int attempt = 0;; attempt++)
	{
		rows = send_round(sender, group, rows, last);
		if (rows == NIL)
			break;
		fragment_wait_for_owner(group->shards[linitial_int(rows)], attempt);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(sender->send_cxt);
}

static void
send_all(RowSender *sender, const PlanState *last)
{
	ListCell   *lc;

	foreach(lc, sender->groups)
	{
		RowGroup   *group = (RowGroup *) lfirst(lc);

		if (group->nrows > 0)
			send_group(sender, group, list_length(sender->groups) == 1 ? last : NULL);
		group->nrows = group->space = 0;
	}
	MemoryContextReset(sender->rows_cxt);
	sender->buffered = 0;
}

/* ---------- collecting ---------- */

/* For so many more rows. Called in rows_cxt. */
static void
make_room(RowGroup *group, int more)
{
	Size		values;

	if (group->nrows + more <= group->space)
		return;
	group->space = Max(group->nrows + more, Max(64, group->space * 2));
	values = (Size) group->space * group->ngiven + 1;
	if (group->nrows == 0)
	{
		group->values = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Datum) * values);
		group->nulls = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(bool) * values);
		group->shards = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int) * group->space);
		group->ordinals = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int64) * group->space);
		return;
	}
	group->values = repalloc_huge(group->values, sizeof(Datum) * values);
	group->nulls = repalloc_huge(group->nulls, sizeof(bool) * values);
	group->shards = repalloc_huge(group->shards, sizeof(int) * group->space);
	group->ordinals = repalloc_huge(group->ordinals, sizeof(int64) * group->space);
}

void
row_sender_add(RowSender *sender, int shard, const Bitmapset *made_by_owner, const Datum *values, const bool *nulls,
			   Size limit)
{
	RowGroup   *group = group_of(sender, made_by_owner);
	MemoryContext old = MemoryContextSwitchTo(sender->rows_cxt);
	Size		to;

	make_room(group, 1);
	to = (Size) group->nrows * group->ngiven;
	for (int i = 0; i < group->ngiven; i++)
	{
		int			column = group->given[i];

		group->nulls[to + i] = nulls[column];
		group->values[to + i] = (Datum) 0;
		if (nulls[column])
			continue;
		group->values[to + i] = datumCopy(values[column], sender->byval[column], sender->lengths[column]);
		sender->buffered += tuple_value_bytes(values[column], sender->byval[column], sender->lengths[column]);
	}
	group->shards[group->nrows] = shard;
	group->ordinals[group->nrows++] = sender->next_ordinal++;
	sender->buffered += sizeof(int) + sizeof(int64) + group->ngiven * (sizeof(Datum) + sizeof(bool));
	MemoryContextSwitchTo(old);

	if (!sender->here && sender->buffered > limit)
		send_all(sender, NULL);
}

void
row_sender_take(RowSender *sender, const RowArrays *rows)
{
	RowGroup   *group = group_of(sender, NULL);
	MemoryContext old = MemoryContextSwitchTo(sender->rows_cxt);
	Size		to = 0;

	Assert(group->nrows == 0 && rows->ncolumns == group->ngiven + 1);
	make_room(group, rows->nrows);
	for (int row = 0; row < rows->nrows; row++)
	{
		for (int i = 0; i < group->ngiven; i++, to++)
		{
			group->values[to] = rows->values[i][row];
			group->nulls[to] = rows->nulls[i][row];
		}
		group->shards[row] = DatumGetInt32(rows->values[group->ngiven][row]);
		group->ordinals[row] = sender->next_ordinal++;
	}
	group->nrows = rows->nrows;
	MemoryContextSwitchTo(old);
}

uint64
row_sender_finish(RowSender *sender, const PlanState *node)
{
	send_all(sender, sender->here ? NULL : node);
	return sender->processed;
}

void
row_sender_end(RowSender *sender)
{
	ListCell   *lc;

	foreach(lc, sender->lanes)
	{
		RowLane    *lane = (RowLane *) lfirst(lc);

		if (lane->run != NULL)
			remote_run_end(lane->run);
		lane->run = NULL;
	}
}
