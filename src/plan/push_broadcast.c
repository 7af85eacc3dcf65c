/*
 * push_broadcast.c
 *	  Makes a query level colocated: what lies elsewhere is brought to where the
 *	  level is carried out.
 *
 * One sharded table of the level is the *anchor*. It stays where it is, and with
 * it what lies in the same shards as its rows; all else (push_units.h) becomes an
 * *input*, computed before the fragment starts. In the level its place is taken by
 * a function that reads it:
 *
 *	  broadcast		small ones are collected by this node and packed into one value, a
 *					parameter of the fragment (exec/row_pack.h)
 *		FROM lineitem, part WHERE p_partkey = l_partkey AND p_brand = 'Brand#23'
 *		FROM lineitem, shardext.rows_of($1, 20) AS part (p_partkey int, ..) WHERE p_partkey = l_partkey
 *
 *	  redistribute	where a column equals the anchor's key, the nodes lay the rows out for
 *					each other, divided by shard (exec/exchange.h); the parameter says where
 *		FROM shardext.exchange_read($1, 60000, ..) AS lineitem (l_partkey int, ..), part WHERE p_partkey = l_partkey
 *
 * The anchor may move, too: then it is divided by the hash of a column that it is
 * joined by, and what is joined with it by that column likewise.
 *
 * If no one column divides all that is large, joins are brought together in stages (push_stages.h).
 *
 * And of the target list and HAVING the value of a sub-SELECT is an input. How an
 * input is computed is its own affair: it is a level by itself.
 *
 * The rows are those that the level would have read: taken under the same snapshot
 * by the statement itself. That anchor is taken which leaves least to be sent;
 * if that is more than a pull would fetch, the answer is no.
 *
 * Inputs are computed when the fragment starts: when its first row is wanted, or
 * with the statement if its rows might change until then (exec/scan_fanout.c). What
 * is planned for a cursor gets none, since it may be closed after a few rows.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "base/settings.h"
#include "plan/join_columns.h"
#include "plan/push_broadcast.h"
#include "plan/push_colocate.h"
#include "plan/push_exchange.h"
#include "plan/push_flatten.h"
#include "plan/push_full_join.h"
#include "plan/push_level.h"
#include "plan/push_rows_of.h"
#include "plan/push_split.h"
#include "plan/push_stages.h"
#include "plan/push_units.h"
#include "plan/shippable.h"

/* Columns that are tried as the key of an anchor that moves. */
#define MOST_MOVING_ANCHORS	12

/* A way to make the level colocated. */
typedef struct Way
{
	PushAnchor	anchor;
	double		cost;			/* in rows fetched by this node */
	bool		moves;			/* something is redistributed */
} Way;

static bool
is_redistributed(const PushUnit *unit)
{
	return setting_enable_redistribute != REDISTRIBUTE_OFF && exchange_takes(unit->inner) &&
		/* a column that is NULL in all rows does not travel */
		bms_is_member(unit->tied_column, exchange_columns(unit->inner)) &&
		(unit->is_anchor || push_moves_rather(unit));
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

Node *
push_add_input(List **inputs, int id, Query *query)
{
	add_input(inputs, id, query);
	return (Node *) make_param(id, BYTEAOID, -1, InvalidOid);
}

Node *
push_add_value(List **inputs, int id, Query *query)
{
	const Node *value = (const Node *) linitial_node(TargetEntry, query->targetList)->expr;

	add_input(inputs, id, query);
	return (Node *) make_param(id, exprType(value), exprTypmod(value), exprCollation(value));
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

/* "schema"."table" of an anchor that stays; NULL: it moves. */
static const char *
target_of(const PushAnchor *anchor)
{
	return anchor->moves ? NULL :
		quote_qualified_identifier(get_namespace_name(get_rel_namespace(anchor->table->relid)),
								   get_rel_name(anchor->table->relid));
}

static void
replace_unit(PushUnit *unit, const PushAnchor *anchor, int *next_param, List **inputs)
{
	ListCell   *cell = unit->link != NULL ? NULL : list_nth_cell(unit->frame->rtable, unit->varno - 1);
	int			id = (*next_param)++;

	if (is_redistributed(unit))
	{
		Node	   *handle = push_add_input(inputs, id, exchange_rows_out(unit->inner, target_of(anchor),
																		  unit->tied_column));

		lfirst(cell) = exchange_entry(unit->inner, lfirst_node(RangeTblEntry, cell)->eref, handle, unit->rows,
									  unit->is_anchor ? unit->tied_column : 0);
	}
	else
	{
		Node	   *packed = push_add_input(inputs, id, rows_of_pack(unit->inner));

		if (unit->link != NULL)
			unit->link->subselect = (Node *)
				select_from(rows_of_entry(unit->inner, makeAlias("broadcast", NIL), packed, unit->rows), unit->inner);
		else
			lfirst(cell) = rows_of_entry(unit->inner, lfirst_node(RangeTblEntry, cell)->eref, packed, unit->rows);
	}
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

		/* a node would refuse the NULL that a domain does not allow, where no row has it */
		if (push_is_closed(sub) && query_count_shells(sub) > 0 && !contain_volatile_functions((Node *) sub) &&
			!DomainHasConstraints(exprType(node)) && shippable_type(exprType(node)))
			return push_add_value(c->inputs, (*c->next_param)++, sub);
	}
	return expression_tree_mutator(node, lift_values, context);
}

/* ---------- the choice ---------- */

/* Does the way serve, and cost less than the best one known so far? */
static void
try_way(Query *query, PushAnchor anchor, List **known_sizes, const double limits[2], Way *best)
{
	Way			way = {anchor};
	List	   *units;
	double		bytes = 0;
	ListCell   *lc;

	if (!push_find_units(copyObject(query), &way.anchor, known_sizes, &units))
		return;
	/* one that has nothing to meet is in need of something else, and so would it be where it is laid out */
	if (anchor.moves && list_length(units) < 2)
		return;
	foreach(lc, units)
	{
		PushUnit   *unit = (PushUnit *) lfirst(lc);

		if (is_redistributed(unit))
		{
			way.cost += push_move_cost(unit);
			way.moves = true;
			continue;
		}
		/* each row of the anchor must be in one place only */
		if (unit->is_anchor)
			return;
		way.cost += push_broadcast_cost(unit);
		bytes += unit->bytes;
	}
	if (bytes <= push_broadcast_limit() && way.cost <= limits[way.moves] &&
		(best->anchor.entry == 0 || way.cost < best->cost))
		*best = way;
}

/*
 * How much the ways may cost: less than pulling the level. Rows that are joined but not combined come in any case; to
 * a way that gives rows by way of this node they count twice.
 */
static void
set_limits(Query *query, double limits[2])
{
	double		result_rows;
	double		pulled = push_pulled_rows(query, &result_rows);

	limits[0] = push_combines_rows(query) ? pulled : pulled - 2 * result_rows;
	limits[1] = push_combines_rows(query) ? pulled : pulled - result_rows;
	if (setting_enable_redistribute == REDISTRIBUTE_ALWAYS)
		limits[1] = get_float8_infinity();
}

static Way
find_best_way(Query *query, const double limits[2])
{
	Bitmapset  *anchors = push_anchors(query, false);
	List	   *known_sizes = NIL;
	Way			best = {0};
	int			rtindex = -1;
	int			tried = 0;
	ListCell   *lc;

	while ((rtindex = bms_next_member(anchors, rtindex)) >= 0)
		try_way(query, (PushAnchor) {.entry = rtindex}, &known_sizes, limits, &best);
	if (setting_enable_redistribute == REDISTRIBUTE_OFF)
		return best;
	foreach(lc, push_join_columns(query, push_anchors(query, true)))
	{
		Var		   *column = lfirst_node(Var, lc);

		if (tried++ < MOST_MOVING_ANCHORS)
			try_way(query, (PushAnchor) {.entry = column->varno, .moves = true, .column = column->varattno},
					&known_sizes, limits, &best);
	}
	return best;
}

/*
 * What it costs to divide all that is joined by FULL JOIN by what it is joined by; negative: it cannot be. *units: what
 * is to be divided; conditions on these alone are taken out of the query.
 */
static double
full_join_cost(Query *query, List **units)
{
	double		cost = 0;
	ListCell   *lc;

	if (setting_enable_redistribute == REDISTRIBUTE_OFF || full_join_keys(query) == NIL ||
		!full_join_units(query, units))
		return -1;
	foreach(lc, *units)
	{
		if (!is_redistributed(lfirst(lc)))
			return -1;
		cost += push_move_cost(lfirst(lc));
	}
	return cost;
}

/* Bring together what the level joins, in one stage; false: that cannot be, or costs more, and nothing is changed. */
static bool
bring_together(Query *query, const double limits[2], int *next_param, List **inputs)
{
	Query	   *changed = copyObject(query);
	PushAnchor	anchor = {.moves = true};
	List	   *known_sizes = NIL;
	List	   *units;
	double		cost = full_join_cost(changed, &units);
	ListCell   *lc;

	if (cost < 0 || cost > limits[true])
	{
		Way			way = find_best_way(query, limits);

		if (way.anchor.entry == 0)
			return false;
		anchor = (PushAnchor) {.entry = way.anchor.entry, .moves = way.anchor.moves, .column = way.anchor.column};
		changed = copyObject(query);
		(void) push_find_units(changed, &anchor, &known_sizes, &units);
	}
	foreach(lc, units)
		replace_unit((PushUnit *) lfirst(lc), &anchor, next_param, inputs);
	join_columns_renew(changed);
	*query = *changed;
	return true;
}

/* In stages: one join after the other is brought together for itself, until the rest can be. */
static bool
bring_together_in_stages(Query *query, double limits[2], int *next_param, List **inputs)
{
	const PushUnit nothing = {0};

	while (setting_enable_redistribute != REDISTRIBUTE_OFF && limits[true] > 2 * push_move_cost(&nothing))
	{
		double		cost;
		Query	   *changed = push_add_stage(query, &cost);

		if (changed == NULL)
			return false;
		limits[false] -= cost;
		limits[true] -= cost;
		*query = *changed;
		if (bring_together(query, limits, next_param, inputs))
			return true;
	}
	return false;
}

double
push_cost_to_lay_out(const Query *rows)
{
	Query	   *level = exchange_rows_out(copyObject(unconstify(Query *, rows)), NULL, 1);
	Colocation	colocation;
	double		limits[2];
	double		cost;
	List	   *units;
	Way			way;

	(void) push_flatten(level);
	if (push_find_colocation(level, &colocation) == NULL)
		return 0;
	set_limits(level, limits);
	cost = full_join_cost(copyObject(level), &units);
	if (cost >= 0 && cost <= limits[true])
		return cost;
	way = find_best_way(level, limits);
	return way.anchor.entry != 0 ? way.cost : -1;
}

const Reason *
push_broadcast(Query *query, int *next_param, List **inputs)
{
	ValueContext values = {next_param, inputs};
	Colocation	colocation;
	double		limits[2];

	query->targetList = (List *) lift_values((Node *) query->targetList, &values);
	query->havingQual = lift_values(query->havingQual, &values);
	if (*inputs != NIL && push_find_colocation(query, &colocation) == NULL)
		return NULL;
	set_limits(query, limits);
	if (bring_together(query, limits, next_param, inputs) ||
		bring_together_in_stages(query, limits, next_param, inputs))
		return NULL;
	return reason_make(NULL, "Its tables do not lie together, and it does not pay to bring some of them to the "
					   "shards of others.");
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
