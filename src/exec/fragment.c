/*
 * fragment.c
 *	  One execution of a statement or leaf scan over many shards.
 *
 * Steps: group the shards by owner; send the text to every other node, each
 * with a note that names its shards; run the local shards in this process
 * while the others work; read the nodes' rows one after the other (they work
 * on while their socket buffers have room, so memory stays bounded).
 *
 * A node checks all its shards before it delivers a row, so a refusal means
 * that none of that node's shards was run: exactly those are grouped again by
 * what the map says now, after a short wait, and repeated.
 *
 * On the receiving side (no remote_sql) a shard that is not ours is refused to
 * the coordinator instead, and there are no rows at all.
 *
 * Does not know plans, keys or EXPLAIN: that is its users' (scan_fanout).
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "parser/parsetree.h"
#include "storage/latch.h"
#include "utils/snapmgr.h"
#include "utils/inval.h"
#include "utils/wait_event.h"

#include "base/statement_note.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "exec/fragment.h"
#include "exec/remote_run.h"
#include "exec/row_here.h"
#include "exec/row_place.h"
#include "exec/shard_set.h"
#include "exec/statement_command.h"
#include "exec/whole_statement.h"
#include "route/route.h"

#define OWNER_ATTEMPTS	20

/* One remote node's part of one pass. */
struct FragmentPart
{
	int			node_id;
	Bitmapset  *shards;
	RemoteRun  *run;			/* NULL: not started */
	int64		rows;			/* given so far */
};

struct Fragment
{
	const FragmentSpec *spec;
	const Datum *values;
	const bool *nulls;
	EState	   *estate;
	MemoryContext cxt;

	/* this pass */
	Bitmapset  *local_shards;
	LocalRun   *local;			/* NULL when done or nothing local */
	NodeWork   *local_work;		/* or NULL */
	List	   *parts;			/* of FragmentPart *, those still to be read, of earlier passes as well */
	int			attempt;

	/* to be repeated after this pass */
	Bitmapset  *refused;

	/* results */
	uint64		processed;
	int64		rows_here;		/* given by the shards of this node */
	int64		most_rows;
	int			row_node;
	ItemPointerData marked;		/* the ctid of a row that is marked */
};

void
fragment_wait_for_owner(int shard, int attempt)
{
	if (attempt >= OWNER_ATTEMPTS)
		shard_map_raise(shard, SHARD_MOVED);
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 Min(1L << attempt, 500L), PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	/* locks that are held already do not bring what this node has learned meanwhile */
	AcceptInvalidationMessages();
}

static FragmentPart *
part_of_node(Fragment *fragment, int node_id)
{
	FragmentPart *part;
	ListCell   *lc;

	foreach(lc, fragment->parts)
	{
		part = (FragmentPart *) lfirst(lc);
		if (part->node_id == node_id && part->run == NULL)
			return part;
	}
	part = palloc0(sizeof(FragmentPart));
	part->node_id = node_id;
	fragment->parts = lappend(fragment->parts, part);
	return part;
}

/* Who runs what: fills local_shards and parts; shards without an owner wait for the next pass. */
static void
group_by_owner(Fragment *fragment, const Bitmapset *shards)
{
	int			self = node_self();
	int			shard = -1;

	fragment->local_shards = NULL;
	while ((shard = bms_next_member(shards, shard)) >= 0)
	{
		int			owner = shard_map_owner(shard, NULL);

		if (owner == self || fragment->spec->remote_sql == NULL)
			fragment->local_shards = bms_add_member(fragment->local_shards, shard);
		else if (owner == 0)
			fragment->refused = bms_add_member(fragment->refused, shard);
		else
		{
			FragmentPart *part = part_of_node(fragment, owner);

			part->shards = bms_add_member(part->shards, shard);
		}
	}
}

/* What only reads and is all that its statement asks of a node needs no BEGIN and COMMIT there, if dxact agrees. */
static bool
is_whole_transaction(const Fragment *fragment)
{
	const FragmentSpec *spec = fragment->spec;

	return spec->alone && !spec->writes && !spec->hold && statement_command(fragment->estate) == 0;
}

/* A node that has refused may need a newer snapshot than the one with the number. */
static const char *
note_for(const Fragment *fragment, const FragmentPart *part)
{
	const FragmentSpec *spec = fragment->spec;

	return statement_note_with_skip(statement_note_with_snapshot(statement_note_shards(part->shards, spec->hold),
																 fragment->attempt == 0 ? spec->snapshot : 0,
																 spec->oldest_snapshot), spec->skip);
}

static void
start_remote(Fragment *fragment, FragmentPart *part)
{
	const FragmentSpec *spec = fragment->spec;

	(void) work_meter_start(spec->meter, part->node_id, part->shards);
	part->run = remote_run_make(spec->remote_sql, spec->returns_rows ? spec->slot_desc : NULL,
								spec->ncols, spec->attnos, spec->nparams, spec->param_types, spec->writes);
	remote_run_set_repeatable(part->run);
	remote_run_set_command(part->run, statement_command(fragment->estate));
	remote_run_set_meter(part->run, spec->meter);
	remote_run_start(part->run, part->node_id, spec->role, note_for(fragment, part), fragment->values,
					 fragment->nulls, is_whole_transaction(fragment));
}

/* The verdict behind a refusal: the map may have changed again since, then MOVED is near enough. */
static ShardVerdict
verdict_of(const Fragment *fragment, int shard)
{
	ShardVerdict verdict = shard_map_check(shard, fragment->spec->writes ? SHARD_WRITE : SHARD_READ,
										   fragment->estate->es_snapshot);

	return verdict == SHARD_OK ? SHARD_MOVED : verdict;
}

static void
note_refused(Fragment *fragment, int node_id, const Bitmapset *shards)
{
	MemoryContext old = MemoryContextSwitchTo(fragment->cxt);

	work_meter_refused(fragment->spec->meter, node_id, shards);
	fragment->refused = bms_add_members(fragment->refused, shards);
	MemoryContextSwitchTo(old);
}

static void
start_local(Fragment *fragment)
{
	const FragmentSpec *spec = fragment->spec;
	LocalPlan  *plan = kept_plan_get(spec->local_plan, spec->run_query, spec->query_string, CURSOR_OPT_PARALLEL_OK);
	int			refused = ROUTE_NO_SHARD;

	if (spec->together && spec->marked_column == 0)
		local_plan_run_together(plan);
	fragment->local_work = work_meter_start(spec->meter, node_self(), fragment->local_shards);
	fragment->local = local_run_start(plan, fragment->local_shards,
									  spec->local_params, fragment->estate, 0, &refused);
	if (refused == ROUTE_NO_SHARD)
		return;

	if (fragment->local != NULL)
		local_run_end(fragment->local);
	fragment->local = NULL;
	if (spec->remote_sql == NULL)
		statement_refuse_shard(fragment->estate, refused, verdict_of(fragment, refused));
	else if (verdict_of(fragment, refused) != SHARD_TOO_NEW)
		note_refused(fragment, node_self(), fragment->local_shards);
	else if (IsolationUsesXactSnapshot())
		shard_map_raise(refused, SHARD_TOO_NEW);
	else
	{
		local_run_newer_snapshot(fragment->estate);
		note_refused(fragment, node_self(), fragment->local_shards);
	}
}

static void
start_pass(Fragment *fragment, const Bitmapset *shards)
{
	MemoryContext old = MemoryContextSwitchTo(fragment->cxt);
	ListCell   *lc;

	group_by_owner(fragment, shards);
	foreach(lc, fragment->parts)
	{
		if (((FragmentPart *) lfirst(lc))->run == NULL)
			start_remote(fragment, (FragmentPart *) lfirst(lc));
	}
	if (fragment->local_shards != NULL)
		start_local(fragment);
	MemoryContextSwitchTo(old);
}

void
fragment_obey_note(FragmentSpec *spec, const char *text)
{
	const StatementNote note = statement_note_parse(text);
	ListCell   *lc;

	if (note.skip == 0)
		return;
	spec->skip = (LockClauseStrength) note.skip;
	foreach(lc, spec->run_query->targetList)
	{
		const TargetEntry *tle = lfirst_node(TargetEntry, lc);
		const Var  *var = (const Var *) tle->expr;

		if (!IsA(var, Var) || var->varattno != SelfItemPointerAttributeNumber || tle->resjunk)
			continue;
		spec->marked_column = tle->resno;
		spec->marked_shell = rt_fetch(var->varno, spec->run_query->rtable)->relid;
	}
}

Fragment *
fragment_start(const FragmentSpec *spec, Bitmapset *shards, const Datum *values, const bool *nulls,
			   EState *estate)
{
	Fragment   *fragment = palloc0(sizeof(Fragment));

	fragment->spec = spec;
	fragment->values = values;
	fragment->nulls = nulls;
	fragment->estate = estate;
	fragment->cxt = CurrentMemoryContext;
	start_pass(fragment, shards);
	return fragment;
}

/* A row of the local run, spread over the slot's columns; good until the next row. */
static void
store_local_row(const FragmentSpec *spec, TupleTableSlot *row, TupleTableSlot *slot)
{
	slot_getsomeattrs(row, spec->ncols);
	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts * sizeof(bool));
	for (int i = 0; i < spec->ncols; i++)
	{
		slot->tts_values[spec->attnos[i] - 1] = row->tts_values[i];
		slot->tts_isnull[spec->attnos[i] - 1] = row->tts_isnull[i];
	}
	ExecStoreVirtualTuple(slot);
}

/* A row of this node, about to be sent to a coordinator that will lock it unless somebody else has done so. */
static void
mark_locked(Fragment *fragment, TupleTableSlot *slot)
{
	const FragmentSpec *spec = fragment->spec;
	Datum	   *ctid = &slot->tts_values[spec->attnos[spec->marked_column - 1] - 1];

	fragment->marked = *(ItemPointer) DatumGetPointer(*ctid);
	if (!row_here_is_skipped(spec->marked_shell, local_run_shard(fragment->local), &fragment->marked, spec->skip))
		return;
	fragment->marked.ip_posid |= PLACE_LOCKED;
	*ctid = PointerGetDatum(&fragment->marked);
}

bool
fragment_next_here(Fragment *fragment, TupleTableSlot *slot)
{
	TupleTableSlot *row;

	if (fragment->local == NULL)
		return false;
	row = local_run_next(fragment->local);
	if (!TupIsNull(row))
	{
		if (unlikely(fragment->local_work != NULL))
			fragment->local_work->rows++;
		store_local_row(fragment->spec, row, slot);
		if (unlikely(fragment->spec->marked_column > 0))
			mark_locked(fragment, slot);
		fragment->row_node = node_self();
		fragment->rows_here++;
		fragment->most_rows = Max(fragment->most_rows, fragment->rows_here);
		return true;
	}
	fragment->processed += local_run_processed(fragment->local);
	local_run_note_work(fragment->local, fragment->spec->meter, fragment->local_shards,
						fragment->spec->returns_rows ? 0 : local_run_processed(fragment->local));
	local_run_end(fragment->local);
	fragment->local = NULL;
	return false;
}

List *
fragment_parts(const Fragment *fragment)
{
	return list_copy(fragment->parts);
}

bool
fragment_next_of(Fragment *fragment, FragmentPart *part, TupleTableSlot *slot)
{
	if (remote_run_next(part->run, slot))
	{
		fragment->row_node = part->node_id;
		fragment->most_rows = Max(fragment->most_rows, ++part->rows);
		return true;
	}
	if (remote_run_refused(part->run) != ROUTE_NO_SHARD)
		note_refused(fragment, part->node_id, part->shards);
	else
		fragment->processed += remote_run_processed(part->run);
	remote_run_end(part->run);
	fragment->parts = list_delete_ptr(fragment->parts, part);
	return false;
}

bool
fragment_repeat_refused(Fragment *fragment)
{
	Bitmapset  *again = fragment->refused;

	if (again == NULL)
		return false;
	fragment->refused = NULL;
	fragment_wait_for_owner(bms_next_member(again, -1), fragment->attempt++);
	start_pass(fragment, again);
	bms_free(again);
	return true;
}

bool
fragment_next(Fragment *fragment, TupleTableSlot *slot)
{
	do
	{
		if (fragment_next_here(fragment, slot))
			return true;
		while (fragment->parts != NIL)
		{
			if (fragment_next_of(fragment, (FragmentPart *) linitial(fragment->parts), slot))
				return true;
		}
	} while (fragment_repeat_refused(fragment));
	ExecClearTuple(slot);
	return false;
}

int
fragment_part_node(const FragmentPart *part)
{
	return part->node_id;
}

int
fragment_row_node(const Fragment *fragment)
{
	return fragment->row_node;
}

int64
fragment_most_rows(const Fragment *fragment)
{
	return fragment->most_rows;
}

uint64
fragment_processed(const Fragment *fragment)
{
	return fragment->processed;
}

void
fragment_note_work(Fragment *fragment)
{
	if (fragment->local != NULL)
		local_run_note_work(fragment->local, fragment->spec->meter, fragment->local_shards, 0);
}

void
fragment_explain_shard(const FragmentSpec *spec, const Bitmapset *shards, EState *estate, struct ExplainState *es)
{
	const Bitmapset *here = shard_set_of_node(shards, node_self());
	LocalPlan  *plan;
	LocalRun   *run;
	int			refused;

	if (here == NULL || spec->run_query == NULL)
		return;
	plan = local_plan_make(spec->run_query, spec->query_string, CURSOR_OPT_PARALLEL_OK);
	if (spec->together)
		local_plan_run_together(plan);
	run = local_run_start_shard(plan, bms_next_member(here, -1), estate->es_param_list_info, estate,
								EXEC_FLAG_EXPLAIN_ONLY, &refused);
	if (refused == ROUTE_NO_SHARD)
		local_run_explain(run, es);
	local_run_end(run);
}

void
fragment_shutdown(Fragment *fragment)
{
	if (fragment->local != NULL)
		local_run_shutdown(fragment->local);
}

void
fragment_end(Fragment *fragment)
{
	ListCell   *lc;

	if (fragment->local != NULL)
		local_run_end(fragment->local);
	fragment->local = NULL;
	foreach(lc, fragment->parts)
		remote_run_end(((FragmentPart *) lfirst(lc))->run);
	fragment->parts = NIL;
}
