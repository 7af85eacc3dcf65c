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
 * The row locks are taken as well, by the executor. Who has been asked to skip
 * locked rows waits for the lock of the table.
 *
 * Statements that another node has sent are covered by that node, which knows their
 * row marks (plan/planned_statement.c).
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "nodes/plannodes.h"
#include "parser/parsetree.h"

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

static void
lock_table(Oid table, RowMarkType type, bool wait)
{
	if (type == ROW_MARK_SHARE)
		reference_call_lock_shared(table, wait);
	else
		reference_capture_lock(table, wait);
}

static void
lock_tables(const PlannedStmt *statement)
{
	bool		may = false;
	ListCell   *lc;

	foreach(lc, statement->rowMarks)
	{
		const PlanRowMark *mark = lfirst_node(PlanRowMark, lc);
		const RangeTblEntry *rte = rt_fetch(mark->rti, statement->rtable);
		const TableInfo *table;

		if (rte->rtekind != RTE_RELATION || !is_strong(mark->markType))
			continue;
		table = table_info(rte->relid);
		if (table == NULL || table->kind != TABLE_REFERENCE)
			continue;
		/* nobody is kept waiting by who has no right to do so */
		if (!may)
			sx_check_statement_rights(statement);
		may = true;
		lock_table(rte->relid, mark->markType, mark->waitPolicy != LockWaitError);
	}
}

static void
start_executor(QueryDesc *query_desc, int eflags)
{
	/* in a READ ONLY transaction the executor says no */
	if (query_desc->plannedstmt->rowMarks != NIL && (eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0 && !XactReadOnly &&
		!session_is_forwarded())
		lock_tables(query_desc->plannedstmt);
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
