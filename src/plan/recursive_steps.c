/*
 * recursive_steps.c
 *	  WITH RECURSIVE: each step fetches the rows that belong to those of the step before.
 *
 *	  WITH RECURSIVE t AS (SELECT .. UNION ALL SELECT .. FROM t JOIN item ON item.parent = t.id)
 *
 * PostgreSQL's plan of a step reads all of the table, or finds rows by an index, one by one. Here that would mean to
 * fetch the whole table at each step, or a round trip for each row. But the rows of the step before are known when the
 * step begins; if they are few, their values are given to the shards (leaf_inputs.h), as in limited_ids.c:
 *
 *	  WITH step AS (SELECT * FROM t)
 *	  SELECT * FROM (SELECT .. FROM step JOIN item ON item.parent = step.id
 *					  WHERE item.parent = ANY (ARRAY(SELECT id FROM step)) AND (SELECT count(*) FROM step) < 1000
 *					 UNION ALL
 *					 SELECT .. FROM step JOIN item ON item.parent = step.id
 *					  WHERE NOT (SELECT count(*) FROM step) < 1000) AS rows
 *
 * Tables that are joined to those, as nodes to the edges of a graph, are looked up for the rows found there:
 *
 *	  .. SELECT .. FROM t JOIN edge ON edge.source = t.id JOIN node ON node.id = edge.target
 *
 * is a step that joins node to a sub-SELECT, which is a step of its own, made of t and edge in the same two ways:
 *
 *	  .. SELECT .. FROM (SELECT .. FROM t JOIN edge ON edge.source = t.id) AS stage
 *		JOIN node ON node.id = stage.target
 *
 * These are inner joins, so the rows are the same.
 *
 * How many there are is asked at each step: PostgreSQL looks at a condition without columns before it starts what is
 * below it, and anew after a rescan. The rows of the step before have one reader, the WITH clause.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"

#include "plan/push_members.h"
#include "plan/query_make.h"
#include "plan/query_shape.h"
#include "plan/recursive_steps.h"

/* Rows of a step whose values are given to the shards. */
#define LARGEST_STEP	1000

/* The levels of both ways below that of the WITH clause. */
#define LEVELS_BELOW	2

/* ---------- the step as it is written ---------- */

/* The entry that stands for the rows of the step before; 0: it is not here. */
static Index
find_step(const Query *leg)
{
	ListCell   *lc;

	foreach(lc, leg->rtable)
	{
		const RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_CTE && rte->self_reference)
			return foreach_current_index(lc) + 1;
	}
	return 0;
}

static bool
only_joins(Query *leg)
{
	return leg->commandType == CMD_SELECT && leg->setOperations == NULL && !leg->hasAggs && leg->groupClause == NIL &&
		leg->groupingSets == NIL && leg->havingQual == NULL && !leg->hasWindowFuncs && !leg->hasTargetSRFs &&
		!leg->hasSubLinks && leg->distinctClause == NIL && leg->sortClause == NIL && leg->limitCount == NULL &&
		leg->limitOffset == NULL && leg->rowMarks == NIL && leg->cteList == NIL && leg->jointree != NULL &&
		!contain_volatile_functions((Node *) leg);
}

static const Var *
column_of(const Node *expr)
{
	while (IsA(expr, RelabelType))
		expr = (const Node *) ((const RelabelType *) expr)->arg;
	return IsA(expr, Var) && ((const Var *) expr)->varattno > 0 && ((const Var *) expr)->varlevelsup == 0 ?
		(const Var *) expr : NULL;
}

/* Does the condition say that a column of a sharded table is one of the step? */
static bool
looks_up(const Query *leg, Index step, Oid operator, const Node * column, const Node *value)
{
	const Var  *target = column_of(column);
	const Var  *source = column_of(value);

	return target != NULL && source != NULL && source->varno == (int) step && OidIsValid(operator) &&
		op_mergejoinable(operator, exprType(column)) && OidIsValid(query_array_type(exprType(value))) &&
		query_sharded_table(rt_fetch(target->varno, leg->rtable)) != NULL;
}

/* .. whichever side is which. */
static bool
is_lookup(const Query *leg, Index step, const OpExpr *op)
{
	return IsA(op, OpExpr) && list_length(op->args) == 2 &&
		(looks_up(leg, step, op->opno, linitial(op->args), lsecond(op->args)) ||
		 looks_up(leg, step, get_commutator(op->opno), lsecond(op->args), linitial(op->args)));
}

/* ---------- the step in two ways ---------- */

/* column operator ANY (ARRAY(SELECT value FROM step)), in a level below the WITH clause. */
static Node *
lookup_condition(CommonTableExpr *cte, Index step, Oid operator, Oid collation, Node *column, Node *value)
{
	Query	   *select = query_select_from(query_make_cte_entry(cte, LEVELS_BELOW + 1), makeNode(Query));

	value = copyObject(value);
	ChangeVarNodes(value, step, 1, 0);
	select->targetList = list_make1(makeTargetEntry((Expr *) value, 1, pstrdup("id"), false));
	return query_any_of(operator, collation, copyObject(column), (Node *) query_array_of(select));
}

/* What follows from the conditions of the step for its tables. */
static List *
lookup_conditions(const Query *leg, Index step, List *conditions, CommonTableExpr *cte)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, conditions)
	{
		const OpExpr *op = (const OpExpr *) lfirst(lc);
		Node	   *left;
		Node	   *right;

		if (!IsA(op, OpExpr) || list_length(op->args) != 2)
			continue;
		left = linitial(op->args);
		right = lsecond(op->args);
		if (looks_up(leg, step, op->opno, left, right))
			result = lappend(result, lookup_condition(cte, step, op->opno, op->inputcollid, left, right));
		else if (looks_up(leg, step, get_commutator(op->opno), right, left))
			result = lappend(result, lookup_condition(cte, step, get_commutator(op->opno), op->inputcollid, right,
													  left));
	}
	return result;
}

/* The step over the rows of the WITH clause, in a level below it, under one more condition. */
static Query *
one_way(const Query *leg, Index step, CommonTableExpr *cte, List *conditions)
{
	Query	   *way = copyObject(unconstify(Query *, leg));
	RangeTblEntry *entry = query_make_cte_entry(cte, LEVELS_BELOW);
	RangeTblEntry *before = rt_fetch(step, way->rtable);

	IncrementVarSublevelsUp((Node *) way, LEVELS_BELOW, 1);
	entry->alias = before->alias;
	entry->eref = before->eref;
	lfirst(list_nth_cell(way->rtable, step - 1)) = entry;
	way->jointree->quals = (Node *) make_ands_explicit(list_concat(conditions,
																   query_conditions(way->jointree->quals)));
	way->hasSubLinks = true;
	return way;
}

static void
name_columns(Query *query)
{
	ListCell   *lc;

	foreach(lc, query->targetList)
		lfirst_node(TargetEntry, lc)->resname = psprintf("c%d", lfirst_node(TargetEntry, lc)->resno);
}

/* SELECT all columns FROM t, in a WITH clause of the step. */
static Query *
rows_of_step(const Query *leg, Index step)
{
	RangeTblEntry *rte = copyObject(rt_fetch(step, leg->rtable));
	Query	   *query;
	ListCell   *lc;

	if (rte->rtekind == RTE_SUBQUERY)
		return rte->subquery;
	query = query_select_from(rte, makeNode(Query));
	rte->ctelevelsup++;
	foreach(lc, rte->coltypes)
	{
		int			i = foreach_current_index(lc);
		Var		   *var = makeVar(1, i + 1, lfirst_oid(lc), list_nth_int(rte->coltypmods, i),
								  list_nth_oid(rte->colcollations, i), 0);

		query->targetList = lappend(query->targetList,
									makeTargetEntry((Expr *) var, i + 1, psprintf("c%d", i + 1), false));
	}
	return query;
}

/* The leg, whose step is the entry of that number, in two ways; NULL: it looks nothing up. */
static Query *
with_two_ways(Query *leg, Index step)
{
	Joined		joined = {leg};
	CommonTableExpr *cte;
	List	   *conditions;
	Query	   *few;
	Query	   *result;

	push_take_apart(&joined, (Node *) leg->jointree);
	cte = query_make_cte("step", rows_of_step(leg, step));
	conditions = lookup_conditions(leg, step, joined.conditions, cte);
	if (conditions == NIL)
		return NULL;
	conditions = lappend(conditions, query_are_fewer(cte, LARGEST_STEP, LEVELS_BELOW));
	few = one_way(leg, step, cte, conditions);
	conditions = list_make1(make_notclause(query_are_fewer(cte, LARGEST_STEP, LEVELS_BELOW)));
	name_columns(few);
	result = query_select_from(query_make_entry("rows", query_union_of(few, one_way(leg, step, cte, conditions))), few);
	result->cteList = list_make1(cte);
	return result;
}

/* ---------- tables that are looked up for others ---------- */

/* The step, and the tables that are looked up for it, among what is joined. */
static Bitmapset *
step_and_looked_up(const Joined *joined, Index step)
{
	Bitmapset  *result = NULL;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, joined->items)
	{
		Bitmapset  *both = bms_make_singleton(step);

		if (!IsA(lfirst(lc), RangeTblRef))
			continue;
		both = bms_add_member(both, lfirst_node(RangeTblRef, lc)->rtindex);
		foreach(lc2, push_plain_conditions(joined, both))
		{
			if (is_lookup(joined->query, step, lfirst(lc2)))
				result = bms_union(result, both);
		}
	}
	return result;
}

/* Is a sharded table joined to the members? */
static bool
ties_another(const Joined *joined, const Bitmapset *members)
{
	ListCell   *lc;

	foreach(lc, joined->items)
	{
		Index		rtindex = IsA(lfirst(lc), RangeTblRef) ? lfirst_node(RangeTblRef, lc)->rtindex : 0;

		if (rtindex != 0 && !bms_is_member(rtindex, members) &&
			query_sharded_table(rt_fetch(rtindex, joined->query->rtable)) != NULL &&
			push_is_tied(joined, members, rtindex))
			return true;
	}
	return false;
}

/* The members are taken from what is joined. */
static List *
take_members(Joined *joined, const Bitmapset *members)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, joined->items)
	{
		if (IsA(lfirst(lc), RangeTblRef) && bms_is_member(lfirst_node(RangeTblRef, lc)->rtindex, members))
		{
			result = lappend(result, lfirst(lc));
			joined->items = foreach_delete_current(joined->items, lc);
		}
	}
	return result;
}

/* The leg, with what is looked up for its step as a step of its own, of that number then; NULL: there is no need. */
static Query *
with_stage(Query *leg, Index *step)
{
	Joined		joined = {leg};
	Bitmapset  *members;
	List	   *joins;
	Query	   *changed;
	Query	   *stage;

	push_take_apart(&joined, (Node *) leg->jointree);
	members = step_and_looked_up(&joined, *step);
	if (members == NULL || !ties_another(&joined, members))
		return NULL;
	joins = take_members(&joined, members);
	joined.items = lappend(joined.items, query_make_ref(bms_next_member(members, -1)));
	changed = push_members_stage(&joined, members, joins, push_plain_conditions(&joined, members), joined.items);
	if (changed == NULL)
		return NULL;
	stage = rt_fetch(bms_next_member(members, -1), changed->rtable)->subquery;
	stage->limitCount = NULL;
	/* one level further below the WITH clause */
	IncrementVarSublevelsUp((Node *) stage, 1, 1);
	name_columns(stage);
	rt_fetch(bms_next_member(members, -1), changed->rtable)->subquery = with_two_ways(stage, *step);
	*step = bms_next_member(members, -1);
	return changed;
}

/* The recursive leg, made of lookups; NULL: there are none. */
static Query *
with_lookups(Query *leg)
{
	Index		step = find_step(leg);
	Query	   *changed = copyObject(leg);
	Query	   *staged;

	if (step == 0 || !only_joins(leg))
		return NULL;
	push_flatten_join_vars(changed);
	while ((staged = with_stage(changed, &step)) != NULL)
		changed = staged;
	return with_two_ways(changed, step);
}

/* ---------- the statement ---------- */

/* The entry of the recursive leg as it is written: PostgreSQL puts another query around it for SEARCH and CYCLE. */
static RangeTblEntry *
entry_of_leg(const Query *query)
{
	RangeTblEntry *rte = lsecond_node(RangeTblEntry, query->rtable);

	while (rte->rtekind == RTE_SUBQUERY && list_length(rte->subquery->rtable) == 1 && find_step(rte->subquery) == 0)
		rte = linitial_node(RangeTblEntry, rte->subquery->rtable);
	return rte;
}

static void
change_clause(CommonTableExpr *cte)
{
	Query	   *query = castNode(Query, cte->ctequery);
	RangeTblEntry *entry;
	Query	   *changed;

	if (query->setOperations == NULL || list_length(query->rtable) != 2)
		return;
	entry = entry_of_leg(query);
	changed = entry->rtekind == RTE_SUBQUERY ? with_lookups(entry->subquery) : NULL;
	if (changed != NULL)
		entry->subquery = changed;
}

static bool
change_clauses(Node *node, void *context)
{
	ListCell   *lc;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, change_clauses, context);
	foreach(lc, ((Query *) node)->cteList)
	{
		if (lfirst_node(CommonTableExpr, lc)->cterecursive)
			change_clause(lfirst_node(CommonTableExpr, lc));
	}
	return query_tree_walker((Query *) node, change_clauses, context, 0);
}

void
recursive_steps_look_up(Query *query)
{
	if (query->commandType == CMD_SELECT && !query_writes(query))
		(void) change_clauses((Node *) query, NULL);
}
