/*
 * reference_row_locks.c
 *	  SELECT .. FOR UPDATE and its kin of reference tables hold on all nodes.
 *
 * The executor locks the rows of one copy. Writers meet that lock, as they write all
 * copies, but not who locks the same rows of another copy. And a writer that
 * waits for a row has the writers' lock already, which whoever has locked the row needs
 * for the UPDATE that he has locked it for. So before a statement starts that
 * locks rows, it gets
 *
 *	  FOR UPDATE, FOR NO KEY UPDATE		what an UPDATE gets: the writers' locks of all nodes
 *	  FOR SHARE							the one of the first node, shared: where those begin
 *	  FOR KEY SHARE						nothing: foreign keys lock each row that is referred to
 *										in this way, and keep out writers by it
 *
 * The row locks are taken as well, by the executor. To who skips locked rows all
 * rows are locked while somebody else has the lock of the table: a SELECT that locks
 * what it gives back gives no rows. Anything else would wait.
 *
 * Statements that another node has sent are covered by that node, which knows their
 * row marks (plan/planned_statement.c).
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/plannodes.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "base/pg_compat.h"
#include "base/settings.h"
#include "catalog/table_map.h"
#include "exec/reference_call.h"
#include "exec/reference_capture.h"
#include "exec/reference_row_locks.h"

static ExecutorStart_hook_type previous_start = NULL;

/* One that writers of the row wait for, and that no foreign key asks for. */
static bool
is_strong(RowMarkType type)
{
	return type == ROW_MARK_EXCLUSIVE || type == ROW_MARK_NOKEYEXCLUSIVE || type == ROW_MARK_SHARE;
}

static bool
lock_table(Oid table, RowMarkType type, bool wait)
{
	return type == ROW_MARK_SHARE ? reference_call_lock_shared(table, wait) : reference_capture_lock(table, wait);
}

/* Does the statement give back only rows of which it has locked the one of this mark? */
static bool
gives_locked(const PlannedStmt *statement, const PlanRowMark *mark)
{
	const Plan *plan = IsA(statement->planTree, Limit) ? statement->planTree->lefttree : statement->planTree;
	ListCell   *lc;

	foreach(lc, IsA(plan, LockRows) ? ((const LockRows *) plan)->rowMarks : NIL)
	{
		if (lfirst_node(PlanRowMark, lc)->rti == mark->rti)
			return true;
	}
	return false;
}

/* False: there are no rows to give, all that it wants are locked. */
static bool
lock_tables(const PlannedStmt *statement)
{
	bool		may = false;
	ListCell   *lc;

	foreach(lc, statement->rowMarks)
	{
		const PlanRowMark *mark = lfirst_node(PlanRowMark, lc);
		const RangeTblEntry *rte = rt_fetch(mark->rti, statement->rtable);
		const TableInfo *table;
		bool		skip;

		if (rte->rtekind != RTE_RELATION || !is_strong(mark->markType))
			continue;
		table = table_info(rte->relid);
		if (table == NULL || table->kind != TABLE_REFERENCE)
			continue;
		/* nobody is kept waiting by who has no right to do so */
		if (!may)
			sx_check_statement_rights(statement);
		may = true;
		skip = mark->waitPolicy == LockWaitSkip && gives_locked(statement, mark);
		if (lock_table(rte->relid, mark->markType, mark->waitPolicy != LockWaitError && !skip))
			continue;
		if (skip)
			return false;
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("could not obtain lock on row in relation \"%s\"", get_rel_name(rte->relid)),
				 errdetail("Another transaction writes the reference table, or has locked rows of it.")));
	}
	return true;
}

/* The same with LIMIT 0. */
static PlannedStmt *
without_rows(const PlannedStmt *statement)
{
	PlannedStmt *result = makeNode(PlannedStmt);
	Limit	   *limit = makeNode(Limit);

	*result = *statement;
	limit->plan.targetlist = statement->planTree->targetlist;
	limit->plan.lefttree = statement->planTree;
	limit->limitCount = (Node *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(0), false,
										   FLOAT8PASSBYVAL);
	limit->limitOption = LIMIT_OPTION_COUNT;
	result->planTree = (Plan *) limit;
	return result;
}

static void
start_executor(QueryDesc *query_desc, int eflags)
{
	/* in a READ ONLY transaction the executor says no */
	if (query_desc->plannedstmt->rowMarks != NIL && (eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0 && !XactReadOnly &&
		!session_is_forwarded() && !lock_tables(query_desc->plannedstmt))
		query_desc->plannedstmt = without_rows(query_desc->plannedstmt);
	if (previous_start)
		previous_start(query_desc, eflags);
	else
		standard_ExecutorStart(query_desc, eflags);
}

void
reference_row_locks_preload(void)
{
	previous_start = ExecutorStart_hook;
	ExecutorStart_hook = start_executor;
}
