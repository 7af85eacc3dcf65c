/*
 * route_shortcut.c
 *	  A routed statement whose shard is here runs as the plan for that shard, as
 *	  if the client had named the shard table.
 *
 * What Shard Route would do at the first row is done at ExecutorStart instead:
 *
 *	  1. the shard from constants and parameters, its owner by the map: us
 *	  2. the permissions of the statement as planned
 *	  3. a plan for the shard (local_template.c), its tables locked
 *	  4. the fence: shard_map_check
 *	  5. the executor starts that plan in place of ours
 *
 * That saves the node, and a second executor inside it. Whatever is not so
 * simple is left to the node: keys to be evaluated, other nodes' shards, a
 * verdict of the fence that is not "ours", SELECT that locks rows or writes in a
 * CTE, MERGE, EXPLAIN and instrumentation, cursors that move backwards.
 *
 * A statement that writes is accompanied to its end (shard_scope.h): ids are made
 * in its shard, errors name the shell's schema.
 *
 * The plan is held until the execution's memory goes. It carries the
 * statement's query id and place in the text, so that extensions which look at
 * QueryDesc->plannedstmt find what they know.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "lib/ilist.h"
#include "utils/snapmgr.h"

#include "base/pg_compat.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "exec/guard_check.h"
#include "exec/local_template.h"
#include "exec/route_shortcut.h"
#include "exec/route_state.h"
#include "exec/row_access.h"
#include "exec/shard_scope.h"

static ExecutorStart_hook_type previous_start = NULL;
static ExecutorRun_hook_type previous_run = NULL;
static ExecutorFinish_hook_type previous_finish = NULL;

/* Lives in the execution's memory. */
typedef struct Shortcut
{
	TemplateUser user;
	MemoryContextCallback on_reset;

	/* of one that writes */
	EState	   *estate;			/* NULL: it only reads */
	int			shard;
	dlist_node	link;
} Shortcut;

/* Those that write, from their start to the end of their memory. */
static dlist_head writing = DLIST_STATIC_INIT(writing);

static void
execution_freed(void *arg)
{
	Shortcut   *shortcut = arg;

	if (shortcut->estate != NULL)
		dlist_delete(&shortcut->link);
	local_template_release(&shortcut->user);
}

static void
start_as_planned(QueryDesc *query_desc, int eflags)
{
	if (previous_start)
		previous_start(query_desc, eflags);
	else
		standard_ExecutorStart(query_desc, eflags);
}

/* What reads only, or is a plain write that may go on here: the executor would look at the shells for that. */
static bool
may_pass_over(const QueryDesc *query_desc, const RouteNode *node)
{
	switch (query_desc->operation)
	{
		case CMD_SELECT:
			return !node->parts.writes;
		case CMD_INSERT:
		case CMD_UPDATE:
		case CMD_DELETE:
			return !node->parts.reference_only && !XactReadOnly && !IsInParallelMode();
		default:
			return false;
	}
}

/* The statement's node, if it is one that may be passed over. */
static RouteNode *
find_node(const QueryDesc *query_desc, int eflags)
{
	RouteNode  *node;

	if (query_desc->instrument_options != 0 ||
		(eflags & (EXEC_FLAG_EXPLAIN_ONLY | EXEC_FLAG_BACKWARD | EXEC_FLAG_MARK)) != 0)
		return NULL;
	node = scan_route_node(query_desc->plannedstmt->planTree);
	return node != NULL && may_pass_over(query_desc, node) ? node : NULL;
}

/* The statement's shard (ROUTE_NO_SHARD for one that names none); false if it is not surely ours. */
static bool
find_shard(const QueryDesc *query_desc, RouteNode *node, int *shard)
{
	*shard = ROUTE_NO_SHARD;
	if (node->parts.reference_only)
		return true;
	*shard = route_node_given_shard(node, query_desc->params);
	return *shard != ROUTE_NO_SHARD && shard_map_owner(*shard, NULL) == node_self();
}

/* From now on the plan is held until the execution's memory goes. */
static void
hand_over(TemplateUser *user, EState *estate, int shard)
{
	Shortcut   *shortcut = MemoryContextAlloc(estate->es_query_cxt, sizeof(Shortcut));
	bool		writes = user->template->plan->modifies;

	shortcut->user.template = user->template;
	user->template->user = &shortcut->user;
	user->template = NULL;
	shortcut->estate = writes ? estate : NULL;
	shortcut->shard = shard;
	if (writes)
		dlist_push_head(&writing, &shortcut->link);
	shortcut->on_reset.func = execution_freed;
	shortcut->on_reset.arg = shortcut;
	MemoryContextRegisterResetCallback(estate->es_query_cxt, &shortcut->on_reset);
}

/* Start the plan that user holds; false if the fence does not let it in. */
static bool
start_plan(QueryDesc *query_desc, int eflags, int shard, TemplateUser *user)
{
	PlannedStmt *as_planned = query_desc->plannedstmt;
	PlannedStmt *stmt = user->template->stmt;
	const LocalPlan *plan = user->template->plan;
	ShardAccess access = plan->needs_ownership_now ? SHARD_WRITE : SHARD_READ;
	MemoryContext context = CurrentMemoryContext;
	IdContext	saved_ids = id_context;
	bool		ours;

	stmt->queryId = as_planned->queryId;
	stmt->stmt_location = as_planned->stmt_location;
	stmt->stmt_len = as_planned->stmt_len;
	PG_TRY();
	{
		ours = shard == ROUTE_NO_SHARD || shard_map_check(shard, access, query_desc->snapshot) == SHARD_OK;
		if (ours)
		{
			if (plan->modifies)
				shard_scope_enter(shard);
			query_desc->plannedstmt = stmt;
			start_as_planned(query_desc, eflags);
			if (plan->modifies)
				guard_check_attach_all(query_desc->estate);
			hand_over(user, query_desc->estate, shard);
		}
	}
	PG_CATCH();
	{
		id_context = saved_ids;
		query_desc->plannedstmt = as_planned;
		local_template_release(user);
		shard_scope_rethrow(context);
	}
	PG_END_TRY();
	id_context = saved_ids;
	local_template_release(user);
	return ours;
}

/* False: nothing has been started. */
static bool
start_shortcut(QueryDesc *query_desc, int eflags)
{
	RouteNode  *node = find_node(query_desc, eflags);
	TemplateUser user = {NULL};
	TemplateUse use = {.nshards = 1};
	LocalPlan  *plan;
	int			shard;

	if (node == NULL || !find_shard(query_desc, node, &shard))
		return false;
	sx_check_statement_rights(query_desc->plannedstmt);
	plan = route_node_local_plan(node);
	if (local_template_acquire(plan, shard, &use, &user) == NULL)
		return false;
	plan->executions++;
	return start_plan(query_desc, eflags, shard, &user);
}

/* May it write, by itself? Functions that it calls run statements of their own. */
static bool
writes(const PlannedStmt *statement)
{
	return statement->commandType != CMD_SELECT || statement->hasModifyingCTE || statement->rowMarks != NIL;
}

static void
start_executor(QueryDesc *query_desc, int eflags)
{
	row_access_interrupt(writes(query_desc->plannedstmt));
	if (start_shortcut(query_desc, eflags))
		return;
	row_access_prepare(query_desc);
	start_as_planned(query_desc, eflags);
	if (query_desc->estate->es_opened_result_relations != NIL)
		row_access_attach(query_desc);
}

/* --- a statement that writes, on its way --- */

/* NULL: not one of ours, or it only reads. */
static Shortcut *
find_writing(const QueryDesc *query_desc)
{
	dlist_iter	iter;

	dlist_foreach(iter, &writing)
	{
		Shortcut   *shortcut = dlist_container(Shortcut, link, iter.cur);

		if (shortcut->estate == query_desc->estate)
			return shortcut;
	}
	return NULL;
}

static void
run_as_planned(SX_EXECUTOR_RUN_ARGS)
{
	if (previous_run)
		previous_run(SX_EXECUTOR_RUN_PASS);
	else
		standard_ExecutorRun(SX_EXECUTOR_RUN_PASS);
}

static void
run_executor(SX_EXECUTOR_RUN_ARGS)
{
	Shortcut   *shortcut = dlist_is_empty(&writing) ? NULL : find_writing(query_desc);

	if (shortcut == NULL)
	{
		run_as_planned(SX_EXECUTOR_RUN_PASS);
		return;
	}
	SHARD_SCOPE(shortcut->shard, true);
	{
		run_as_planned(SX_EXECUTOR_RUN_PASS);
	}
	SHARD_SCOPE_END();
}

static void
finish_as_planned(QueryDesc *query_desc)
{
	if (previous_finish)
		previous_finish(query_desc);
	else
		standard_ExecutorFinish(query_desc);
}

/* AFTER triggers fire. */
static void
finish_executor(QueryDesc *query_desc)
{
	Shortcut   *shortcut = dlist_is_empty(&writing) ? NULL : find_writing(query_desc);

	if (shortcut == NULL)
	{
		finish_as_planned(query_desc);
		return;
	}
	SHARD_SCOPE(shortcut->shard, true);
	{
		finish_as_planned(query_desc);
	}
	SHARD_SCOPE_END();
}

void
route_shortcut_preload(void)
{
	previous_start = ExecutorStart_hook;
	ExecutorStart_hook = start_executor;
	previous_run = ExecutorRun_hook;
	ExecutorRun_hook = run_executor;
	previous_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = finish_executor;
}
