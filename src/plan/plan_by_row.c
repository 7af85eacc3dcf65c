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
 * It costs one or two round trips for each row written. ON CONFLICT is not done
 * here: it needs the indexes, which are with the shards.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "catalog/table_map.h"
#include "plan/plan_by_row.h"
#include "plan/plan_cascade.h"
#include "plan/plan_pull.h"
#include "plan/row_ids.h"

/* Collects into *context (a Reason *) why a Query cannot run this way. */
static bool
find_conflict_clause(Node *node, void *context)
{
	const RangeTblEntry *rte;
	const TableInfo *table;
	Query	   *query;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, find_conflict_clause, context);
	query = (Query *) node;
	if (query->onConflict != NULL)
	{
		rte = rt_fetch(query->resultRelation, query->rtable);
		table = rte->rtekind == RTE_RELATION ? table_info(rte->relid) : NULL;
		if (table != NULL && table->kind == TABLE_SHARDED)
		{
			*(const Reason **) context =
				reason_make("Write the rows in a statement of their own, without WITH and without subqueries in "
							"ON CONFLICT and RETURNING.",
							"It has ON CONFLICT for \"%s\", whose unique indexes are with its shards.",
							get_rel_name(rte->relid));
			return true;
		}
	}
	return query_tree_walker(query, find_conflict_clause, context, 0);
}

bool
plan_by_row_takes(Query *query)
{
	const Reason *reason = NULL;
	StatementWrites writes = {0};

	statement_writes_find(query, &writes);
	return !writes.reference && !find_conflict_clause((Node *) query, &reason);
}

PlannedStmt *
plan_by_row(const PlanInput *input, const Reason **reason)
{
	Query	   *query;

	*reason = NULL;
	if (find_conflict_clause((Node *) input->run_query, reason))
		return NULL;
	query = copyObject(input->run_query);
	row_ids_place(query);
	return plan_pull_query(query, input->query_string, input->cursor_options, input->params);
}
