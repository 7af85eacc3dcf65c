/*
 * page_first.c
 *	  ORDER BY .. LIMIT over joins: the rows of the page are found before they are joined.
 *
 *	  SELECT .. FROM post LEFT JOIN author ON author.id = post.author ORDER BY post.created DESC LIMIT 20
 *
 * Tables that do not lie together would be brought together whole, to be sorted
 * and cut off then. But an outer join leaves out no row of its preserved side:
 * if ORDER BY looks at that side only, so do the rows that are first.
 *
 *	  SELECT .. FROM (SELECT .. FROM post ORDER BY created DESC LIMIT 20) AS page
 *		LEFT JOIN author ON author.id = page.author ORDER BY page.created DESC LIMIT 20
 *
 * The page is a level of its own, which may be such a statement again; and for few rows those
 * that they are joined to are looked up (limited_ids.c, push_broadcast.c).
 *
 * An inner join may leave out rows of the page, or conditions on the other side
 * do. So a larger page is taken, by what the planner expects to be left of it; if that gives enough
 * rows, they are the first ones, since all rows beyond the page come later. If not, the statement
 * is carried out as it was written:
 *
 *	  WITH first AS (SELECT .. FROM (SELECT .. FROM post ORDER BY created DESC LIMIT 40) AS page
 *					   JOIN author ON author.id = page.author ORDER BY page.created DESC LIMIT 20)
 *	  SELECT .. FROM (SELECT * FROM first WHERE (SELECT count(*) FROM first) >= 20
 *					  UNION ALL
 *					  SELECT * FROM (the statement) AS whole WHERE (SELECT count(*) FROM first) < 20) AS rows
 *	   ORDER BY .. LIMIT 20
 *
 * [NOT] EXISTS and IN leave out rows of the page, too. For few rows EXISTS looks up rows of the other
 * table by their values (limited_ids.c), so IN becomes EXISTS, and both are looked at before the page is joined.
 *
 * PostgreSQL looks at a condition without columns once, before it starts what is below it.
 *
 * Groups are taken first in the same way, if each belongs to one row (page_groups.c).
 *
 * Rows that are equal by ORDER BY may come in any order, so any of them may be on the page.
 */
#include "postgres.h"

#include <math.h>

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/prep.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"

#include "base/pg_compat.h"
#include "plan/page_first.h"
#include "plan/page_groups.h"
#include "plan/plan_pull.h"
#include "plan/push_colocate.h"
#include "plan/push_level.h"
#include "plan/push_members.h"
#include "plan/push_split.h"
#include "plan/query_make.h"
#include "plan/query_shape.h"
#include "plan/shard_facts.h"

/* Rows of a page that are looked up rather than brought together with whole tables. */
#define LARGEST_PAGE	5000

/* .. of a page for which EXISTS looks up rows by their values, as these are few (limited_ids.c). */
#define LARGEST_OF_VALUES	1000

/* Groups are made here of the page's rows, elsewhere of all: not if there are no more than so many pages. */
#define FEWEST_PAGES	10

/* ---------- what is asked ---------- */

/* The value of LIMIT or OFFSET; -1: not known. */
static int64
known_count(Node *expr, ParamListInfo params)
{
	const Const *value = value_fold(expr, params);

	return value != NULL && !value->constisnull ? DatumGetInt64(value->constvalue) : -1;
}

/* So many rows are first; 0: none, or not known, or too many. */
static int64
rows_wanted(const Query *query, ParamListInfo params)
{
	int64		limit = query->limitCount != NULL ? known_count(query->limitCount, params) : -1;
	int64		offset = query->limitOffset != NULL ? known_count(query->limitOffset, params) : 0;

	if (query->limitOption != LIMIT_OPTION_COUNT || limit <= 0 || limit > LARGEST_PAGE || offset < 0 ||
		offset > LARGEST_PAGE - limit)
		return 0;
	return limit + offset;
}

/*
 * The mark of a statement that is carried out as it is, because its page was not enough. A sub-SELECT has no command
 * tag in any case, and the mark is copied with it.
 */
static bool
is_whole(const Query *query)
{
	return !query->canSetTag;
}

static Query *
mark_whole(Query *query)
{
	query->canSetTag = false;
	return query;
}

/* The sub-SELECT of a condition that is an EXISTS, with NOT or without, or an IN; NULL: it is something else. */
static SubLink *
membership_of(Node *condition)
{
	bool		is_not = is_notclause(condition);
	SubLink    *link = (SubLink *) (is_not ? (Node *) get_notclausearg((Expr *) condition) : condition);

	if (!IsA(link, SubLink) || !query_only_joins(castNode(Query, link->subselect)))
		return NULL;
	if (link->subLinkType == EXISTS_SUBLINK)
		return link;
	return !is_not && link->subLinkType == ANY_SUBLINK && !checkExprHasSubLink(link->testexpr) &&
		!contain_vars_of_level(link->subselect, 1) ? link : NULL;
}

/* Are sub-SELECTs of the level, if there are any, such conditions of WHERE? */
static bool
has_only_memberships(const Query *query)
{
	ListCell   *lc;

	if (!query->hasSubLinks)
		return true;
	foreach(lc, query_conditions(query->jointree->quals))
	{
		if (checkExprHasSubLink(lfirst(lc)) && membership_of(lfirst(lc)) == NULL)
			return false;
	}
	foreach(lc, query->rtable)
	{
		const RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->securityQuals != NIL ||
			(rte->rtekind != RTE_RELATION && rte->rtekind != RTE_JOIN && rte->rtekind != RTE_RESULT))
			return false;
	}
	return !query_locks_rows(unconstify(Query *, query)) &&
		!checkExprHasSubLink((Node *) query->jointree->fromlist) &&
		!checkExprHasSubLink((Node *) query->targetList) && !checkExprHasSubLink(query->limitCount) &&
		!checkExprHasSubLink(query->limitOffset);
}

/* Rows of joins, or groups of them, sorted and cut off. */
static bool
is_plain(Query *query)
{
	ListCell   *lc;

	if (query->commandType != CMD_SELECT || is_whole(query) || query->setOperations != NULL || query->rowMarks != NIL ||
		query->cteList != NIL || query->hasWindowFuncs || query->hasTargetSRFs || query->groupingSets != NIL ||
		query->havingQual != NULL || (query->hasAggs && query->groupClause == NIL) || query->distinctClause != NIL ||
		query->jointree == NULL || query->jointree->fromlist == NIL || !has_only_memberships(query) ||
		!push_is_closed(query) || contain_volatile_functions((Node *) query))
		return false;
	foreach(lc, query->rtable)
	{
		const RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->lateral || rte->tablesample != NULL)
			return false;
	}
	return true;
}

/* Are the rows sorted by these entries' columns only? */
static bool
is_sorted_by(const Query *query, const Bitmapset *entries)
{
	ListCell   *lc;

	foreach(lc, query->sortClause)
	{
		Node	   *expr = get_sortgroupclause_expr(lfirst_node(SortGroupClause, lc), query->targetList);

		if (!bms_is_subset(pull_varnos_of_level(NULL, expr, 0), entries))
			return false;
	}
	return true;
}

/* ---------- the page ---------- */

/* The sub-SELECT gives the first rows in the order of the statement. */
static void
sort_page(Query *page, const Query *query, int64 rows)
{
	ListCell   *lc;

	foreach(lc, query->sortClause)
	{
		SortGroupClause *clause = copyObject(lfirst_node(SortGroupClause, lc));
		Expr	   *expr = copyObject((Expr *) get_sortgroupclause_expr(clause, query->targetList));
		TargetEntry *tle = tlist_member(expr, page->targetList);

		if (tle == NULL || tle->ressortgroupref != 0)
		{
			tle = makeTargetEntry(expr, list_length(page->targetList) + 1, NULL, true);
			page->targetList = lappend(page->targetList, tle);
		}
		clause->tleSortGroupRef = tle->ressortgroupref = list_length(page->sortClause) + 1;
		page->sortClause = lappend(page->sortClause, clause);
	}
	page->limitCount = query_make_count(rows);
}

/*
 * The statement with a page of rows in the place of members, which items join under conditions; joins is what is left
 * of FROM, where the first of them stands for all. NULL: it cannot be.
 */
static Query *
with_page(Query *query, const Bitmapset *members, List *items, List *conditions, FromExpr *joins, int64 rows)
{
	Query	   *page = push_members_query(query, members, items, conditions);
	Query	   *changed = push_members_replaced(query, members, joins, page, true);

	if (changed == NULL || page->targetList == NIL)
		return NULL;
	sort_page(page, query, rows);
	lfirst(list_nth_cell(changed->rtable, bms_next_member(members, -1) - 1)) = query_make_entry("page", page);
	push_clean_joins(changed);
	return changed;
}

/* ---------- outer joins ---------- */

/* The outer join that is the whole of FROM, as a LEFT JOIN; NULL: there is another one, or none. */
static JoinExpr *
left_join_of(const Query *query)
{
	JoinExpr   *join = linitial(query->jointree->fromlist);

	if (list_length(query->jointree->fromlist) != 1 || !IsA(join, JoinExpr) ||
		(join->jointype != JOIN_LEFT && join->jointype != JOIN_RIGHT))
		return NULL;
	join = copyObject(join);
	if (join->jointype == JOIN_RIGHT)
	{
		Node	   *left = join->rarg;

		join->jointype = JOIN_LEFT;
		join->rarg = join->larg;
		join->larg = left;
	}
	return join;
}

static bool
concern_only(List *conditions, const Bitmapset *members)
{
	ListCell   *lc;

	foreach(lc, conditions)
	{
		if (!bms_is_subset(pull_varnos_of_level(NULL, lfirst(lc), 0), members))
			return false;
	}
	return true;
}

static bool
page_of_preserved(Query *query, int64 rows, ParamListInfo params)
{
	JoinExpr   *join = left_join_of(query);
	List	   *conditions = query_conditions(query->jointree->quals);
	Bitmapset  *members;
	Query	   *changed;
	Node	   *preserved;
	Index		entry;

	if (join == NULL)
		return false;
	preserved = join->larg;
	members = sx_relids_in_jointree(preserved);
	entry = bms_next_member(members, -1);
	if (!is_sorted_by(query, members) || !concern_only(conditions, members))
		return false;
	join->larg = query_make_ref(entry);
	changed = with_page(query, members, list_make1(preserved), conditions, makeFromExpr(list_make1(join), NULL), rows);
	if (changed == NULL)
		return false;
	*query = *changed;
	(void) page_first(rt_fetch(entry, query->rtable)->subquery, params);
	return true;
}

/* ---------- inner joins ---------- */

/* The entry whose columns the rows are sorted by; 0: not one alone. Without ORDER BY any will do. */
static Index
sorted_entry(const Query *query, const Joined *joined)
{
	Bitmapset  *entries = NULL;
	int			entry;
	ListCell   *lc;

	foreach(lc, query->sortClause)
	{
		Node	   *expr = get_sortgroupclause_expr(lfirst_node(SortGroupClause, lc), query->targetList);

		entries = bms_join(entries, pull_varnos_of_level(NULL, expr, 0));
	}
	if (bms_get_singleton_member(entries, &entry))
		return entry;
	return entries == NULL && IsA(linitial(joined->items), RangeTblRef) ?
		linitial_node(RangeTblRef, joined->items)->rtindex : 0;
}

/* Is each row that is joined there one of the entry's? */
static bool
is_preserved(Node *jtnode, Index entry)
{
	JoinExpr   *join = (JoinExpr *) jtnode;

	if (IsA(jtnode, RangeTblRef))
		return ((RangeTblRef *) jtnode)->rtindex == entry;
	return ((join->jointype == JOIN_LEFT || join->jointype == JOIN_INNER) && is_preserved(join->larg, entry)) ||
		((join->jointype == JOIN_RIGHT || join->jointype == JOIN_INNER) && is_preserved(join->rarg, entry));
}

static bool
may_be_page(const Query *query, const Joined *joined, Index entry)
{
	ListCell   *lc;

	if (entry == 0 || query_sharded_table(rt_fetch(entry, query->rtable)) == NULL)
		return false;
	foreach(lc, joined->items)
	{
		if (is_preserved(lfirst(lc), entry))
			return true;
	}
	return false;
}

/* As the planner thinks. */
static double
expected_rows(Query *query, ParamListInfo params)
{
	Query	   *rows = copyObject(query);

	rows->sortClause = NIL;
	rows->limitCount = rows->limitOffset = NULL;
	return plan_pull_query(rows, NULL, 0, params)->planTree->plan_rows;
}

/* Rows of a page that seems large enough: twice of what is needed on the average; 0: there is no use in one. */
static int64
page_rows(Query *query, Query *page, int64 rows, ParamListInfo params)
{
	double		of_page = expected_rows(page, params);
	double		joined = expected_rows(query, params);
	double		result = 2 * rows * Max(1, of_page / Max(joined, 1));

	return result <= LARGEST_PAGE && 2 * result <= of_page ? (int64) ceil(result) : 0;
}

static List *
replace_ref(List *items, Index old, Index new)
{
	ListCell   *lc;

	foreach(lc, items)
	{
		if (IsA(lfirst(lc), RangeTblRef) && lfirst_node(RangeTblRef, lc)->rtindex == (int) old)
			lfirst(lc) = query_make_ref(new);
	}
	return items;
}

/* One more of the level's items and what the entry stands for become a sub-SELECT, for which it stands then. */
static Query *
with_stage(Query *query, Index *entry)
{
	Joined		joined = {query};
	ListCell   *lc;

	push_take_apart(&joined, (Node *) query->jointree);
	foreach(lc, joined.items)
	{
		RangeTblRef *other = (RangeTblRef *) lfirst(lc);
		Bitmapset  *members = bms_make_singleton(*entry);
		List	   *joins;
		List	   *items;
		Query	   *changed;

		if (!IsA(other, RangeTblRef) || other->rtindex == (int) *entry ||
			!push_is_tied(&joined, members, other->rtindex))
			continue;
		members = bms_add_member(members, other->rtindex);
		joins = list_make2(query_make_ref(*entry), other);
		items = list_delete_ptr(list_copy(joined.items), other);
		items = replace_ref(items, *entry, bms_next_member(members, -1));
		changed = push_members_stage(&joined, members, joins, push_plain_conditions(&joined, members), items);
		if (changed != NULL)
			*entry = bms_next_member(members, -1);
		return changed;
	}
	return NULL;
}

/* ---------- groups ---------- */

static bool
page_of_groups(Query *query, int64 rows, ParamListInfo params)
{
	List	   *conditions = query_conditions(query->jointree->quals);
	Index		entry = page_entry_of_groups(query);
	Bitmapset  *members = entry != 0 ? bms_make_singleton(entry) : NULL;
	Query	   *changed;

	if (entry == 0 || query_sharded_table(rt_fetch(entry, query->rtable)) == NULL || query->hasSubLinks ||
		rows > LARGEST_OF_VALUES || !is_sorted_by(query, members) || page_sorts_by_aggregates(query) ||
		!concern_only(conditions, members))
		return false;
	changed = with_page(query, members, list_make1(query_make_ref(entry)), conditions,
						makeFromExpr(query->jointree->fromlist, NULL), rows);
	if (changed == NULL ||
		rows * FEWEST_PAGES > expected_rows(rt_fetch(entry, changed->rtable)->subquery, params))
		return false;
	*query = *changed;
	return true;
}

/* ---------- EXISTS and IN ---------- */

/* Conditions that are sub-SELECTs. */
static List *
memberships(List *conditions)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, conditions)
	{
		if (checkExprHasSubLink(lfirst(lc)))
			result = lappend(result, lfirst(lc));
	}
	return result;
}

/* What IN compares with is a column of its sub-SELECT. */
static Node *
use_columns(Node *node, void *context)
{
	const Query *sub = context;
	const Param *param = (const Param *) node;

	if (node == NULL)
		return NULL;
	if (IsA(node, Param) && param->paramkind == PARAM_SUBLINK)
		return copyObject((Node *) list_nth_node(TargetEntry, sub->targetList, param->paramid - 1)->expr);
	return expression_tree_mutator(node, use_columns, context);
}

/* x IN (SELECT y ..) as EXISTS (SELECT .. WHERE x = y): as a condition of WHERE NULL is as good as false. */
static void
make_exists(SubLink *link)
{
	Query	   *sub = castNode(Query, link->subselect);
	Node	   *compared = copyObject(link->testexpr);

	IncrementVarSublevelsUp(compared, 1, 0);
	sub->jointree->quals = make_and_qual(sub->jointree->quals, use_columns(compared, sub));
	link->subLinkType = EXISTS_SUBLINK;
	link->testexpr = NULL;
	link->operName = NIL;
}

/* The page with what EXISTS and IN leave of it, as a level of its own if there are joins, too. */
static Query *
with_memberships(Query *query, Index entry)
{
	Joined		joined = {query};
	List	   *conditions;
	ListCell   *lc;

	push_take_apart(&joined, (Node *) query->jointree);
	conditions = memberships(joined.conditions);
	foreach(lc, conditions)
	{
		SubLink    *link = membership_of(lfirst(lc));

		if (link->subLinkType == ANY_SUBLINK)
			make_exists(link);
	}
	if (conditions == NIL || list_length(joined.items) == 1)
		return query;
	return push_members_stage(&joined, bms_make_singleton(entry), list_make1(query_make_ref(entry)), conditions,
							  joined.items);
}

/* Each of the joins as a level of its own, so that each finds few rows on one of its sides. */
static Query *
join_by_steps(Query *query, Index entry)
{
	Query	   *changed;

	while (list_length(query->jointree->fromlist) > 2 && (changed = with_stage(query, &entry)) != NULL)
		query = changed;
	return query;
}

/* ---------- the first rows, or all ---------- */

/* The statement gives all of its columns, those that it is only sorted by, too, and OFFSET rows as well. */
static Query *
with_all_columns(Query *query, int64 rows)
{
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		tle->resjunk = false;
		tle->resname = psprintf("c%d", tle->resno);
	}
	query->limitCount = query_make_count(rows);
	query->limitOffset = NULL;
	return query;
}

/* The statement as what its page gives, if that is enough. */
static Query *
first_or_whole(Query *query, Query *of_page, int64 rows)
{
	Query	   *first = with_all_columns(of_page, rows);
	Query	   *whole = mark_whole(with_all_columns(copyObject(query), rows));
	CommonTableExpr *cte = query_make_cte("first", first);
	Query	   *enough = query_select_if(query_make_cte_entry(cte, 2), first,
										 make_notclause(query_are_fewer(cte, rows, 2)));
	Query	   *otherwise = query_select_if(query_make_entry("whole", whole), whole, query_are_fewer(cte, rows, 2));
	Query	   *result = query_select_from(query_make_entry("rows", query_union_of(enough, otherwise)), query);

	result->cteList = list_make1(cte);
	result->sortClause = query->sortClause;
	result->limitCount = query->limitCount;
	result->limitOffset = query->limitOffset;
	return result;
}

static bool
page_of_joined(Query *query, int64 rows, ParamListInfo params)
{
	Joined		joined = {query};
	Bitmapset  *members;
	List	   *conditions;
	List	   *left;
	Query	   *changed;
	Query	   *page;
	Index		entry;
	int64		larger;

	push_take_apart(&joined, (Node *) query->jointree);
	entry = sorted_entry(query, &joined);
	members = bms_make_singleton(entry);
	if ((list_length(joined.items) < 2 && !query->hasSubLinks) || !may_be_page(query, &joined, entry) ||
		!concern_only(memberships(joined.conditions), members))
		return false;
	conditions = push_plain_conditions(&joined, members);
	left = list_difference_ptr(joined.conditions, conditions);
	changed = with_page(query, members, list_make1(query_make_ref(entry)), conditions,
						makeFromExpr(joined.items, left == NIL ? NULL : (Node *) make_ands_explicit(left)), rows);
	if (changed == NULL)
		return false;
	page = rt_fetch(entry, changed->rtable)->subquery;
	larger = page_rows(query, page, rows, params);
	if (larger == 0 || (query->hasSubLinks && larger > LARGEST_OF_VALUES))
		return false;
	page->limitCount = query_make_count(larger);
	changed = with_memberships(changed, entry);
	if (changed == NULL)
		return false;
	*query = *first_or_whole(query, join_by_steps(changed, entry), rows);
	return true;
}

/* ---------- the statement ---------- */

bool
page_first(Query *query, ParamListInfo params)
{
	int64		rows = rows_wanted(query, params);
	Colocation	colocation;
	Query	   *copy;

	if (rows == 0 || !is_plain(query))
		return false;
	copy = copyObject(query);
	if (query_count_shells(copy) == 0 || push_find_colocation(copy, &colocation) == NULL)
		return false;
	sx_flatten_groups(copy);
	push_flatten_join_vars(copy);
	if (query->groupClause != NIL ? !page_of_groups(copy, rows, params) :
		!page_of_preserved(copy, rows, params) && !page_of_joined(copy, rows, params))
		return false;
	*query = *copy;
	return true;
}
