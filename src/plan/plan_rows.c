/*
 * plan_rows.c
 *	  UPDATE and DELETE whose rows are found, and whose values are computed, on
 *	  the coordinator: what can neither be sent to one shard nor to all.
 *
 * Steps: turn the run query into the SELECT of each row's ctid, shard key and
 * new values (and of what RETURNING needs of other tables); plan that by the
 * pull way, the scan of the target locking the rows it gives in their latest
 * version; put the Shard Modify on top, which writes each row by its ctid
 * while the lock is held (exec/modify_rows.h).
 *
 * Whatever a SELECT may contain is right, then: joins, subqueries over any
 * table, functions that only this node may evaluate. RETURNING is evaluated
 * here as well. The scan may lock more rows than are written: those that only
 * a condition checked here throws away. So where a join or a sub-SELECT says which
 * rows are written they go by row instead (unless RETURNING shows ctid, xmin and the
 * like), and so does what has a FOR UPDATE of its own (a queue's SKIP LOCKED), or whose
 * foreign keys see other rows of the statement (exec/row_triggers.c), since rows are
 * sent in several statements.
 *
 * The scan is a SELECT .. FOR UPDATE to the other nodes. Where that would need
 * other rights, or apply other policies than the statement itself, no is said.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"

#include "base/pg_compat.h"
#include "catalog/table_map.h"
#include "exec/modify_rows.h"
#include "plan/insert_shape.h"
#include "plan/modify_shape.h"
#include "plan/plan_by_row.h"
#include "plan/plan_modify.h"
#include "plan/plan_pull.h"
#include "plan/plan_rows.h"
#include "plan/query_shape.h"
#include "plan/returning_here.h"
#include "plan/shard_sql.h"

#define HINT_ONE_SHARD "Give the shard key in WHERE, so that the statement stays inside one shard."

/* ---------- what is refused ---------- */

/* What the other nodes check for SELECT .. FOR UPDATE must hold for the statement anyway. */
static const Reason *
check_rights(const Query *query, const TableInfo *table)
{
	const RangeTblEntry *target = rt_fetch(query->resultRelation, query->rtable);
	bool		policies = target->securityQuals != NIL || query->withCheckOptions != NIL;

	if (policies && (query->commandType == CMD_DELETE || !sx_rte_reads(query, target)))
		return reason_make(HINT_ONE_SHARD, "Its rows have to be fetched first, for which other policies hold.");
	if (pg_class_aclcheck(table->relid, GetUserId(), ACL_SELECT) != ACLCHECK_OK ||
		(query->commandType == CMD_DELETE && pg_class_aclcheck(table->relid, GetUserId(), ACL_UPDATE) != ACLCHECK_OK))
		return reason_make("Give the shard key in WHERE, or the right to SELECT and UPDATE the table.",
						   "Its rows have to be fetched and locked first, for which rights are missing.");
	return NULL;
}

static const Reason *
check_columns(const Query *query, const TableInfo *table)
{
	ListCell   *lc;

	foreach(lc, query->commandType == CMD_UPDATE ? query->targetList : NIL)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk && shard_sql_is_identity_always(table->relid, tle->resno))
			return reason_make(HINT_ONE_SHARD, "It assigns to identity column \"%s\".",
							   get_attname(table->relid, tle->resno, false));
	}
	return NULL;
}

static const Reason *
check_returning(Query *query)
{
	if (checkExprHasSubLink((Node *) query->returningList))
		return reason_make(HINT_ONE_SHARD, "Its RETURNING clause has a subquery.");
	return NULL;
}

const Reason *
plan_rows_check(const PlanInput *input)
{
	Query	   *query = input->run_query;
	Query	   *text = input->text_query;
	const RangeTblEntry *target = rt_fetch(query->resultRelation, query->rtable);
	const TableInfo *table = table_info(target->relid);
	const Reason *reason;

	if (text == NULL || text->commandType != query->commandType)
		return reason_make(HINT_ONE_SHARD, "It comes from a rule or a function body whose text is not at hand.");
	if (rt_fetch(text->resultRelation, text->rtable)->relid != target->relid)
		return reason_make("Write to the table itself.", "It writes through a view.");
	if (!reads_only_reference_tables((Node *) query->withCheckOptions))
		return reason_make("Make the table that the policy reads a reference table.",
						   "A policy for its rows reads a table that is not a reference table.");
	if ((reason = plan_modify_check_assignments(query, table)) != NULL ||
		(reason = plan_modify_check_positions(input)) != NULL ||
		(reason = check_rights(query, table)) != NULL ||
		(reason = check_columns(query, table)) != NULL)
		return reason;
	if (plan_by_row_checks_later(query, table->relid))
		return reason_make(HINT_ONE_SHARD, "Foreign keys look at its rows when all are written.");
	if (plan_by_row_locks_less(query))
		return reason_make(HINT_ONE_SHARD, "A join or sub-SELECT says which of its rows are written.");
	/* the scan would lock all rows, and wait for those that SKIP LOCKED leaves to others */
	if (query_locks_rows(query))
		return reason_make(HINT_ONE_SHARD, "Its sub-SELECT says which rows are to be locked.");
	return check_returning(query);
}

/* ---------- the rows ---------- */

static Expr *
target_column(Index target, Oid relid, AttrNumber attno)
{
	Oid			type = TIDOID;
	int32		typmod = -1;
	Oid			collation = InvalidOid;

	if (attno > 0)
		get_atttypetypmodcoll(relid, attno, &type, &typmod, &collation);
	return (Expr *) makeVar(target, attno, type, typmod, collation, 0);
}

static void
add_column(List **tlist, Expr *expr)
{
	*tlist = lappend(*tlist, makeTargetEntry(expr, list_length(*tlist) + 1, NULL, false));
}

/* The SELECT of ctid, new values, shard key, columns that RETURNING needs; fills form.attnos. */
static Query *
rows_query(Query *run_query, ModifyParts *parts, const TableInfo *table)
{
	InsertForm *form = &parts->form;
	Query	   *query = copyObject(run_query);
	Index		target = query->resultRelation;
	List	   *tlist = NIL;
	List	   *junk = NIL;
	ListCell   *lc;

	add_column(&tlist, target_column(target, table->relid, SelfItemPointerAttributeNumber));
	form->attnos = list_make1_int(SelfItemPointerAttributeNumber);
	foreach(lc, query->commandType == CMD_UPDATE ? query->targetList : NIL)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->resjunk)
		{
			junk = lappend(junk, tle);
			continue;
		}
		add_column(&tlist, tle->expr);
		form->attnos = lappend_int(form->attnos, tle->resno);
	}
	if (query->returningList != NIL)
		form->attnos = lappend_int(form->attnos, 0);
	for (int i = 0; i < table->nkeys; i++)
		add_column(&tlist, target_column(target, table->relid, table->keys[i]));
	foreach(lc, parts->carried)
		add_column(&tlist, copyObject(lfirst(lc)));
	foreach(lc, junk)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		tle->resno = list_length(tlist) + 1;
		tlist = lappend(tlist, tle);
	}
	query->commandType = CMD_SELECT;
	query->resultRelation = 0;
	query->targetList = tlist;
	query->returningList = NIL;
	query->withCheckOptions = NIL;
	return query;
}

/* ---------- the way ---------- */

static PlannedStmt *
make_plan(const PlanInput *input, const TableInfo *table, ModifyParts *parts, Query *rows)
{
	Query	   *query = input->run_query;
	LockClauseStrength lock = query->commandType == CMD_DELETE ? LCS_FORUPDATE : LCS_FORNOKEYUPDATE;
	PlannedStmt *stmt;

	stmt = plan_pull_locking(rows, query->resultRelation, lock, input->query_string,
							 input->cursor_options & ~CURSOR_OPT_SCROLL, input->params);
	parts->child = stmt->planTree;
	stmt->planTree = (Plan *) modify_rows_make(parts);
	stmt->commandType = query->commandType;
	stmt->hasReturning = query->returningList != NIL;
	stmt->canSetTag = query->canSetTag;
	stmt->parallelModeNeeded = false;
	stmt->dependsOnRole = true; /* check_rights */
	return stmt;
}

PlannedStmt *
plan_rows(const PlanInput *input, const Reason **reason)
{
	Query	   *query = input->run_query;
	Oid			relid = rt_fetch(query->resultRelation, query->rtable)->relid;
	const TableInfo *table = table_info(relid);
	ReturningHere returning;
	ModifyParts parts = {0};
	int			max_param;
	Query	   *rows;

	*reason = plan_rows_check(input);
	if (*reason != NULL)
		return NULL;
	returning = returning_here_make(query);

	parts.form.command = query->commandType;
	parts.form.table = relid;
	parts.carried = returning.carried;
	parts.form.returned = returning.returned;
	parts.form.text_query = copyObject(input->text_query);
	parts.form.run_query = copyObject(query);
	parts.form.first_param = insert_shape_max_param(query);
	max_param = insert_shape_max_param(input->text_query);
	parts.form.first_param = Max(parts.form.first_param, max_param);
	rows = rows_query(query, &parts, table);
	*reason = modify_shape_check(&parts.form);
	if (*reason != NULL)
		return NULL;

	parts.query_string = input->query_string;
	parts.result = returning.result;
	return make_plan(input, table, &parts, rows);
}
