/*
 * plan_reference.c
 *	  Writes on reference tables: the same change on every node.
 *
 * plan_reference. INSERT: rows are computed once, here, and their values go to
 * every node (plan_insert_everywhere). UPDATE and DELETE: the statement itself
 * runs on every node (exec/modify_reference.h), so it must do the same on equal
 * copies wherever it runs: no volatile function, no other rows than those that
 * it writes, no ctid. The same holds for ON CONFLICT. No trigger of a user's may fire: it
 * would do so on every node.
 *
 * plan_reference_rows, for all others: PostgreSQL's own plan writes this node's
 * copy, and the rows that it has written go to the other copies
 * (exec/reference_rows.h).
 *
 * From another node (note "reference"): this node's copy alone. While the write
 * guard is open, further writes come from triggers and foreign keys of a write
 * that is under way on every node: they, too, concern this node's copy alone.
 */
#include "postgres.h"

#include "access/table.h"
#include "commands/trigger.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/settings.h"
#include "catalog/write_guard.h"
#include "catalog/table_map.h"
#include "exec/modify_reference.h"
#include "exec/reference_capture.h"
#include "exec/reference_rows.h"
#include "plan/plan_insert.h"
#include "plan/plan_push.h"
#include "plan/plan_reference.h"
#include "plan/planned_statement.h"
#include "plan/shard_sql.h"
#include "plan/shippable.h"

static Oid
target_of(const PlanInput *input)
{
	return rt_fetch(input->run_query->resultRelation, input->run_query->rtable)->relid;
}

/*
 * Does it read rows beside those that it writes? Writers of another table are not kept off, and under REPEATABLE READ
 * each node reads by a snapshot of its own: the nodes could see other rows.
 */
static bool
reads_other_rows(const Query *query)
{
	List	   *from = query->jointree->fromlist;

	return query->hasSubLinks || list_length(from) > 1 || (from != NIL && !IsA(linitial(from), RangeTblRef));
}

/* ctid, xmin, tableoid and the like differ from copy to copy. */
static bool
names_system_column(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
		return ((Var *) node)->varattno < 0;
	return expression_tree_walker(node, names_system_column, context);
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

/* A reference table that the command may change by a foreign key to relation; what becomes of its rows then. */
static Oid
cascades_to(const Trigger *trigger, CmdType command, CmdType *becomes)
{
	const TableInfo *table = OidIsValid(trigger->tgconstrrelid) ? table_info(trigger->tgconstrrelid) : NULL;
	bool		on_delete = trigger->tgfoid == F_RI_FKEY_CASCADE_DEL || trigger->tgfoid == F_RI_FKEY_SETNULL_DEL ||
		trigger->tgfoid == F_RI_FKEY_SETDEFAULT_DEL;
	bool		on_update = trigger->tgfoid == F_RI_FKEY_CASCADE_UPD || trigger->tgfoid == F_RI_FKEY_SETNULL_UPD ||
		trigger->tgfoid == F_RI_FKEY_SETDEFAULT_UPD;

	*becomes = trigger->tgfoid == F_RI_FKEY_CASCADE_DEL ? CMD_DELETE : CMD_UPDATE;
	if (table == NULL || table->kind != TABLE_REFERENCE)
		return InvalidOid;
	return (on_delete && command == CMD_DELETE) || (on_update && command == CMD_UPDATE) ? table->relid : InvalidOid;
}

/*
 * Would a trigger of a user's fire on every node, for the table or for one that
 * its foreign keys lead to? tables collects those that were looked at.
 */
static const Reason *
check_triggers(Oid relid, CmdType command, List **tables)
{
	Relation	relation = table_open(relid, *tables == NIL ? NoLock : AccessShareLock);
	const TriggerDesc *triggers = CopyTriggerDesc(relation->trigdesc);	/* opening others lets invalidations in */
	const Trigger *found = reference_capture_trigger(triggers, command);
	const Reason *reason = NULL;

	*tables = lappend_oid(*tables, relid);
	if (found != NULL)
		reason = reason_make(NULL, "Trigger \"%s\" is to fire once, not on every node.", found->tgname);
	for (int i = 0; reason == NULL && triggers != NULL && i < triggers->numtriggers; i++)
	{
		CmdType		becomes;
		Oid			other = cascades_to(&triggers->triggers[i], command, &becomes);

		if (OidIsValid(other) && !list_member_oid(*tables, other))
			reason = check_triggers(other, becomes, tables);
	}
	table_close(relation, NoLock);
	return reason;
}

static const Reason *
check_update_or_delete(const PlanInput *input)
{
	Query	   *query = input->run_query;

	if (query->commandType == CMD_MERGE)
		return reason_make(NULL, "It is a MERGE into a reference table.");
	if (input->text_query == NULL)
		return reason_make(NULL, "It comes from a rule or a function body whose text is not at hand.");
	if (query->cteList != NIL)
		return reason_make(NULL, "It writes a reference table and has a WITH clause.");
	if (reads_other_rows(query))
		return reason_make(NULL, "It writes a reference table and reads more than the rows it writes: the nodes "
								 "need not see the same.");
	if (names_system_column((Node *) query->jointree, NULL) || names_system_column((Node *) query->targetList, NULL))
		return reason_make(NULL, "It writes a reference table and uses a column like ctid, which differs from node to "
								 "node.");
	if (contain_volatile_functions((Node *) query) || assigns_changing_default(input))
		return reason_make(NULL, "It writes a reference table and uses volatile functions: each node "
								 "would compute another value.");
	return shippable_check_query(query);
}

/* ON CONFLICT is evaluated on each node. */
static const Reason *
check_conflict(const Query *query)
{
	if (checkExprHasSubLink((Node *) query->onConflict))
		return reason_make(NULL, "Its ON CONFLICT clause reads other rows: the nodes need not see the same.");
	if (contain_volatile_functions((Node *) query->onConflict))
		return reason_make(NULL, "Its ON CONFLICT clause uses volatile functions: each node would compute another "
								 "value.");
	if (names_system_column((Node *) query->onConflict, NULL))
		return reason_make(NULL, "Its ON CONFLICT clause uses a column like ctid, which differs from node to node.");
	return NULL;
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

static const Reason *
check_all_triggers(const PlanInput *input, List **tables)
{
	const Query *query = input->run_query;
	const Reason *reason = check_triggers(target_of(input), query->commandType, tables);
	List	   *updated = NIL;

	if (reason == NULL && query->onConflict != NULL && query->onConflict->action == ONCONFLICT_UPDATE)
	{
		reason = check_triggers(target_of(input), CMD_UPDATE, &updated);
		*tables = list_concat_unique_oid(*tables, updated);
	}
	return reason;
}

/* The same statement on every copy. */
static PlannedStmt *
plan_everywhere(const PlanInput *input, const Reason **reason)
{
	Query	   *text;
	const ShardSql *sql;

	if (input->run_query->commandType == CMD_INSERT)
	{
		*reason = check_conflict(input->run_query);
		return *reason == NULL ? plan_insert_everywhere(input, reason) : NULL;
	}
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

PlannedStmt *
plan_reference(const PlanInput *input, const Reason **reason)
{
	List	   *tables = NIL;
	PlannedStmt *plan;

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
		*reason = check_all_triggers(input, &tables);
	if (*reason != NULL)
		return NULL;
	plan = plan_everywhere(input, reason);
	/* a trigger that comes to one of them makes another plan */
	if (plan != NULL)
		plan->relationOids = list_concat_unique_oid(plan->relationOids, tables);
	return plan;
}

PlannedStmt *
plan_reference_rows(const PlanInput *input, const Reason **reason)
{
	Query	   *query = input->run_query;
	PlanInput	rows = *input;
	PlannedStmt *plan;

	*reason = NULL;
	rows.cursor_options &= ~CURSOR_OPT_SCROLL;
	plan = plan_push_beside(&rows, copyObject(query));
	plan->planTree = (Plan *) reference_rows_make(plan->planTree, target_of(input), query->returningList);
	return plan;
}
