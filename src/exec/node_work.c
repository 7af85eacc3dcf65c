/*
 * node_work.c
 *	  What each node has done for one plan node: for EXPLAIN ANALYZE.
 *
 * The meter lives in the statement's memory. Numbers are those of all loops
 * together. Plans are told by one node besides this one, in the first loop; by
 * all if EXPLAIN is VERBOSE.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "catalog/node_map.h"
#include "exec/node_work.h"
#include "exec/plan_report.h"

struct WorkMeter
{
	List	   *nodes;			/* of NodeState *, as they came */
	const char *wish;			/* see plan_report.h; NULL: no plans are wanted */
	bool		plan_is_asked;	/* of another node */
	MemoryContext cxt;
};

typedef struct NodeState
{
	NodeWork	work;			/* must be first */
	instr_time	started;
	bool		runs;
	bool		plan_is_asked;
} NodeState;

WorkMeter *
work_meter_make(const EState *estate)
{
	WorkMeter  *meter;

	if (estate->es_instrument == 0)
		return NULL;
	meter = MemoryContextAllocZero(estate->es_query_cxt, sizeof(WorkMeter));
	meter->wish = plan_report_wish(estate);
	meter->cxt = estate->es_query_cxt;
	return meter;
}

static NodeState *
state_of_node(WorkMeter *meter, int node_id)
{
	NodeState  *state;
	ListCell   *lc;

	foreach(lc, meter->nodes)
	{
		state = (NodeState *) lfirst(lc);
		if (state->work.node_id == node_id)
			return state;
	}
	state = palloc0(sizeof(NodeState));
	state->work.node_id = node_id;
	meter->nodes = lappend(meter->nodes, state);
	return state;
}

NodeWork *
work_meter_start(WorkMeter *meter, int node_id, const Bitmapset *shards)
{
	MemoryContext old;
	NodeState  *state;

	if (meter == NULL)
		return NULL;
	old = MemoryContextSwitchTo(meter->cxt);
	state = state_of_node(meter, node_id);
	state->work.shards = bms_add_members(state->work.shards, shards);
	if (!state->runs)
		INSTR_TIME_SET_CURRENT(state->started);
	state->runs = true;
	MemoryContextSwitchTo(old);
	return &state->work;
}

void
work_meter_stop(WorkMeter *meter, NodeWork *work)
{
	NodeState  *state = (NodeState *) work;
	instr_time	now;

	if (meter == NULL || !state->runs)
		return;
	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_ACCUM_DIFF(work->time, now, state->started);
	state->runs = false;
}

void
work_meter_refused(WorkMeter *meter, int node_id, const Bitmapset *shards)
{
	if (meter != NULL)
	{
		NodeWork   *work = &state_of_node(meter, node_id)->work;

		work->shards = bms_del_members(work->shards, shards);
	}
}

const char *
work_meter_wish(WorkMeter *meter, const NodeWork *work)
{
	NodeState  *state = (NodeState *) work;
	bool		is_here;

	if (meter == NULL || meter->wish == NULL || state->plan_is_asked)
		return NULL;
	is_here = work->node_id == node_self();
	if (!is_here && meter->plan_is_asked && !plan_report_is_verbose(meter->wish))
		return NULL;
	state->plan_is_asked = true;
	meter->plan_is_asked |= !is_here;
	return meter->wish;
}

void
work_meter_take_plan(WorkMeter *meter, NodeWork *work, const char *plan)
{
	if (meter != NULL && plan != NULL && work->plan == NULL)
		work->plan = MemoryContextStrdup(meter->cxt, plan);
}

/* ---------- EXPLAIN ---------- */

static double
milliseconds(const NodeWork *work)
{
	const NodeState *state = (const NodeState *) work;
	instr_time	time = work->time;
	instr_time	now;

	if (state->runs)
	{
		INSTR_TIME_SET_CURRENT(now);
		INSTR_TIME_ACCUM_DIFF(time, now, state->started);
	}
	return INSTR_TIME_GET_MILLISEC(time);
}

static void
show_text(const NodeWork *work, ExplainState *es)
{
	appendStringInfoSpaces(es->str, es->indent * 2);
	appendStringInfo(es->str, "Node %s:", node_name(work->node_id));
	if (work->shards != NULL)
		appendStringInfo(es->str, " shards=%d", bms_num_members(work->shards));
	appendStringInfo(es->str, " rows=" UINT64_FORMAT, work->rows);
	if (work->received > 0)
		appendStringInfo(es->str, " bytes=" UINT64_FORMAT, work->received);
	if (work->sent > 0)
		appendStringInfo(es->str, " sent=" UINT64_FORMAT, work->sent);
	if (es->timing)
		appendStringInfo(es->str, " time=%.3f ms", milliseconds(work));
	appendStringInfoChar(es->str, '\n');
}

static void
show_fields(const NodeWork *work, ExplainState *es)
{
	ExplainPropertyText("Node", node_name(work->node_id), es);
	if (work->shards != NULL)
		ExplainPropertyInteger("Shards", NULL, bms_num_members(work->shards), es);
	ExplainPropertyUInteger("Rows", NULL, work->rows, es);
	ExplainPropertyUInteger("Bytes Received", NULL, work->received, es);
	ExplainPropertyUInteger("Bytes Sent", NULL, work->sent, es);
	if (es->timing)
		ExplainPropertyFloat("Time", "ms", milliseconds(work), 3, es);
}

void
work_meter_explain(const WorkMeter *meter, ExplainState *es)
{
	ListCell   *lc;

	if (meter == NULL || meter->nodes == NIL)
		return;
	ExplainOpenGroup("Work", "Work", false, es);
	foreach(lc, meter->nodes)
	{
		const NodeWork *work = (const NodeWork *) lfirst(lc);

		ExplainOpenGroup("Part", NULL, true, es);
		if (es->format == EXPLAIN_FORMAT_TEXT)
			show_text(work, es);
		else
			show_fields(work, es);
		if (es->format == EXPLAIN_FORMAT_TEXT)
			es->indent++;
		if (work->plan != NULL)
			plan_report_show(work->node_id == node_self() ? "Shard Plan" : "Remote Plan", work->plan, es);
		if (es->format == EXPLAIN_FORMAT_TEXT)
			es->indent--;
		ExplainCloseGroup("Part", NULL, true, es);
	}
	ExplainCloseGroup("Work", "Work", false, es);
}
