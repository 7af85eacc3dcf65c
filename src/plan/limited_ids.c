/*
 * limited_ids.c
 *	  UPDATE, DELETE and MERGE of a few rows that something else names, and outer joins that look them up.
 *
 *	  .. WHERE ctid IN (SELECT ctid FROM logs .. LIMIT 1000)
 *	  .. WHERE id IN (SELECT id FROM tasks .. LIMIT 10 FOR UPDATE SKIP LOCKED)
 *	  UPDATE tasks .. FROM unnest($1, $2) AS n (id, x) WHERE tasks.id = n.id
 *	  .. WHERE EXISTS (SELECT FROM closed WHERE closed.id = tasks.id)
 *
 * As a join, PostgreSQL finds such rows by an index, one by one, or reads the
 * whole table. Here that would mean a round trip for each row, or all rows of
 * all shards. But if they are few, by a LIMIT or by what the planner expects, their
 * values can be given to the shards:
 *
 *	  .. WHERE id = ANY (ARRAY(SELECT id ..))
 *	  .. WHERE tasks.id = n.id AND tasks.id = ANY (ARRAY(SELECT n.id FROM n))
 *
 * which is an input of the scan (leaf_inputs.c), and prunes shards. A sub-SELECT
 * is carried out once, before the first row is written: IN becomes the array; one
 * in FROM becomes a WITH clause, since it is read twice. What lies here and is not volatile
 * may be read twice.
 *
 * A SELECT that looks up rows for those of a page fetches them the same way:
 *
 *	  .. FROM (SELECT .. LIMIT 10) AS page LEFT JOIN items ON items.page = page.id
 *
 * The condition goes with those of the join. It says nothing of rows that have no partner. So does EXISTS, with NOT or
 * without, for a few rows. A sub-SELECT that is joined, by an outer join or an inner one, takes the condition itself
 * (sub_conditions.h): those of its rows that do not meet it have no partner.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"

#include "base/pg_compat.h"
#include "catalog/table_map.h"
#include "plan/limited_ids.h"
#include "plan/plan_pull.h"
#include "plan/push_level.h"
#include "plan/query_make.h"
#include "plan/query_shape.h"
#include "plan/sub_conditions.h"

/*
 * A LIMIT beyond it is for a join: shards without an index compare each row with each value. Not if these are ctids:
 * each shard is given its own then; and columns that say the shard have an index as a rule.
 */
#define LARGEST_LIMIT		1000
#define LARGEST_OF_KEYS		10000
#define LARGEST_OF_CTIDS	100000

/* The column that an expression is, whatever its type is called; NULL: it is more. */
static Var *
column_of_level(const Node *expr, Index level)
{
	while (IsA(expr, RelabelType))
		expr = (const Node *) ((const RelabelType *) expr)->arg;
	return IsA(expr, Var) && ((const Var *) expr)->varattno > 0 && ((const Var *) expr)->varlevelsup == level ?
		(Var *) unconstify(Node *, expr) : NULL;
}

static Var *
plain_column(const Node *expr)
{
	return column_of_level(expr, 0);
}

/* For values that this, of the table whose rows are wanted, is compared with. */
static int64
largest_limit(const Query *query, Index wanted, const Node *compared)
{
	const Var  *column = plain_column(compared);
	const TableInfo *table = table_info(rt_fetch(wanted, query->rtable)->relid);

	if (exprType(compared) == TIDOID)
		return LARGEST_OF_CTIDS;
	return column != NULL && column->varno == wanted && table != NULL &&
		table_routes_by(table, column->varattno) ? LARGEST_OF_KEYS : LARGEST_LIMIT;
}

/* By its plan. Not what may do more than give rows, or other ones each time. */
static bool
seems_small(Query *select, int64 most, ParamListInfo params)
{
	/* nor what reads WITH clauses of the statement, which is planned by itself here */
	if (select->rowMarks != NIL || select->cteList != NIL || !push_is_closed(select) ||
		contain_volatile_functions((Node *) select))
		return false;
	return plan_pull_query(copyObject(select), NULL, 0, params)->planTree->plan_rows <= most;
}

/* A SELECT that gives no more rows, as far as is known, and can be carried out once for the whole statement. */
static bool
gives_few_rows(Query *select, int64 most, ParamListInfo params)
{
	const Const *limit;

	if (select->commandType != CMD_SELECT || contain_vars_of_level((Node *) select, 1))
		return false;
	if (select->limitCount == NULL)
		return seems_small(select, most, params);
	limit = (const Const *) eval_const_expressions(NULL, copyObject(select->limitCount));
	return !IsA(limit, Const) || (!limit->constisnull && DatumGetInt64(limit->constvalue) <= most);
}

/* Which rows of the table written are meant: WHERE, or ON of MERGE. */
static Node *
condition_of(const Query *query)
{
	return query->commandType == CMD_MERGE ? sx_merge_condition(query) : query->jointree->quals;
}

/* ---------- IN ---------- */

/* The same for an IN whose sub-SELECT gives a few rows; NULL: it is something else. */
static Node *
array_condition(const Query *query, const SubLink *link, ParamListInfo params)
{
	const OpExpr *op = (const OpExpr *) link->testexpr;
	const Node *right;
	Oid			type;
	Oid			compared_type;
	Node	   *array;

	if (link->subLinkType != ANY_SUBLINK || !IsA(op, OpExpr))
		return NULL;
	right = lsecond(op->args);
	if (IsA(right, RelabelType))
		right = (const Node *) ((const RelabelType *) right)->arg;
	if (!IsA(right, Param) || ((const Param *) right)->paramkind != PARAM_SUBLINK)
		return NULL;
	type = query_array_type(((const Param *) right)->paramtype);
	compared_type = query_array_type(exprType(lsecond(op->args)));
	if (!OidIsValid(type) || !OidIsValid(compared_type) ||
		!gives_few_rows(castNode(Query, link->subselect),
						largest_limit(query, query->resultRelation, linitial(op->args)), params))
		return NULL;
	array = coerce_to_target_type(NULL, (Node *) query_array_of(copyObject(castNode(Query, link->subselect))), type,
								  compared_type, -1, COERCION_IMPLICIT, COERCE_IMPLICIT_CAST, -1);
	return array != NULL ? query_any_of(op->opno, op->inputcollid, copyObject(linitial(op->args)), array) : NULL;
}

/* ---------- FROM ---------- */

static CommonTableExpr *
find_cte(const Query *query, const char *name)
{
	ListCell   *lc;

	foreach(lc, query->cteList)
	{
		if (strcmp(lfirst_node(CommonTableExpr, lc)->ctename, name) == 0)
			return lfirst_node(CommonTableExpr, lc);
	}
	return NULL;
}

/* Is the entry such a SELECT? */
static bool
is_limited(const Query *query, RangeTblEntry *rte, int64 most, ParamListInfo params)
{
	if (rte->rtekind == RTE_SUBQUERY)
		return !rte->lateral && !rte->security_barrier && !OidIsValid(rte->relid) &&
			gives_few_rows(rte->subquery, most, params);
	if (rte->rtekind == RTE_CTE && rte->ctelevelsup == 0)
	{
		const CommonTableExpr *cte = find_cte(query, rte->ctename);

		return cte != NULL && !cte->cterecursive && gives_few_rows(castNode(Query, cte->ctequery), most, params);
	}
	return false;
}

/* Make a sub-SELECT in FROM a WITH clause. */
static void
make_cte(Query *query, RangeTblEntry *rte)
{
	CommonTableExpr *cte = makeNode(CommonTableExpr);
	ListCell   *lc;

	cte->ctename = rte->eref->aliasname;
	for (int i = 1; find_cte(query, cte->ctename) != NULL; i++)
		cte->ctename = psprintf("%s_%d", rte->eref->aliasname, i);
	cte->ctematerialized = CTEMaterializeAlways;
	cte->ctequery = (Node *) rte->subquery;
	cte->location = -1;
	cte->cterefcount = 1;
	cte->ctecolnames = copyObject(rte->eref->colnames);
	foreach(lc, rte->subquery->targetList)
	{
		const TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->resjunk)
			continue;
		cte->ctecoltypes = lappend_oid(cte->ctecoltypes, exprType((Node *) tle->expr));
		cte->ctecoltypmods = lappend_int(cte->ctecoltypmods, exprTypmod((Node *) tle->expr));
		cte->ctecolcollations = lappend_oid(cte->ctecolcollations, exprCollation((Node *) tle->expr));
	}
	query->cteList = lappend(query->cteList, cte);

	rte->rtekind = RTE_CTE;
	rte->subquery = NULL;
	rte->ctename = cte->ctename;
	rte->ctelevelsup = 0;
	rte->coltypes = list_copy(cte->ctecoltypes);
	rte->coltypmods = list_copy(cte->ctecoltypmods);
	rte->colcollations = list_copy(cte->ctecolcollations);
}

/* SELECT column FROM rte WHERE conditions: column is an expression over the entry number varno of the statement. */
static Query *
select_from(Query *query, RangeTblEntry *rte, Index varno, Node *column, List *conditions)
{
	Query	   *select = makeNode(Query);
	RangeTblRef *ref = makeNode(RangeTblRef);

	sx_rte_move(query, select, rte);
	ref->rtindex = 1;
	column = copyObject(column);
	ChangeVarNodes(column, varno, 1, 0);
	sx_var_keep_joins(plain_column(column), NULL, true);
	select->commandType = CMD_SELECT;
	select->canSetTag = true;
	select->rtable = list_make1(rte);
	select->jointree = makeFromExpr(list_make1(ref),
									conditions != NIL ? (Node *) make_ands_explicit(conditions) : NULL);
	select->targetList = list_make1(makeTargetEntry((Expr *) column, 1, pstrdup("id"), false));
	return select;
}

static Query *
select_from_cte(Query *query, Index varno, Node *column)
{
	RangeTblEntry *rte = copyObject(rt_fetch(varno, query->rtable));
	CommonTableExpr *cte = find_cte(query, rte->ctename);

	cte->ctematerialized = CTEMaterializeAlways;	/* both times the same rows */
	cte->cterefcount++;
	rte->ctelevelsup = 1;
	return select_from(query, rte, varno, column, NIL);
}

/* ---------- tables and functions in FROM ---------- */

/* One whose rows are here, so they are the same when they are read twice; or a function's, if it is not volatile. */
static bool
is_local(const RangeTblEntry *rte)
{
	const TableInfo *table = rte->rtekind == RTE_RELATION ? table_info(rte->relid) : NULL;

	if (rte->lateral || rte->tablesample != NULL || rte->securityQuals != NIL)
		return false;
	return rte->rtekind == RTE_FUNCTION || rte->rtekind == RTE_VALUES ||
		(rte->rtekind == RTE_RELATION && rte->relkind == RELKIND_RELATION &&
		 (table == NULL || table->kind == TABLE_REFERENCE));
}

/* Does no outer join at that place of FROM put NULLs in the place of the entry's columns? */
static bool
is_kept(Node *jtnode, Index varno)
{
	JoinExpr   *join = (JoinExpr *) jtnode;
	ListCell   *lc;

	if (IsA(jtnode, RangeTblRef))
		return ((RangeTblRef *) jtnode)->rtindex == (int) varno;
	if (IsA(jtnode, FromExpr))
	{
		foreach(lc, ((FromExpr *) jtnode)->fromlist)
		{
			if (is_kept(lfirst(lc), varno))
				return true;
		}
		return false;
	}
	return ((join->jointype == JOIN_LEFT || join->jointype == JOIN_INNER) && is_kept(join->larg, varno)) ||
		((join->jointype == JOIN_RIGHT || join->jointype == JOIN_INNER) && is_kept(join->rarg, varno));
}

/* Conditions on the entry alone, as of a statement in which it is the first. */
static List *
conditions_on(const Query *query, Index varno)
{
	List	   *result = NIL;
	ListCell   *lc;

	if (!is_kept((Node *) query->jointree, varno))
		return NIL;
	foreach(lc, query_conditions(condition_of(query)))
	{
		Node	   *condition = lfirst(lc);

		if (!bms_equal(pull_varnos(NULL, condition), bms_make_singleton(varno)) ||
			contain_volatile_functions(condition) || checkExprHasSubLink(condition))
			continue;
		condition = copyObject(condition);
		ChangeVarNodes(condition, varno, 1, 0);
		result = lappend(result, condition);
	}
	return result;
}

/* With what the statement asks of the entry. */
static Query *
select_from_entry(Query *query, Index varno, Node *column)
{
	RangeTblEntry *rte = copyObject(rt_fetch(varno, query->rtable));

	return select_from(query, rte, varno, column, conditions_on(query, varno));
}

/* The SELECT of a few values, that column is one of; NULL: there may be many, or nobody can tell. */
static Query *
select_of_few(Query *query, Index varno, Node *column, int64 most, ParamListInfo params)
{
	RangeTblEntry *rte = rt_fetch(varno, query->rtable);
	Query	   *select;

	if (is_limited(query, rte, most, params))
	{
		if (rte->rtekind == RTE_SUBQUERY)
			make_cte(query, rte);
		return select_from_cte(query, varno, column);
	}
	if (!is_local(rte))
		return NULL;
	select = select_from_entry(query, varno, column);
	return seems_small(select, most, params) ? select : NULL;
}

/* What follows from column = limited, if these are columns of the table wanted and of a few rows; else NULL. */
static Node *
implied_condition(Query *query, Index wanted, Oid operator, Oid collation, Node *column, Node *limited,
				  ParamListInfo params)
{
	const Var  *target = plain_column(column);
	const Var  *source = plain_column(limited);
	Query	   *select;

	if (target == NULL || source == NULL || target->varno != wanted ||
		source->varno == target->varno || !OidIsValid(operator) ||
		!op_mergejoinable(operator, exprType(column)) || !OidIsValid(query_array_type(exprType(limited))))
		return NULL;
	select = select_of_few(query, source->varno, limited, largest_limit(query, wanted, column), params);
	if (select == NULL)
		return NULL;
	return query_any_of(operator, collation, copyObject(column), (Node *) query_array_of(select));
}

/* The same, whichever side of the condition is which. */
static Node *
implied_by_equality(Query *query, Index wanted, Node *condition, ParamListInfo params)
{
	OpExpr	   *op = (OpExpr *) condition;
	Node	   *result;

	if (!IsA(op, OpExpr) || list_length(op->args) != 2)
		return NULL;
	result = implied_condition(query, wanted, op->opno, op->inputcollid, linitial(op->args), lsecond(op->args), params);
	if (result == NULL)
		result = implied_condition(query, wanted, get_commutator(op->opno), op->inputcollid, lsecond(op->args),
								   linitial(op->args), params);
	return result;
}

/* ---------- EXISTS ---------- */

/* Rows of what lies here, as they are joined. */
static bool
joins_local_rows(const Query *select)
{
	ListCell   *lc;

	if (select->commandType != CMD_SELECT || select->setOperations != NULL || select->hasAggs ||
		select->groupClause != NIL || select->groupingSets != NIL || select->havingQual != NULL ||
		select->hasWindowFuncs || select->hasTargetSRFs || select->limitCount != NULL || select->limitOffset != NULL ||
		select->rowMarks != NIL || select->cteList != NIL)
		return false;
	foreach(lc, select->rtable)
	{
		if (lfirst_node(RangeTblEntry, lc)->rtekind != RTE_JOIN && !is_local(lfirst(lc)))
			return false;
	}
	return true;
}

/* SELECT column of a sub-SELECT, without the conditions that look at the row around, or may be another each time. */
static Query *
select_from_rows(const Query *sub, Node *column)
{
	Query	   *select = copyObject(unconstify(Query *, sub));
	List	   *conditions = NIL;
	ListCell   *lc;

	foreach(lc, query_conditions(select->jointree->quals))
	{
		if (!contain_vars_of_level(lfirst(lc), 1) && !contain_volatile_functions(lfirst(lc)) &&
			!checkExprHasSubLink(lfirst(lc)))
			conditions = lappend(conditions, lfirst(lc));
	}
	select->jointree->quals = conditions != NIL ? (Node *) make_ands_explicit(conditions) : NULL;
	select->targetList = list_make1(makeTargetEntry(copyObject((Expr *) column), 1, pstrdup("id"), false));
	select->distinctClause = select->sortClause = NIL;
	select->hasSubLinks = checkExprHasSubLink((Node *) select->jointree);
	return contain_vars_of_level((Node *) select, 1) ? NULL : select;
}

/* What follows from a condition of the sub-SELECT that says written = limited; NULL: nothing. */
static Node *
implied_by_row(const Query *query, const Query *sub, Oid operator, Oid collation, Node *written, Node *limited,
			   ParamListInfo params)
{
	const Var  *target = column_of_level(written, 1);
	Query	   *select;

	if (target == NULL || (int) target->varno != query->resultRelation || plain_column(limited) == NULL ||
		!OidIsValid(operator) || !op_mergejoinable(operator, exprType(written)) ||
		!OidIsValid(query_array_type(exprType(limited))))
		return NULL;
	select = select_from_rows(sub, limited);
	written = copyObject(written);
	IncrementVarSublevelsUp(written, -1, 1);
	if (select == NULL || !seems_small(select, largest_limit(query, query->resultRelation, written), params))
		return NULL;
	return query_any_of(operator, collation, written, (Node *) query_array_of(select));
}

static Node *
exists_condition(const Query *query, const SubLink *link, ParamListInfo params)
{
	const Query *sub = castNode(Query, link->subselect);
	Node	   *result = NULL;
	ListCell   *lc;

	if (link->subLinkType != EXISTS_SUBLINK || !joins_local_rows(sub))
		return NULL;
	foreach(lc, query_conditions(sub->jointree->quals))
	{
		const OpExpr *op = (const OpExpr *) lfirst(lc);

		if (!IsA(op, OpExpr) || list_length(op->args) != 2)
			continue;
		result = implied_by_row(query, sub, op->opno, op->inputcollid, linitial(op->args), lsecond(op->args), params);
		if (result == NULL)
			result = implied_by_row(query, sub, get_commutator(op->opno), op->inputcollid, lsecond(op->args),
									linitial(op->args), params);
		if (result != NULL)
			break;
	}
	return result;
}

/* ---------- the statement ---------- */

/* The condition, and what follows from it. */
static List *
conditions_of(Query *query, Node *condition, ParamListInfo params)
{
	Node	   *other = NULL;

	if (IsA(condition, SubLink))
	{
		other = array_condition(query, (SubLink *) condition, params);
		if (other != NULL)
			return list_make1(other);
		other = exists_condition(query, (SubLink *) condition, params);
	}
	else
		other = implied_by_equality(query, query->resultRelation, condition, params);
	return other != NULL ? list_make2(condition, other) : list_make1(condition);
}

void
limited_ids_add(Query *query, ParamListInfo params)
{
	List	   *conditions = NIL;
	Node	   *all;
	ListCell   *lc;

	if ((query->commandType != CMD_UPDATE && query->commandType != CMD_DELETE && query->commandType != CMD_MERGE) ||
		query_sharded_table(rt_fetch(query->resultRelation, query->rtable)) == NULL)
		return;
	foreach(lc, query_conditions(condition_of(query)))
		conditions = list_concat(conditions, conditions_of(query, lfirst(lc), params));
	all = conditions != NIL ? (Node *) make_ands_explicit(conditions) : NULL;
	if (condition_of(query) == query->jointree->quals)
		query->jointree->quals = all;
	else
		sx_merge_set_condition(query, all);
	query->hasSubLinks |= checkExprHasSubLink(all);
}

/* ---------- outer joins of a SELECT ---------- */

/*
 * Few rows that the rest of the statement does not make fewer: as a WITH clause a sub-SELECT gets no conditions of the
 * statement, so it must have a LIMIT, or read no tables at all.
 */
static bool
names_rows(const Query *query, const RangeTblEntry *rte)
{
	const CommonTableExpr *cte;
	ListCell   *lc;

	if (rte->rtekind == RTE_CTE && rte->ctelevelsup == 0)
	{
		cte = find_cte(query, rte->ctename);
		return cte != NULL && (cte->cterefcount > 1 || cte->ctematerialized == CTEMaterializeAlways);
	}
	if (rte->rtekind != RTE_SUBQUERY || rte->subquery->rowMarks != NIL)
		return is_local(rte);
	foreach(lc, rte->subquery->rtable)
	{
		if (lfirst_node(RangeTblEntry, lc)->rtekind != RTE_VALUES && rte->subquery->limitCount == NULL)
			return false;
	}
	return true;
}

static bool
compares_named_rows(const Query *query, Index wanted, Node *condition)
{
	Bitmapset  *others = bms_del_member(pull_varnos(NULL, condition), wanted);
	int			varno;

	return bms_get_singleton_member(others, &varno) && names_rows(query, rt_fetch(varno, query->rtable));
}

/* The sub-SELECT of which rows are joined under conditions need give no others: where it can, it is asked for these. */
static void
add_to_sub(Query *query, Index wanted, List *conditions, ParamListInfo params)
{
	RangeTblEntry *rte = rt_fetch(wanted, query->rtable);
	ListCell   *lc;

	foreach(lc, conditions)
	{
		Node	   *implied = NULL;

		if (compares_named_rows(query, wanted, lfirst(lc)) && sub_takes_equality(rte, wanted, lfirst(lc)))
			implied = implied_by_equality(query, wanted, lfirst(lc), params);
		if (implied != NULL)
			sub_add_condition(rte, wanted, castNode(ScalarArrayOpExpr, implied));
	}
}

/* .. that stands at that place of FROM, if there is one. */
static void
add_to_item(Query *query, Node *jtnode, Node *quals, ParamListInfo params)
{
	Index		rtindex = IsA(jtnode, RangeTblRef) ? ((RangeTblRef *) jtnode)->rtindex : 0;

	if (rtindex != 0 && rt_fetch(rtindex, query->rtable)->rtekind == RTE_SUBQUERY)
		add_to_sub(query, rtindex, query_conditions(quals), params);
}

static void
add_to_joins(Query *query, Node *jtnode, ParamListInfo params)
{
	JoinExpr   *join = (JoinExpr *) jtnode;
	List	   *conditions = NIL;
	Node	   *nullable;
	Index		wanted;
	ListCell   *lc;

	if (IsA(jtnode, FromExpr))
	{
		foreach(lc, ((FromExpr *) jtnode)->fromlist)
		{
			add_to_joins(query, lfirst(lc), params);
			add_to_item(query, lfirst(lc), ((FromExpr *) jtnode)->quals, params);
		}
	}
	if (!IsA(jtnode, JoinExpr))
		return;
	add_to_joins(query, join->larg, params);
	add_to_joins(query, join->rarg, params);
	if (join->jointype == JOIN_INNER || join->jointype == JOIN_RIGHT)
		add_to_item(query, join->larg, join->quals, params);
	if (join->jointype == JOIN_INNER || join->jointype == JOIN_LEFT)
		add_to_item(query, join->rarg, join->quals, params);
	nullable = join->jointype == JOIN_LEFT ? join->rarg : join->jointype == JOIN_RIGHT ? join->larg : NULL;
	if (nullable == NULL || !IsA(nullable, RangeTblRef))
		return;
	wanted = ((RangeTblRef *) nullable)->rtindex;
	if (query_sharded_table(rt_fetch(wanted, query->rtable)) == NULL)
		return;
	foreach(lc, query_conditions(join->quals))
	{
		Node	   *implied = compares_named_rows(query, wanted, lfirst(lc)) ?
			implied_by_equality(query, wanted, lfirst(lc), params) : NULL;

		conditions = lappend(conditions, lfirst(lc));
		if (implied != NULL)
			conditions = lappend(conditions, implied);
	}
	join->quals = conditions != NIL ? (Node *) make_ands_explicit(conditions) : NULL;
	query->hasSubLinks |= checkExprHasSubLink(join->quals);
}

/* ---------- EXISTS in a SELECT ---------- */

/* What follows for a column of the sub-SELECT from its being equal to one of the level around. */
static Node *
implied_in_sub(Query *query, const Query *sub, Oid operator, Oid collation, Node *column, Node *outer,
			   ParamListInfo params)
{
	const Var  *target = plain_column(column);
	const Var  *source = column_of_level(outer, 1);
	Query	   *select;

	if (target == NULL || source == NULL || query_sharded_table(rt_fetch(target->varno, sub->rtable)) == NULL ||
		!OidIsValid(operator) || !op_mergejoinable(operator, exprType(column)) ||
		!OidIsValid(query_array_type(exprType(outer))))
		return NULL;
	if (!names_rows(query, rt_fetch(source->varno, query->rtable)))
		return NULL;
	outer = copyObject(outer);
	IncrementVarSublevelsUp(outer, -1, 1);
	select = select_of_few(query, source->varno, outer, largest_limit(sub, target->varno, column), params);
	if (select == NULL)
		return NULL;
	IncrementVarSublevelsUp((Node *) select, 1, 1);
	return query_any_of(operator, collation, copyObject(column), (Node *) query_array_of(select));
}

static void
add_in_sub(Query *query, Query *sub, ParamListInfo params)
{
	List	   *conditions = NIL;
	ListCell   *lc;

	foreach(lc, query_conditions(sub->jointree->quals))
	{
		OpExpr	   *op = (OpExpr *) lfirst(lc);
		Node	   *implied = NULL;

		conditions = lappend(conditions, op);
		if (!IsA(op, OpExpr) || list_length(op->args) != 2)
			continue;
		implied = implied_in_sub(query, sub, op->opno, op->inputcollid, linitial(op->args), lsecond(op->args), params);
		if (implied == NULL)
			implied = implied_in_sub(query, sub, get_commutator(op->opno), op->inputcollid, lsecond(op->args),
									 linitial(op->args), params);
		if (implied != NULL)
			conditions = lappend(conditions, implied);
	}
	sub->jointree->quals = conditions != NIL ? (Node *) make_ands_explicit(conditions) : NULL;
	sub->hasSubLinks |= checkExprHasSubLink(sub->jointree->quals);
}

typedef struct SubSelects
{
	Query	   *query;
	ParamListInfo params;
} SubSelects;

static bool
add_to_subs(Node *node, void *context)
{
	SubSelects *c = context;
	SubLink    *link = (SubLink *) node;

	if (node == NULL)
		return false;
	if (IsA(node, SubLink) && link->subLinkType == EXISTS_SUBLINK &&
		query_only_joins(castNode(Query, link->subselect)))
		add_in_sub(c->query, castNode(Query, link->subselect), c->params);
	return expression_tree_walker(node, add_to_subs, context);
}

void
limited_ids_add_to_joins(Query *query, ParamListInfo params)
{
	if (query->commandType == CMD_SELECT && query->setOperations == NULL && query->rowMarks == NIL &&
		!query->hasModifyingCTE && !query->hasRecursive && query->jointree != NULL)
	{
		SubSelects	context = {query, params};

		add_to_joins(query, (Node *) query->jointree, params);
		(void) add_to_subs(query->jointree->quals, &context);
	}
}
