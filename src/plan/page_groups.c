/*
 * page_groups.c
 *	  Groups of joined rows that each belong to one row of a table: the first groups are those of its first rows.
 *
 *	  SELECT post.*, count(likes.id) FROM post LEFT JOIN likes ON likes.post = post.id GROUP BY post.id
 *	   ORDER BY post.created DESC LIMIT 20
 *
 * The page is found first (page_first.c), and its groups are made of what is looked up for it:
 *
 *	  SELECT page.*, count(likes.id) FROM (SELECT .. FROM post ORDER BY created DESC LIMIT 20) AS page
 *		LEFT JOIN likes ON likes.post = page.id GROUP BY page.id ORDER BY page.created DESC LIMIT 20
 *
 * This is the same when
 *	- the primary key is grouped by, so that a group has joined rows of one row only, whatever else it is grouped by;
 *	- outer joins, and no condition on their other sides, leave each row at least one group: twenty rows make twenty
 *	  groups at least, and with all of their joined rows;
 *	- no group is left out by HAVING;
 *	- ORDER BY looks at columns of the table only, not at aggregates: groups of later rows come later, or are equal by
 *	  it.
 *
 * What else is joined must be joined to the table itself, since it is looked up by values of the page.
 */
#include "postgres.h"

#include "catalog/pg_constraint.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"

#include "plan/page_groups.h"

/* Are the rows of the entry all kept, and all others joined to it alone? */
static bool
all_hang_on(Node *jtnode, Index entry)
{
	JoinExpr   *join = (JoinExpr *) jtnode;
	Node	   *kept;
	Node	   *other;
	Bitmapset  *both;

	if (IsA(jtnode, RangeTblRef))
		return ((RangeTblRef *) jtnode)->rtindex == (int) entry;
	kept = join->jointype == JOIN_LEFT ? join->larg : join->rarg;
	other = join->jointype == JOIN_LEFT ? join->rarg : join->larg;
	if ((join->jointype != JOIN_LEFT && join->jointype != JOIN_RIGHT) || !IsA(other, RangeTblRef))
		return false;
	both = bms_add_member(bms_make_singleton(entry), ((RangeTblRef *) other)->rtindex);
	return bms_is_subset(pull_varnos_of_level(NULL, join->quals, 0), both) && all_hang_on(kept, entry);
}

/* Is the primary key of the entry's table grouped by? */
static bool
is_key_grouped_by(const Query *query, Index entry)
{
	Bitmapset  *columns = NULL;
	Bitmapset  *key;
	Oid			constraint;
	ListCell   *lc;

	foreach(lc, query->groupClause)
	{
		Node	   *expr = get_sortgroupclause_expr(lfirst_node(SortGroupClause, lc), query->targetList);

		if (IsA(expr, Var))
			pull_varattnos(expr, entry, &columns);
	}
	key = get_primary_key_attnos(rt_fetch(entry, query->rtable)->relid, false, &constraint);
	return key != NULL && bms_is_subset(key, columns);
}

Index
page_entry_of_groups(const Query *query)
{
	Node	   *joins = linitial(query->jointree->fromlist);
	ListCell   *lc;

	if (list_length(query->jointree->fromlist) != 1)
		return 0;
	foreach(lc, query->groupClause)
	{
		const Var  *var = (const Var *) get_sortgroupclause_expr(lfirst_node(SortGroupClause, lc), query->targetList);

		if (IsA(var, Var) && rt_fetch(var->varno, query->rtable)->rtekind == RTE_RELATION &&
			all_hang_on(joins, var->varno) && is_key_grouped_by(query, var->varno))
			return var->varno;
	}
	return 0;
}

bool
page_sorts_by_aggregates(const Query *query)
{
	return contain_agg_clause((Node *) get_sortgrouplist_exprs(query->sortClause, query->targetList));
}
