/*
 * plan_by_row.c
 *	  Writes of sharded tables under PostgreSQL's own executor, row by row: what
 *	  no other way takes.
 *
 * standard_planner makes an ordinary plan of the run query, with ModifyTable over
 * the shell; its rows come from Shard Scans, which show them by their place
 * (exec/row_place.h), and the shell's access method writes each of them where
 * it lies (exec/row_access.h). So MERGE, WITH clauses that write, views,
 * RETURNING of anything, assignments that move rows to other shards are what
 * PostgreSQL makes of them; triggers, check options and policies of the table
 * are the shell's, and work here.
 *
 * Rows are locked, fetched and written in batches (exec/row_ahead.h), where nothing can tell the
 * difference. Where something can it costs one or two round trips for each row written, three for one
 * that ON CONFLICT updates (exec/row_conflict.h).
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_trigger.h"
#include "rewrite/rewriteManip.h"
#include "utils/rel.h"

#include "exec/row_ahead.h"
#include "exec/row_modify.h"
#include "exec/row_triggers.h"
#include "plan/plan_by_row.h"
#include "plan/plan_cascade.h"
#include "plan/plan_push.h"
#include "plan/query_shape.h"
#include "plan/row_ids.h"
#include "plan/shippable.h"

bool
plan_by_row_takes(Query *query)
{
	StatementWrites writes = {0};

	statement_writes_find(query, &writes);
	return !writes.reference;
}

static int
events_of(const Query *query)
{
	return query->commandType == CMD_UPDATE ? TRIGGER_TYPE_UPDATE : TRIGGER_TYPE_DELETE;
}

bool
plan_by_row_locks_less(const Query *query)
{
	return (list_length(query->jointree->fromlist) > 1 || !IsA(linitial(query->jointree->fromlist), RangeTblRef) ||
			checkExprHasSubLink((Node *) query->jointree)) &&
		!row_modify_returns_place(query->returningList, query->resultRelation);
}

bool
plan_by_row_checks_later(const Query *query, Oid relid)
{
	Relation	table = table_open(relid, NoLock);
	/* first: it lets invalidations in */
	bool		changes = query->commandType == CMD_UPDATE && query_assigns_key(query->targetList, table);
	bool		result = row_triggers_may_be_early(table->trigdesc, relid, events_of(query), changes);

	table_close(table, NoLock);
	return result;
}

/* Can rows be read ahead of the writes, without anybody seeing that? */
static bool
allows_batches(const PlannedStmt *plan, Query *query, const StatementWrites *writes)
{
	return IsA(plan->planTree, ModifyTable) && !plan->hasModifyingCTE && !writes->current_of &&
		!shippable_sees_writes(query);
}

PlannedStmt *
plan_by_row(const PlanInput *input, const Reason **reason)
{
	PlannedStmt *plan;
	Query	   *query;
	StatementWrites writes = {0};

	*reason = NULL;
	query = copyObject(input->run_query);
	row_ids_place(query);
	plan = plan_push_beside(input, query);
	plan->dependsOnRole = true; /* another role may go by a way before this one: plan_rows_check */
	statement_writes_find(input->run_query, &writes);
	if (writes.far_actions && IsA(plan->planTree, ModifyTable))
		row_modify_keep_actions((ModifyTable *) plan->planTree);
	if (allows_batches(plan, input->run_query, &writes))
		row_ahead_insert((ModifyTable *) plan->planTree);
	return plan;
}
