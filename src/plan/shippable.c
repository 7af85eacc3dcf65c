/*
 * shippable.c
 *	  May this expression or Query be evaluated on another node?
 *
 * Immutable functions may (other nodes have the same ones). PostgreSQL's own
 * stable functions of columns may too: the settings they depend on travel.
 * What depends on no column and is not immutable is computed here and lifted
 * into a parameter, so it does not count. A few volatile functions mean the same
 * on every node. What is left: functions that may read or write tables, or
 * that have effects in this session; the OID of a table; transition tables;
 * positions of cursors.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

#include "base/pg_compat.h"
#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "exec/shard_places.h"
#include "plan/shippable.h"
#include "route/route.h"

typedef struct ShippableContext
{
	const Query *statement;		/* the outermost Query, if one is checked */
	bool		views_are_named;
	const Reason *reason;
} ShippableContext;

/* Volatile, but as good on one node as on another. */
static bool
is_placeless(Oid function)
{
	switch (function)
	{
		case F_CLOCK_TIMESTAMP:
		case F_GEN_RANDOM_UUID:
		case F_TIMEOFDAY:
			return true;
		default:
			return sx_is_random(function);
	}
}

static bool
has_dependence(Node *node, void *context)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Param:
			return ((Param *) node)->paramkind != PARAM_EXTERN;
		case T_Var:
		case T_Query:
		case T_SubLink:
		case T_SubPlan:
		case T_AlternativeSubPlan:
		case T_Aggref:
		case T_WindowFunc:
		case T_GroupingFunc:
		case T_SetToDefault:
		case T_CurrentOfExpr:
		case T_PlaceHolderVar:
			return true;
		default:
			return expression_tree_walker(node, has_dependence, context);
	}
}

bool
shippable_is_stable_free(Node *expr)
{
	if (expr == NULL)
		return false;
	if (IsA(expr, Const))
		return true;
	if (IsA(expr, Param))
		return ((Param *) expr)->paramkind == PARAM_EXTERN;
	return !has_dependence(expr, NULL) && !expression_returns_set(expr) &&
		!contain_volatile_functions(expr);
}

static bool
is_users_function(Oid function, void *context)
{
	return function >= FirstNormalObjectId;
}

/* Functions of users: evaluating them here spares the other node from having them. */
static bool
calls_users_function(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return check_functions_in_node(node, is_users_function, NULL) ||
		expression_tree_walker(node, calls_users_function, context);
}

/* The regclass (or the like) of which this is the OID, or the array of them; NULL: it is something else. */
static Node *
named_objects(Node *node)
{
	Node	   *arg = NULL;
	Oid			type;

	if (IsA(node, RelabelType) && (exprType(node) == OIDOID || exprType(node) == OIDARRAYOID))
		arg = (Node *) ((RelabelType *) node)->arg;
	else if (IsA(node, ArrayCoerceExpr) && exprType(node) == OIDARRAYOID)
		arg = (Node *) ((ArrayCoerceExpr *) node)->arg;
	if (arg == NULL)
		return NULL;
	type = getBaseType(exprType(arg));
	if (exprType(node) == OIDARRAYOID)
		type = get_element_type(type);
	return route_type_names_objects(type) ? arg : NULL;
}

/* Expressions that have a value of their own, of a type that can be sent: not the OID of a name, but the name. */
static bool
is_value(Node *node)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_FuncExpr:
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
		case T_ScalarArrayOpExpr:
		case T_BoolExpr:
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_ArrayCoerceExpr:
		case T_CoerceToDomain:
		case T_CollateExpr:
		case T_CaseExpr:
		case T_CoalesceExpr:
		case T_MinMaxExpr:
		case T_ArrayExpr:
		case T_NullTest:
		case T_BooleanTest:
		case T_SubscriptingRef:
		case T_FieldSelect:
		case T_SQLValueFunction:
		case T_NextValueExpr:
			return get_typtype(exprType(node)) != TYPTYPE_PSEUDO && named_objects(node) == NULL;
		default:
			return false;
	}
}

bool
shippable_must_lift(Node *expr)
{
	if (!is_value(expr))
		return false;
	if (IsA(expr, FuncExpr) && !has_dependence(expr, NULL) &&
		(((FuncExpr *) expr)->funcid == F_CURRVAL || ((FuncExpr *) expr)->funcid == F_LASTVAL))
		return true;
	return shippable_is_stable_free(expr) && shard_places_of(expr) == NULL &&
		(contain_mutable_functions(expr) || calls_users_function(expr, NULL));
}

static bool
find_users_code(Node *node, void *context)
{
	if (node == NULL)
		return false;
	/* input functions and domains of a type may call what its owner likes; a column is of its type already */
	if ((is_value(node) || IsA(node, Const) || IsA(node, Param) || IsA(node, RowExpr) ||
		 IsA(node, ConvertRowtypeExpr)) && exprType(node) >= FirstNormalObjectId)
		return true;
	if (shippable_must_lift(node))
		return false;
	return check_functions_in_node(node, is_users_function, NULL) ||
		expression_tree_walker(node, find_users_code, context);
}

bool
shippable_runs_users_code(Node *expr)
{
	return find_users_code(expr, NULL);
}

bool
shippable_must_lift_once(Node *expr)
{
	if (!is_value(expr) || shippable_is_next_id(expr))
		return false;
	return !has_dependence(expr, NULL) && !expression_returns_set(expr) &&
		contain_mutable_functions(expr);
}

static bool
is_volatile_but_nextval(Oid function, void *context)
{
	return function != F_NEXTVAL && func_volatile(function) == PROVOLATILE_VOLATILE;
}

static bool
has_other_effects(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return check_functions_in_node(node, is_volatile_but_nextval, NULL) ||
		expression_tree_walker(node, has_other_effects, context);
}

bool
shippable_must_lift_early(Node *expr)
{
	return shippable_must_lift_once(expr) && !has_other_effects(expr, NULL);
}

bool
shippable_is_next_id(Node *expr)
{
	static Oid	next_id = InvalidOid;
	static uint64 generation = 0;
	FuncExpr   *call = (FuncExpr *) expr;

	if (expr == NULL || !IsA(expr, FuncExpr) || call->args != NIL)
		return false;
	if (!OidIsValid(next_id) || generation != catalog_generation())
	{
		List	   *name = list_make2(makeString("shardext"), makeString("next_id"));

		next_id = LookupFuncName(name, 0, NULL, true);
		generation = catalog_generation();
	}
	return call->funcid == next_id;
}

/* For check_functions_in_node. */
static bool
may_see_writes(Oid function, void *context)
{
	if (func_volatile(function) != PROVOLATILE_VOLATILE || is_placeless(function) || function == F_NEXTVAL)
		return false;
	return get_func_namespace(function) != get_namespace_oid("shardext", true) ||
		strcmp(get_func_name(function), "next_id") != 0;
}

static bool
sees_writes(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (check_functions_in_node(node, may_see_writes, NULL))
		return true;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, sees_writes, NULL, 0);
	return expression_tree_walker(node, sees_writes, NULL);
}

bool
shippable_sees_writes(Query *query)
{
	return query_tree_walker(query, sees_writes, NULL, 0);
}

bool
shippable_others_see_writes(const PlannerInfo *root)
{
	ListCell   *lc;

	/* sub-SELECTs that have not been planned yet stand in the levels around */
	for (const PlannerInfo *level = root->parent_root; level != NULL; level = level->parent_root)
	{
		if (shippable_sees_writes(level->parse))
			return true;
	}
	foreach(lc, root->glob->subroots)
	{
		if (shippable_sees_writes(lfirst_node(PlannerInfo, lc)->parse))
			return true;
	}
	return false;
}

bool
shippable_plan_sees_writes(const PlannerInfo *root)
{
	return shippable_sees_writes(root->parse) || shippable_others_see_writes(root);
}

bool
shippable_tlist_is_once(const Query *query, bool is_statement)
{
	return query->jointree != NULL && query->jointree->fromlist == NIL &&
		(query->commandType == CMD_INSERT ||
		 (query->commandType == CMD_SELECT && is_statement && query->setOperations == NULL &&
		  query->jointree->quals == NULL));
}

/* For check_functions_in_node: true (and a reason) for a function that must not run elsewhere. */
static bool
function_is_bound(Oid function, void *context)
{
	ShippableContext *c = (ShippableContext *) context;
	char		volatility = func_volatile(function);

	if (volatility == PROVOLATILE_IMMUTABLE || is_placeless(function))
		return false;
	if (volatility == PROVOLATILE_STABLE && function < FirstNormalObjectId)
		return false;
	c->reason = reason_make("Functions that depend on nothing but their arguments can be declared IMMUTABLE.",
							volatility == PROVOLATILE_STABLE ?
							"Function %s may read tables, and runs where the client is connected." :
							"Function %s is volatile, and runs where the client is connected.",
							format_procedure(function));
	return true;
}

static bool
check_query_parts(Query *query, ShippableContext *c)
{
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_NAMEDTUPLESTORE)
		{
			c->reason = reason_make(NULL, "Transition table \"%s\" exists in this session only.", rte->enrname);
			return true;
		}
	}
	return false;
}

static bool find_bound(Node *node, void *context);

/* The ON CONFLICT clause of an INSERT of one row. */
static bool
find_bound_conflict(OnConflictExpr *conflict, void *context)
{
	ListCell   *lc;

	if (conflict == NULL)
		return false;
	foreach(lc, conflict->onConflictSet)
	{
		Node	   *expr = (Node *) lfirst_node(TargetEntry, lc)->expr;

		if (!shippable_must_lift_early(expr) && find_bound(expr, context))
			return true;
	}
	return find_bound(conflict->onConflictWhere, context);
}

/* A row of a view or sub-SELECT as one value: its fields have names, which a text that says ROW(..) would lose. */
static bool
is_row_with_names(const RowExpr *row)
{
	Oid			relid = row->row_typeid == RECORDOID ? InvalidOid : get_typ_typrelid(row->row_typeid);
	ListCell   *lc;

	if (OidIsValid(relid))
		return row->row_format != COERCE_EXPLICIT_CAST && get_rel_relkind(relid) == RELKIND_VIEW;
	foreach(lc, row->colnames)
	{
		if (strcmp(strVal(lfirst(lc)), psprintf("f%d", foreach_current_index(lc) + 1)) != 0)
			return true;
	}
	return false;
}

/* The names of objects that "=" or "<>" compares, which is the same by whatever OIDs; NIL: it is something else. */
static List *
compared_names(Node *node)
{
	List	   *args = NIL;
	List	   *result = NIL;
	Oid			opno = InvalidOid;
	ListCell   *lc;

	if (IsA(node, OpExpr) || IsA(node, DistinctExpr) || IsA(node, NullIfExpr))
	{
		opno = ((OpExpr *) node)->opno;
		args = ((OpExpr *) node)->args;
	}
	else if (IsA(node, ScalarArrayOpExpr))
	{
		opno = ((ScalarArrayOpExpr *) node)->opno;
		args = ((ScalarArrayOpExpr *) node)->args;
	}
	foreach(lc, args)
	{
		Node	   *name = named_objects(lfirst(lc));

		if (name == NULL)
			return NIL;
		result = lappend(result, name);
	}
	return result != NIL && (get_opcode(opno) == F_OIDEQ || get_opcode(opno) == F_OIDNE) ? result : NIL;
}

static bool
sorts_names(List *clauses, List *tlist)
{
	ListCell   *lc;

	foreach(lc, clauses)
	{
		Node	   *expr = get_sortgroupclause_expr(lfirst_node(SortGroupClause, lc), tlist);

		if (route_type_names_objects(getBaseType(exprType(expr))))
			return true;
	}
	return false;
}

/* Does it depend on the order of the OIDs of named objects? */
static bool
orders_names(const Node *node)
{
	const Query *query = (const Query *) node;
	ListCell   *lc;

	if (IsA(node, MinMaxExpr))
		return route_type_names_objects(getBaseType(((const MinMaxExpr *) node)->minmaxtype));
	if (IsA(node, Aggref))
		return sorts_names(((const Aggref *) node)->aggorder, ((const Aggref *) node)->args);
	if (!IsA(node, Query))
		return false;
	foreach(lc, query->windowClause)
	{
		if (sorts_names(lfirst_node(WindowClause, lc)->orderClause, query->targetList))
			return true;
	}
	return sorts_names(query->sortClause, query->targetList);
}

static bool
find_bound(Node *node, void *context)
{
	ShippableContext *c = (ShippableContext *) context;
	List	   *names;

	if (node == NULL)
		return false;
	if ((names = compared_names(node)) != NIL)
		return find_bound((Node *) names, context);
	if (named_objects(node) != NULL || orders_names(node))
	{
		c->reason = reason_make(NULL, "The OID of a named object differs from node to node.");
		return true;
	}
	if ((c->reason = shippable_check_known(node)) != NULL)
		return true;
	if (IsA(node, Var) && ((Var *) node)->varattno == TableOidAttributeNumber)
	{
		c->reason = reason_make(NULL, "Column tableoid differs from node to node.");
		return true;
	}
	if (IsA(node, CurrentOfExpr))
	{
		c->reason = reason_make(NULL, "The cursor of WHERE CURRENT OF exists in this session only.");
		return true;
	}
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXEC)
	{
		c->reason = reason_make(NULL, "It needs a value of another step of the plan.");
		return true;
	}
	if (IsA(node, RowExpr) && is_row_with_names((RowExpr *) node))
	{
		c->reason = reason_make(NULL, "A row of a view or sub-SELECT would lose the names of its fields.");
		return true;
	}
	if (IsA(node, NextValueExpr))
	{
		c->reason = reason_make(NULL, "Values of sequences are drawn where the client is connected.");
		return true;
	}
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		if (check_query_parts(query, c))
			return true;
		if (shippable_tlist_is_once(query, query == c->statement))
		{
			ListCell   *lc;

			foreach(lc, query->targetList)
			{
				Node	   *expr = (Node *) lfirst_node(TargetEntry, lc)->expr;

				if (!shippable_must_lift_once(expr) && !shippable_is_next_id(expr) && find_bound(expr, context))
					return true;
			}
			return find_bound((Node *) query->returningList, context) ||
				find_bound(query->havingQual, context) ||
				find_bound(query->limitOffset, context) ||
				find_bound(query->limitCount, context) ||
				find_bound_conflict(query->onConflict, context) ||
				find_bound((Node *) query->cteList, context) ||
				find_bound((Node *) query->withCheckOptions, context);
		}
		return query_tree_walker(query, find_bound, context, 0);
	}
	if (shippable_must_lift(node))
		return false;
	if (check_functions_in_node(node, function_is_bound, context))
		return true;
	return expression_tree_walker(node, find_bound, context);
}

const Reason *
shippable_check_query(Query *query)
{
	ShippableContext context = {.statement = query};

	(void) find_bound((Node *) query, &context);
	return context.reason;
}

const Reason *
shippable_check_expr(Node *expr)
{
	ShippableContext context = {0};

	(void) find_bound(expr, &context);
	return context.reason;
}

/* For check_functions_in_node: functions that another node would compute differently and nobody can lift. */
static bool
function_is_hidden(Oid function, void *context)
{
	ShippableContext *c = (ShippableContext *) context;

	switch (function)
	{
		case F_NOW:
		case F_TRANSACTION_TIMESTAMP:
		case F_STATEMENT_TIMESTAMP:
		case F_CURRVAL:
		case F_LASTVAL:
		case F_NEXTVAL:
		case F_PG_BACKEND_PID:
		case F_TXID_CURRENT:
		case F_PG_CURRENT_XACT_ID:
			c->reason = reason_make(NULL, "A view or policy calls %s, which means this session's value.",
									format_procedure(function));
			return true;
		default:
			return function_is_bound(function, context);
	}
}

/* In the expansion of a view, or in a policy. */
static bool
find_hidden(Node *node, void *context)
{
	ShippableContext *c = (ShippableContext *) context;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, find_hidden, context, 0);
	if (IsA(node, SQLValueFunction))
	{
		SQLValueFunctionOp op = ((SQLValueFunction *) node)->op;

		if (op == SVFOP_CURRENT_USER || op == SVFOP_CURRENT_ROLE || op == SVFOP_USER ||
			op == SVFOP_CURRENT_CATALOG)
			return false;
		c->reason = reason_make(NULL, "A view or policy asks for the time of the transaction or for the user or schema "
								"of the session.");
		return true;
	}
	if (check_functions_in_node(node, function_is_hidden, context))
		return true;
	return expression_tree_walker(node, find_hidden, context);
}

static bool
is_view_expansion(const RangeTblEntry *rte)
{
	ListCell   *lc;

	if (rte->rtekind != RTE_SUBQUERY)
		return false;
	if (OidIsValid(rte->relid) || rte->security_barrier)
		return true;
	/* before 16 the expansion keeps entries for the view itself */
	foreach(lc, rte->subquery->rtable)
	{
		RangeTblEntry *inner = lfirst_node(RangeTblEntry, lc);

		if (inner->rtekind == RTE_RELATION && inner->relkind == RELKIND_VIEW)
			return true;
	}
	return false;
}

/* Looks for view expansions and policies, and into them. */
static bool
find_expansions(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;
		ListCell   *lc;
		bool		deeper = query->hasSubLinks || query->cteList != NIL;

		foreach(lc, query->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

			if (rte->securityQuals != NIL && find_hidden((Node *) rte->securityQuals, context))
				return true;
			if (((ShippableContext *) context)->views_are_named && is_view_expansion(rte) &&
				find_hidden((Node *) rte->subquery, context))
				return true;
			deeper |= rte->rtekind == RTE_SUBQUERY;
		}
		if (query->withCheckOptions != NIL && find_hidden((Node *) query->withCheckOptions, context))
			return true;
		return deeper && query_tree_walker(query, find_expansions, context, 0);
	}
	return expression_tree_walker(node, find_expansions, context);
}

const Reason *
shippable_check_hidden(Query *run_query, bool views_are_named)
{
	ShippableContext context = {.views_are_named = views_are_named};

	(void) find_expansions((Node *) run_query, &context);
	return context.reason;
}

bool
shippable_may_insert_column(Oid relid, AttrNumber attno)
{
	return pg_class_aclcheck(relid, GetUserId(), ACL_INSERT) == ACLCHECK_OK ||
		pg_attribute_aclcheck(relid, attno, GetUserId(), ACL_INSERT) == ACLCHECK_OK;
}
