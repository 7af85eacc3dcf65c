/*
 * push_part.c
 *	  A part of a statement that the shards carry out, as the planner sees it.
 *
 * In the Query the part is a sub-SELECT in FROM. PostgreSQL plans it as such, so
 * that estimates of its rows and statistics of its columns flow upwards; then
 * set_rel_pathlist_hook replaces the paths found by one that sends the fragment.
 *
 * The sub-SELECT must stay as it is. A LIMIT of NULL, which limits nothing,
 * keeps the planner from pulling it up and from pushing conditions down into it:
 * the fragment, which is sent, would know nothing of them. Nor does the planner
 * see subqueries inside of expressions in it: their plans would stay in the
 * statement though nobody runs them.
 *
 * The fragment travels in the entry's values_lists, a field that sub-SELECTs do
 * not use, so it is copied with the Query wherever that goes.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planmain.h"
#include "optimizer/planner.h"
#include "optimizer/subselect.h"
#include "optimizer/restrictinfo.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"

#include "base/pg_compat.h"
#include "exec/scan_fanout.h"
#include "exec/shard_set.h"
#include "exec/tuple_codec.h"
#include "plan/push_exchange.h"
#include "plan/push_part.h"
#include "plan/shard_quals.h"
#include "plan/shard_sql.h"
#include "plan/shippable.h"
#include "plan/text_query.h"

/* Costs of a fragment: the first row of the slowest node, and each row over the network. */
#define FRAGMENT_STARTUP_COST	50.0
#define FRAGMENT_TUPLE_COST		0.01

/* Items of values_lists. */
enum
{
	ITEM_FRAGMENT,
	ITEM_SQL,					/* String or NULL */
	ITEM_PARAMS,
	ITEM_PRUNED_BY,				/* int list of one */
	ITEM_SHARDS,				/* int list */
	ITEM_INPUTS,
	ITEM_REPEATS				/* int list of two: repeats, percent_kept */
};

static const char *statement_text = NULL;

void
push_part_set_statement(const char *query_string)
{
	statement_text = query_string;
}

/* ---------- the part ---------- */

/* The part's text for other nodes. */
static const Reason *
write_text(PushPart *part)
{
	const Reason *reason;
	Query	   *text = text_query_of_rewritten(part->fragment);
	const ShardSql *sql;

	if (text == NULL)
		return reason_make(NULL, "It reads tables with the rights of another role.");
	reason = shippable_check_hidden(part->fragment, false);
	if (reason != NULL)
		return reason;
	sql = shard_sql_make(text, false, &reason);
	if (sql == NULL)
		return reason;
	part->sql = sql->text;
	part->params = sql->params;
	return NULL;
}

const Reason *
push_part_make(Query *fragment, const Colocation *colocation, const PushStatement *statement, PushPart *part)
{
	memset(part, 0, sizeof(PushPart));
	part->fragment = fragment;
	part->pruned_by = colocation->is_relation ? colocation->anchor : 0;
	part->shards = statement->shards;
	if (contain_volatile_functions((Node *) fragment))
		return reason_make(NULL, "It uses volatile functions, which only this node may evaluate.");
	if (!row_codec_takes(fragment->targetList))
		return reason_make(NULL, "It has rows of no named type, which are made here.");
	if (list_length(fragment->targetList) > MaxTupleAttributeNumber)
		return reason_make(NULL, "It would give more columns than a row may have.");
	return statement->local_only ? NULL : write_text(part);
}

/* ---------- the entry ---------- */

/*
 * Subqueries in expressions become parameters without a value: the planner can estimate with them, and conclude
 * nothing from them.
 */
static Node *
without_sublinks(Node *node, void *context)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Query))
	{
		Query	   *query = query_tree_mutator((Query *) node, without_sublinks, context, 0);

		query->hasSubLinks = false;
		return (Node *) query;
	}
	if (IsA(node, SubLink))
	{
		Param	   *param = makeNode(Param);

		param->paramkind = PARAM_EXTERN;
		param->paramid = PG_UINT16_MAX;
		param->paramtype = exprType(node);
		param->paramtypmod = exprTypmod(node);
		param->paramcollid = exprCollation(node);
		param->location = -1;
		return (Node *) param;
	}
	return expression_tree_mutator(node, without_sublinks, context);
}

static Query *
stand_in(Query *fragment)
{
	Query	   *query = (Query *) without_sublinks((Node *) copyObject(fragment), NULL);

	if (query->limitCount == NULL)
		query->limitCount = (Node *) makeNullConst(INT8OID, -1, InvalidOid);
	return query;
}

RangeTblEntry *
push_part_entry(const PushPart *part)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, part->fragment->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk)
			names = lappend(names, makeString(pstrdup(tle->resname)));
	}
	rte->rtekind = RTE_SUBQUERY;
	rte->subquery = stand_in(part->fragment);
	rte->eref = makeAlias(PUSH_PART_NAME, names);
	rte->inFromCl = true;
	rte->values_lists = list_make5(part->fragment,
								   part->sql ? makeString(pstrdup(part->sql)) : NULL,
								   part->params,
								   list_make1_int(part->pruned_by),
								   shard_set_list(part->shards));
	rte->values_lists = lappend(rte->values_lists, part->inputs);
	rte->values_lists = lappend(rte->values_lists, list_make2_int(part->repeats, part->percent_kept));
	return rte;
}

/* ---------- the path ---------- */

/* Shards that conditions on the anchor name; NIL: all. */
static List *
shard_keys_of(const Query *fragment, Index rtindex)
{
	List	   *quals;
	List	   *result = NIL;
	ListCell   *lc;

	if (rtindex == 0)
		return NIL;
	/* what is made here is evaluated as it is: not before it is simplified */
	quals = make_ands_implicit((Expr *) eval_const_expressions(NULL, fragment->jointree->quals));
	foreach(lc, relation_shard_keys(table_info(rt_fetch(rtindex, fragment->rtable)->relid), rtindex, quals))
	{
		ShardKey   *key = (ShardKey *) lfirst(lc);
		FanoutKey  *out = palloc(sizeof(FanoutKey));

		out->relid = key->relid;
		out->exprs = key->exprs;
		result = lappend(result, out);
	}
	return result;
}

/* ---------- inputs ---------- */

typedef struct InputContext
{
	List	   *ids;			/* int list: parameters of the fragment */
	List	   *params;			/* of Param *: what this plan computes for them */
} InputContext;

/* The plan of an input: computed once, when the fragment is first started. Its value is the Param. */
static Param *
plan_input(PlannerInfo *root, const SubLink *link)
{
	PlannerInfo *subroot = sx_subquery_planner(root->glob, castNode(Query, copyObject(link->subselect)), root);
	RelOptInfo *final = fetch_upper_rel(subroot, UPPERREL_FINAL, NULL);
	Plan	   *plan = create_plan(subroot, final->cheapest_total_path);
	Param	   *param = SS_make_initplan_output_param(root, exprType((Node *) link), exprTypmod((Node *) link),
													  exprCollation((Node *) link));

	SS_make_initplan_from_plan(root, subroot, plan, param);
	return param;
}

/* Parameters of the fragment that are inputs, as those of this plan. */
static Node *
name_inputs(Node *node, void *context)
{
	InputContext *c = (InputContext *) context;

	if (node == NULL)
		return NULL;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN &&
		list_member_int(c->ids, ((Param *) node)->paramid))
	{
		ListCell   *lc;
		ListCell   *lc2;

		forboth(lc, c->ids, lc2, c->params)
		{
			if (lfirst_int(lc) == ((Param *) node)->paramid)
				return copyObject(lfirst(lc2));
		}
	}
	return expression_tree_mutator(node, name_inputs, context);
}

static void
add_inputs(PlannerInfo *root, List *inputs, FanoutParts *parts)
{
	InputContext context = {NIL, NIL};
	ListCell   *lc;

	if (inputs == NIL)
		return;
	foreach(lc, inputs)
	{
		context.ids = lappend_int(context.ids, lfirst_node(SubLink, lc)->subLinkId);
		context.params = lappend(context.params, plan_input(root, lfirst_node(SubLink, lc)));
	}
	parts->inputs = context.params;
	parts->input_ids = context.ids;
	parts->remote_params = (List *) name_inputs((Node *) parts->remote_params, &context);
	/* which shards there are to ask is not told by values that have yet to be computed: EXPLAIN shows them */
	foreach(lc, parts->shard_keys)
	{
		FanoutKey  *key = (FanoutKey *) lfirst(lc);

		if (!equal(key->exprs, name_inputs((Node *) key->exprs, &context)))
		{
			parts->shard_keys = NIL;
			break;
		}
	}
}

/* ---------- order ---------- */

/* The order in which the part's rows are merged, as for FanoutParts; NIL: none. */
static List *
merge_order(List *items)
{
	Query	   *fragment = (Query *) list_nth(items, ITEM_FRAGMENT);
	List	   *result = NIL;
	ListCell   *lc;

	if (list_nth(items, ITEM_SQL) == NULL)
		return NIL;
	foreach(lc, fragment->sortClause)
	{
		SortGroupClause *clause = copyObject(lfirst_node(SortGroupClause, lc));
		TargetEntry *column = get_sortgroupclause_tle(clause, fragment->targetList);

		if (column->resjunk)
			return NIL;
		clause->tleSortGroupRef = column->resno;
		result = lappend(result, clause);
	}
	return result;
}

/* The same for the planner: how the rows are sorted. */
static List *
merged_pathkeys(PlannerInfo *root, RelOptInfo *rel, List *items)
{
	const Path *path = (const Path *) linitial(rel->pathlist);
	PathTarget *target;

	if (!IsA(path, SubqueryScanPath) || merge_order(items) == NIL)
		return NIL;
	target = ((const SubqueryScanPath *) path)->subpath->pathtarget;
	return convert_subquery_pathkeys(root, rel, rel->subroot->sort_pathkeys, make_tlist_from_pathtarget(target));
}

/* ---------- estimates ---------- */

/* Rows that the fragment's level reads and joins, as far as the planner of its stand-in has looked. */
static double
rows_joined(PlannerInfo *root)
{
	double		rows = 0;
	ListCell   *lc;

	for (int i = 1; i < root->simple_rel_array_size; i++)
	{
		if (root->simple_rel_array[i] != NULL && bms_is_member(i, root->all_baserels))
			rows = Max(rows, root->simple_rel_array[i]->rows);
	}
	foreach(lc, root->join_rel_list)
		rows = Max(rows, lfirst_node(RelOptInfo, lc)->rows);
	return rows;
}

/*
 * Does it make fewer rows of many, which are better made of all shards of a node at once? If it gives nearly as many as
 * it reads, one shard after the other needs less memory at a time.
 */
static bool
runs_together(RelOptInfo *rel, List *items)
{
	double		rows = fetch_upper_rel(rel->subroot, UPPERREL_FINAL, NULL)->cheapest_total_path->rows;

	return linitial_int((List *) list_nth(items, ITEM_REPEATS)) && rows * 2 <= rows_joined(rel->subroot);
}

/* ---------- the plan ---------- */

static Plan *
plan_part_path(PlannerInfo *root, RelOptInfo *rel, struct CustomPath *best_path,
			   List *tlist, List *clauses, List *custom_plans)
{
	List	   *items = planner_rt_fetch(rel->relid, root)->values_lists;
	Query	   *fragment = (Query *) list_nth(items, ITEM_FRAGMENT);
	FanoutParts parts = {0};
	CustomScan *scan;
	ListCell   *lc;

	parts.command = CMD_SELECT;
	parts.is_part = true;
	parts.run_query = fragment;
	parts.query_string = statement_text;
	parts.remote_sql = list_nth(items, ITEM_SQL) ? strVal(list_nth(items, ITEM_SQL)) : NULL;
	parts.remote_params = (List *) list_nth(items, ITEM_PARAMS);
	parts.local_only = parts.remote_sql == NULL;
	foreach(lc, (List *) list_nth(items, ITEM_SHARDS))
		parts.shards = bms_add_member(parts.shards, lfirst_int(lc));
	if (!parts.local_only)
		parts.shard_keys = shard_keys_of(fragment, linitial_int((List *) list_nth(items, ITEM_PRUNED_BY)));
	foreach(lc, fragment->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk)
			parts.scan_tlist = lappend(parts.scan_tlist,
									   makeTargetEntry((Expr *) makeVarFromTargetEntry(rel->relid, tle), tle->resno,
													   pstrdup(tle->resname), false));
	}
	parts.merge_by = merge_order(items);
	add_inputs(root, (List *) list_nth(items, ITEM_INPUTS), &parts);
	parts.redistributes = exchange_is_read(fragment);
	parts.together = runs_together(rel, items);
	parts.early = shippable_plan_sees_writes(root);
	scan = scan_fanout_make(&parts);
	scan->scan.plan.targetlist = tlist;
	scan->scan.plan.qual = extract_actual_clauses(clauses, false);
	return (Plan *) scan;
}

/* The planner has seen the stand-in, which gives each row once. */
static double
rows_given(const RelOptInfo *rel, List *items)
{
	int			givers = list_nth(items, ITEM_SQL) != NULL ? shard_set_givers() :
		list_length((List *) list_nth(items, ITEM_SHARDS));

	int			percent = lsecond_int((List *) list_nth(items, ITEM_REPEATS));

	if (percent > 0)
		return clamp_row_est(rows_joined(rel->subroot) * percent / 100);
	if (!linitial_int((List *) list_nth(items, ITEM_REPEATS)))
		return rel->rows;
	return Max(rel->rows, Min(rel->rows * givers, rows_joined(rel->subroot)));
}

static const CustomPathMethods part_path_methods = {
	.CustomName = "Shard Scan",
	.PlanCustomPath = plan_part_path,
};

bool
push_part_set_path(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte)
{
	CustomPath *path;
	QualCost	qual_cost;

	if (rte->rtekind != RTE_SUBQUERY || rte->values_lists == NIL)
		return false;
	if (IS_DUMMY_REL(rel))
		return true;

	rel->rows = rows_given(rel, rte->values_lists);
	qual_cost = rel->baserestrictcost;
	path = makeNode(CustomPath);
	path->path.pathtype = T_CustomScan;
	path->path.parent = rel;
	path->path.pathtarget = rel->reltarget;
	/* an expression that is computed here may use columns of tables beside the part */
	path->path.param_info = get_baserel_parampathinfo(root, rel, rel->lateral_relids);
	path->path.rows = path->path.param_info ? path->path.param_info->ppi_rows : rel->rows;
	path->path.startup_cost = FRAGMENT_STARTUP_COST + qual_cost.startup + rel->reltarget->cost.startup;
	path->path.total_cost = path->path.startup_cost + ((Path *) linitial(rel->pathlist))->total_cost +
		(FRAGMENT_TUPLE_COST + rel->reltarget->cost.per_tuple) * rel->rows;
	path->path.pathkeys = merged_pathkeys(root, rel, rte->values_lists);
	path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	path->methods = &part_path_methods;
	rel->pathlist = list_make1(path);
	rel->partial_pathlist = NIL;
	rel->consider_parallel = false;
	return true;
}
