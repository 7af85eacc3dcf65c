/*
 * push_broadcast.c
 *	  Makes a query level colocated: what lies elsewhere, and is small, is sent
 *	  along with the fragment.
 *
 * One sharded table of the level stays where it is, the *anchor*, and with it
 * what lies in the same shards as its rows. All else becomes an *input*: rows that
 * this node collects first, packed into one value, a parameter of the fragment.
 * In the level its place is taken by the function that reads them:
 *
 *	  FROM lineitem, part WHERE p_partkey = l_partkey AND p_brand = 'Brand#23'
 *	  FROM lineitem, shardext.rows_of($1, 20) AS part (p_partkey int, ..) WHERE p_partkey = l_partkey
 *
 * An input is
 *	- a relation of FROM: its rows that pass the conditions on it alone, the
 *	  columns that are used (others are NULL, so that numbers stay);
 *	- a sub-SELECT of FROM that combines rows and refers to nothing outside;
 *	- such a sub-SELECT in a condition: IN, EXISTS, ..
 * and of the target list and HAVING the value of a sub-SELECT. How an input is
 * computed is its own affair: it is a level by itself.
 *
 * The rows are those that the level would have read: taken under the same snapshot
 * by the statement itself. The anchor is the table that leaves least to be sent;
 * if that is more than a pull would fetch, counting that each shard reads its
 * inputs, the answer is no.
 *
 * Inputs are computed when the fragment starts. Cursors show the rows of the
 * moment when they were opened, which is before; they get none.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"

#include "catalog/shard_map.h"
#include "plan/plan_pull.h"
#include "plan/push_broadcast.h"
#include "plan/push_colocate.h"
#include "plan/push_input.h"
#include "plan/push_level.h"
#include "plan/push_rows_of.h"
#include "plan/push_split.h"

/* What it costs to read a packed row in one shard, compared with fetching a row from a node. */
#define SHARD_READS_ROW	0.25

/* Inputs of a fragment have to fit into memory several times. */
#define MOST_BYTES	(32.0 * 1024 * 1024)

/* Something of the level that becomes an input. */
typedef struct Unit
{
	Query	   *frame;			/* entry varno of this Query, .. */
	Index		varno;
	SubLink    *link;			/* .. or the sub-SELECT of this */
	Query	   *inner;			/* its rows */
	double		rows;
	double		bytes;
} Unit;

typedef struct UnitSearch
{
	List	   *elsewhere;		/* of Occurrence * */
	List	   *units;			/* of Unit * */
	bool		failed;
} UnitSearch;

static void collect_units(Query *query, UnitSearch *search);

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
	foreach(lc, search->elsewhere)
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

static void
add_unit(UnitSearch *search, Query *frame, Index varno, SubLink *link, Query *inner)
{
	Unit	   *unit = palloc0(sizeof(Unit));

	if (!rows_of_takes(inner) || contain_volatile_functions((Node *) inner))
	{
		search->failed = true;
		return;
	}
	unit->frame = frame;
	unit->varno = varno;
	unit->link = link;
	unit->inner = inner;
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
			add_unit(search, query, varno, NULL, rte->subquery);
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

		if (push_is_closed(sub) &&
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

/* ---------- sizes ---------- */

static PlannedStmt *
plan_to_estimate(Query *query)
{
	return plan_pull_query(copyObject(query), "", 0, NULL);
}

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

/*
 * How many rows may be given to the shards: less than come to this node when the
 * level is pulled. Rows that are joined but not combined come in any case.
 */
static double
worth_giving(Query *query)
{
	PlannedStmt *plan = plan_to_estimate(query);
	double		rows = fetched_rows(plan->planTree);
	ListCell   *lc;

	foreach(lc, plan->subplans)
		rows += fetched_rows(lfirst(lc));
	return push_combines_rows(query) ? rows : rows - 2 * plan->planTree->plan_rows;
}

/* Units of the level with the anchor given; false: it cannot be. */
static bool
find_units(Query *query, Index anchor, UnitSearch *search, double *rows, double *bytes)
{
	ListCell   *lc;

	memset(search, 0, sizeof(UnitSearch));
	*rows = *bytes = 0;
	if (!push_tables_elsewhere(query, anchor, &search->elsewhere))
		return false;
	collect_units(query, search);
	if (search->failed || search->units == NIL)
		return false;
	foreach(lc, search->units)
	{
		Unit	   *unit = lfirst(lc);
		Plan	   *plan = plan_to_estimate(unit->inner)->planTree;

		unit->rows = clamp_row_est(plan->plan_rows);
		unit->bytes = unit->rows * plan->plan_width;
		*rows += unit->rows;
		*bytes += unit->bytes;
	}
	return true;
}

/* ---------- the change ---------- */

static Param *
make_param(int id, Oid type, int32 typmod, Oid collation)
{
	Param	   *param = makeNode(Param);

	param->paramkind = PARAM_EXTERN;
	param->paramid = id;
	param->paramtype = type;
	param->paramtypmod = typmod;
	param->paramcollid = collation;
	param->location = -1;
	return param;
}

static void
add_input(List **inputs, int id, Query *query)
{
	SubLink    *link = makeNode(SubLink);

	link->subLinkType = EXPR_SUBLINK;
	link->subLinkId = id;
	link->subselect = (Node *) query;
	link->location = -1;
	*inputs = lappend(*inputs, link);
}

/* SELECT all columns FROM entry */
static Query *
select_from(RangeTblEntry *entry, const Query *like)
{
	Query	   *query = makeNode(Query);
	RangeTblRef *ref = makeNode(RangeTblRef);
	ListCell   *lc;

	ref->rtindex = 1;
	query->commandType = CMD_SELECT;
	query->querySource = QSRC_ORIGINAL;
	query->canSetTag = true;
	query->rtable = list_make1(entry);
	query->jointree = makeFromExpr(list_make1(ref), NULL);
	foreach(lc, like->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk)
			query->targetList = lappend(query->targetList,
										makeTargetEntry((Expr *) makeVarFromTargetEntry(1, tle), tle->resno,
														psprintf("c%d", tle->resno), false));
	}
	return query;
}

static void
replace_unit(Unit *unit, int *next_param, List **inputs)
{
	int			id = (*next_param)++;
	Node	   *packed = (Node *) make_param(id, BYTEAOID, -1, InvalidOid);

	if (unit->link != NULL)
		unit->link->subselect = (Node *)
			select_from(rows_of_entry(unit->inner, makeAlias("broadcast", NIL), packed, unit->rows), unit->inner);
	else
	{
		ListCell   *cell = list_nth_cell(unit->frame->rtable, unit->varno - 1);

		lfirst(cell) = rows_of_entry(unit->inner, lfirst_node(RangeTblEntry, cell)->eref, packed, unit->rows);
	}
	add_input(inputs, id, rows_of_pack(unit->inner));
}

typedef struct ValueContext
{
	int		   *next_param;
	List	  **inputs;
} ValueContext;

/* Values of sub-SELECTs become parameters; each is one input. */
static Node *
lift_values(Node *node, void *context)
{
	ValueContext *c = context;

	if (node == NULL || IsA(node, Query))
		return node;
	if (IsA(node, SubLink) && ((SubLink *) node)->subLinkType == EXPR_SUBLINK)
	{
		Query	   *sub = castNode(Query, ((SubLink *) node)->subselect);

		if (push_is_closed(sub) && query_count_shells(sub) > 0 && !contain_volatile_functions((Node *) sub))
		{
			int			id = (*c->next_param)++;

			add_input(c->inputs, id, sub);
			return (Node *) make_param(id, exprType(node), exprTypmod(node), exprCollation(node));
		}
	}
	return expression_tree_mutator(node, lift_values, context);
}

const Reason *
push_broadcast(Query *query, int *next_param, List **inputs)
{
	Bitmapset  *anchors = push_anchors(query);
	double		shards = shard_map_count();
	double		best = worth_giving(query);
	Index		anchor = 0;
	int			rtindex = -1;
	UnitSearch	search;
	ValueContext values = {next_param, inputs};
	Colocation	colocation;
	double		rows;
	double		bytes;
	ListCell   *lc;

	query->targetList = (List *) lift_values((Node *) query->targetList, &values);
	query->havingQual = lift_values(query->havingQual, &values);
	if (*inputs != NIL && push_find_colocation(query, &colocation) == NULL)
		return NULL;
	while ((rtindex = bms_next_member(anchors, rtindex)) >= 0)
	{
		if (!find_units(copyObject(query), rtindex, &search, &rows, &bytes) || bytes > MOST_BYTES ||
			rows * (1 + SHARD_READS_ROW * shards) > best)
			continue;
		best = rows * (1 + SHARD_READS_ROW * shards);
		anchor = rtindex;
	}
	if (anchor == 0)
		return reason_make(NULL, "Its tables do not lie together, and none but one of them are small enough to be sent "
						   "to its shards.");
	(void) find_units(query, anchor, &search, &rows, &bytes);
	foreach(lc, search.units)
		replace_unit(lfirst(lc), next_param, inputs);
	return NULL;
}

Node *
push_broadcast_restore(Node *node, List *inputs)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN)
	{
		ListCell   *lc;

		foreach(lc, inputs)
		{
			if (lfirst_node(SubLink, lc)->subLinkId == ((Param *) node)->paramid)
			{
				SubLink    *link = copyObject(lfirst_node(SubLink, lc));

				link->subLinkId = 0;
				return (Node *) link;
			}
		}
	}
	return expression_tree_mutator(node, push_broadcast_restore, inputs);
}

static bool
find_param(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param))
		return ((Param *) node)->paramkind == PARAM_EXTERN && ((Param *) node)->paramid == *(int *) context;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, find_param, context, 0);
	return expression_tree_walker(node, find_param, context);
}

List *
push_broadcast_used(Query *fragment, List *inputs)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, inputs)
	{
		if (find_param((Node *) fragment, &lfirst_node(SubLink, lc)->subLinkId))
			result = lappend(result, lfirst(lc));
	}
	return result;
}
