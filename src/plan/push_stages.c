/*
 * push_stages.c
 *	  Joins of a level that are brought together before the others.
 *
 *	  FROM a JOIN b ON a.x = b.y JOIN c ON b.z = c.w
 *
 * No column divides all three tables alike. But one divides a and b, and what
 * these give can be divided once more:
 *
 *	  FROM (SELECT a.p, b.z FROM a JOIN b ON a.x = b.y LIMIT NULL) AS stage JOIN c ON stage.z = c.w
 *
 * The sub-SELECT is a unit of the level (push_units.h) like any other that is
 * computed before: its rows are redistributed or given to all, and how they are
 * had is planned as a level of its own, in stages if need be. LIMIT NULL is the
 * mark that keeps it from being taken for part of the level; it goes when the
 * rows are laid out.
 *
 * What may be a stage: two relations (or earlier stages) that an equality ties
 * among what is joined by inner joins; and a join of two, of any kind, at
 * whatever place in a tree of joins: its rows are the same, computed before or in
 * their place. Conditions of WHERE that concern it alone go with it if each row
 * of the level has a row of it.
 *
 * Stages are added one by one, each time the cheapest, until the level can be
 * brought together (push_broadcast.c). Levels with LATERAL or WITH are left.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"

#include "catalog/table_map.h"
#include "plan/push_broadcast.h"
#include "plan/push_exchange.h"
#include "plan/push_level.h"
#include "plan/push_members.h"
#include "plan/push_stages.h"
#include "plan/push_units.h"
#include "plan/query_make.h"
#include "plan/query_shape.h"

/* Joins that are looked at to find the best one. */
#define MOST_CANDIDATES	16

/* A join that may be made a stage. */
typedef struct Candidate
{
	Index		left;
	Index		right;
	JoinExpr   *join;			/* NULL: two of what is joined by inner joins */
	bool		is_preserved;	/* conditions of WHERE hold for each of its rows */
} Candidate;

/* ---------- the mark ---------- */

bool
push_is_stage(const RangeTblEntry *rte)
{
	const Query *sub = rte->subquery;

	return rte->rtekind == RTE_SUBQUERY && !rte->lateral && rte->values_lists == NIL &&
		sub->limitCount != NULL && IsA(sub->limitCount, Const) && ((const Const *) sub->limitCount)->constisnull &&
		sub->limitOffset == NULL && sub->setOperations == NULL && sub->groupClause == NIL &&
		sub->groupingSets == NIL && !sub->hasAggs && sub->havingQual == NULL && !sub->hasWindowFuncs &&
		sub->distinctClause == NIL && sub->sortClause == NIL && !sub->hasTargetSRFs && sub->cteList == NIL;
}

Query *
push_stage_rows(Query *query)
{
	RangeTblEntry rte = {.type = T_RangeTblEntry, .rtekind = RTE_SUBQUERY, .subquery = query};
	Query	   *rows = query;

	if (push_is_stage(&rte))
	{
		rows = copyObject(query);
		rows->limitCount = NULL;
	}
	return rows;
}

/* ---------- candidates ---------- */

/* Something that has rows of its own, wherever it stands. */
static bool
may_be_member(Query *query, Index rtindex)
{
	const RangeTblEntry *rte = rt_fetch(rtindex, query->rtable);

	if (rte->rtekind == RTE_RELATION)
		return rte->tablesample == NULL && rte->relkind != RELKIND_VIEW;
	return rte->rtekind == RTE_SUBQUERY && !rte->lateral && rte->values_lists == NIL && push_is_closed(rte->subquery);
}

static bool
is_reference(const Query *query, Index rtindex)
{
	const RangeTblEntry *rte = rt_fetch(rtindex, query->rtable);
	const TableInfo *table = rte->rtekind == RTE_RELATION ? table_info(rte->relid) : NULL;

	return table != NULL && table->kind == TABLE_REFERENCE;
}

static void
add_candidate(List **found, Candidate candidate)
{
	Candidate  *copy = palloc(sizeof(Candidate));

	*copy = candidate;
	if (list_length(*found) < MOST_CANDIDATES)
		*found = lappend(*found, copy);
}

/* Joins of two entries at that place or below. */
static void
find_in_tree(Query *query, Node *jtnode, bool is_preserved, List **found)
{
	JoinExpr   *join = (JoinExpr *) jtnode;

	if (IsA(jtnode, RangeTblRef))
		return;
	if (IsA(join->larg, RangeTblRef) && IsA(join->rarg, RangeTblRef))
	{
		Index		left = ((RangeTblRef *) join->larg)->rtindex;
		Index		right = ((RangeTblRef *) join->rarg)->rtindex;

		if (may_be_member(query, left) && may_be_member(query, right) && !checkExprHasSubLink(join->quals) &&
			!push_refers_outside(join->quals))
			add_candidate(found, (Candidate) {left, right, join, is_preserved});
		return;
	}
	find_in_tree(query, join->larg,
				 is_preserved && (join->jointype == JOIN_LEFT || join->jointype == JOIN_INNER), found);
	find_in_tree(query, join->rarg,
				 is_preserved && (join->jointype == JOIN_RIGHT || join->jointype == JOIN_INNER), found);
}

static List *
find_candidates(const Joined *joined)
{
	Query	   *query = joined->query;
	List	   *found = NIL;
	List	   *entries = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, joined->items)
	{
		Node	   *item = (Node *) lfirst(lc);

		if (!IsA(item, RangeTblRef))
			find_in_tree(query, item, true, &found);
		else if (may_be_member(query, ((RangeTblRef *) item)->rtindex) &&
				 !is_reference(query, ((RangeTblRef *) item)->rtindex))
			entries = lappend_int(entries, ((RangeTblRef *) item)->rtindex);
	}
	foreach(lc, entries)
	{
		for_each_cell(lc2, entries, lnext(entries, lc))
		{
			if (push_is_tied(joined, bms_make_singleton(lfirst_int(lc)), lfirst_int(lc2)))
				add_candidate(&found, (Candidate) {lfirst_int(lc), lfirst_int(lc2)});
		}
	}
	return found;
}

/* ---------- a stage ---------- */

/* The tree with the entry in the join's place. */
static Node *
replace_join(Node *jtnode, const JoinExpr *join, Index entry)
{
	RangeTblRef *ref;
	JoinExpr   *copy;

	if (IsA(jtnode, RangeTblRef))
		return jtnode;
	if ((JoinExpr *) jtnode == join)
	{
		ref = makeNode(RangeTblRef);
		ref->rtindex = entry;
		return (Node *) ref;
	}
	copy = makeNode(JoinExpr);
	*copy = *castNode(JoinExpr, jtnode);
	copy->larg = replace_join(copy->larg, join, entry);
	copy->rarg = replace_join(copy->rarg, join, entry);
	return (Node *) copy;
}

/* FROM with one entry in the place of both. */
static FromExpr *
remaining_joins(const Joined *joined, const Candidate *candidate, Index entry, List *taken)
{
	List	   *conditions = list_difference_ptr(joined->conditions, taken);
	List	   *items = NIL;
	ListCell   *lc;

	foreach(lc, joined->items)
	{
		Node	   *item = (Node *) lfirst(lc);
		Index		rtindex = IsA(item, RangeTblRef) ? ((RangeTblRef *) item)->rtindex : 0;

		if (candidate->join != NULL)
			item = replace_join(item, candidate->join, entry);
		else if (rtindex == Max(candidate->left, candidate->right))
			continue;
		items = lappend(items, item);
	}
	return makeFromExpr(items, conditions == NIL ? NULL : (Node *) make_ands_explicit(conditions));
}

static RangeTblEntry *
stage_entry(Query *rows)
{
	rows->limitCount = (Node *) makeNullConst(INT8OID, -1, InvalidOid);
	return query_make_entry("stage", rows);
}

/* The level with the candidate as a stage, whose rows are *rows; NULL: it cannot be one. */
static Query *
with_stage(const Joined *joined, const Candidate *candidate, Query **rows)
{
	Bitmapset  *members = bms_add_member(bms_make_singleton(candidate->left), candidate->right);
	Index		entry = Min(candidate->left, candidate->right);
	List	   *items = list_make1(candidate->join);
	List	   *taken = NIL;
	Query	   *changed;

	if (candidate->join == NULL)
	{
		RangeTblRef *left = makeNode(RangeTblRef);
		RangeTblRef *right = makeNode(RangeTblRef);

		left->rtindex = candidate->left;
		right->rtindex = candidate->right;
		items = list_make2(left, right);
	}
	if (candidate->join == NULL || candidate->is_preserved)
		taken = push_plain_conditions(joined, members);
	*rows = push_members_query(joined->query, members, items, taken);
	if (query_count_shells(*rows) == 0)
		return NULL;
	changed = push_members_replaced(joined->query, members, remaining_joins(joined, candidate, entry, taken), *rows,
									false);
	if (changed == NULL || (*rows)->targetList == NIL || !exchange_takes(*rows) ||
		contain_volatile_functions((Node *) *rows))
		return NULL;
	lfirst(list_nth_cell(changed->rtable, entry - 1)) = stage_entry(copyObject(*rows));
	push_clean_joins(changed);
	return changed;
}

static bool
is_eligible(const Query *query)
{
	ListCell   *lc;

	if (query->setOperations != NULL || query->cteList != NIL || query->rowMarks != NIL || query->jointree == NULL)
		return false;
	foreach(lc, query->rtable)
	{
		if (lfirst_node(RangeTblEntry, lc)->lateral)
			return false;
	}
	return true;
}

static int
count_entries(List *items)
{
	int			count = 0;
	ListCell   *lc;

	foreach(lc, items)
	{
		const JoinExpr *join = (const JoinExpr *) lfirst(lc);

		count += IsA(join, RangeTblRef) ? 1 : count_entries(list_make2(join->larg, join->rarg));
	}
	return count;
}

Query *
push_add_stage(Query *query, double *cost)
{
	Joined		joined = {copyObject(query)};
	Query	   *best = NULL;
	double		least = 0;
	ListCell   *lc;

	if (!is_eligible(query))
		return NULL;
	push_flatten_join_vars(joined.query);
	push_take_apart(&joined, (Node *) joined.query->jointree);
	/* two that cannot be brought together are no better off in a stage */
	if (count_entries(joined.items) < 3)
		return NULL;
	foreach(lc, find_candidates(&joined))
	{
		Query	   *rows;
		Query	   *changed = with_stage(&joined, (Candidate *) lfirst(lc), &rows);
		double		rows_given;
		double		brought;

		if (changed == NULL)
			continue;
		(void) push_pulled_rows(rows, &rows_given);
		brought = push_cost_to_lay_out(rows);
		if (brought < 0 || (best != NULL && brought + rows_given >= least))
			continue;
		least = brought + rows_given;
		*cost = brought;
		best = changed;
	}
	return best;
}
