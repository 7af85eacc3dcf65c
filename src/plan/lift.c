/*
 * lift.c
 *	  Replaces parts of a Query by parameters.
 *
 * Always lifted: parameters of the original statement (they get new, dense
 * numbers), and the largest expressions that depend on no row and are not
 * immutable: now(), currval(), a user's stable function. Where an expression is
 * evaluated exactly once also volatile ones: nextval() in INSERT .. VALUES.
 *
 * On request, literals: so that statements that differ only in literals have one
 * text. Only where that changes neither meaning nor plans: values compared with
 * a column (by an operator of a btree or hash family) in WHERE and ON, unless an
 * index has that column in a predicate or an expression; values inserted or
 * assigned. Never in target lists, GROUP BY, ORDER BY, LIMIT.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/relcache.h"

#include "base/pg_compat.h"
#include "plan/lift.h"
#include "plan/shippable.h"

/* Columns of a relation that its indexes name in predicates and expressions: a literal there has a purpose. */
typedef struct IndexedColumns
{
	Oid			relid;			/* hash key */
	bool		valid;
	Bitmapset  *columns;		/* plain attribute numbers, in CacheMemoryContext */
} IndexedColumns;

static HTAB *indexed_columns = NULL;

typedef struct LiftContext
{
	List	   *params;
	int		   *numbers;		/* by the number of a parameter of the statement: of what it has become, 0: none */
	int			nnumbers;
	bool		lift_literals;
	const Reason *reason;

	/* of the Query at hand */
	Query	   *query;
	Query	   *statement;
	bool		in_quals;		/* WHERE or ON */
	bool		keep_literals;	/* inside a target list: literals must stay comparable */
} LiftContext;

static Node *lift_node(Node *node, LiftContext *c);
static void lift_inside(Query *query, bool keep_literals, LiftContext *c);

static void
forget_indexed_columns(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS scan;
	IndexedColumns *entry;

	if (OidIsValid(relid))
	{
		entry = hash_search(indexed_columns, &relid, HASH_FIND, NULL);
		if (entry != NULL)
			entry->valid = false;
		return;
	}
	hash_seq_init(&scan, indexed_columns);
	while ((entry = hash_seq_search(&scan)) != NULL)
		entry->valid = false;
}

static Bitmapset *
read_indexed_columns(Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	List	   *indexes = RelationGetIndexList(rel);
	Bitmapset  *offset_columns = NULL;
	Bitmapset  *columns = NULL;
	ListCell   *lc;
	int			member = -1;

	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		pull_varattnos((Node *) RelationGetIndexPredicate(index), 1, &offset_columns);
		pull_varattnos((Node *) RelationGetIndexExpressions(index), 1, &offset_columns);
		index_close(index, NoLock);
	}
	table_close(rel, NoLock);
	while ((member = bms_next_member(offset_columns, member)) >= 0)
	{
		if (member + FirstLowInvalidHeapAttributeNumber > 0)
			columns = bms_add_member(columns, member + FirstLowInvalidHeapAttributeNumber);
	}
	return columns;
}

static Bitmapset *
get_indexed_columns(Oid relid)
{
	IndexedColumns *entry;
	bool		found;

	if (indexed_columns == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(IndexedColumns), .hcxt = CacheMemoryContext};

		indexed_columns = hash_create("shardext indexed columns", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		CacheRegisterRelcacheCallback(forget_indexed_columns, (Datum) 0);
	}
	entry = hash_search(indexed_columns, &relid, HASH_ENTER, &found);
	if (!found)
	{
		entry->valid = false;
		entry->columns = NULL;
	}
	if (!entry->valid)
	{
		Bitmapset  *columns = read_indexed_columns(relid);
		MemoryContext old = MemoryContextSwitchTo(CacheMemoryContext);

		entry = hash_search(indexed_columns, &relid, HASH_ENTER, &found);
		bms_free(entry->columns);
		entry->columns = bms_copy(columns);
		entry->valid = true;
		MemoryContextSwitchTo(old);
	}
	return entry->columns;
}

/* A plain column that a literal may be compared with by parameter. */
static bool
is_plain_column(Node *node, LiftContext *c)
{
	RangeTblEntry *rte;
	Var		   *var;

	if (node != NULL && IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	if (node == NULL || !IsA(node, Var))
		return false;
	var = (Var *) node;
	if (var->varlevelsup > 0 || var->varattno <= 0)
		return false;
	rte = rt_fetch(var->varno, c->query->rtable);
	return rte->rtekind == RTE_RELATION &&
		!bms_is_member(var->varattno, get_indexed_columns(rte->relid));
}

static bool
type_is_builtin(Oid type)
{
	return type < FirstGenbkiObjectId;
}

static int
search_params(Node *expr, LiftContext *c)
{
	int			number = 0;
	ListCell   *lc;

	foreach(lc, c->params)
	{
		if (equal(lfirst(lc), expr))
			number = foreach_current_index(lc) + 1;
	}
	return number;
}

/* Where the number of what a parameter of the statement has become is kept; NULL: expr is something else. */
static int *
place_of_number(Node *expr, LiftContext *c)
{
	Param	   *param = (Param *) expr;

	if (!IsA(expr, Param) || param->paramkind != PARAM_EXTERN)
		return NULL;
	if (param->paramid >= c->nnumbers)
	{
		int			n = Max(2 * c->nnumbers, param->paramid + 16);

		c->numbers = c->numbers == NULL ? palloc0(sizeof(int) * n) : repalloc(c->numbers, sizeof(int) * n);
		memset(c->numbers + c->nnumbers, 0, sizeof(int) * (n - c->nnumbers));
		c->nnumbers = n;
	}
	return &c->numbers[param->paramid];
}

/* The number of one that is equal to expr, 0: none. A statement may have tens of thousands of parameters. */
static int
find_param(Node *expr, LiftContext *c)
{
	const int  *place = place_of_number(expr, c);

	if (place == NULL)
		return search_params(expr, c);
	return *place > 0 && !equal(list_nth(c->params, *place - 1), expr) ? search_params(expr, c) : *place;
}

/* The parameter that stands for expr. */
static Node *
add_param(Node *expr, bool share, LiftContext *c)
{
	Param	   *param = makeNode(Param);
	Oid			collation = exprCollation(expr);
	Node	   *result = (Node *) param;
	int			number = share ? find_param(expr, c) : 0;

	if (number == 0)
	{
		int		   *place = place_of_number(expr, c);

		c->params = lappend(c->params, expr);
		number = list_length(c->params);
		if (place != NULL)
			*place = number;
	}
	param->paramkind = PARAM_EXTERN;
	param->paramid = number;
	param->paramtype = exprType(expr);
	param->paramtypmod = -1;
	param->paramcollid = get_typcollation(param->paramtype);
	param->location = -1;

	if (get_typtype(param->paramtype) == TYPTYPE_PSEUDO)
		c->reason = reason_make(NULL, "A parameter of pseudo-type cannot be sent to another node.");
	else if (!type_is_builtin(param->paramtype))
	{
		/* the other node knows the type by name only */
		result = (Node *) makeRelabelType((Expr *) result, param->paramtype, -1, param->paramcollid,
										  COERCE_EXPLICIT_CAST);
	}
	if (OidIsValid(collation) && collation != param->paramcollid)
	{
		CollateExpr *collate = makeNode(CollateExpr);

		collate->arg = (Expr *) result;
		collate->collOid = collation;
		collate->location = -1;
		result = (Node *) collate;
	}
	return result;
}

static bool
is_liftable_literal(Node *node)
{
	Const	   *literal = (Const *) node;

	return node != NULL && IsA(node, Const) && !literal->constisnull &&
		type_is_builtin(literal->consttype) && literal->consttype != UNKNOWNOID &&
		get_typtype(literal->consttype) != TYPTYPE_PSEUDO;
}

/*
 * A literal, or one under an implicit cast, as an operand: replaced in place.
 * Equal ones in conditions become one parameter, so that the owner finds the
 * statement's shard by the same reasoning as the coordinator has.
 */
static Node *
lift_literal(Node *node, LiftContext *c)
{
	if (is_liftable_literal(node))
		return add_param(node, c->in_quals, c);
	if (node != NULL && IsA(node, FuncExpr) &&
		((FuncExpr *) node)->funcformat == COERCE_IMPLICIT_CAST &&
		list_length(((FuncExpr *) node)->args) == 1 &&
		is_liftable_literal(linitial(((FuncExpr *) node)->args)))
	{
		FuncExpr   *cast = copyObject((FuncExpr *) node);

		linitial(cast->args) = add_param(linitial(cast->args), c->in_quals, c);
		return (Node *) cast;
	}
	return node;
}

/* IN (1, 2, 3) as = ANY ($1). */
static Node *
lift_array(Node *node, LiftContext *c)
{
	ArrayExpr  *array = (ArrayExpr *) node;
	ListCell   *lc;

	if (is_liftable_literal(node))
		return add_param(node, c->in_quals, c);
	if (node == NULL || !IsA(node, ArrayExpr) || array->multidims || !type_is_builtin(array->array_typeid))
		return node;
	foreach(lc, array->elements)
	{
		if (!is_liftable_literal(lfirst(lc)))
			return node;
	}
	return add_param(node, c->in_quals, c);
}

/* Comparison of a column with a literal. */
static bool
is_comparison(Oid opno)
{
	return get_op_index_interpretation(opno) != NIL;
}

static Node *
lift_comparison(Node *node, LiftContext *c)
{
	if (IsA(node, OpExpr) && list_length(((OpExpr *) node)->args) == 2)
	{
		OpExpr	   *op = (OpExpr *) node;
		Node	   *left = linitial(op->args);
		Node	   *right = lsecond(op->args);

		if (is_plain_column(left, c) && is_comparison(op->opno))
			lsecond(op->args) = lift_literal(right, c);
		else if (is_plain_column(right, c) && is_comparison(op->opno))
			linitial(op->args) = lift_literal(left, c);
	}
	else if (IsA(node, ScalarArrayOpExpr))
	{
		ScalarArrayOpExpr *op = (ScalarArrayOpExpr *) node;

		if (is_plain_column(linitial(op->args), c) && is_comparison(op->opno))
			lsecond(op->args) = lift_array(lsecond(op->args), c);
	}
	return node;
}

/* A field of a row that is a parameter (NEW.x of a trigger): the other node need not know the row's type. */
static bool
is_field_of_param(Node *node)
{
	return IsA(node, FieldSelect) && IsA(((FieldSelect *) node)->arg, Param) &&
		((Param *) ((FieldSelect *) node)->arg)->paramkind == PARAM_EXTERN;
}

static Node *
lift_mutator(Node *node, void *context)
{
	LiftContext *c = (LiftContext *) context;

	if (node == NULL || IsA(node, Var) || IsA(node, Const))
		return node;
	if (IsA(node, Param))
	{
		if (((Param *) node)->paramkind != PARAM_EXTERN)
			return node;
		return add_param(copyObject(node), true, c);
	}
	if (IsA(node, Query))
	{
		/* of a sub-SELECT in an expression; the copy is ours */
		lift_inside((Query *) node, c->keep_literals || !c->in_quals, c);
		return node;
	}
	if (shippable_must_lift(node) || is_field_of_param(node))
		return add_param(copyObject(node), true, c);
	node = expression_tree_mutator(node, lift_mutator, context);
	if (c->in_quals && c->lift_literals && !c->keep_literals)
		node = lift_comparison(node, c);
	return node;
}

static Node *
lift_node(Node *node, LiftContext *c)
{
	return lift_mutator(node, c);
}

static void
lift_jointree(Node *jtnode, LiftContext *c)
{
	ListCell   *lc;

	if (jtnode == NULL || IsA(jtnode, RangeTblRef))
		return;
	if (IsA(jtnode, FromExpr))
	{
		FromExpr   *from = (FromExpr *) jtnode;

		foreach(lc, from->fromlist)
			lift_jointree(lfirst(lc), c);
		from->quals = lift_node(from->quals, c);
	}
	else
	{
		JoinExpr   *join = castNode(JoinExpr, jtnode);

		lift_jointree(join->larg, c);
		lift_jointree(join->rarg, c);
		/* the columns of USING must stay columns, and they are */
		join->quals = lift_node(join->quals, c);
	}
}

/* How often are values given to columns computed? */
typedef enum Often
{
	ONCE,						/* also volatile calls may be made before */
	ONCE_OR_NEVER,				/* ... those of nextval(), a value more or less is no matter */
	MANY_TIMES
} Often;

/* Values given to columns: literals are lifted, and volatile calls that may be. */
static void
lift_assignments(List *tlist, Often often, LiftContext *c)
{
	ListCell   *lc;

	foreach(lc, tlist)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Node	   *expr = (Node *) tle->expr;

		if ((often == ONCE && shippable_must_lift_once(expr)) ||
			(often == ONCE_OR_NEVER && shippable_must_lift_early(expr)))
			expr = add_param(copyObject(expr), false, c);
		else
		{
			expr = lift_node(expr, c);
			if (c->lift_literals && !c->keep_literals)
				expr = lift_literal(expr, c);
		}
		tle->expr = (Expr *) expr;
	}
}

static void
lift_range_table(Query *query, LiftContext *c)
{
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		switch (rte->rtekind)
		{
			case RTE_SUBQUERY:
				if (rte->subquery != NULL)
					lift_inside(rte->subquery, c->keep_literals, c);
				break;
			case RTE_FUNCTION:
				rte->functions = (List *) lift_node((Node *) rte->functions, c);
				break;
			case RTE_TABLEFUNC:
				rte->tablefunc = (TableFunc *) lift_node((Node *) rte->tablefunc, c);
				break;
			case RTE_VALUES:
				rte->values_lists = (List *) lift_node((Node *) rte->values_lists, c);
				break;
			case RTE_RELATION:
				rte->tablesample = (TableSampleClause *) lift_node((Node *) rte->tablesample, c);
				break;
			default:
				if (sx_rte_is_group(rte))
					sx_rte_set_group_exprs(rte, (List *) lift_node((Node *) sx_rte_group_exprs(rte), c));
				break;
		}
	}
}

static void
lift_merge_actions(Query *query, LiftContext *c)
{
	ListCell   *lc;

	foreach(lc, query->mergeActionList)
	{
		MergeAction *action = lfirst_node(MergeAction, lc);

		action->qual = lift_node(action->qual, c);
		lift_assignments(action->targetList, MANY_TIMES, c);
	}
}

/* One Query: in the order in which its text shows them, more or less. */
static void
lift_level(Query *query, LiftContext *c)
{
	bool		once = shippable_tlist_is_once(query, query == c->statement);
	ListCell   *lc;

	check_stack_depth();
	c->query = query;
	c->in_quals = false;
	foreach(lc, query->cteList)
		lift_inside(castNode(Query, lfirst_node(CommonTableExpr, lc)->ctequery), c->keep_literals, c);
	if (query->commandType == CMD_SELECT && !once)
		query->targetList = (List *) lift_node((Node *) query->targetList, c);
	else if (query->commandType == CMD_SELECT)
	{
		bool		keep_literals = c->keep_literals;

		c->keep_literals = true;
		lift_assignments(query->targetList, ONCE, c);
		c->keep_literals = keep_literals;
	}
	else
		lift_assignments(query->targetList, once ? ONCE : MANY_TIMES, c);
	lift_range_table(query, c);

	c->in_quals = true;
	lift_jointree((Node *) query->jointree, c);
	sx_merge_set_condition(query, lift_node(sx_merge_condition(query), c));
	c->in_quals = false;

	lift_merge_actions(query, c);
	if (query->onConflict != NULL)
	{
		lift_assignments(query->onConflict->onConflictSet, once ? ONCE_OR_NEVER : MANY_TIMES, c);
		query->onConflict->onConflictWhere = lift_node(query->onConflict->onConflictWhere, c);
	}
	query->returningList = (List *) lift_node((Node *) query->returningList, c);
	query->havingQual = lift_node(query->havingQual, c);
	query->limitOffset = lift_node(query->limitOffset, c);
	query->limitCount = lift_node(query->limitCount, c);
	query->windowClause = (List *) lift_node((Node *) query->windowClause, c);
}

/* A Query inside of the one at hand. */
static void
lift_inside(Query *query, bool keep_literals, LiftContext *c)
{
	const LiftContext outer = *c;

	c->keep_literals = keep_literals;
	lift_level(query, c);
	c->query = outer.query;
	c->in_quals = outer.in_quals;
	c->keep_literals = outer.keep_literals;
}

List *
lift_query(Query *query, bool lift_literals, const Reason **reason)
{
	LiftContext c = {.lift_literals = lift_literals, .statement = query};

	*reason = NULL;
	lift_level(query, &c);
	if (list_length(c.params) > PG_UINT16_MAX)
		c.reason = reason_make(NULL, "It has more than %d parameters.", PG_UINT16_MAX);
	*reason = c.reason;
	return c.params;
}
