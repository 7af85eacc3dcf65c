/*
 * plan_reference.c
 *	  Writes on reference tables: the same change on every node.
 *
 * INSERT: rows are computed once, here, and their values go to every node
 * (plan_insert_everywhere). UPDATE and DELETE: the statement itself runs on
 * every node (exec/modify_reference.h), so it must do the same on equal copies
 * wherever it runs: no volatile function, nothing but reference tables, nothing
 * whose outcome depends on the order in which rows happen to lie.
 *
 * From another node (note "reference"): this node's copy alone. While the write
 * guard is open, further writes come from triggers and foreign keys of a write
 * that is under way on every node: they, too, concern this node's copy alone.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/settings.h"
#include "catalog/write_guard.h"
#include "exec/modify_reference.h"
#include "plan/plan_insert.h"
#include "plan/plan_modify.h"
#include "plan/plan_reference.h"
#include "plan/planned_statement.h"
#include "plan/shard_sql.h"
#include "plan/shippable.h"

#define HINT_COMPUTE "Compute the value in a SELECT first and pass it as a parameter."

static Oid
target_of(const PlanInput *input)
{
	return rt_fetch(input->run_query->resultRelation, input->run_query->rtable)->relid;
}

/* A subquery that keeps some of its rows by an order that need not be the same on every node. */
static bool
depends_on_row_order(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		if (query->limitCount || query->limitOffset || query->hasDistinctOn || query->hasWindowFuncs)
			return true;
		return query_tree_walker(query, depends_on_row_order, context, 0);
	}
	return expression_tree_walker(node, depends_on_row_order, context);
}

/* "SET column = DEFAULT" travels as these words: the default must be the same value everywhere. */
static bool
assigns_changing_default(const PlanInput *input)
{
	ListCell   *lc,
			   *rc;

	foreach(lc, input->text_query->targetList)
	{
		TargetEntry *text = lfirst_node(TargetEntry, lc);

		if (!IsA(text->expr, SetToDefault))
			continue;
		foreach(rc, input->run_query->targetList)
		{
			TargetEntry *run = lfirst_node(TargetEntry, rc);

			if (run->resno == text->resno && contain_mutable_functions((Node *) run->expr))
				return true;
		}
	}
	return false;
}

/* A trigger that may change the rows, differently on each node. */
static const Reason *
check_triggers(Oid relid, CmdType command)
{
	Relation	relation = table_open(relid, NoLock);
	const Reason *reason = NULL;

	for (int i = 0; relation->trigdesc != NULL && i < relation->trigdesc->numtriggers; i++)
	{
		Trigger    *trigger = &relation->trigdesc->triggers[i];
		bool		fires = (command == CMD_INSERT && TRIGGER_FOR_INSERT(trigger->tgtype)) ||
			(command == CMD_UPDATE && TRIGGER_FOR_UPDATE(trigger->tgtype));

		if (fires && !trigger->tgisinternal && trigger->tgenabled != TRIGGER_DISABLED &&
			TRIGGER_FOR_ROW(trigger->tgtype) && TRIGGER_FOR_BEFORE(trigger->tgtype))
			reason = reason_make("Drop the trigger and compute the value in the statement.",
								 "Trigger \"%s\" could change the rows differently on each node.", trigger->tgname);
	}
	table_close(relation, NoLock);
	return reason;
}

static const Reason *
check_update_or_delete(const PlanInput *input)
{
	Query	   *query = input->run_query;

	if (query->commandType == CMD_MERGE)
		return reason_make("Use INSERT ... ON CONFLICT, UPDATE and DELETE.", "It is a MERGE into a reference table.");
	if (input->text_query == NULL)
		return reason_make(NULL, "It comes from a rule or a function body whose text is not at hand.");
	if (query->cteList != NIL)
		return reason_make("Use subqueries.", "It writes a reference table and has a WITH clause.");
	if (query->commandType == CMD_UPDATE && list_length(query->jointree->fromlist) > 1)
		return reason_make("Use a subquery that gives at most one row.",
						   "It is an UPDATE ... FROM of a reference table: which of several matching rows "
						   "counts could differ from node to node.");
	if (!reads_only_reference_tables((Node *) query))
		return reason_make("Read the other tables first and pass the values as parameters.",
						   "It writes a reference table and reads tables that are not reference tables.");
	if (contain_volatile_functions((Node *) query) || assigns_changing_default(input))
		return reason_make(HINT_COMPUTE, "It writes a reference table and uses volatile functions: each node "
										 "would compute another value.");
	if (depends_on_row_order((Node *) query, NULL))
		return reason_make(HINT_COMPUTE, "It writes a reference table and has LIMIT, OFFSET, DISTINCT ON or a "
										 "window function: its rows could differ from node to node.");
	return shippable_check_query(query);
}

static PlannedStmt *
make_statement(const PlanInput *input, const char *remote_sql, List *remote_params)
{
	ReferenceParts parts = {0};

	parts.table = target_of(input);
	parts.target_list = input->run_query->returningList;
	parts.run_query = copyObject(input->run_query);
	parts.query_string = input->query_string;
	parts.remote_sql = remote_sql;
	parts.remote_params = remote_params;
	return planned_statement_make(input->run_query, (Plan *) modify_reference_make(&parts), input->cursor_options);
}

PlannedStmt *
plan_reference(const PlanInput *input, const Reason **reason)
{
	Query	   *text;
	const ShardSql *sql;

	*reason = NULL;
	if (write_guard_is_open())
		return standard_planner(copyObject(input->run_query), input->query_string, input->cursor_options,
								input->params);
	if (input->note.kind == NOTE_REFERENCE)
		return make_statement(input, NULL, NIL);
	if (session_is_forwarded())
		*reason = reason_make("Let the client's own statement write the reference table.",
							  "A statement that another node has sent writes a reference table.");
	else
		*reason = check_triggers(target_of(input), input->run_query->commandType);
	if (*reason != NULL)
		return NULL;
	if (input->run_query->commandType == CMD_INSERT)
		return plan_insert_everywhere(input, reason);

	*reason = check_update_or_delete(input);
	if (*reason != NULL)
		return NULL;
	text = copyObject(input->text_query);
	text->returningList = NIL;	/* this node's copy gives the rows */
	sql = shard_sql_make(text, false, reason);
	if (sql == NULL)
		return NULL;
	return make_statement(input, sql->text, sql->params);
}
