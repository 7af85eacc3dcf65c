/*
 * route_shortcut.c
 *	  A routed SELECT whose shard is here runs as the plan for that shard, as if
 *	  the client had named the shard table.
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
 * verdict of the fence that is not "ours", statements that write or lock rows,
 * EXPLAIN and instrumentation, cursors that move backwards.
 *
 * The plan is held until the execution's memory goes. It carries the
 * statement's query id and place in the text, so that extensions which look at
 * QueryDesc->plannedstmt find what they know.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "utils/snapmgr.h"

#include "base/pg_compat.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "exec/local_template.h"
#include "exec/route_shortcut.h"
#include "exec/route_state.h"

static ExecutorStart_hook_type previous_start = NULL;

/* Lives in the execution's memory. */
typedef struct Shortcut
{
	TemplateUser user;
	MemoryContextCallback on_reset;
} Shortcut;

static void
execution_freed(void *arg)
{
	local_template_release(&((Shortcut *) arg)->user);
}

static void
start_as_planned(QueryDesc *query_desc, int eflags)
{
	if (previous_start)
		previous_start(query_desc, eflags);
	else
		standard_ExecutorStart(query_desc, eflags);
}

/* The statement's node, if it is one that may be passed over. */
static RouteNode *
find_node(const QueryDesc *query_desc, int eflags)
{
	RouteNode  *node;

	if (query_desc->operation != CMD_SELECT || query_desc->instrument_options != 0 ||
		(eflags & (EXEC_FLAG_EXPLAIN_ONLY | EXEC_FLAG_BACKWARD | EXEC_FLAG_MARK)) != 0)
		return NULL;
	node = scan_route_node(query_desc->plannedstmt->planTree);
	return node != NULL && !node->parts.writes ? node : NULL;
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
hand_over(TemplateUser *user, MemoryContext execution_cxt)
{
	Shortcut   *shortcut = MemoryContextAlloc(execution_cxt, sizeof(Shortcut));

	shortcut->user.template = user->template;
	user->template->user = &shortcut->user;
	user->template = NULL;
	shortcut->on_reset.func = execution_freed;
	shortcut->on_reset.arg = shortcut;
	MemoryContextRegisterResetCallback(execution_cxt, &shortcut->on_reset);
}

/* Start the plan that user holds; false if the fence does not let it in. */
static bool
start_plan(QueryDesc *query_desc, int eflags, int shard, TemplateUser *user)
{
	PlannedStmt *as_planned = query_desc->plannedstmt;
	PlannedStmt *stmt = user->template->stmt;
	bool		ours;

	stmt->queryId = as_planned->queryId;
	stmt->stmt_location = as_planned->stmt_location;
	stmt->stmt_len = as_planned->stmt_len;
	PG_TRY();
	{
		ours = shard == ROUTE_NO_SHARD || shard_map_check(shard, SHARD_READ, query_desc->snapshot) == SHARD_OK;
		if (ours)
		{
			query_desc->plannedstmt = stmt;
			start_as_planned(query_desc, eflags);
			hand_over(user, query_desc->estate->es_query_cxt);
		}
	}
	PG_CATCH();
	{
		query_desc->plannedstmt = as_planned;
		local_template_release(user);
		PG_RE_THROW();
	}
	PG_END_TRY();
	local_template_release(user);
	return ours;
}

/* False: nothing has been started. */
static bool
start_shortcut(QueryDesc *query_desc, int eflags)
{
	RouteNode  *node = find_node(query_desc, eflags);
	TemplateUser user = {NULL};
	LocalPlan  *plan;
	int			shard;

	if (node == NULL || !find_shard(query_desc, node, &shard))
		return false;
	sx_check_statement_rights(query_desc->plannedstmt);
	plan = route_node_local_plan(node);
	if (local_template_acquire(plan, shard, &user) == NULL)
		return false;
	plan->executions++;
	return start_plan(query_desc, eflags, shard, &user);
}

static void
start_executor(QueryDesc *query_desc, int eflags)
{
	if (!start_shortcut(query_desc, eflags))
		start_as_planned(query_desc, eflags);
}

void
route_shortcut_preload(void)
{
	previous_start = ExecutorStart_hook;
	ExecutorStart_hook = start_executor;
}
