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

#include "catalog/table_map.h"
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
	const RangeTblEntry *rte;
	const TableInfo *table;

	if (target == NULL || source == NULL || source->varno != (int) step || !OidIsValid(operator) ||
		!op_mergejoinable(operator, exprType(column)) || !OidIsValid(query_array_type(exprType(value))))
		return false;
	rte = rt_fetch(target->varno, leg->rtable);
	table = rte->rtekind == RTE_RELATION ? table_info(rte->relid) : NULL;
	return table != NULL && table->kind == TABLE_SHARDED;
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
	Query	   *query = query_select_from(rte, makeNode(Query));
	ListCell   *lc;

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

/* The recursive leg, in two ways; NULL: it looks nothing up. */
static Query *
with_two_ways(Query *leg)
{
	Index		step = find_step(leg);
	Joined		joined = {copyObject(leg)};
	CommonTableExpr *cte;
	List	   *conditions;
	Query	   *few;
	Query	   *result;

	if (step == 0 || !only_joins(leg))
		return NULL;
	push_flatten_join_vars(joined.query);
	push_take_apart(&joined, (Node *) joined.query->jointree);
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

/* ---------- the statement ---------- */

static void
change_clause(CommonTableExpr *cte)
{
	Query	   *query = castNode(Query, cte->ctequery);
	RangeTblEntry *right;
	Query	   *changed;

	if (query->setOperations == NULL || list_length(query->rtable) != 2)
		return;
	right = lsecond_node(RangeTblEntry, query->rtable);
	changed = right->rtekind == RTE_SUBQUERY ? with_two_ways(right->subquery) : NULL;
	if (changed != NULL)
		right->subquery = changed;
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
