/*
 * leaf_lookup.c
 *	  Leaf scans of which each reading wants few rows.
 *
 *	  SELECT p.title, (SELECT count(*) FROM likes WHERE likes.post = p.id) FROM posts p .. LIMIT 20
 *
 * Of a sub-SELECT that refers to the level around it, the fragment knows nothing of that level, so it
 * gives all likes, and the plan chooses (exec/kept_rows.h). For a page of twenty posts
 * that is far too much: plain PostgreSQL would go through an index twenty times. So there is another
 * fragment beside it, with "post = $1" among its conditions, which is asked each time, until that
 * has cost about as much as all rows would; nobody need know before how many posts there are.
 *
 * Both are given the same snapshot (exec/snapshot_number.h). Only for a SELECT that neither locks nor
 * writes: else a later lookup might see what the statement itself has done.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "base/settings.h"
#include "catalog/shard_map.h"
#include "exec/input_params.h"
#include "exec/plan_reason.h"
#include "plan/leaf_lookup.h"
#include "plan/shippable.h"

/* What a lookup costs, in rows that could be fetched meanwhile: its round trip, and an index in each shard. */
#define ROWS_PER_LOOKUP		500
#define ROWS_PER_SHARD		8

/* If all rows are worth no more lookups, they are fetched. */
#define FEWEST_LOOKUPS		8

/* So many rows are looked at in a shard while one is fetched from it. */
#define ROWS_SCANNED_PER_ROW	5

/* Does the statement only read, in all that it is made of? */
static bool
only_reads(const PlannerInfo *root)
{
	const PlannerInfo *top = root;
	const Query *statement;
	ListCell   *lc;

	while (top->parent_root != NULL)
		top = top->parent_root;
	statement = top->parse;
	if (statement->commandType != CMD_SELECT || statement->rowMarks != NIL || statement->hasModifyingCTE)
		return false;
	foreach(lc, root->glob->subroots)
	{
		if (lfirst_node(PlannerInfo, lc)->parse->rowMarks != NIL)
			return false;
	}
	return !shippable_plan_sees_writes(root);
}

/*
 * May the values be sent? Another node would check those of a domain, which here are those of a column: NULL of no
 * row, too.
 */
static bool
are_sendable(const PlannerInfo *root, const Bitmapset *params)
{
	int			param = -1;

	while ((param = bms_next_member(params, param)) >= 0)
	{
		Oid			type = list_nth_oid(root->glob->paramExecTypes, param);

		if (DomainHasConstraints(type) || !shippable_type(type))
			return false;
	}
	return true;
}

static bool
is_plain_column(const Node *expr, Oid collation)
{
	return IsA(expr, Var) && ((const Var *) expr)->varcollid == collation;
}

static bool
contains_collation(Node *node, void *context)
{
	const Param *param = (const Param *) node;

	if (node == NULL)
		return false;
	if (IsA(node, Param) && param->paramkind == PARAM_EXEC && param->paramcollid != get_typcollation(param->paramtype))
		return true;
	return expression_tree_walker(node, contains_collation, context);
}

/* Does the condition compare by the same collation if values of the level around have lost theirs, as in a text? */
static bool
keeps_collation(Node *condition)
{
	const OpExpr *op = (const OpExpr *) condition;

	return !contains_collation(condition, NULL) ||
		(IsA(op, OpExpr) && list_length(op->args) == 2 &&
		 (is_plain_column(linitial(op->args), op->inputcollid) || is_plain_column(lsecond(op->args), op->inputcollid)));
}

List *
leaf_lookup_conditions(const PlannerInfo *root, const List *kept, Bitmapset **params)
{
	List	   *result = NIL;
	ListCell   *lc;

	*params = NULL;
	foreach(lc, kept)
	{
		Bitmapset  *own = input_params_of_plan(lfirst(lc));

		if (own == NULL || !are_sendable(root, own) || !keeps_collation(lfirst(lc)))
			continue;
		result = lappend(result, lfirst(lc));
		*params = bms_join(*params, own);
	}
	return result != NIL && only_reads(root) ? result : NIL;
}

/* Has a shard an index that begins with a column that is compared? */
static bool
is_indexed(const RelOptInfo *rel, const List *conditions)
{
	Bitmapset  *columns = NULL;
	ListCell   *lc;

	pull_varattnos((Node *) conditions, rel->relid, &columns);
	foreach(lc, rel->indexlist)
	{
		const IndexOptInfo *index = (const IndexOptInfo *) lfirst(lc);

		if (index->indpred == NIL && bms_is_member(index->indexkeys[0] - FirstLowInvalidHeapAttributeNumber, columns))
			return true;
	}
	return false;
}

bool
leaf_lookup_pays(PlannerInfo *root, RelOptInfo *rel, List *conditions, List *others, bool by_key, FanoutParts *parts)
{
	double		all = rel->tuples * clauselist_selectivity(root, others, rel->relid, JOIN_INNER, NULL);
	int			shards = by_key ? 1 : shard_map_count();
	double		one = ROWS_PER_LOOKUP + ROWS_PER_SHARD * shards;

	if (!is_indexed(rel, conditions))
		one += rel->tuples / shard_map_count() * shards / ROWS_SCANNED_PER_ROW;
	if (setting_enable_lookup == LOOKUP_ALWAYS)
		all = one * FEWEST_LOOKUPS;
	parts->rows_of_all = (int) Min(all, PG_INT32_MAX / 2);
	parts->rows_of_lookup = (int) Min(one, PG_INT32_MAX / 2);
	if (setting_enable_lookup != LOOKUP_ON)
		return setting_enable_lookup == LOOKUP_ALWAYS;
	return one * FEWEST_LOOKUPS <= all && clauselist_selectivity(root, conditions, rel->relid, JOIN_INNER, NULL) < 0.5;
}

/* All columns of the scan's rows. */
static List *
columns_of(const FanoutParts *lookup, TupleDesc desc)
{
	List	   *result = NIL;

	if (lookup->scan_tlist != NIL)
		return copyObject(lookup->scan_tlist);
	for (int i = 0; i < desc->natts; i++)
	{
		const FormData_pg_attribute *att = TupleDescAttr(desc, i);
		Expr	   *column = att->attisdropped ? (Expr *) makeNullConst(INT4OID, -1, InvalidOid) :
			(Expr *) makeVar(lookup->scanrelid, att->attnum, att->atttypid, att->atttypmod, att->attcollation, 0);

		result = lappend(result, makeTargetEntry(column, i + 1, NULL, false));
	}
	return result;
}

CustomScan *
leaf_lookup_plan(FanoutParts *lookup, TupleDesc desc)
{
	CustomScan *scan;

	lookup->method = METHOD_LOOKUP;
	scan = scan_fanout_make(lookup);
	scan->scan.plan.targetlist = columns_of(lookup, desc);
	return scan;
}
