/*
 * planned_statement.c
 *	  PlannedStmts built by hand around one of our custom scans.
 *
 * The plan has no ModifyTable and no result relations: the custom scan does the
 * work. What the executor and the plan cache need to know of the statement is
 * kept: which relations it names (to lock them and to notice their changes),
 * whose rights to check, what kind of command it is.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/planmain.h"
#include "optimizer/planner.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"

#include "base/pg_compat.h"
#include "catalog/table_map.h"
#include "plan/planned_statement.h"
#include "plan/query_shape.h"

/*
 * Whether rows are locked, and how, is asked by the executor and SPI, for read-only transactions and functions, and
 * for reference tables by exec/reference_row_locks.h. position[i]: entry i + 1 in the plan.
 */
static void
collect_row_marks(const Query *query, const int *position, PlannedStmt *plan)
{
	ListCell   *lc;

	foreach(lc, query->rowMarks)
	{
		const RowMarkClause *clause = lfirst_node(RowMarkClause, lc);
		RangeTblEntry *rte = rt_fetch(clause->rti, query->rtable);
		PlanRowMark *mark;

		if (rte->rtekind != RTE_RELATION)
			continue;
		mark = makeNode(PlanRowMark);
		mark->rti = mark->prti = position[clause->rti - 1];
		mark->rowmarkId = list_length(plan->rowMarks) + 1;
		mark->markType = select_rowmark_type(rte, clause->strength);
		mark->allMarkTypes = 1 << mark->markType;
		mark->strength = clause->strength;
		mark->waitPolicy = clause->waitPolicy;
		plan->rowMarks = lappend(plan->rowMarks, mark);
	}
}

/* Append the relations of a Query, all levels, to the statement's flat range table. */
static bool
collect_relations(Node *node, void *context)
{
	PlannedStmt *plan = (PlannedStmt *) context;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;
		int		   *position = palloc0(sizeof(int) * Max(list_length(query->rtable), 1));
		ListCell   *lc;

		foreach(lc, query->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
			RangeTblEntry *flat;

			/* a view's own entry is a subquery with a relation (16 and later) */
			if (rte->rtekind != RTE_RELATION &&
				!(rte->rtekind == RTE_SUBQUERY && OidIsValid(rte->relid)))
				continue;
			flat = palloc(sizeof(RangeTblEntry));
			memcpy(flat, rte, sizeof(RangeTblEntry));
			flat->tablesample = NULL;
			flat->subquery = NULL;
			flat->securityQuals = NIL;
			sx_flat_rte_permissions(plan, flat, query, rte);
			plan->rtable = lappend(plan->rtable, flat);
			position[foreach_current_index(lc)] = list_length(plan->rtable);
		}
		collect_row_marks(query, position, plan);
		return !query_is_flat(query) && query_tree_walker(query, collect_relations, context, 0);
	}
	return expression_tree_walker(node, collect_relations, context);
}

void
planned_statement_add_relations(PlannedStmt *plan, const Query *run_query)
{
	int			before = list_length(plan->rtable);

	(void) collect_relations((Node *) unconstify(Query *, run_query), plan);
	sx_add_unprunable(plan, before + 1);
}

PlannedStmt *
planned_statement_make(const Query *run_query, Plan *top, int cursor_options)
{
	PlannedStmt *plan = makeNode(PlannedStmt);
	Query	   *query = unconstify(Query *, run_query);

	plan->commandType = query->commandType;
	plan->queryId = query->queryId;
	plan->hasReturning = (query->returningList != NIL);
	plan->hasModifyingCTE = query->hasModifyingCTE;
	plan->canSetTag = query->canSetTag;
	plan->utilityStmt = query->utilityStmt;
	plan->stmt_location = query->stmt_location;
	plan->stmt_len = query->stmt_len;

	planned_statement_add_relations(plan, query);
	extract_query_dependencies((Node *) query, &plan->relationOids, &plan->invalItems,
							   &plan->dependsOnRole);

	/* a custom scan cannot go backwards by itself */
	if (cursor_options & CURSOR_OPT_SCROLL)
		top = materialize_finished_plan(top);
	plan->planTree = top;
	return plan;
}
