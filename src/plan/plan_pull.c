/*
 * plan_pull.c
 *	  The last way: PostgreSQL's own plan over leaf scans of the shells.
 *
 * Steps: standard_planner runs on the Query; for each shell that it scans, at
 * whatever query level, set_rel_pathlist_hook throws away all paths and leaves
 * one, the Shard Scan (plan/leaf_fragment.h). Indexes of a shell stay known for
 * what their uniqueness proves, but no path may use them. Sizes come from the
 * shell's pg_class row, or from the local shard tables while there is none;
 * no other node is asked while planning.
 *
 * Rows to be locked are locked by PostgreSQL's LockRows, one by one, where they
 * lie (exec/row_access.h).
 *
 * The hooks work in every run of standard_planner, since a shell must never be
 * scanned itself.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "nodes/extensible.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/plancat.h"
#include "optimizer/planner.h"
#include "parser/parsetree.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "catalog/node_map.h"
#include "catalog/shell_am.h"
#include "catalog/shell_size.h"
#include "catalog/table_map.h"
#include "plan/leaf_batches.h"
#include "plan/leaf_fragment.h"
#include "plan/plan_pull.h"
#include "plan/query_shape.h"
#include "plan/plan_push.h"
#include "plan/push_part.h"
#include "plan/view_policies.h"

/* Costs of a fragment: the first row of the slowest node, and each row over the network. */
#define FRAGMENT_STARTUP_COST	50.0
#define FRAGMENT_TUPLE_COST		0.01

/* Pages that a shell without statistics is taken to have at least. */
#define DEFAULT_PAGES			10.0

static set_rel_pathlist_hook_type previous_set_rel_pathlist = NULL;
static get_relation_info_hook_type previous_get_relation_info = NULL;

/* The text of the statement being planned, for error positions inside fragments. */
static const char *planning_query_string = NULL;

/* The relation of that statement whose rows are to be locked (0: none), and how. */
static Index planning_locked = 0;
static LockClauseStrength planning_lock = LCS_NONE;

/* It is a cursor's. */
static bool planning_cursor = false;

static bool
is_shell(Oid relid)
{
	const TableInfo *table;

	if (shell_am_reads_empty())
		return false;
	table = table_info(relid);
	return table != NULL && table->kind == TABLE_SHARDED;
}

/* ---------- sizes ---------- */

/* Rows that a page of the table holds. */
static double
rows_per_page(Oid relid)
{
	int32		width = get_relation_data_width(relid, NULL);

	return BLCKSZ / (double) (width + MAXALIGN(SizeofHeapTupleHeader) + sizeof(ItemIdData));
}

/*
 * Pages and rows of all shards: what ANALYZE has added up, unless the table looks
 * as if it had more than doubled since. Without ANALYZE ten pages at least, as for
 * an ordinary table: the rows may well lie on other nodes, and a plan for too many rows
 * hurts less than one for none.
 */
static void
shell_size(Oid shell, double *pages, double *tuples)
{
	bool		analyzed = *tuples >= 0;
	double		pages_now = 0;
	double		tuples_now = 0;

	(void) shell_size_guess(shell, &pages_now, &tuples_now);
	if (!analyzed && pages_now < DEFAULT_PAGES)
	{
		pages_now = DEFAULT_PAGES;
		tuples_now = DEFAULT_PAGES * rows_per_page(shell);
	}
	if (!analyzed || (pages_now > 2 * *pages && tuples_now > *tuples))
	{
		*pages = pages_now;
		*tuples = tuples_now;
	}
}

static void
set_shell_info(PlannerInfo *root, Oid relid, bool inhparent, RelOptInfo *rel)
{
	HeapTuple	tuple;
	Form_pg_class form;
	double		pages;
	double		tuples;
	ListCell   *lc;

	if (previous_get_relation_info)
		previous_get_relation_info(root, relid, inhparent, rel);
	if (!is_shell(relid))
		return;

	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	form = (Form_pg_class) GETSTRUCT(tuple);
	pages = form->relpages;
	tuples = form->reltuples;
	ReleaseSysCache(tuple);
	shell_size(relid, &pages, &tuples);
	rel->pages = (BlockNumber) pages;
	rel->tuples = tuples;
	rel->allvisfrac = 0;
	rel->rel_parallel_workers = 0;

	/* hypothetical: not looked into for the ends of its range either */
	foreach(lc, rel->indexlist)
	{
		IndexOptInfo *index = lfirst_node(IndexOptInfo, lc);

		index->hypothetical = true;
		index->amhasgettuple = false;
		index->amhasgetbitmap = false;
		index->canreturn = memset(index->canreturn, 0, sizeof(bool) * index->ncolumns);
	}
}

/* ---------- paths ---------- */

static Plan *
plan_leaf_path(PlannerInfo *root, RelOptInfo *rel, struct CustomPath *best_path,
			   List *tlist, List *clauses, List *custom_plans)
{
	bool		locked = root->parent_root == NULL && rel->relid == planning_locked;
	bool		for_cursor = root->parent_root == NULL && planning_cursor && root->parse->commandType == CMD_SELECT;

	return (Plan *) leaf_fragment_plan(root, rel, tlist, clauses, locked ? planning_lock : LCS_NONE, for_cursor,
									   planning_cursor, linitial_int(best_path->custom_private), planning_query_string);
}

static const CustomPathMethods leaf_path_methods = {
	.CustomName = "Shard Scan",
	.PlanCustomPath = plan_leaf_path,
};

static void
set_costs(Path *path, RelOptInfo *rel)
{
	QualCost	qual_cost = rel->baserestrictcost;
	double		rows = path->param_info ? path->param_info->ppi_rows : rel->rows;

	path->rows = rows;
	path->startup_cost = FRAGMENT_STARTUP_COST + qual_cost.startup + path->pathtarget->cost.startup;
	path->total_cost = path->startup_cost + seq_page_cost * rel->pages +
		(cpu_tuple_cost + qual_cost.per_tuple) * rel->tuples +
		(FRAGMENT_TUPLE_COST + path->pathtarget->cost.per_tuple) * rows;
}

/* Does the statement write, and the sub-SELECT lock rows of a shell? */
static bool
locks_for_write(const PlannerInfo *root, const Query *subquery)
{
	ListCell   *lc;

	if (subquery->rowMarks == NIL)
		return false;
	while (root->parent_root != NULL)
		root = root->parent_root;
	if (root->parse->commandType == CMD_SELECT)
		return false;
	foreach(lc, subquery->rowMarks)
	{
		const RangeTblEntry *rte = rt_fetch(lfirst_node(RowMarkClause, lc)->rti, subquery->rtable);

		if (rte->rtekind == RTE_RELATION && is_shell(rte->relid))
			return true;
	}
	return false;
}

/*
 * A sub-SELECT that locks rows is not run again for each row that it is joined to: it would skip those that the
 * statement has changed meanwhile, and take others beyond its LIMIT. (PostgreSQL may do so, but finds the few rows that
 * such a sub-SELECT names by their ctid or an index, where we scan.)
 */
static void
keep_rows_of(RelOptInfo *rel)
{
	ListCell   *lc;

	foreach(lc, rel->pathlist)
	{
		Path	   *path = (Path *) lfirst(lc);

		if (path->param_info == NULL)
			lfirst(lc) = create_material_path(rel, path);
	}
}

/* One path, the Shard Scan, instead of all that PostgreSQL found for a shell. */
static void
set_shell_path(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	CustomPath *path;
	int			batch_rows;

	if (previous_set_rel_pathlist)
		previous_set_rel_pathlist(root, rel, rti, rte);
	if (push_part_set_path(root, rel, rte))
		return;
	if (rte->rtekind == RTE_SUBQUERY && locks_for_write(root, rte->subquery))
		keep_rows_of(rel);
	if (rte->rtekind != RTE_RELATION || rte->relkind != RELKIND_RELATION || !is_shell(rte->relid))
		return;
	if (IS_DUMMY_REL(rel))
		return;

	path = makeNode(CustomPath);
	path->path.pathtype = T_CustomScan;
	path->path.parent = rel;
	path->path.pathtarget = rel->reltarget;
	path->path.param_info = get_baserel_parampathinfo(root, rel, rel->lateral_relids);
	path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	path->methods = &leaf_path_methods;
	batch_rows = leaf_batches_rows(root, rel, rte);
	path->custom_private = list_make1_int(batch_rows);
	if (batch_rows > 0)
		path->path.pathkeys = root->query_pathkeys;
	set_costs(&path->path, rel);

	rel->pathlist = list_make1(path);
	rel->partial_pathlist = NIL;
	rel->consider_parallel = false;
}

/* ---------- the way ---------- */

PlannedStmt *
plan_pull_locking(Query *query, Index locked, LockClauseStrength lock, const char *query_string, int cursor_options,
				  ParamListInfo params)
{
	const char *before = planning_query_string;
	Index		locked_before = planning_locked;
	LockClauseStrength lock_before = planning_lock;
	bool		cursor_before = planning_cursor;
	PlannedStmt *result;

	view_policies_check(query);
	PG_TRY();
	{
		planning_query_string = query_string;
		push_part_set_statement(query_string);
		planning_locked = locked;
		planning_lock = lock;
		planning_cursor = (cursor_options & CURSOR_OPT_FAST_PLAN) != 0;
		result = standard_planner(query, query_string, cursor_options & ~CURSOR_OPT_PARALLEL_OK, params);
	}
	PG_FINALLY();
	{
		planning_query_string = before;
		push_part_set_statement(before);
		planning_locked = locked_before;
		planning_lock = lock_before;
		planning_cursor = cursor_before;
	}
	PG_END_TRY();
	return result;
}

PlannedStmt *
plan_pull_query(Query *query, const char *query_string, int cursor_options, ParamListInfo params)
{
	return plan_pull_locking(query, 0, LCS_NONE, query_string, cursor_options, params);
}

PlannedStmt *
plan_pull(const PlanInput *input, const Reason **reason)
{
	*reason = NULL;
	/* rows that are locked, or that a cursor stands on, are rows of tables */
	if ((input->run_query->commandType == CMD_SELECT && query_writes(input->run_query)) ||
		(input->cursor_options & CURSOR_OPT_FAST_PLAN) != 0)
		return plan_pull_query(copyObject(input->run_query), input->query_string, input->cursor_options, input->params);
	return plan_push_levels(input);
}

void
plan_pull_preload(void)
{
	previous_set_rel_pathlist = set_rel_pathlist_hook;
	set_rel_pathlist_hook = set_shell_path;
	previous_get_relation_info = get_relation_info_hook;
	get_relation_info_hook = set_shell_info;
}
