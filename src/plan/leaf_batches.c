/*
 * leaf_batches.c
 *	  Leaf scans whose rows come sorted, and in batches: SELECT .. ORDER BY ..
 *	  LIMIT .. FOR UPDATE of one sharded table.
 *
 * LockRows stands above the Sort, and locks rows until there are enough; with SKIP
 * LOCKED nobody knows before how many it looks at. So that a queue's worker need
 * not fetch all tasks, each node gives its first rows in the statement's order,
 * and more when these are used up (exec/scan_batches.h): the scan's path is sorted,
 * and PostgreSQL leaves out the Sort.
 *
 * Not where rows are joined, or sorted by more than columns, or where policies
 * have a say, nor if the scan is run again for other rows of an outer query: all
 * rows are fetched, and sorted here.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "utils/lsyscache.h"

#include "exec/input_params.h"
#include "plan/insert_shape.h"
#include "plan/leaf_batches.h"
#include "route/route.h"

/* Rows of the first batch: so many more than LIMIT has, since some may be locked; and a LIMIT that is not known yet. */
#define SPARE_ROWS		16
#define UNKNOWN_LIMIT	48

/* Of a LIMIT beyond, nearly all rows are fetched anyway. */
#define LARGEST_LIMIT	100000

/* How rows of the relation are locked; NULL: they are not. */
static const PlanRowMark *
find_mark(const PlannerInfo *root, Index varno)
{
	ListCell   *lc;

	foreach(lc, root->rowMarks)
	{
		const PlanRowMark *mark = lfirst_node(PlanRowMark, lc);

		if (mark->rti == varno)
			return RowMarkRequiresRowShareLock(mark->markType) ? mark : NULL;
	}
	return NULL;
}

static bool
has_limit(const Query *query)
{
	return query->limitCount != NULL &&
		!(IsA(query->limitCount, Const) && ((Const *) query->limitCount)->constisnull);
}

static const Var *
sort_column(const Query *query, SortGroupClause *clause)
{
	Node	   *expr = get_sortgroupclause_expr(clause, query->targetList);

	return IsA(expr, Var) ? (const Var *) expr : NULL;
}

static bool
is_sorted_by_columns(const Query *query, Index varno)
{
	ListCell   *lc;

	foreach(lc, query->sortClause)
	{
		const Var  *column = sort_column(query, lfirst_node(SortGroupClause, lc));

		if (column == NULL || column->varno != varno || column->varlevelsup != 0 || column->varattno <= 0 ||
			route_type_names_objects(getBaseType(column->vartype)))
			return false;
	}
	return true;
}

/* Do its conditions use values of rows of an outer query, or of another relation? */
static bool
is_correlated(const PlannerInfo *root, const RelOptInfo *rel)
{
	Bitmapset  *computed = NULL;
	Bitmapset  *used = NULL;
	ListCell   *lc;

	foreach(lc, root->init_plans)
	{
		ListCell   *param;

		foreach(param, lfirst_node(SubPlan, lc)->setParam)
			computed = bms_add_member(computed, lfirst_int(param));
	}
	foreach(lc, rel->baserestrictinfo)
		used = bms_add_members(used, input_params_of_plan((Node *) lfirst_node(RestrictInfo, lc)->clause));
	return !bms_is_subset(used, computed) || rel->lateral_relids != NULL;
}

int
leaf_batches_rows(const PlannerInfo *root, const RelOptInfo *rel, const RangeTblEntry *rte)
{
	const Query *query = root->parse;

	if (query->commandType != CMD_SELECT || find_mark(root, rel->relid) == NULL || !has_limit(query) ||
		!bms_equal(root->all_baserels, rel->relids) || rte->tablesample != NULL || rte->securityQuals != NIL ||
		!is_sorted_by_columns(query, rel->relid) || root->limit_tuples > LARGEST_LIMIT || is_correlated(root, rel))
		return 0;
	return SPARE_ROWS + (root->limit_tuples > 0 ? (int) root->limit_tuples : UNKNOWN_LIMIT);
}

LockClauseStrength
leaf_batches_skip(const PlannerInfo *root, const RelOptInfo *rel)
{
	const PlanRowMark *mark = find_mark(root, rel->relid);

	return mark != NULL && mark->waitPolicy == LockWaitSkip ? mark->strength : LCS_NONE;
}

List *
leaf_batches_columns(const PlannerInfo *root)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, root->parse->sortClause)
		result = list_append_unique_int(result, sort_column(root->parse, lfirst_node(SortGroupClause, lc))->varattno);
	return result;
}

/* The statement's ORDER BY, of the fragment's columns. */
static List *
sort_clause(const PlannerInfo *root, List *tlist, const List *attnos)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, root->parse->sortClause)
	{
		SortGroupClause *clause = copyObject(lfirst_node(SortGroupClause, lc));
		int			attno = sort_column(root->parse, clause)->varattno;
		ListCell   *column;

		foreach(column, attnos)
		{
			TargetEntry *tle = list_nth_node(TargetEntry, tlist, foreach_current_index(column));

			/* what a column is sorted by a second time makes no difference */
			if (lfirst_int(column) != attno || tle->ressortgroupref != 0)
				continue;
			clause->tleSortGroupRef = tle->ressortgroupref = tle->resno;
			result = lappend(result, clause);
		}
	}
	return result;
}

void
leaf_batches_limit(FanoutParts *parts, const PlannerInfo *root, const List *attnos, int rows)
{
	Query	   *query = parts->run_query;
	Param	   *size = makeNode(Param);

	query->sortClause = sort_clause(root, query->targetList, attnos);
	parts->merge_by = query->sortClause;

	size->paramkind = PARAM_EXTERN;
	size->paramid = insert_shape_max_param(query) + 1;
	size->paramtype = INT8OID;
	size->paramtypmod = -1;
	size->location = -1;
	query->limitCount = (Node *) size;

	/* the scan puts the actual value in the place of this one */
	parts->batch_rows = rows;
	parts->batch_input = list_length(parts->inputs);
	parts->inputs = lappend(parts->inputs, makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(rows), false,
													 FLOAT8PASSBYVAL));
	parts->input_ids = lappend_int(parts->input_ids, size->paramid);
}

void
leaf_batches_find_param(FanoutParts *parts, const List *params)
{
	int			size = list_nth_int(parts->input_ids, parts->batch_input);
	ListCell   *lc;

	foreach(lc, params)
	{
		const Param *param = (const Param *) lfirst(lc);

		if (IsA(param, Param) && param->paramkind == PARAM_EXTERN && param->paramid == size)
			parts->batch_param = foreach_current_index(lc);
	}
}
