/*
 * push_members.c
 *	  Some of a level's relations, its members, as a query of their own.
 *
 * The columns of members that the level uses become output columns of that
 * query, and one entry stands for all members. What becomes of the query is the
 * caller's affair: a part (push_groups.c), or rows that are brought together
 * before the rest is (push_stages.c).
 *
 * Entries of members are left empty in the level, those of others in the new
 * query. So are those of joins that are gone; the columns of joins that are left
 * are listed anew, as the text of a query is made of them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"

#include "base/pg_compat.h"
#include "plan/push_level.h"
#include "plan/push_members.h"
#include "plan/push_split.h"
#include "plan/query_make.h"

typedef struct OutputContext
{
	const Query *level;			/* that of the members */
	const Bitmapset *members;
	const Bitmapset *joins;		/* of the fragment */
	Index		entry;			/* stands for the members */
	Query	   *fragment;
	bool		rows_too;		/* a whole row of a table may be a column of the fragment */
	Index		depth;
} OutputContext;

/* ---------- the level taken apart ---------- */

static void
add_conditions(Joined *joined, Node *quals)
{
	if (quals == NULL)
		return;
	if (is_andclause(quals))
	{
		ListCell   *lc;

		foreach(lc, ((BoolExpr *) quals)->args)
			add_conditions(joined, lfirst(lc));
	}
	else
		joined->conditions = lappend(joined->conditions, quals);
}

void
push_take_apart(Joined *joined, Node *jtnode)
{
	ListCell   *lc;

	if (IsA(jtnode, FromExpr))
	{
		foreach(lc, ((FromExpr *) jtnode)->fromlist)
			push_take_apart(joined, lfirst(lc));
		add_conditions(joined, ((FromExpr *) jtnode)->quals);
	}
	else if (IsA(jtnode, JoinExpr) && ((JoinExpr *) jtnode)->jointype == JOIN_INNER)
	{
		push_take_apart(joined, ((JoinExpr *) jtnode)->larg);
		push_take_apart(joined, ((JoinExpr *) jtnode)->rarg);
		add_conditions(joined, ((JoinExpr *) jtnode)->quals);
	}
	else
		joined->items = lappend(joined->items, jtnode);
}

bool
push_concerns_only(Node *condition, const Bitmapset *members)
{
	Relids		varnos = pull_varnos_of_level(NULL, condition, 0);

	return !bms_is_empty(varnos) && bms_is_subset(varnos, members) && !push_refers_outside(condition) &&
		!contain_volatile_functions(condition);
}

List *
push_plain_conditions(const Joined *joined, const Bitmapset *members)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, joined->conditions)
	{
		if (!checkExprHasSubLink(lfirst(lc)) && push_concerns_only(lfirst(lc), members))
			result = lappend(result, lfirst(lc));
	}
	return result;
}

bool
push_is_tied(const Joined *joined, const Bitmapset *members, Index rtindex)
{
	Bitmapset  *both = bms_add_member(bms_copy(members), rtindex);
	ListCell   *lc;

	foreach(lc, joined->conditions)
	{
		Node	   *condition = (Node *) lfirst(lc);
		Relids		varnos;

		if (!IsA(condition, OpExpr) || checkExprHasSubLink(condition) || !push_concerns_only(condition, both) ||
			!qual_operator_is_equality((OpExpr *) condition))
			continue;
		varnos = pull_varnos_of_level(NULL, condition, 0);
		if (bms_is_member(rtindex, varnos) && bms_overlap(varnos, members))
			return true;
	}
	return false;
}

void
push_flatten_join_vars(Query *query)
{
	query->targetList = (List *) sx_flatten_join_vars(query, (Node *) query->targetList);
	query->jointree = (FromExpr *) sx_flatten_join_vars(query, (Node *) query->jointree);
	query->havingQual = sx_flatten_join_vars(query, query->havingQual);
}

/* ---------- entries ---------- */

/* An entry that nothing refers to. */
static RangeTblEntry *
empty_entry(void)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);

	rte->rtekind = RTE_RESULT;
	rte->eref = makeAlias("*none*", NIL);
	return rte;
}

/* Columns are those of the tables: the joins by whose names they were called are taken apart. */
static bool
call_by_table(Node *node, void *context)
{
	Index	   *depth = (Index *) context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		if (((Var *) node)->varlevelsup == *depth)
			((Var *) node)->varnosyn = ((Var *) node)->varattnosyn = 0;
		return false;
	}
	if (IsA(node, Query))
	{
		(*depth)++;
		(void) query_tree_walker((Query *) node, call_by_table, context, 0);
		(*depth)--;
		return false;
	}
	return expression_tree_walker(node, call_by_table, context);
}

/* The columns of one side of a join, and their numbers in it. */
static void
columns_of_side(Query *query, Node *side, List **names, List **vars, List **numbers)
{
	Index		rtindex = IsA(side, RangeTblRef) ? ((RangeTblRef *) side)->rtindex : castNode(JoinExpr, side)->rtindex;
	List	   *more_names;
	List	   *more_vars;
	int			number = 0;
	ListCell   *lc;

	sx_expand_rte(rt_fetch(rtindex, query->rtable), rtindex, &more_names, &more_vars);
	foreach(lc, more_vars)
	{
		/* columns of a table may have been dropped */
		number = IsA(side, RangeTblRef) ? lfirst_node(Var, lc)->varattno : number + 1;
		*numbers = lappend_int(*numbers, number);
	}
	*names = list_concat(*names, more_names);
	*vars = list_concat(*vars, more_vars);
}

/* The entries of joins list the columns that their sides have now. Returns the joins' numbers. */
static Bitmapset *
renew_joins(Query *query, Node *jtnode)
{
	Bitmapset  *result = NULL;
	JoinExpr   *join = (JoinExpr *) jtnode;
	List	   *names = NIL;
	RangeTblEntry *rte;
	ListCell   *lc;

	if (IsA(jtnode, RangeTblRef))
		return NULL;
	if (IsA(jtnode, FromExpr))
	{
		foreach(lc, ((FromExpr *) jtnode)->fromlist)
			result = bms_join(result, renew_joins(query, lfirst(lc)));
		return result;
	}
	result = bms_join(renew_joins(query, join->larg), renew_joins(query, join->rarg));
	rte = rt_fetch(join->rtindex, query->rtable);
	rte->joinmergedcols = 0;
	rte->joinaliasvars = rte->joinleftcols = rte->joinrightcols = NIL;
	columns_of_side(query, join->larg, &names, &rte->joinaliasvars, &rte->joinleftcols);
	columns_of_side(query, join->rarg, &names, &rte->joinaliasvars, &rte->joinrightcols);
	rte->alias = rte->join_using_alias = NULL;
	rte->eref = makeAlias("joined", names);
	join->usingClause = NIL;
	join->isNatural = false;
	join->alias = join->join_using_alias = NULL;
	return bms_add_member(result, join->rtindex);
}

void
push_clean_joins(Query *query)
{
	Bitmapset  *joins = renew_joins(query, (Node *) query->jointree);
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		if (lfirst_node(RangeTblEntry, lc)->rtekind == RTE_JOIN &&
			!bms_is_member(foreach_current_index(lc) + 1, joins))
			lfirst(lc) = empty_entry();
	}
}

/* ---------- the query of the members ---------- */

Query *
push_members_query(const Query *query, const Bitmapset *members, List *items, List *conditions)
{
	Query	   *fragment = copyObject(unconstify(Query *, query));
	bool		has_policies = false;
	Index		depth = 0;
	ListCell   *lc;

	push_clear_upper_part(fragment);
	fragment->targetList = NIL;
	fragment->cteList = NIL;
	foreach(lc, fragment->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (bms_is_member(foreach_current_index(lc) + 1, members))
			has_policies = has_policies || rte->securityQuals != NIL;
		else if (rte->rtekind != RTE_JOIN)
			lfirst(lc) = empty_entry();
	}
	fragment->jointree = makeFromExpr(copyObject(items), conditions == NIL ? NULL :
									  (Node *) make_ands_explicit(copyObject(conditions)));
	push_clean_joins(fragment);
	(void) call_by_table((Node *) fragment->jointree, &depth);
	fragment->hasSubLinks = checkExprHasSubLink((Node *) fragment->jointree) || (has_policies && query->hasSubLinks);
	return fragment;
}

/* ---------- the level without them ---------- */

bool
push_is_table_row(const Query *query, const Var *var)
{
	const RangeTblEntry *rte = rt_fetch(var->varno, query->rtable);

	return var->varattno == InvalidAttrNumber && rte->rtekind == RTE_RELATION &&
		get_rel_type_id(rte->relid) == var->vartype;
}

/* System columns are no columns of a part, nor are whole rows, as a rule. */
static bool
finds_odd_column(Node *node, void *context)
{
	OutputContext *c = (OutputContext *) context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
		return ((Var *) node)->varlevelsup == c->depth && ((Var *) node)->varattno <= 0 &&
			bms_is_member(((Var *) node)->varno, c->members) &&
			!(c->rows_too && push_is_table_row(c->level, (Var *) node));
	if (IsA(node, Query))
	{
		bool		found;

		c->depth++;
		found = query_tree_walker((Query *) node, finds_odd_column, context, 0);
		c->depth--;
		return found;
	}
	return expression_tree_walker(node, finds_odd_column, context);
}

static AttrNumber
output_number(OutputContext *c, const Var *var)
{
	Query	   *fragment = c->fragment;
	Var		   *own = copyObject(unconstify(Var *, var));
	ListCell   *lc;
	int			resno = list_length(fragment->targetList) + 1;

	own->varlevelsup = 0;
	own->varnosyn = own->varattnosyn = 0;
	sx_var_keep_joins(own, c->joins, true);
	foreach(lc, fragment->targetList)
	{
		if (equal(lfirst_node(TargetEntry, lc)->expr, own))
			return lfirst_node(TargetEntry, lc)->resno;
	}
	fragment->targetList = lappend(fragment->targetList,
								   makeTargetEntry((Expr *) own, resno, psprintf("c%d", resno), false));
	return resno;
}

/* Columns of members become columns of the fragment. */
static Node *
use_outputs(Node *node, void *context)
{
	OutputContext *c = (OutputContext *) context;

	if (node == NULL)
		return NULL;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;
		Var		   *output;

		if (var->varlevelsup != c->depth || !bms_is_member(var->varno, c->members))
			return copyObject(node);
		output = makeVar(c->entry, output_number(c, var), var->vartype, var->vartypmod, var->varcollid,
						 var->varlevelsup);
		sx_var_copy_joins(output, var);
		sx_var_keep_joins(output, c->joins, false);
		return (Node *) output;
	}
	if (IsA(node, Query))
	{
		Query	   *query;

		c->depth++;
		query = query_tree_mutator((Query *) node, use_outputs, context, 0);
		c->depth--;
		return (Node *) query;
	}
	return expression_tree_mutator(node, use_outputs, context);
}

Query *
push_members_replaced(Query *query, const Bitmapset *members, FromExpr *joins, Query *fragment, bool rows_too)
{
	Bitmapset  *inner = renew_joins(fragment, (Node *) fragment->jointree);
	OutputContext c = {query, members, inner, bms_next_member(members, -1), fragment, rows_too, 0};
	Query	   *changed;
	Index		depth = 0;
	ListCell   *lc;

	if (query_tree_walker(query, finds_odd_column, &c, QTW_IGNORE_JOINALIASES))
		return NULL;
	changed = copyObject(query);
	changed->jointree = copyObject(joins);
	foreach(lc, changed->rtable)
	{
		if (bms_is_member(foreach_current_index(lc) + 1, members))
			lfirst(lc) = empty_entry();
	}
	changed = query_tree_mutator(changed, use_outputs, &c, QTW_IGNORE_JOINALIASES);
	(void) query_tree_walker(changed, call_by_table, &depth, QTW_IGNORE_JOINALIASES);
	return changed;
}

Query *
push_members_stage(const Joined *joined, const Bitmapset *members, List *joins, List *conditions, List *items)
{
	List	   *left = list_difference_ptr(joined->conditions, conditions);
	Query	   *rows = push_members_query(joined->query, members, joins, conditions);
	FromExpr   *from = makeFromExpr(items, left == NIL ? NULL : (Node *) make_ands_explicit(left));
	Query	   *changed = push_members_replaced(joined->query, members, from, rows, true);

	if (changed == NULL || rows->targetList == NIL)
		return NULL;
	rows->limitCount = (Node *) makeNullConst(INT8OID, -1, InvalidOid);
	lfirst(list_nth_cell(changed->rtable, bms_next_member(members, -1) - 1)) = query_make_entry("stage", rows);
	push_clean_joins(changed);
	changed->hasSubLinks = checkExprHasSubLink((Node *) changed->jointree);
	return changed;
}
