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
#include "plan/push_members.h"
#include "plan/push_part.h"
#include "plan/push_split.h"

typedef struct TableGroup
{
	Bitmapset  *members;
	List	   *conditions;		/* of Joined, by pointer */
	bool		has_subquery;
	Colocation	colocation;
} TableGroup;

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

/* SELECT of nothing FROM the members under these conditions. */
static Query *
make_fragment(const Joined *joined, const Bitmapset *members, List *conditions)
{
	List	   *items = NIL;
	int			rtindex = -1;

	while ((rtindex = bms_next_member(members, rtindex)) >= 0)
	{
		RangeTblRef *ref = makeNode(RangeTblRef);

		ref->rtindex = rtindex;
		items = lappend(items, ref);
	}
	return push_members_query(joined->query, members, items, conditions);
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

		if (!push_is_tied(joined, group->members, rtindex) ||
			!is_colocated(joined, larger, push_plain_conditions(joined, larger), &colocation))
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
		if (!push_is_tied(joined, group->members, rtindex))
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

	group->conditions = push_plain_conditions(joined, group->members);
	foreach(lc, joined->conditions)
	{
		List	   *more;

		if (!checkExprHasSubLink(lfirst(lc)) || !push_concerns_only(lfirst(lc), group->members))
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
	int			entry = bms_next_member(group->members, -1);
	FromExpr   *joins = remaining_joins(joined, group, entry);
	Query	   *changed = push_members_replaced(query, group->members, joins, fragment, false);
	PushPart	part;

	if (changed == NULL || push_part_make(fragment, &group->colocation, statement, &part) != NULL)
		return false;
	list_nth_cell(changed->rtable, entry - 1)->ptr_value = push_part_entry(&part);
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

	push_take_apart(&joined, (Node *) query->jointree);
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
	push_flatten_join_vars(query);
	while (push_one_group(query, statement))
		;
}
