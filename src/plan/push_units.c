/*
 * push_units.c
 *	  What of a query level has to come from elsewhere for it to be carried out in
 *	  the shards of one table.
 *
 * With an anchor given (push_colocate.h), the tables whose rows do not lie with
 * the anchor's are found, and with them what they stand in:
 *	- a relation of FROM: its rows that pass the conditions on it alone, the
 *	  columns that are used;
 *	- a sub-SELECT of FROM that combines rows and refers to nothing outside;
 *	- such a sub-SELECT in a condition: IN, EXISTS, ..
 *
 * Each is a Query by itself, whose size PostgreSQL's planner estimates. A unit of
 * FROM one of whose columns equals the anchor's key, wherever its rows matter, is
 * needed in each shard only as far as it has keys of that shard.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"

#include "base/settings.h"
#include "catalog/shard_map.h"
#include "plan/plan_pull.h"
#include "plan/push_exchange.h"
#include "plan/push_input.h"
#include "plan/push_level.h"
#include "plan/push_rows_of.h"
#include "plan/push_split.h"
#include "plan/push_stages.h"
#include "plan/push_units.h"

/* What it costs to read a packed row in one shard, compared with fetching a row from a node. */
#define SHARD_READS_ROW	0.25

/* What it costs to redistribute a row, on all nodes at once; and to begin. */
#define MOVE_ROW		0.5
#define MOVE_START		3000.0

typedef struct UnitSearch
{
	const PushAnchor *anchor;
	List	  **known_sizes;
	List	   *units;			/* of PushUnit * */
	bool		failed;
} UnitSearch;

static void collect_units(Query *query, UnitSearch *search);

/* ---------- costs ---------- */

double
push_broadcast_cost(const PushUnit *unit)
{
	return unit->rows * (1 + SHARD_READS_ROW * shard_map_count());
}

double
push_move_cost(const PushUnit *unit)
{
	if (setting_enable_redistribute == REDISTRIBUTE_ALWAYS)
		return 0;
	return MOVE_START + MOVE_ROW * unit->rows;
}

/* Inputs that are parameters have to fit into memory several times. */
double
push_broadcast_limit(void)
{
	return setting_broadcast_limit * 1024.0;
}

bool
push_moves_rather(const PushUnit *unit)
{
	return setting_enable_redistribute != REDISTRIBUTE_OFF &&
		(unit->bytes > push_broadcast_limit() || push_move_cost(unit) < push_broadcast_cost(unit));
}

/* ---------- what lies elsewhere ---------- */

/* A table of this node alone, or one whose rows do not lie with the anchor's. */
static bool
entry_is_elsewhere(const UnitSearch *search, const Query *frame, Index varno)
{
	const RangeTblEntry *rte = rt_fetch(varno, frame->rtable);
	ListCell   *lc;

	if (rte->rtekind != RTE_RELATION)
		return false;
	if (table_info(rte->relid) == NULL)
		return rte->relkind != RELKIND_VIEW;
	foreach(lc, search->anchor->elsewhere)
	{
		const Occurrence *occurrence = lfirst(lc);

		if (occurrence->frame->query == frame && occurrence->varno == varno)
			return true;
	}
	return false;
}

static bool
contains_elsewhere(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, contains_elsewhere, context);
	for (Index i = 1; i <= list_length(((Query *) node)->rtable); i++)
	{
		if (entry_is_elsewhere(context, (Query *) node, i))
			return true;
	}
	return query_tree_walker((Query *) node, contains_elsewhere, context, 0);
}

/* ---------- units ---------- */

static PlannedStmt *
plan_to_estimate(Query *query)
{
	return plan_pull_query(copyObject(query), "", 0, NULL);
}

/* Sizes of units by what they are: each is asked for with many anchors. */
typedef struct KnownSize
{
	Query	   *inner;
	double		rows;
	double		bytes;
} KnownSize;

static void
estimate(PushUnit *unit, List **known)
{
	KnownSize  *size;
	ListCell   *lc;

	foreach(lc, *known)
	{
		size = (KnownSize *) lfirst(lc);
		if (equal(size->inner, unit->inner))
			break;
	}
	if (lc == NULL)
	{
		Plan	   *plan = plan_to_estimate(unit->inner)->planTree;

		size = palloc(sizeof(KnownSize));
		size->inner = unit->inner;
		size->rows = clamp_row_est(plan->plan_rows);
		size->bytes = size->rows * plan->plan_width;
		*known = lappend(*known, size);
	}
	unit->rows = size->rows;
	unit->bytes = size->bytes;
}

/* Better moved, if it can be, than given to all? */
static bool
is_large(Query *inner, UnitSearch *search)
{
	PushUnit	unit = {.inner = inner};

	estimate(&unit, search->known_sizes);
	return push_moves_rather(&unit);
}

static void
add_unit(UnitSearch *search, Query *frame, Index varno, SubLink *link, Query *inner)
{
	PushUnit   *unit = palloc0(sizeof(PushUnit));

	if (!rows_of_takes(inner) || contain_volatile_functions((Node *) inner))
	{
		search->failed = true;
		return;
	}
	unit->frame = frame;
	unit->varno = varno;
	unit->link = link;
	unit->inner = inner;
	estimate(unit, search->known_sizes);
	search->units = lappend(search->units, unit);
}

static void
add_relation(UnitSearch *search, Query *frame, Index varno)
{
	Query	   *inner = push_input_of_relation(frame, varno);

	if (inner == NULL)
		search->failed = true;
	else
		add_unit(search, frame, varno, NULL, inner);
}

static void
collect_entry(Query *query, Index varno, UnitSearch *search)
{
	RangeTblEntry *rte = rt_fetch(varno, query->rtable);

	if (entry_is_elsewhere(search, query, varno))
		add_relation(search, query, varno);
	else if (rte->rtekind != RTE_RELATION && range_table_walker(list_make1(rte), contains_elsewhere, search, 0))
	{
		if (rte->rtekind != RTE_SUBQUERY || rte->lateral)
			search->failed = true;
		else if (!push_combines_rows(rte->subquery))
			collect_units(rte->subquery, search);
		else if (push_is_closed(rte->subquery))
			add_unit(search, query, varno, NULL, push_stage_rows(rte->subquery));
		else
			search->failed = true;
	}
}

static void
collect_from(Query *query, Node *jtnode, UnitSearch *search)
{
	ListCell   *lc;

	if (IsA(jtnode, RangeTblRef))
		collect_entry(query, ((RangeTblRef *) jtnode)->rtindex, search);
	else if (IsA(jtnode, FromExpr))
	{
		foreach(lc, ((FromExpr *) jtnode)->fromlist)
			collect_from(query, lfirst(lc), search);
	}
	else
	{
		collect_from(query, castNode(JoinExpr, jtnode)->larg, search);
		collect_from(query, castNode(JoinExpr, jtnode)->rarg, search);
	}
}

/* Sub-SELECTs in expressions of the level. */
static bool
collect_sublinks(Node *node, void *context)
{
	UnitSearch *search = context;

	if (node == NULL || IsA(node, Query) || search->failed)
		return false;
	if (IsA(node, SubLink) && contains_elsewhere(((SubLink *) node)->subselect, context))
	{
		SubLink    *link = (SubLink *) node;
		Query	   *sub = castNode(Query, link->subselect);
		bool		is_member = link->subLinkType == ANY_SUBLINK || link->subLinkType == EXISTS_SUBLINK;

		if (is_member && !push_combines_rows(sub) && push_is_closed(sub) && is_large(sub, search))
			collect_units(sub, search);
		else if (push_is_closed(sub) &&
				 (is_member || link->subLinkType == EXPR_SUBLINK || link->subLinkType == ALL_SUBLINK))
			add_unit(search, NULL, 0, link, sub);
		else if (is_member && !push_combines_rows(sub))
			collect_units(sub, search);
		else
			search->failed = true;
		return collect_sublinks(link->testexpr, context);
	}
	return expression_tree_walker(node, collect_sublinks, context);
}

static void
collect_units(Query *query, UnitSearch *search)
{
	if (query->cteList != NIL || query->setOperations != NULL || query->jointree == NULL)
	{
		search->failed = true;
		return;
	}
	/* sub-SELECTs first: relations take their conditions out of the level */
	(void) query_tree_walker(query, collect_sublinks, search,
							 QTW_IGNORE_RANGE_TABLE | QTW_IGNORE_CTE_SUBQUERIES);
	collect_from(query, (Node *) query->jointree, search);
}

/* ---------- what a pull would fetch ---------- */

static double
fetched_rows(Plan *plan)
{
	double		rows = 0;
	ListCell   *lc;

	if (plan == NULL)
		return 0;
	switch (nodeTag(plan))
	{
		case T_CustomScan:
			return plan->plan_rows;
		case T_Append:
			foreach(lc, ((Append *) plan)->appendplans)
				rows += fetched_rows(lfirst(lc));
			break;
		case T_SubqueryScan:
			rows += fetched_rows(((SubqueryScan *) plan)->subplan);
			break;
		default:
			break;
	}
	return rows + fetched_rows(plan->lefttree) + fetched_rows(plan->righttree);
}

double
push_pulled_rows(Query *query, double *result_rows)
{
	PlannedStmt *plan = plan_to_estimate(query);
	double		rows = fetched_rows(plan->planTree);
	ListCell   *lc;

	foreach(lc, plan->subplans)
		rows += fetched_rows(lfirst(lc));
	*result_rows = plan->planTree->plan_rows;
	return rows;
}

/* ---------- the interface ---------- */

bool
push_find_units(Query *query, PushAnchor *anchor, List **known_sizes, List **units)
{
	UnitSearch	search = {anchor, known_sizes};
	ListCell   *lc;

	if (!push_walk_anchor(query, anchor))
		return false;
	collect_units(query, &search);
	*units = search.units;
	if (search.failed || search.units == NIL)
		return false;
	foreach(lc, search.units)
	{
		PushUnit   *unit = (PushUnit *) lfirst(lc);

		unit->is_anchor = anchor->moves && unit->frame == query && unit->varno == anchor->entry;
		/* a condition on the anchor alone has gone into it: it may be that the level uses the column no more */
		if (unit->is_anchor && !bms_is_member(anchor->column, exchange_columns(unit->inner)))
			return false;
		if (unit->is_anchor)
			unit->tied_column = anchor->column;
		else if (unit->link == NULL)
			unit->tied_column = push_tied_column(anchor, unit->frame, unit->varno, exchange_columns(unit->inner));
	}
	return true;
}
