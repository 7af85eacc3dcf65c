/*
 * plan_direct.c
 *	  A SELECT of one known shard of this node: PostgreSQL's own plan of it, with
 *	  nothing of ours around.
 *
 * A client's statement that names its shard by constants, and whose shard is
 * here, needs none of what a Shard Route can do: its plan is the one that
 * standard_planner makes over the shard's tables (local_query_swap), and
 * running it costs what it costs on plain PostgreSQL. Statements of functions,
 * cursors, EXECUTE and EXPLAIN are left to the router: they run inside a portal,
 * or their text is not the client's.
 *
 * What a Shard Route does at each execution is done in ExecutorStart_hook here:
 * the fence is asked, for the statement's own snapshot. The locks of the shard
 * tables are held by then, from planning or by the plan cache, which may keep
 * such a plan (a protocol-level prepared statement). If the shard has moved
 * away, or EXPLAIN EXECUTE wants to show the plan, the executor is given the
 * plan of another way instead. So the plan carries the statement it was made of:
 * in an unreferenced range table entry, the last one, by which it is recognized.
 *
 * Rights are those of the shells: their entries follow those of the shard
 * tables, which ask for none.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/planner.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "utils/portal.h"

#include "base/settings.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "exec/local_run.h"
#include "exec/plan_node.h"
#include "plan/plan_direct.h"
#include "plan/planned_statement.h"
#include "plan/query_shape.h"

#define DIRECT_NODE_NAME	"ShardextDirect"

/* The statement of a plan; copied with the plan, so by the plan cache only. */
typedef struct DirectNode
{
	ExtensibleNode node;
	int			shard;
	Query	   *run_query;		/* as in PlanInput */
	Query	   *text_query;
	const char *query_string;
	int			cursor_options;
} DirectNode;

static PlannedStmt *(*plan_again) (PlanInput *input) = NULL;
static ExecutorStart_hook_type previous_start = NULL;

/* --- the node --- */

static void
copy_direct_node(ExtensibleNode *newnode, const ExtensibleNode *oldnode)
{
	const DirectNode *old = (const DirectNode *) oldnode;
	DirectNode *new = (DirectNode *) newnode;

	new->shard = old->shard;
	new->run_query = copyObject(old->run_query);
	new->text_query = old->text_query == old->run_query ? new->run_query : copyObject(old->text_query);
	new->query_string = old->query_string ? pstrdup(old->query_string) : NULL;
	new->cursor_options = old->cursor_options;
}

/* The plan carries its statement, in an entry of the range table that nothing refers to. */
static void
attach_statement(PlannedStmt *plan, const PlanInput *input, int shard)
{
	DirectNode *node = (DirectNode *) newNode(sizeof(DirectNode), T_ExtensibleNode);
	RangeTblEntry *carrier = makeNode(RangeTblEntry);

	node->node.extnodename = DIRECT_NODE_NAME;
	node->shard = shard;
	node->run_query = input->run_query;
	node->text_query = input->text_query;
	node->query_string = input->query_string;
	node->cursor_options = input->cursor_options;
	carrier->rtekind = RTE_RESULT;
	carrier->eref = makeAlias("*shardext*", NIL);
	carrier->values_lists = list_make1(node);
	plan->rtable = lappend(plan->rtable, carrier);
}

/* NULL: not a plan of this file. */
static const DirectNode *
attached_statement(const PlannedStmt *plan)
{
	RangeTblEntry *last = plan->rtable != NIL ? llast(plan->rtable) : NULL;
	Node	   *carried;

	if (last == NULL || last->rtekind != RTE_RESULT || last->values_lists == NIL)
		return NULL;
	carried = linitial(last->values_lists);
	if (carried == NULL || !IsA(carried, ExtensibleNode) ||
		strcmp(((ExtensibleNode *) carried)->extnodename, DIRECT_NODE_NAME) != 0)
		return NULL;
	return (const DirectNode *) carried;
}

/* --- planning --- */

/* The one shard that the constants of the statement name, or ROUTE_NO_SHARD. */
static int
constant_shard(const QueryShards *shards)
{
	int			result = ROUTE_NO_SHARD;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, shards->keys)
	{
		ShardKey   *key = lfirst(lc);
		bool		known;
		int			shard;

		foreach(lc2, key->exprs)
		{
			if (!IsA(lfirst(lc2), Const))
				return ROUTE_NO_SHARD;
		}
		shard = shard_key_known(key, NULL, &known);
		if (shard == ROUTE_NO_SHARD || (result != ROUTE_NO_SHARD && result != shard))
			return ROUTE_NO_SHARD;
		result = shard;
	}
	return result;
}

/* The client itself asks: not EXPLAIN, EXECUTE, a cursor, a function; nor a trigger at commit, or a worker. */
static bool
is_of_client(const PlanInput *input)
{
	return ActivePortal == NULL && input->query_string == debug_query_string && !session_is_forwarded();
}

PlannedStmt *
plan_direct(const PlanInput *input)
{
	int			cursor_options = input->cursor_options & ~CURSOR_OPT_PARALLEL_OK;
	int			shard;
	Query	   *swapped;
	PlannedStmt *plan;

	if (!is_of_client(input) || input->shards->keys == NIL || query_writes(input->run_query) ||
		query_reads_ctid(input->run_query))
		return NULL;
	shard = constant_shard(input->shards);
	if (shard == ROUTE_NO_SHARD || shard_map_owner(shard, NULL) != node_self())
		return NULL;
	swapped = local_query_swap(input->run_query, shard, true);
	if (swapped == NULL)
		return NULL;
	plan = standard_planner(swapped, input->query_string, cursor_options, input->params);
	planned_statement_add_relations(plan, input->run_query);
	attach_statement(plan, input, shard);
	return plan;
}

/* --- execution --- */

/* May the plan run, as it is, in the portal of its client? */
static bool
may_run(const DirectNode *direct, const QueryDesc *query_desc, int eflags)
{
	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) != 0 ||
		ActivePortal == NULL || ActivePortal->strategy != PORTAL_ONE_SELECT)
		return false;
	return shard_map_check(direct->shard, SHARD_READ, query_desc->snapshot) == SHARD_OK;
}

static PlannedStmt *
other_plan(const DirectNode *direct)
{
	PlanInput	input = {0};

	input.run_query = direct->run_query;
	input.text_query = direct->text_query;
	input.query_string = direct->query_string;
	input.cursor_options = direct->cursor_options;
	return plan_again(&input);
}

static void
start_executor(QueryDesc *query_desc, int eflags)
{
	const DirectNode *direct = attached_statement(query_desc->plannedstmt);

	if (direct != NULL && !may_run(direct, query_desc, eflags))
		query_desc->plannedstmt = other_plan(direct);
	if (previous_start)
		previous_start(query_desc, eflags);
	else
		standard_ExecutorStart(query_desc, eflags);
}

void
plan_direct_preload(PlannedStmt *(*replan) (PlanInput *input))
{
	plan_again = replan;
	plan_node_register(DIRECT_NODE_NAME, sizeof(DirectNode), copy_direct_node);
	previous_start = ExecutorStart_hook;
	ExecutorStart_hook = start_executor;
}
