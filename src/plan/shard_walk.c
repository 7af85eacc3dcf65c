/*
 * shard_walk.c
 *	  Gathers the facts of a whole statement.
 *
 * Each Query is visited with two scopes: "fact" is where the conditions that
 * all of its rows satisfy belong, "inner" where its relations and sub-SELECTs
 * stand. For the statement itself, and for a sub-SELECT whose output is
 * restricted by a condition outside exactly as if the condition stood inside,
 * both are one. A sub-SELECT with LIMIT, windows, DISTINCT ON or grouping
 * tells its facts to the Query around it, but must not be restricted from
 * outside (grouping and partition columns apart): its inner scope lies below,
 * and the equalities "output column = inner column" are kept out of it. One that
 * yields a row even from nothing (aggregates without GROUP BY), one that may
 * be empty without harm (sub-SELECTs in expressions, legs of set operations)
 * keeps its facts to itself.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/prep.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "base/pg_compat.h"
#include "plan/shard_targets.h"
#include "plan/shard_walk.h"

/* The two scopes of a Query. */
typedef struct Scopes
{
	FactScope  *fact;
	FactScope  *inner;
} Scopes;

/* A sub-SELECT that has been visited, for links to its output. */
typedef struct SubWalk
{
	QueryFrame *frame;
	Scopes		scopes;
	bool		tells;			/* its facts hold for the rows around it */
} SubWalk;

typedef struct WalkedCte
{
	CommonTableExpr *cte;
	SubWalk		sub;
	bool		modifies;
} WalkedCte;

typedef struct SubLinkContext
{
	StatementWalk *walk;
	QueryFrame *frame;
	FactScope  *scope;
} SubLinkContext;

static QueryFrame *walk_query(StatementWalk *walk, Query *query, QueryFrame *parent, Scopes scopes,
							  const Operand *output);
static void walk_quals(StatementWalk *walk, QueryFrame *frame, Node *quals, Scopes scopes);

/* A Query that yields a row even if its FROM yields none. */
static bool
never_empty(const Query *query)
{
	return query->groupingSets != NIL ||
		(query->groupClause == NIL && (query->hasAggs || query->havingQual != NULL));
}

/* May any condition on the output be applied to the input instead? */
static bool
is_transparent(const Query *query)
{
	return query->limitOffset == NULL && query->limitCount == NULL &&
		query->groupClause == NIL && query->groupingSets == NIL && !query->hasAggs &&
		query->havingQual == NULL && !query->hasWindowFuncs && !query->hasDistinctOn &&
		query->setOperations == NULL;
}

/* By its expression: that of "SELECT k, k .. GROUP BY 1, 2" is in the clause once only when the text is read again. */
static bool
is_in_clause(const Query *query, const TargetEntry *tle, List *clause)
{
	return list_member(get_sortgrouplist_exprs(clause, query->targetList), tle->expr);
}

/* May a condition on this output column be applied to the input instead? */
static bool
column_is_transparent(const Query *query, const TargetEntry *tle)
{
	ListCell   *lc;

	if (query->limitOffset != NULL || query->limitCount != NULL || never_empty(query))
		return false;
	if (query->groupClause != NIL && !is_in_clause(query, tle, query->groupClause))
		return false;
	if (query->hasDistinctOn && !is_in_clause(query, tle, query->distinctClause))
		return false;
	if (query->hasWindowFuncs)
	{
		foreach(lc, query->windowClause)
		{
			if (!is_in_clause(query, tle, lfirst_node(WindowClause, lc)->partitionClause))
				return false;
		}
	}
	return true;
}

/*
 * Visit a sub-SELECT whose rows the rows around it are made of (FROM), or need
 * at least one of (EXISTS, IN). output: what its column 1, 2, ... is outside, for
 * set operations only.
 */
static SubWalk
walk_joined(StatementWalk *walk, Query *query, QueryFrame *parent, Scopes outside, const Operand *output)
{
	SubWalk		sub = {0};

	sub.tells = !never_empty(query) && query->setOperations == NULL;
	if (!sub.tells)
	{
		sub.scopes.inner = fact_scope_make(outside.inner);
		sub.scopes.fact = sub.scopes.inner;
	}
	else if (is_transparent(query))
		sub.scopes = outside;
	else
	{
		sub.scopes.inner = fact_scope_make(outside.inner);
		sub.scopes.fact = outside.fact;
	}
	sub.frame = walk_query(walk, query, parent, sub.scopes, output);
	return sub;
}

/* Output column number attno of a visited sub-SELECT as an operand outside; *except as for facts_add. */
static bool
output_operand(const SubWalk *sub, AttrNumber attno, bool one_way, Operand *operand, FactScope **except)
{
	List	   *tlist = sub->frame->query->commandType == CMD_SELECT ?
		sub->frame->query->targetList : sub->frame->query->returningList;
	TargetEntry *tle;

	if (!sub->tells || attno > list_length(tlist))
		return false;
	tle = list_nth_node(TargetEntry, tlist, attno - 1);
	if (tle->resjunk || !operand_from_expr(sub->frame, (Node *) tle->expr, operand))
		return false;
	*except = !one_way && column_is_transparent(sub->frame->query, tle) ? NULL : sub->scopes.inner;
	return true;
}

/* State that the columns of a range table entry are the output columns of its sub-SELECT. */
static void
link_output(StatementWalk *walk, QueryFrame *frame, Index varno, const SubWalk *sub, FactScope *scope)
{
	int			ncolumns = list_length(rt_fetch(varno, frame->query->rtable)->eref->colnames);

	for (AttrNumber attno = 1; attno <= ncolumns; attno++)
	{
		Operand		outside = operand_column(frame, varno, attno);
		Operand		inside;
		FactScope  *except;

		if (output_operand(sub, attno, false, &inside, &except))
			facts_add(&walk->facts, &outside, &inside, InvalidOid, scope, except);
	}
}

/* Common table expressions: the one a range table entry names, and the frame it is defined in. */
static CommonTableExpr *
find_cte(QueryFrame *frame, RangeTblEntry *rte, QueryFrame **owner)
{
	ListCell   *lc;

	for (Index up = 0; up < rte->ctelevelsup && frame != NULL; up++)
		frame = frame->parent;
	if (frame == NULL)
		return NULL;
	*owner = frame;
	foreach(lc, frame->query->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);

		if (strcmp(cte->ctename, rte->ctename) == 0)
			return cte;
	}
	return NULL;
}

static WalkedCte *
find_walked_cte(StatementWalk *walk, CommonTableExpr *cte)
{
	ListCell   *lc;

	foreach(lc, walk->done_ctes)
	{
		WalkedCte  *done = (WalkedCte *) lfirst(lc);

		if (done->cte == cte)
			return done;
	}
	return NULL;
}

static WalkedCte *
note_cte(StatementWalk *walk, CommonTableExpr *cte)
{
	WalkedCte  *done = palloc0(sizeof(WalkedCte));

	done->cte = cte;
	done->modifies = castNode(Query, cte->ctequery)->commandType != CMD_SELECT;
	walk->done_ctes = lappend(walk->done_ctes, done);
	return done;
}

/* A CTE whose rows nothing outside restricts: it modifies, or is read more than once, or is recursive. */
static void
walk_cte_alone(StatementWalk *walk, CommonTableExpr *cte, QueryFrame *owner)
{
	WalkedCte  *done = note_cte(walk, cte);

	done->sub.scopes.inner = done->sub.scopes.fact = fact_scope_make(NULL);
	done->sub.tells = done->modifies;
	done->sub.frame = walk_query(walk, castNode(Query, cte->ctequery), owner, done->sub.scopes, NULL);
}

static bool
cte_stands_alone(const CommonTableExpr *cte)
{
	return castNode(Query, cte->ctequery)->commandType != CMD_SELECT ||
		cte->cterecursive || cte->cterefcount != 1;
}

/* The CTEs of a Query that are carried out wherever they are read, or even if they are not. */
static void
walk_ctes(StatementWalk *walk, QueryFrame *frame)
{
	ListCell   *lc;

	foreach(lc, frame->query->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);

		if (cte_stands_alone(cte) && find_walked_cte(walk, cte) == NULL)
			walk_cte_alone(walk, cte, frame);
	}
}

/* All readers of such a CTE see the same row. */
static bool
inserts_one_row(const CommonTableExpr *cte)
{
	Query	   *query = castNode(Query, cte->ctequery);

	return query->commandType == CMD_INSERT && query->jointree->fromlist == NIL;
}

static void
walk_cte_reference(StatementWalk *walk, QueryFrame *frame, Index varno, Scopes scopes)
{
	RangeTblEntry *rte = rt_fetch(varno, frame->query->rtable);
	Operand		output = operand_column(frame, varno, 0);
	QueryFrame *owner;
	CommonTableExpr *cte;
	WalkedCte  *done;
	SubWalk		sub;

	if (rte->self_reference)
		return;
	cte = find_cte(frame, rte, &owner);
	if (cte == NULL)
	{
		walk->blocked = reason_make(NULL, "It reads a common table expression that was not found.");
		return;
	}
	if (!cte_stands_alone(cte))
	{
		(void) note_cte(walk, cte);
		sub = walk_joined(walk, castNode(Query, cte->ctequery), owner, scopes, &output);
		link_output(walk, frame, varno, &sub, scopes.fact);
		return;
	}
	done = find_walked_cte(walk, cte);
	if (done == NULL || !done->modifies || (cte->cterefcount != 1 && !inserts_one_row(cte)))
		return;
	/* rows that a modifying CTE returns satisfy its facts */
	scopes.fact->imports = list_append_unique_ptr(scopes.fact->imports, done->sub.scopes.fact);
	for (AttrNumber attno = 1; attno <= list_length(rte->eref->colnames); attno++)
	{
		Operand		outside = operand_column(frame, varno, attno);
		Operand		inside;
		FactScope  *except;

		if (output_operand(&done->sub, attno, true, &inside, &except) &&
			written_column_is_stable(done->sub.frame, &inside))
			facts_add(&walk->facts, &outside, &inside, InvalidOid, scopes.fact, except);
	}
}

/* VALUES: the column is the one value, or one of the values, that stand there. */
static void
link_values(StatementWalk *walk, QueryFrame *frame, Index varno, FactScope *scope)
{
	RangeTblEntry *rte = rt_fetch(varno, frame->query->rtable);
	int			ncolumns = list_length(linitial(rte->values_lists));

	for (int i = 0; i < ncolumns; i++)
	{
		Operand		column = operand_column(frame, varno, i + 1);
		Operand		value = {.kind = OPERAND_SET};
		ListCell   *lc;

		if (!targets_want_values(frame, varno, i + 1))
			continue;
		foreach(lc, rte->values_lists)
		{
			Operand		element;

			if (!operand_from_expr(frame, list_nth((List *) lfirst(lc), i), &element) ||
				element.kind != OPERAND_VALUE)
				break;
			value.values = lappend(value.values, element.value);
		}
		if (lc != NULL)
			continue;
		if (list_length(value.values) == 1)
		{
			value.kind = OPERAND_VALUE;
			value.value = linitial(value.values);
		}
		facts_add(&walk->facts, &column, &value, InvalidOid, scope, NULL);
	}
}

static void
walk_relation(StatementWalk *walk, QueryFrame *frame, Index varno, Scopes scopes)
{
	RangeTblEntry *rte = rt_fetch(varno, frame->query->rtable);
	const TableInfo *table = table_info(rte->relid);

	if (table == NULL)
		walk->has_home = true;
	else if (table->kind == TABLE_REFERENCE)
		walk->has_reference = true;
	else
		(void) facts_add_occurrence(&walk->facts, table, frame, varno, scopes.inner);
}

static void
walk_rte(StatementWalk *walk, QueryFrame *frame, Index varno, Scopes scopes)
{
	RangeTblEntry *rte = rt_fetch(varno, frame->query->rtable);
	Operand		output = operand_column(frame, varno, 0);
	SubWalk		sub;

	switch (rte->rtekind)
	{
		case RTE_RELATION:
			walk_relation(walk, frame, varno, scopes);
			break;
		case RTE_SUBQUERY:
			sub = walk_joined(walk, rte->subquery, frame, scopes, &output);
			link_output(walk, frame, varno, &sub, scopes.fact);
			break;
		case RTE_CTE:
			walk_cte_reference(walk, frame, varno, scopes);
			break;
		case RTE_VALUES:
			if (rte->values_lists != NIL)
				link_values(walk, frame, varno, scopes.fact);
			break;
		case RTE_NAMEDTUPLESTORE:
			walk->has_home = true;
			break;
		default:
			break;
	}
	walk_quals(walk, frame, (Node *) rte->securityQuals, scopes);
}

static void
walk_join(StatementWalk *walk, QueryFrame *frame, Node *jtnode, Scopes scopes)
{
	if (jtnode == NULL)
		return;
	if (IsA(jtnode, RangeTblRef))
		walk_rte(walk, frame, ((RangeTblRef *) jtnode)->rtindex, scopes);
	else if (IsA(jtnode, FromExpr))
	{
		FromExpr   *from = (FromExpr *) jtnode;
		ListCell   *lc;

		foreach(lc, from->fromlist)
			walk_join(walk, frame, lfirst(lc), scopes);
		walk_quals(walk, frame, from->quals, scopes);
	}
	else
	{
		JoinExpr   *join = castNode(JoinExpr, jtnode);
		bool		left_may_miss = join->jointype == JOIN_RIGHT || join->jointype == JOIN_FULL;
		bool		right_may_miss = join->jointype == JOIN_LEFT || join->jointype == JOIN_FULL;
		Scopes		left = scopes;
		Scopes		right = scopes;

		if (left_may_miss)
			left.fact = left.inner =
				fact_scope_make_nullable(&walk->facts, scopes.inner, frame, sx_relids_in_jointree(join->larg));
		if (right_may_miss)
			right.fact = right.inner =
				fact_scope_make_nullable(&walk->facts, scopes.inner, frame, sx_relids_in_jointree(join->rarg));
		walk_join(walk, frame, join->larg, left);
		walk_join(walk, frame, join->rarg, right);
		/* the conditions of a full join restrict neither side */
		if (join->jointype != JOIN_FULL)
			walk_quals(walk, frame, join->quals, right_may_miss ? right : left);
	}
}

/* x = $1 AND y = $2 of an IN: $n is output column n of the sub-SELECT. */
static void
link_test(StatementWalk *walk, QueryFrame *frame, Node *test, const SubWalk *sub, FactScope *scope)
{
	OpExpr	   *op = (OpExpr *) test;
	Operand		outside;
	Operand		inside;
	FactScope  *except;
	Node	   *right;

	if (test == NULL)
		return;
	if (is_andclause(test))
	{
		ListCell   *lc;

		foreach(lc, ((BoolExpr *) test)->args)
			link_test(walk, frame, lfirst(lc), sub, scope);
		return;
	}
	if (!IsA(test, OpExpr) || list_length(op->args) != 2)
		return;
	right = lsecond(op->args);
	if (IsA(right, RelabelType))
		right = (Node *) ((RelabelType *) right)->arg;
	if (!IsA(right, Param) || ((Param *) right)->paramkind != PARAM_SUBLINK)
		return;
	if (!qual_operator_is_equality(op) || !operand_from_expr(frame, linitial(op->args), &outside))
		return;
	if (output_operand(sub, ((Param *) right)->paramid, false, &inside, &except))
		facts_add(&walk->facts, &outside, &inside, op->opno, scope, except);
}

/* A condition that is a sub-SELECT: EXISTS, or IN. Others are left to walk_sublinks. */
static void
walk_sublink_qual(StatementWalk *walk, QueryFrame *frame, SubLink *sublink, Scopes scopes)
{
	Query	   *query = castNode(Query, sublink->subselect);
	SubWalk		sub;

	if (sublink->subLinkType != EXISTS_SUBLINK && sublink->subLinkType != ANY_SUBLINK)
		return;
	walk->done_sublinks = lappend(walk->done_sublinks, sublink);
	sub = walk_joined(walk, query, frame, scopes, NULL);
	if (sublink->subLinkType == ANY_SUBLINK)
		link_test(walk, frame, sublink->testexpr, &sub, scopes.fact);
}

/* column = (SELECT ...): a row of the sub-SELECT exists; it is not restricted from outside (it may hold only one). */
static bool
walk_scalar_equality(StatementWalk *walk, QueryFrame *frame, OpExpr *op, Scopes scopes)
{
	SubLink    *sublink;
	SubWalk		sub;
	Operand		outside;
	Operand		inside;
	FactScope  *except;
	Node	   *other;

	if (list_length(op->args) != 2 || !qual_operator_is_equality(op))
		return false;
	sublink = (SubLink *) lsecond(op->args);
	other = linitial(op->args);
	if (!IsA(sublink, SubLink))
	{
		sublink = (SubLink *) linitial(op->args);
		other = lsecond(op->args);
	}
	if (!IsA(sublink, SubLink) || sublink->subLinkType != EXPR_SUBLINK ||
		!operand_from_expr(frame, other, &outside))
		return false;
	walk->done_sublinks = lappend(walk->done_sublinks, sublink);
	sub.tells = !never_empty(castNode(Query, sublink->subselect)) &&
		castNode(Query, sublink->subselect)->setOperations == NULL;
	sub.scopes.inner = fact_scope_make(scopes.inner);
	sub.scopes.fact = sub.tells ? scopes.fact : sub.scopes.inner;
	sub.frame = walk_query(walk, castNode(Query, sublink->subselect), frame, sub.scopes, NULL);
	if (output_operand(&sub, 1, true, &inside, &except))
		facts_add(&walk->facts, &outside, &inside, op->opno, scopes.fact, except);
	return true;
}

/* Conditions that all rows of scopes.fact satisfy. */
static void
walk_quals(StatementWalk *walk, QueryFrame *frame, Node *quals, Scopes scopes)
{
	Operand		a;
	Operand		b;
	Oid			opno;

	if (quals == NULL)
		return;
	if (IsA(quals, List) || is_andclause(quals))
	{
		List	   *parts = IsA(quals, List) ? (List *) quals : ((BoolExpr *) quals)->args;
		ListCell   *lc;

		foreach(lc, parts)
			walk_quals(walk, frame, lfirst(lc), scopes);
	}
	else if (IsA(quals, SubLink))
		walk_sublink_qual(walk, frame, (SubLink *) quals, scopes);
	else if (IsA(quals, OpExpr) && walk_scalar_equality(walk, frame, (OpExpr *) quals, scopes))
		return;
	else if (qual_equality(frame, quals, &a, &b, &opno))
		facts_add(&walk->facts, &a, &b, opno, scopes.fact, NULL);
}

/* Sub-SELECTs in expressions, wherever they stand: they know the facts of the rows they are evaluated for. */
static bool
walk_sublinks(Node *node, void *context)
{
	SubLinkContext *c = (SubLinkContext *) context;

	if (node == NULL || IsA(node, Query))
		return false;
	if (IsA(node, SubLink))
	{
		SubLink    *sublink = (SubLink *) node;

		if (!list_member_ptr(c->walk->done_sublinks, sublink))
		{
			FactScope  *scope = fact_scope_make(c->scope);
			Scopes		scopes = {scope, scope};

			c->walk->done_sublinks = lappend(c->walk->done_sublinks, sublink);
			(void) walk_query(c->walk, castNode(Query, sublink->subselect), c->frame, scopes, NULL);
		}
		return walk_sublinks(sublink->testexpr, context);
	}
	return expression_tree_walker(node, walk_sublinks, context);
}

/* Does equality of the column, as rows are compared, mean equal bytes? */
static bool
is_compared_plainly(Node *column)
{
	return !OidIsValid(exprCollation(column)) || get_collation_isdeterministic(exprCollation(column));
}

/*
 * The legs of a set operation. A condition on an output column may be applied
 * to the legs; output names the column outside.
 */
static void
walk_legs(StatementWalk *walk, QueryFrame *frame, Node *node, FactScope *outside, const Operand *output)
{
	SetOperationStmt *operation = (SetOperationStmt *) node;
	RangeTblEntry *rte;
	FactScope  *scope;
	Scopes		scopes;
	SubWalk		leg = {0};
	ListCell   *lc;

	if (IsA(node, SetOperationStmt))
	{
		walk_legs(walk, frame, operation->larg, outside, output);
		walk_legs(walk, frame, operation->rarg, outside, output);
		return;
	}
	rte = rt_fetch(castNode(RangeTblRef, node)->rtindex, frame->query->rtable);
	scope = fact_scope_make(outside);
	scopes.fact = scopes.inner = scope;
	leg.scopes = scopes;
	leg.frame = walk_query(walk, rte->subquery, frame, scopes, output);
	if (output == NULL || rte->subquery->setOperations != NULL)
		return;
	foreach(lc, rte->subquery->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Operand		outer = *output;
		Operand		inner;
		TargetEntry *out;

		outer.attno = tle->resno;
		if (tle->resjunk || tle->resno > list_length(frame->query->targetList))
			continue;
		out = list_nth_node(TargetEntry, frame->query->targetList, tle->resno - 1);
		if (exprType((Node *) tle->expr) == exprType((Node *) out->expr) &&
			is_compared_plainly((Node *) out->expr) && column_is_transparent(rte->subquery, tle) &&
			operand_from_expr(leg.frame, (Node *) tle->expr, &inner))
			facts_add(&walk->facts, &outer, &inner, InvalidOid, scope, NULL);
	}
}

static QueryFrame *
walk_query(StatementWalk *walk, Query *query, QueryFrame *parent, Scopes scopes, const Operand *output)
{
	QueryFrame *frame = palloc(sizeof(QueryFrame));
	SubLinkContext context = {walk, frame, scopes.inner};
	ListCell   *lc;

	check_stack_depth();
	frame->query = query;
	frame->parent = parent;
	frame->params = walk->params;

	walk_ctes(walk, frame);
	if (query->setOperations != NULL)
		walk_legs(walk, frame, query->setOperations, scopes.inner,
				  query->limitOffset == NULL && query->limitCount == NULL ? output : NULL);
	else if (query->commandType == CMD_MERGE)
	{
		FactScope  *target = targets_merge_scope(&walk->facts, frame, scopes.inner);
		Scopes		target_scopes = {target == scopes.inner ? scopes.fact : target, target};

		foreach(lc, query->jointree->fromlist)
			walk_join(walk, frame, lfirst(lc), scopes);
		if (!targets_merge_is_full(query))
			walk_quals(walk, frame, sx_merge_condition(query), target_scopes);
		targets_note(walk, frame, target_scopes.inner, scopes.fact);
	}
	else
	{
		walk_join(walk, frame, (Node *) query->jointree, scopes);
		if (query->commandType != CMD_SELECT)
			targets_note(walk, frame, scopes.inner, scopes.fact);
	}

	if (query->hasSubLinks)
	{
		context.scope = targets_expression_scope(walk, frame, scopes.inner);
		(void) query_tree_walker(query, walk_sublinks, &context,
								 QTW_IGNORE_RT_SUBQUERIES | QTW_IGNORE_CTE_SUBQUERIES | QTW_IGNORE_JOINALIASES);
	}
	return frame;
}

void
statement_walk(StatementWalk *walk, Query *query, ParamListInfo params)
{
	FactScope  *root = fact_scope_make(NULL);
	Scopes		scopes = {root, root};

	memset(walk, 0, sizeof(StatementWalk));
	walk->params = params;
	walk->scope = root;
	walk->frame = walk_query(walk, query, NULL, scopes, NULL);
	facts_settle(&walk->facts);
}
