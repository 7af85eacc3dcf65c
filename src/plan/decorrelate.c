/*
 * decorrelate.c
 *	  Correlated sub-SELECTs of one aggregate turned into joins.
 *
 * PostgreSQL carries out
 *
 *	  .. WHERE x < (SELECT 0.2 * avg(b.n) FROM b WHERE b.k = a.k AND ..)
 *
 * once per row of a, which over rows of many shards means once over the network. It becomes
 *
 *	  .., (SELECT b.k, 0.2 * avg(b.n) FROM b WHERE .. AND b.k IN (SELECT a.k FROM a WHERE ..) GROUP BY b.k) AS g
 *	  WHERE g.k = a.k AND x < g.value
 *
 * This is the same when
 *	- the equality is that of the grouping, so that no row of a meets two groups;
 *	- without any row of b the sub-SELECT is NULL and the condition therefore not
 *	  true, as it is without a group (hence no count(), nothing below a function
 *	  that is not strict);
 *	- what is computed for groups that the plain form never asks for cannot
 *	  fail: only functions that never do, and + - * on numeric;
 *	- nothing is volatile.
 *
 * The IN is there to keep the groups few. It repeats conditions on the one table
 * that the keys come from, and is left out when there are none, or when the table
 * is sampled (it would be another sample).
 *
 * Only for sub-SELECTs over sharded tables: others have indexes to use.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parse_oper.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "base/pg_compat.h"
#include "plan/decorrelate.h"
#include "plan/query_shape.h"

/* One "inner = outer" of the sub-SELECT's WHERE. */
typedef struct Correlation
{
	OpExpr	   *op;
	int			inner;			/* which argument is the sub-SELECT's own: 0 or 1 */
} Correlation;

typedef struct LevelContext
{
	int			depth;			/* Queries between the walker and the sub-SELECT */
	bool		own;			/* something of the sub-SELECT's own level */
	bool		outer;			/* something of the level above it */
	bool		further;		/* something beyond */
	bool		cte;			/* a WITH of another level */
} LevelContext;

/* ---------- what an expression refers to ---------- */

static void
note_level(LevelContext *context, int levelsup)
{
	if (levelsup == context->depth)
		context->own = true;
	else if (levelsup == context->depth + 1)
		context->outer = true;
	else if (levelsup > context->depth)
		context->further = true;
}

static bool
find_levels(Node *node, void *arg)
{
	LevelContext *context = arg;
	ListCell   *lc;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
		note_level(context, ((Var *) node)->varlevelsup);
	else if (IsA(node, Aggref))
		note_level(context, ((Aggref *) node)->agglevelsup);
	else if (IsA(node, GroupingFunc))
		note_level(context, ((GroupingFunc *) node)->agglevelsup);
	else if (IsA(node, Query))
	{
		context->depth++;
		foreach(lc, ((Query *) node)->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

			if (rte->rtekind == RTE_CTE && (int) rte->ctelevelsup > context->depth)
				context->cte = true;
		}
		(void) query_tree_walker((Query *) node, find_levels, context, 0);
		context->depth--;
		return false;
	}
	return expression_tree_walker(node, find_levels, context);
}

/* What the expression, which stands in the sub-SELECT itself, refers to. */
static LevelContext
levels_of(Node *expr)
{
	LevelContext context = {0};

	(void) find_levels(expr, &context);
	return context;
}

static bool
find_shells(Node *node, void *context)
{
	ListCell   *lc;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, find_shells, context);
	foreach(lc, ((Query *) node)->rtable)
	{
		if (query_sharded_table(lfirst_node(RangeTblEntry, lc)) != NULL)
			return true;
	}
	return query_tree_walker((Query *) node, find_shells, context, 0);
}

/* ---------- the sub-SELECT's value ---------- */

/* Aggregates that are NULL over no rows and cannot fail over any, short of values that no column can hold. */
static bool
is_null_when_empty(const Aggref *agg)
{
	const char *name = get_func_name(agg->aggfnoid);
	Oid			type;

	if (agg->aggfnoid >= FirstNormalObjectId || agg->aggkind != AGGKIND_NORMAL || name == NULL)
		return false;
	if (strcmp(name, "min") == 0 || strcmp(name, "max") == 0)
		return true;
	if (strcmp(name, "sum") != 0 && strcmp(name, "avg") != 0)
		return false;
	type = linitial_oid(agg->aggargtypes);
	return type == NUMERICOID || type == INT8OID || type == INT4OID || type == INT2OID;
}

static bool
may_fail(Oid function, void *context)
{
	switch (function)
	{
		case F_NUMERIC_ADD:
		case F_NUMERIC_SUB:
		case F_NUMERIC_MUL:
			return false;
		default:
			return function >= FirstNormalObjectId || !get_func_leakproof(function);
	}
}

/* Anything that may raise an error, or that is not simply computed from columns? */
static bool
contains_risk(Node *node, void *context)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Var:
		case T_Const:
		case T_Param:
		case T_TargetEntry:
		case T_List:
		case T_RelabelType:
		case T_CaseExpr:
		case T_CaseWhen:
		case T_BoolExpr:
		case T_NullTest:
		case T_CoalesceExpr:
			break;
		case T_FuncExpr:
		case T_OpExpr:
		case T_ScalarArrayOpExpr:
			if (check_functions_in_node(node, may_fail, NULL))
				return true;
			break;
		case T_Aggref:
			if (!is_null_when_empty((Aggref *) node) || ((Aggref *) node)->aggdistinct != NIL)
				return true;
			break;
		default:
			return true;
	}
	return expression_tree_walker(node, contains_risk, context);
}

/* Is the value NULL when the aggregates in it are? Some must be, on a way of strict functions only. */
static bool
is_strict_in_aggregates(Node *node)
{
	ListCell   *lc;
	List	   *args;

	if (IsA(node, RelabelType))
		return is_strict_in_aggregates((Node *) ((RelabelType *) node)->arg);
	if (IsA(node, Aggref))
		return is_null_when_empty((Aggref *) node);
	if (IsA(node, OpExpr) && op_strict(((OpExpr *) node)->opno))
		args = ((OpExpr *) node)->args;
	else if (IsA(node, FuncExpr) && func_strict(((FuncExpr *) node)->funcid))
		args = ((FuncExpr *) node)->args;
	else
		return false;
	foreach(lc, args)
	{
		if (is_strict_in_aggregates(lfirst(lc)))
			return true;
	}
	return false;
}

/* Is the sub-SELECT one row of plain aggregates, which grouping turns into one row per group? */
static bool
is_plain_aggregate(Query *sub)
{
	Node	   *value;

	if (sub->commandType != CMD_SELECT || !sub->hasAggs || sub->groupClause != NIL || sub->groupingSets != NIL ||
		sub->havingQual != NULL || sub->hasWindowFuncs || sub->hasTargetSRFs || sub->distinctClause != NIL ||
		sub->sortClause != NIL || sub->limitCount != NULL || sub->limitOffset != NULL || sub->setOperations != NULL ||
		sub->cteList != NIL || sub->rowMarks != NIL || list_length(sub->targetList) != 1 || sub->jointree == NULL)
		return false;
	value = (Node *) linitial_node(TargetEntry, sub->targetList)->expr;
	return is_strict_in_aggregates(value) && !contains_risk(value, NULL);
}

/* ---------- its correlation ---------- */

/* "own expression = expression of the level above", by the equality that groups the own one's values. */
static bool
is_correlation(Node *qual, Correlation *correlation)
{
	OpExpr	   *op = (OpExpr *) qual;
	LevelContext levels[2];
	Node	   *inner;
	Oid			equality = InvalidOid;
	ListCell   *lc;

	if (!IsA(qual, OpExpr) || list_length(op->args) != 2)
		return false;
	levels[0] = levels_of(linitial(op->args));
	levels[1] = levels_of(lsecond(op->args));
	if (levels[0].further || levels[1].further || contains_risk((Node *) op->args, NULL))
		return false;
	if (levels[0].own && !levels[0].outer && levels[1].outer && !levels[1].own)
		correlation->inner = 0;
	else if (levels[1].own && !levels[1].outer && levels[0].outer && !levels[0].own)
		correlation->inner = 1;
	else
		return false;

	inner = list_nth(op->args, correlation->inner);
	correlation->op = op;
	if (exprCollation(inner) != op->inputcollid && type_is_collatable(exprType(inner)))
		return false;
	if (OidIsValid(op->inputcollid) && !get_collation_isdeterministic(op->inputcollid))
		return false;
	get_sort_group_operators(exprType(inner), false, false, false, NULL, &equality, NULL, NULL);
	foreach(lc, get_mergejoin_opfamilies(op->opno))
	{
		if (OidIsValid(equality) && op_in_opfamily(equality, lfirst_oid(lc)))
			return true;
	}
	return false;
}

/* Takes the correlations out of the conditions; false if something else refers to a level above. */
static bool
split_conditions(Query *sub, List **correlations, List **others)
{
	ListCell   *lc;
	Node	   *quals = sub->jointree->quals;
	LevelContext levels;

	*correlations = *others = NIL;
	foreach(lc, query_conditions(quals))
	{
		Correlation correlation;

		if (is_correlation(lfirst(lc), &correlation))
		{
			Correlation *kept = palloc(sizeof(Correlation));

			*kept = correlation;
			*correlations = lappend(*correlations, kept);
		}
		else
			*others = lappend(*others, lfirst(lc));
	}
	if (*correlations == NIL)
		return false;

	/* all the rest, the conditions that stay among it, must be free of levels above */
	sub->jointree->quals = *others == NIL ? NULL : (Node *) make_ands_explicit(*others);
	levels = (LevelContext) {.depth = -1};
	(void) find_levels((Node *) sub, &levels);
	sub->jointree->quals = quals;
	return !levels.outer && !levels.further;
}

/* ---------- only the groups that matter ---------- */

typedef struct OneRelation
{
	Index		varno;			/* 0: none yet */
	bool		several;
	bool		other;			/* what cannot be repeated */
} OneRelation;

static bool
find_relation(Node *node, void *arg)
{
	OneRelation *context = arg;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;

		if (var->varlevelsup != 0)
			context->other = true;
		else if (context->varno != 0 && context->varno != (Index) var->varno)
			context->several = true;
		context->varno = var->varno;
		return false;
	}
	if (IsA(node, SubLink))
	{
		SubLink    *link = (SubLink *) node;
		LevelContext levels = {.depth = -1};

		(void) find_levels(link->subselect, &levels);
		context->other = context->other || levels.outer || levels.further || levels.cte ||
			link->subLinkType != ANY_SUBLINK;
		return find_relation(link->testexpr, arg);
	}
	if (IsA(node, Query) || IsA(node, CurrentOfExpr) || IsA(node, Aggref) || IsA(node, GroupingFunc))
		context->other = true;
	return expression_tree_walker(node, find_relation, arg);
}

/* The one relation of the level that the expression speaks of; 0 if there are none or several. */
static Index
relation_of(Node *expr)
{
	OneRelation context = {0};

	(void) find_relation(expr, &context);
	return context.several || context.other ? 0 : context.varno;
}

/* SELECT keys FROM the relation at varno WHERE conditions, as a Query one level below query. */
static Query *
keys_query(Query *query, Index varno, List *keys, List *conditions)
{
	Query	   *result = makeNode(Query);
	RangeTblRef *ref = makeNode(RangeTblRef);
	RangeTblEntry *rte = copyObject(rt_fetch(varno, query->rtable));
	ListCell   *lc;

	sx_rte_move(query, result, rte);
	ref->rtindex = 1;
	result->commandType = CMD_SELECT;
	result->querySource = QSRC_ORIGINAL;
	result->canSetTag = true;
	result->rtable = list_make1(rte);
	result->jointree = makeFromExpr(list_make1(ref), (Node *) make_ands_explicit(copyObject(conditions)));
	result->hasSubLinks = query->hasSubLinks;
	result->hasRowSecurity = query->hasRowSecurity;
	foreach(lc, keys)
	{
		int			resno = foreach_current_index(lc) + 1;

		result->targetList = lappend(result->targetList,
									 makeTargetEntry(copyObject(lfirst(lc)), resno, psprintf("k%d", resno), false));
	}
	ChangeVarNodes((Node *) rte->securityQuals, varno, 1, 0);
	ChangeVarNodes((Node *) result->jointree->quals, varno, 1, 0);
	ChangeVarNodes((Node *) result->targetList, varno, 1, 0);
	return result;
}

/*
 * "inner keys IN (SELECT outer keys FROM their table WHERE ..)", or NULL. The condition
 * holds for all rows that meet a row of the level above, so it only takes away groups that nobody asks for.
 */
static Node *
make_reduction(Query *query, List *inner_keys, List *outer_keys, List *operators)
{
	SubLink    *link = makeNode(SubLink);
	Index		varno = relation_of((Node *) outer_keys);
	RangeTblEntry *rte = varno == 0 ? NULL : rt_fetch(varno, query->rtable);
	List	   *conditions = NIL;
	List	   *tests = NIL;
	ListCell   *lc;

	if (rte == NULL || rte->rtekind != RTE_RELATION || rte->tablesample != NULL)
		return NULL;
	/* of a row that an outer join has made NULL, the table knows nothing: its keys must be NULL, too */
	if (contain_nonstrict_functions((Node *) outer_keys))
		return NULL;
	foreach(lc, query_conditions(query->jointree->quals))
	{
		if (relation_of(lfirst(lc)) == varno && !contain_volatile_functions(lfirst(lc)))
			conditions = lappend(conditions, lfirst(lc));
	}
	if (conditions == NIL)
		return NULL;

	foreach(lc, inner_keys)
	{
		int			i = foreach_current_index(lc);
		Node	   *outer = list_nth(outer_keys, i);
		Param	   *param = makeNode(Param);
		Correlation *correlation = list_nth(operators, i);
		OpExpr	   *test = copyObject(correlation->op);

		param->paramkind = PARAM_SUBLINK;
		param->paramid = i + 1;
		param->paramtype = exprType(outer);
		param->paramtypmod = exprTypmod(outer);
		param->paramcollid = exprCollation(outer);
		param->location = -1;
		/* an operator of IN has the tested value on its left */
		if (correlation->inner == 1)
		{
			test->opno = get_commutator(test->opno);
			test->opfuncid = InvalidOid;
			if (!OidIsValid(test->opno))
				return NULL;
		}
		test->args = list_make2(copyObject(lfirst(lc)), param);
		tests = lappend(tests, test);
	}
	link->subLinkType = ANY_SUBLINK;
	link->testexpr = (Node *) make_ands_explicit(tests);
	link->operName = list_make1(makeString(pstrdup("=")));
	link->subselect = (Node *) keys_query(query, varno, outer_keys, conditions);
	link->location = -1;
	return (Node *) link;
}

/* ---------- the change ---------- */

static void
add_group_key(Query *sub, Node *key)
{
	SortGroupClause *group = makeNode(SortGroupClause);
	int			resno = list_length(sub->groupClause) + 1;
	TargetEntry *tle = makeTargetEntry((Expr *) key, resno, psprintf("k%d", resno), false);

	tle->ressortgroupref = resno;
	group->tleSortGroupRef = resno;
	get_sort_group_operators(exprType(key), false, true, false, &group->sortop, &group->eqop, NULL, &group->hashable);
	sub->groupClause = lappend(sub->groupClause, group);
	sub->targetList = lappend(sub->targetList, tle);
}

static Var *
var_of_column(Index varno, const TargetEntry *tle)
{
	return makeVarFromTargetEntry(varno, unconstify(TargetEntry *, tle));
}

/* Puts sub, grouped by its keys, into query's FROM; *value is the Var for what the sub-SELECT gave. */
static Var *
join_groups(Query *query, Query *sub, List *correlations, List *others)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	RangeTblRef *ref = makeNode(RangeTblRef);
	TargetEntry *value = linitial_node(TargetEntry, sub->targetList);
	List	   *inner_keys = NIL;
	List	   *outer_keys = NIL;
	List	   *names = NIL;
	List	   *joined = NIL;
	Node	   *reduction;
	ListCell   *lc;

	ref->rtindex = list_length(query->rtable) + 1;
	sub->targetList = NIL;
	foreach(lc, correlations)
	{
		Correlation *correlation = lfirst(lc);
		OpExpr	   *op = copyObject(correlation->op);
		Node	   *inner = list_nth(correlation->op->args, correlation->inner);
		Node	   *outer = copyObject(list_nth(correlation->op->args, 1 - correlation->inner));
		Var		   *key;

		IncrementVarSublevelsUp(outer, -1, 1);
		add_group_key(sub, inner);
		key = var_of_column(ref->rtindex, llast_node(TargetEntry, sub->targetList));
		inner_keys = lappend(inner_keys, inner);
		outer_keys = lappend(outer_keys, outer);
		names = lappend(names, makeString(psprintf("k%d", list_length(inner_keys))));
		op->args = correlation->inner == 0 ? list_make2(key, outer) : list_make2(outer, key);
		joined = lappend(joined, op);
	}
	value->resno = list_length(sub->targetList) + 1;
	value->resname = pstrdup("value");
	sub->targetList = lappend(sub->targetList, value);
	names = lappend(names, makeString(pstrdup("value")));

	reduction = make_reduction(query, inner_keys, outer_keys, correlations);
	if (reduction != NULL)
	{
		others = lappend(others, reduction);
		sub->hasSubLinks = true;
	}
	sub->jointree->quals = others == NIL ? NULL : (Node *) make_ands_explicit(others);

	rte->rtekind = RTE_SUBQUERY;
	rte->subquery = sub;
	rte->eref = rte->alias = makeAlias(psprintf("groups_%d", ref->rtindex), names);
	rte->inFromCl = true;
	query->rtable = lappend(query->rtable, rte);
	query->jointree->fromlist = lappend(query->jointree->fromlist, ref);
	query->jointree->quals = (Node *) make_ands_explicit(lappend(joined, query->jointree->quals));
	return var_of_column(ref->rtindex, value);
}

/* The sub-SELECT as a column of a relation joined to query; NULL if it has to stay. */
static Var *
replace_sublink(Query *query, SubLink *link)
{
	Query	   *sub = (Query *) link->subselect;
	List	   *correlations;
	List	   *others;

	if (link->subLinkType != EXPR_SUBLINK || !is_plain_aggregate(sub) || !find_shells((Node *) sub, NULL) ||
		contain_volatile_functions((Node *) sub) || !split_conditions(sub, &correlations, &others))
		return NULL;
	return join_groups(query, sub, correlations, others);
}

/* Looks for sub-SELECTs in an expression whose being NULL makes the expression NULL, and replaces them. */
static void
replace_in_strict(Query *query, Node **expr)
{
	List	   *args;
	ListCell   *lc;

	if (IsA(*expr, SubLink))
	{
		Var		   *var = replace_sublink(query, (SubLink *) *expr);

		if (var != NULL)
			*expr = (Node *) var;
		return;
	}
	if (IsA(*expr, RelabelType))
	{
		replace_in_strict(query, (Node **) &((RelabelType *) *expr)->arg);
		return;
	}
	if (IsA(*expr, OpExpr) && op_strict(((OpExpr *) *expr)->opno))
		args = ((OpExpr *) *expr)->args;
	else if (IsA(*expr, FuncExpr) && func_strict(((FuncExpr *) *expr)->funcid))
		args = ((FuncExpr *) *expr)->args;
	else
		return;
	foreach(lc, args)
		replace_in_strict(query, (Node **) &lfirst(lc));
}

static bool
decorrelate_walker(Node *node, void *context)
{
	Query	   *query = (Query *) node;
	ListCell   *lc;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, decorrelate_walker, context);
	if (query->commandType == CMD_SELECT && query->hasSubLinks && query->rowMarks == NIL &&
		query->jointree->fromlist != NIL && query->setOperations == NULL)
	{
		foreach(lc, query_conditions(query->jointree->quals))
		{
			if (IsA(lfirst(lc), OpExpr) && !contain_volatile_functions(lfirst(lc)))
				replace_in_strict(query, (Node **) &lfirst(lc));
		}
	}
	return query_tree_walker(query, decorrelate_walker, context, 0);
}

void
decorrelate_query(Query *query)
{
	(void) decorrelate_walker((Node *) query, NULL);
}
