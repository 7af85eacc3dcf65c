/*
 * push_groups.c
 *	  Tables of one level that are joined by colocated columns.
 *
 *	  FROM orders o, lines l, customers c WHERE l.order = o.id AND c.id = o.customer AND ..
 *
 * With orders and lines colocated, customers not, the first two become a part:
 *
 *	  FROM (SELECT .. FROM orders o, lines l WHERE l.order = o.id AND ..) AS fragment, customers c WHERE ..
 *
 * Steps: the inner joins of the level are taken apart into what they join and a
 * list of conditions; starting from each sharded table, those are added that an
 * equality ties to the group and that leave it colocated (push_colocate.h), then
 * reference tables that an equality ties to it; conditions that concern the group
 * alone go with it, subqueries among them if the group stays colocated. What
 * else the level needs of the group are output columns of the part.
 *
 * Outer joins stay as they are, above.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"

#include "base/pg_compat.h"
#include "plan/push_colocate.h"
#include "plan/push_groups.h"
#include "plan/push_part.h"
#include "plan/push_split.h"

/* The inner joins of a level. */
typedef struct Joined
{
	Query	   *query;
	List	   *items;			/* RangeTblRefs, and JoinExprs of outer joins */
	List	   *conditions;
} Joined;

typedef struct TableGroup
{
	Bitmapset  *members;
	List	   *conditions;		/* of Joined, by pointer */
	bool		has_subquery;
	Colocation	colocation;
} TableGroup;

typedef struct OutputContext
{
	const Bitmapset *members;
	Index		entry;			/* the part's */
	Query	   *fragment;
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

static void
take_apart(Joined *joined, Node *jtnode)
{
	ListCell   *lc;

	if (IsA(jtnode, FromExpr))
	{
		foreach(lc, ((FromExpr *) jtnode)->fromlist)
			take_apart(joined, lfirst(lc));
		add_conditions(joined, ((FromExpr *) jtnode)->quals);
	}
	else if (IsA(jtnode, JoinExpr) && ((JoinExpr *) jtnode)->jointype == JOIN_INNER)
	{
		take_apart(joined, ((JoinExpr *) jtnode)->larg);
		take_apart(joined, ((JoinExpr *) jtnode)->rarg);
		add_conditions(joined, ((JoinExpr *) jtnode)->quals);
	}
	else
		joined->items = lappend(joined->items, jtnode);
}

static TableKind
kind_of(const Query *query, Index rtindex, bool *ours)
{
	RangeTblEntry *rte = rt_fetch(rtindex, query->rtable);
	const TableInfo *table = rte->rtekind == RTE_RELATION && rte->tablesample == NULL ? table_info(rte->relid) : NULL;

	*ours = table != NULL;
	return table != NULL ? table->kind : TABLE_SHARDED;
}

/* Tables of the kind among what is joined, those that are members of a group already left out. */
static Bitmapset *
tables_of_kind(const Joined *joined, TableKind kind, const Bitmapset *taken)
{
	Bitmapset  *result = NULL;
	ListCell   *lc;

	foreach(lc, joined->items)
	{
		Index		rtindex;
		bool		ours;

		if (!IsA(lfirst(lc), RangeTblRef))
			continue;
		rtindex = ((RangeTblRef *) lfirst(lc))->rtindex;
		if (kind_of(joined->query, rtindex, &ours) == kind && ours && !bms_is_member(rtindex, taken))
			result = bms_add_member(result, rtindex);
	}
	return result;
}

/* ---------- groups ---------- */

static bool
concerns_only(Node *condition, const Bitmapset *members)
{
	Relids		varnos = pull_varnos_of_level(NULL, condition, 0);

	return !bms_is_empty(varnos) && bms_is_subset(varnos, members) && !push_refers_outside(condition) &&
		!contain_volatile_functions(condition);
}

static bool
has_subquery(Node *condition)
{
	return checkExprHasSubLink(condition);
}

/* Conditions without subqueries that the group can check. */
static List *
plain_conditions(const Joined *joined, const Bitmapset *members)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, joined->conditions)
	{
		if (!has_subquery(lfirst(lc)) && concerns_only(lfirst(lc), members))
			result = lappend(result, lfirst(lc));
	}
	return result;
}

/* An equality between a member and the table. */
static bool
is_tied(const Joined *joined, const Bitmapset *members, Index rtindex)
{
	Bitmapset  *both = bms_add_member(bms_copy(members), rtindex);
	ListCell   *lc;

	foreach(lc, joined->conditions)
	{
		Node	   *condition = (Node *) lfirst(lc);
		Relids		varnos;

		if (!IsA(condition, OpExpr) || has_subquery(condition) || !concerns_only(condition, both) ||
			!qual_operator_is_equality((OpExpr *) condition))
			continue;
		varnos = pull_varnos_of_level(NULL, condition, 0);
		if (bms_is_member(rtindex, varnos) && bms_overlap(varnos, members))
			return true;
	}
	return false;
}

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

/* SELECT of nothing FROM the members under these conditions. */
static Query *
make_fragment(const Joined *joined, const Bitmapset *members, List *conditions)
{
	Query	   *fragment = copyObject(joined->query);
	List	   *items = NIL;
	Index		depth = 0;
	ListCell   *lc;

	push_clear_upper_part(fragment);
	fragment->targetList = NIL;
	fragment->cteList = NIL;
	foreach(lc, fragment->rtable)
	{
		Index		rtindex = foreach_current_index(lc) + 1;
		RangeTblRef *ref;

		if (!bms_is_member(rtindex, members))
		{
			lfirst(lc) = empty_entry();
			continue;
		}
		ref = makeNode(RangeTblRef);
		ref->rtindex = rtindex;
		items = lappend(items, ref);
	}
	fragment->jointree = makeFromExpr(items, conditions == NIL ? NULL :
									  (Node *) make_ands_explicit(copyObject(conditions)));
	(void) call_by_table(fragment->jointree->quals, &depth);
	fragment->hasSubLinks = checkExprHasSubLink(fragment->jointree->quals);
	return fragment;
}

static bool
is_colocated(const Joined *joined, const Bitmapset *members, List *conditions, Colocation *colocation)
{
	return push_find_colocation(make_fragment(joined, members, conditions), colocation) == NULL;
}

/* Sharded tables that lie with the group; each may tie in the next. */
static void
add_sharded(const Joined *joined, TableGroup *group, const Bitmapset *taken)
{
	Bitmapset  *candidates = bms_difference(tables_of_kind(joined, TABLE_SHARDED, taken), group->members);
	int			rtindex = -1;

	while ((rtindex = bms_next_member(candidates, rtindex)) >= 0)
	{
		Bitmapset  *larger = bms_add_member(bms_copy(group->members), rtindex);
		Colocation	colocation;

		if (!is_tied(joined, group->members, rtindex) ||
			!is_colocated(joined, larger, plain_conditions(joined, larger), &colocation))
			continue;
		group->members = larger;
		candidates = bms_del_member(candidates, rtindex);
		rtindex = -1;
	}
}

static void
add_reference(const Joined *joined, TableGroup *group, const Bitmapset *taken)
{
	Bitmapset  *candidates = tables_of_kind(joined, TABLE_REFERENCE, taken);
	int			rtindex = -1;

	while ((rtindex = bms_next_member(candidates, rtindex)) >= 0)
	{
		if (!is_tied(joined, group->members, rtindex))
			continue;
		group->members = bms_add_member(group->members, rtindex);
		candidates = bms_del_member(candidates, rtindex);
		rtindex = -1;
	}
}

static void
add_conditions_of_group(const Joined *joined, TableGroup *group)
{
	ListCell   *lc;

	group->conditions = plain_conditions(joined, group->members);
	foreach(lc, joined->conditions)
	{
		List	   *more;

		if (!has_subquery(lfirst(lc)) || !concerns_only(lfirst(lc), group->members))
			continue;
		more = lappend(list_copy(group->conditions), lfirst(lc));
		if (is_colocated(joined, group->members, more, &group->colocation))
		{
			group->conditions = more;
			group->has_subquery = true;
		}
	}
}

/* ---------- a group becomes a part ---------- */

/* Whole rows and system columns are no columns of a part. */
static bool
finds_odd_column(Node *node, void *context)
{
	OutputContext *c = (OutputContext *) context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
		return ((Var *) node)->varlevelsup == c->depth && ((Var *) node)->varattno <= 0 &&
			bms_is_member(((Var *) node)->varno, c->members);
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
output_number(Query *fragment, const Var *var)
{
	Var		   *own = copyObject(unconstify(Var *, var));
	ListCell   *lc;
	int			resno = list_length(fragment->targetList) + 1;

	own->varlevelsup = 0;
	own->varnosyn = own->varattnosyn = 0;
	foreach(lc, fragment->targetList)
	{
		if (equal(lfirst_node(TargetEntry, lc)->expr, own))
			return lfirst_node(TargetEntry, lc)->resno;
	}
	fragment->targetList = lappend(fragment->targetList,
								   makeTargetEntry((Expr *) own, resno, psprintf("c%d", resno), false));
	return resno;
}

/* Columns of members become columns of the part. */
static Node *
use_outputs(Node *node, void *context)
{
	OutputContext *c = (OutputContext *) context;

	if (node == NULL)
		return NULL;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;

		if (var->varlevelsup != c->depth || !bms_is_member(var->varno, c->members))
			return copyObject(node);
		return (Node *) makeVar(c->entry, output_number(c->fragment, var), var->vartype, var->vartypmod,
								var->varcollid, var->varlevelsup);
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

/* The joins that are left: without the members, with the part. */
static FromExpr *
remaining_joins(const Joined *joined, const TableGroup *group, Index entry)
{
	List	   *items = NIL;
	List	   *conditions = list_difference_ptr(joined->conditions, group->conditions);
	RangeTblRef *ref = makeNode(RangeTblRef);
	ListCell   *lc;

	ref->rtindex = entry;
	items = list_make1(ref);
	foreach(lc, joined->items)
	{
		if (!IsA(lfirst(lc), RangeTblRef) ||
			!bms_is_member(((RangeTblRef *) lfirst(lc))->rtindex, group->members))
			items = lappend(items, lfirst(lc));
	}
	return makeFromExpr(items, conditions == NIL ? NULL : (Node *) make_ands_explicit(conditions));
}

static bool
replace_group(Joined *joined, const TableGroup *group, PushStatement *statement)
{
	Query	   *query = joined->query;
	Query	   *fragment = make_fragment(joined, group->members, group->conditions);
	OutputContext c = {group->members, bms_next_member(group->members, -1), fragment, 0};
	Query	   *changed;
	PushPart	part;
	Index		depth = 0;
	ListCell   *lc;

	if (query_tree_walker(query, finds_odd_column, &c, QTW_IGNORE_JOINALIASES))
		return false;
	changed = copyObject(query);
	changed->jointree = copyObject(remaining_joins(joined, group, c.entry));
	foreach(lc, changed->rtable)
	{
		Index		rtindex = foreach_current_index(lc) + 1;

		/* joins that are taken apart are not referred to either */
		if (bms_is_member(rtindex, group->members))
			lfirst(lc) = empty_entry();
	}
	changed = query_tree_mutator(changed, use_outputs, &c, QTW_IGNORE_JOINALIASES);
	(void) query_tree_walker(changed, call_by_table, &depth, QTW_IGNORE_JOINALIASES);
	if (push_part_make(fragment, &group->colocation, statement, &part) != NULL)
		return false;
	list_nth_cell(changed->rtable, c.entry - 1)->ptr_value = push_part_entry(&part);
	statement->fragments = lappend(statement->fragments, fragment);
	*query = *changed;
	return true;
}

/* The first group there is becomes a part; false: there is none. */
static bool
push_one_group(Query *query, PushStatement *statement)
{
	Joined		joined = {query};
	Bitmapset  *sharded;
	int			rtindex = -1;

	take_apart(&joined, (Node *) query->jointree);
	sharded = tables_of_kind(&joined, TABLE_SHARDED, NULL);
	while ((rtindex = bms_next_member(sharded, rtindex)) >= 0)
	{
		TableGroup	group = {bms_make_singleton(rtindex)};

		add_sharded(&joined, &group, NULL);
		add_reference(&joined, &group, NULL);
		add_conditions_of_group(&joined, &group);
		if (bms_num_members(group.members) == 1 && !group.has_subquery)
			continue;
		if (is_colocated(&joined, group.members, group.conditions, &group.colocation) &&
			replace_group(&joined, &group, statement))
			return true;
	}
	return false;
}

/* Vars of joins would be lost with the joins. */
static void
flatten_join_vars(Query *query)
{
	query->targetList = (List *) sx_flatten_join_vars(query, (Node *) query->targetList);
	query->jointree = (FromExpr *) sx_flatten_join_vars(query, (Node *) query->jointree);
	query->havingQual = sx_flatten_join_vars(query, query->havingQual);
}

static bool
is_eligible(const Query *query)
{
	ListCell   *lc;

	if (query->commandType != CMD_SELECT || query->setOperations != NULL || query->rowMarks != NIL ||
		query->jointree == NULL || query->jointree->fromlist == NIL)
		return false;
	foreach(lc, query->rtable)
	{
		if (lfirst_node(RangeTblEntry, lc)->lateral)
			return false;
	}
	return true;
}

void
push_groups(Query *query, PushStatement *statement)
{
	if (!is_eligible(query))
		return;
	sx_flatten_groups(query);
	flatten_join_vars(query);
	while (push_one_group(query, statement))
		;
}
