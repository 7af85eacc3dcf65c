/*
 * push_colocate.c
 *	  Can one level of a statement be carried out shard by shard?
 *
 * The level is taken as it is before grouping, sorting and limiting: the rows
 * that FROM and WHERE yield. An *anchor* is a sharded table at a place where each
 * of these rows has exactly one row of it: under inner joins and on the
 * preserved side of outer ones. If a value of the anchor's key decides the shard
 * of every other sharded table in the level (the router's reasoning, with
 * "anchor.key = X" as one condition more), then the rows with that value come
 * from that shard alone; so all rows together are the union of what each shard's
 * tables give. Reference tables are everywhere.
 *
 * An anchor may stand inside of sub-SELECTs of FROM that pass its key on; whether
 * a condition on their output restricts what is inside is the router's to know.
 *
 * Rows that are equal in a column that equals X, or in an id column, lie in one
 * shard: groups by it do not reach over shards (push_pins_shard).
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "base/pg_compat.h"
#include "exec/exchange.h"
#include "plan/push_colocate.h"
#include "plan/push_exchange.h"
#include "plan/push_full_join.h"
#include "plan/push_sets.h"
#include "plan/push_stages.h"
#include "plan/query_shape.h"

/* Range table entries that each joined row has exactly one row of. */
static Bitmapset *
preserved_entries(Node *jtnode)
{
	Bitmapset  *result = NULL;
	ListCell   *lc;

	if (jtnode == NULL)
		return NULL;
	if (IsA(jtnode, RangeTblRef))
		return bms_make_singleton(((RangeTblRef *) jtnode)->rtindex);
	if (IsA(jtnode, FromExpr))
	{
		foreach(lc, ((FromExpr *) jtnode)->fromlist)
			result = bms_join(result, preserved_entries(lfirst(lc)));
		return result;
	}
	switch (castNode(JoinExpr, jtnode)->jointype)
	{
		case JOIN_INNER:
			return bms_join(preserved_entries(((JoinExpr *) jtnode)->larg),
							preserved_entries(((JoinExpr *) jtnode)->rarg));
		case JOIN_LEFT:
			return preserved_entries(((JoinExpr *) jtnode)->larg);
		case JOIN_RIGHT:
			return preserved_entries(((JoinExpr *) jtnode)->rarg);
		default:
			return NULL;
	}
}

/* The Var that a Var of a join stands for, as long as it is a plain one. */
static Var *
look_through_joins(const Query *query, Node *expr)
{
	while (expr != NULL && IsA(expr, Var) && ((Var *) expr)->varlevelsup == 0 && ((Var *) expr)->varattno > 0)
	{
		Var		   *var = (Var *) expr;
		RangeTblEntry *rte = rt_fetch(var->varno, query->rtable);

		if (rte->rtekind == RTE_JOIN)
			expr = (Node *) list_nth(rte->joinaliasvars, var->varattno - 1);
		else if (sx_rte_is_group(rte))
			expr = (Node *) list_nth(sx_rte_group_exprs(rte), var->varattno - 1);
		else
			return var;
	}
	return NULL;
}

/* A column of an entry; NULL: there is none of the kind. */
static Var *
column_of_entry(const RangeTblEntry *rte, Index rtindex, AttrNumber attno)
{
	const RangeTblFunction *function;
	Oid			type;
	int32		typmod;
	Oid			collation;

	switch (rte->rtekind)
	{
		case RTE_RELATION:
			get_atttypetypmodcoll(rte->relid, attno, &type, &typmod, &collation);
			return makeVar(rtindex, attno, type, typmod, collation, 0);
		case RTE_SUBQUERY:
			return makeVarFromTargetEntry(rtindex, list_nth_node(TargetEntry, rte->subquery->targetList, attno - 1));
		case RTE_FUNCTION:
			function = linitial_node(RangeTblFunction, rte->functions);
			if (attno > list_length(function->funccoltypes))
				return NULL;
			return makeVar(rtindex, attno, list_nth_oid(function->funccoltypes, attno - 1),
						   list_nth_int(function->funccoltypmods, attno - 1),
						   list_nth_oid(function->funccolcollations, attno - 1), 0);
		default:
			return NULL;
	}
}

/* Rows are divided by the hash of a column of an entry. */
static bool
set_moving_spec(PushAnchor *anchor, const RangeTblEntry *rte, List **keys)
{
	Var		   *key = column_of_entry(rte, anchor->entry, anchor->column);
	Oid			type;

	if (key == NULL || !exchange_hash_takes(key->vartype, key->varcollid))
		return false;
	type = getBaseType(key->vartype);
	route_spec_make(&anchor->spec, &strategy_hash, 1, 1, &type, &key->varcollid, CurrentMemoryContext);
	*keys = list_make1(key);
	return true;
}

/* What stands for the table of rows that have been redistributed: no table is where its shards are. NULL: not these. */
static const TableInfo *
moved_table(const RangeTblEntry *rte, Index rtindex, List **keys)
{
	static const Strategy moved = {.name = "moved"};
	PushAnchor	anchor = {.entry = rtindex, .moves = true, .column = exchange_anchor_column(rte)};
	TableInfo  *table;

	if (anchor.column == 0 || !set_moving_spec(&anchor, rte, keys))
		return NULL;
	table = palloc0(sizeof(TableInfo));
	table->kind = TABLE_SHARDED;
	table->nkeys = 1;
	table->keys[0] = anchor.column;
	table->spec = anchor.spec;
	table->spec.strategy = &moved;
	return table;
}

static const TableInfo *passed_key(const Query *query, const TargetEntry *tle);

/* The same for the legs of a set operation, if equal values of all of them lie in one shard. */
static const TableInfo *
key_of_legs(const Query *query, Node *node, const TargetEntry *output)
{
	const TableInfo *left;
	const TableInfo *right;
	const Query *leg;
	const TargetEntry *tle;

	if (IsA(node, SetOperationStmt))
	{
		left = key_of_legs(query, ((SetOperationStmt *) node)->larg, output);
		right = left != NULL ? key_of_legs(query, ((SetOperationStmt *) node)->rarg, output) : NULL;
		return right != NULL && route_specs_colocated(&left->spec, &right->spec) ? left : NULL;
	}
	leg = rt_fetch(castNode(RangeTblRef, node)->rtindex, query->rtable)->subquery;
	tle = list_nth_node(TargetEntry, leg->targetList, output->resno - 1);
	if (exprType((Node *) tle->expr) != exprType((Node *) output->expr) ||
		exprCollation((Node *) tle->expr) != exprCollation((Node *) output->expr))
		return NULL;
	left = passed_key(leg, tle);
	return left != NULL && OidIsValid(left->relid) ? left : NULL;
}

/* The table whose key, never NULL, the output column is; NULL: not to be seen. */
static const TableInfo *
passed_key(const Query *query, const TargetEntry *tle)
{
	Var		   *var;
	RangeTblEntry *rte;
	const TableInfo *table;
	List	   *keys;

	if (tle->resjunk || query->commandType != CMD_SELECT || query->groupingSets != NIL || query->jointree == NULL)
		return NULL;
	if (query->setOperations != NULL)
		return key_of_legs(query, query->setOperations, tle);
	var = look_through_joins(query, (Node *) tle->expr);
	if (var == NULL || !bms_is_member(var->varno, preserved_entries((Node *) query->jointree)))
		return NULL;
	rte = rt_fetch(var->varno, query->rtable);
	table = query_sharded_table(rte);
	if (table == NULL && rte->rtekind == RTE_FUNCTION)
		table = moved_table(rte, var->varno, &keys);
	if (table != NULL)
		return table->nkeys == 1 && table->keys[0] == var->varattno ? table : NULL;
	if (rte->rtekind != RTE_SUBQUERY || var->varattno > list_length(rte->subquery->targetList))
		return NULL;
	return passed_key(rte->subquery, list_nth_node(TargetEntry, rte->subquery->targetList, var->varattno - 1));
}

/* Is one of the ways to know a shard that of the anchor: by the same values, and by the same strategy? */
static bool
is_value_of_anchor(List *ways, const TableInfo *anchor, List *values)
{
	ListCell   *lc;

	foreach(lc, ways)
	{
		List	   *way = (List *) lfirst(lc);
		ShardKey   *key = (ShardKey *) linitial(way);

		if (list_length(way) == 1 && equal(key->exprs, values) &&
			route_specs_colocated(shard_key_spec(key), &anchor->spec))
			return true;
	}
	return false;
}

/* With the key's columns given by keys: does everything else follow? */
static bool
try_anchor(Query *query, const TableInfo *table, Index rtindex, List *keys, int nshells, Colocation *colocation)
{
	Query	   *copy = copyObject(query);
	ListCell   *lc;

	memset(colocation, 0, sizeof(Colocation));
	foreach(lc, keys)
	{
		Node	   *value;
		Node	   *condition = shard_key_condition(lfirst(lc), foreach_current_index(lc), &value);

		copy->jointree->quals = make_and_qual(copy->jointree->quals, condition);
		colocation->values = lappend(colocation->values, value);
	}
	statement_walk(&colocation->walk, copy, NULL);
	if (colocation->walk.blocked != NULL || colocation->walk.has_home || colocation->walk.writes != NIL ||
		list_length(colocation->walk.facts.occurrences) != nshells)
		return false;
	foreach(lc, colocation->walk.facts.occurrences)
	{
		List	   *ways = facts_resolve_occurrence(&colocation->walk.facts, lfirst(lc), NULL);

		if (!is_value_of_anchor(ways, table, colocation->values))
			return false;
	}
	colocation->table = table;
	colocation->anchor = rtindex;
	return true;
}

static List *
key_columns(const TableInfo *table, Index rtindex)
{
	List	   *keys = NIL;

	for (int i = 0; i < table->nkeys; i++)
	{
		Oid			type;
		int32		typmod;
		Oid			collation;

		get_atttypetypmodcoll(table->relid, table->keys[i], &type, &typmod, &collation);
		keys = lappend(keys, makeVar(rtindex, table->keys[i], type, typmod, collation, 0));
	}
	return keys;
}

Bitmapset *
push_anchors(const Query *query, bool moving)
{
	Bitmapset  *preserved = preserved_entries((Node *) query->jointree);
	Bitmapset  *result = NULL;
	int			rtindex = -1;

	while ((rtindex = bms_next_member(preserved, rtindex)) >= 0)
	{
		if (query_sharded_table(rt_fetch(rtindex, query->rtable)) != NULL ||
			(moving && push_is_stage(rt_fetch(rtindex, query->rtable))))
			result = bms_add_member(result, rtindex);
	}
	return result;
}

bool
push_walk_anchor(Query *query, PushAnchor *anchor)
{
	const RangeTblEntry *rte = rt_fetch(anchor->entry, query->rtable);
	Node	   *quals = query->jointree->quals;
	List	   *values = NIL;
	List	   *keys;
	ListCell   *lc;

	if (anchor->moves)
	{
		if (!set_moving_spec(anchor, rte, &keys))
			return false;
	}
	else
	{
		anchor->table = query_sharded_table(rte);
		anchor->spec = anchor->table->spec;
		keys = key_columns(anchor->table, anchor->entry);
	}
	foreach(lc, keys)
	{
		Node	   *value;
		Node	   *condition = shard_key_condition(lfirst(lc), foreach_current_index(lc), &value);

		query->jointree->quals = make_and_qual(query->jointree->quals, condition);
		values = lappend(values, value);
	}
	anchor->value = list_length(values) == 1 ? linitial(values) : NULL;
	statement_walk(&anchor->walk, query, NULL);
	query->jointree->quals = quals;
	if (anchor->walk.blocked != NULL || anchor->walk.writes != NIL ||
		list_length(anchor->walk.facts.occurrences) != query_count_shells(query))
		return false;
	foreach(lc, anchor->walk.facts.occurrences)
	{
		if (anchor->moves ||
			!is_value_of_anchor(facts_resolve_occurrence(&anchor->walk.facts, lfirst(lc), NULL), anchor->table, values))
			anchor->elsewhere = lappend(anchor->elsewhere, lfirst(lc));
	}
	return true;
}

/* Whose facts the entry's rows must satisfy to matter; NULL: not to be known. */
static FactScope *
scope_of_entry(const StatementWalk *walk, const Query *frame, Index varno, QueryFrame **query_frame)
{
	FactScope  *scope = NULL;
	ListCell   *lc;

	foreach(lc, walk->facts.occurrences)
	{
		const Occurrence *occurrence = lfirst(lc);

		if (occurrence->frame->query == frame && occurrence->varno == varno)
		{
			*query_frame = occurrence->frame;
			return occurrence->scope;
		}
	}
	if (walk->frame->query != frame)
		return NULL;
	*query_frame = walk->frame;
	/* the innermost outer join that may leave it out */
	foreach(lc, walk->facts.nullable_scopes)
	{
		FactScope  *nullable = lfirst(lc);

		if (nullable->frame == walk->frame && bms_is_member(varno, nullable->nullable) &&
			(scope == NULL || bms_num_members(nullable->nullable) < bms_num_members(scope->nullable)))
			scope = nullable;
	}
	return scope != NULL ? scope : walk->scope;
}

AttrNumber
push_tied_column(const PushAnchor *anchor, const Query *frame, Index varno, const Bitmapset *columns)
{
	RangeTblEntry *rte = rt_fetch(varno, frame->rtable);
	QueryFrame *query_frame;
	FactScope  *scope;
	int			attno = -1;

	if (anchor->value == NULL || (scope = scope_of_entry(&anchor->walk, frame, varno, &query_frame)) == NULL)
		return 0;
	while ((attno = bms_next_member(columns, attno)) >= 0)
	{
		Operand		operand = operand_column(query_frame, varno, attno);
		Var		   *column = column_of_entry(rte, varno, attno);
		FmgrInfo	proc;

		if (column != NULL && exchange_hash_takes(column->vartype, column->varcollid) &&
			route_type_compatible(&anchor->spec, 0, getBaseType(column->vartype), &proc, CurrentMemoryContext) &&
			facts_reach_value(&anchor->walk.facts, scope, &operand, exprType(anchor->value), anchor->value))
			return attno;
	}
	return 0;
}

typedef struct JoinColumnSearch
{
	const Bitmapset *entries;
	Index		depth;
	List	   *columns;
} JoinColumnSearch;

static void
add_join_column(Node *side, JoinColumnSearch *search)
{
	Var		   *var = (Var *) strip_implicit_coercions(side);

	if (!IsA(var, Var) || var->varlevelsup != search->depth || var->varattno <= 0 ||
		!bms_is_member(var->varno, search->entries))
		return;
	var = makeVar(var->varno, var->varattno, var->vartype, var->vartypmod, var->varcollid, 0);
	search->columns = list_append_unique(search->columns, var);
}

static bool
find_join_columns(Node *node, void *context)
{
	JoinColumnSearch *search = (JoinColumnSearch *) context;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		search->depth++;
		(void) query_tree_walker((Query *) node, find_join_columns, context, QTW_IGNORE_JOINALIASES);
		search->depth--;
		return false;
	}
	if (IsA(node, OpExpr) && list_length(((OpExpr *) node)->args) == 2 &&
		qual_operator_is_equality((OpExpr *) node))
	{
		Node	   *left = linitial(((OpExpr *) node)->args);
		Node	   *right = lsecond(((OpExpr *) node)->args);

		if (!IsA(left, Const) && !IsA(right, Const))
		{
			add_join_column(left, search);
			add_join_column(right, search);
		}
	}
	return expression_tree_walker(node, find_join_columns, context);
}

List *
push_join_columns(Query *query, const Bitmapset *entries)
{
	JoinColumnSearch search = {entries, 0, NIL};
	FromExpr   *joins = (FromExpr *) sx_flatten_join_vars(query, (Node *) copyObject(query->jointree));

	(void) find_join_columns((Node *) joins, &search);
	return search.columns;
}

/* Do conditions say which values the column has? */
static bool
has_known_values(const Query *query, Index rtindex, AttrNumber attno)
{
	ListCell   *lc;

	foreach(lc, query_conditions(query->jointree->quals))
	{
		const Node *qual = lfirst(lc);
		List	   *args = IsA(qual, OpExpr) ? ((const OpExpr *) qual)->args :
			IsA(qual, ScalarArrayOpExpr) ? ((const ScalarArrayOpExpr *) qual)->args : NIL;

		for (int i = 0; i < 2 && list_length(args) == 2; i++)
		{
			const Var  *var = (const Var *) strip_implicit_coercions(list_nth(args, i));

			if (IsA(var, Var) && var->varno == rtindex && var->varattno == attno && var->varlevelsup == 0 &&
				!contain_var_clause(list_nth(args, 1 - i)))
				return true;
		}
	}
	return false;
}

/* A set operation whose legs need few shards: by themselves they ask these; parts over sub-SELECTs ask all. */
static bool
is_set_of_few_shards(const Query *query, Index rtindex)
{
	const Query *set = rt_fetch(rtindex, query->rtable)->subquery;
	ListCell   *lc;

	foreach(lc, set->setOperations != NULL ? set->targetList : NIL)
	{
		const TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (has_known_values(query, rtindex, tle->resno) && passed_key(set, tle) != NULL)
			return true;
	}
	return false;
}

/* An anchor inside of the sub-SELECT at rtindex. */
static bool
try_passed_keys(Query *query, Index rtindex, int nshells, Colocation *colocation)
{
	ListCell   *lc;

	foreach(lc, rt_fetch(rtindex, query->rtable)->subquery->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		const TableInfo *table = passed_key(rt_fetch(rtindex, query->rtable)->subquery, tle);

		if (table != NULL && try_anchor(query, table, rtindex, list_make1(makeVarFromTargetEntry(rtindex, tle)),
										nshells, colocation))
			return true;
	}
	return false;
}

/* A sub-SELECT whose rows are somewhere in the shards; what it is joined with is everywhere. */
static bool
try_rows_of_shards(Query *query, Index rtindex, int nshells, Colocation *colocation)
{
	const RangeTblEntry *rte = rt_fetch(rtindex, query->rtable);

	if (rte->rtekind != RTE_SUBQUERY || rte->lateral || nshells == 0 || query_count_shells(rte->subquery) != nshells ||
		exchange_is_read(query) || !push_rows_lie_in_shards(rte->subquery))
		return false;
	memset(colocation, 0, sizeof(Colocation));
	statement_walk(&colocation->walk, copyObject(query), NULL);
	return colocation->walk.blocked == NULL && !colocation->walk.has_home && colocation->walk.writes == NIL;
}

/* Rows that have been redistributed, and all that is joined with them likewise. */
static bool
try_moved_anchor(Query *query, Index rtindex, int nshells, Colocation *colocation)
{
	List	   *keys;
	const TableInfo *table = moved_table(rt_fetch(rtindex, query->rtable), rtindex, &keys);

	return table != NULL && try_anchor(query, table, rtindex, keys, nshells, colocation);
}

/* The table whose rows lie in shards by its key of FULL JOINs, as do those of all others; NULL: there is none. */
static const TableInfo *
full_join_table(const Query *query, List *keys, int nshells)
{
	const TableInfo *first = NULL;
	ListCell   *lc;

	foreach(lc, keys)
	{
		Var		   *key = lfirst_node(Var, lc);
		const RangeTblEntry *rte = rt_fetch(key->varno, query->rtable);
		const TableInfo *table = nshells > 0 ? query_sharded_table(rte) : NULL;
		List	   *columns;

		if (nshells == 0)
			table = moved_table(rte, key->varno, &columns);
		if (table == NULL || table->nkeys != 1 || table->keys[0] != key->varattno)
			return NULL;
		if (first == NULL)
			first = table;
		else if (nshells > 0 && !route_specs_colocated(&first->spec, &table->spec))
			return NULL;
	}
	return nshells == 0 || nshells == list_length(keys) ? first : NULL;
}

static bool
try_full_join(Query *query, int nshells, Colocation *colocation)
{
	List	   *keys = full_join_keys(query);
	Node	   *value;

	memset(colocation, 0, sizeof(Colocation));
	if (keys == NIL || (colocation->table = full_join_table(query, keys, nshells)) == NULL)
		return false;
	statement_walk(&colocation->walk, copyObject(query), NULL);
	(void) shard_key_condition(linitial_node(Var, keys), 0, &value);
	colocation->values = list_make1(value);
	colocation->full_keys = keys;
	return colocation->walk.blocked == NULL && !colocation->walk.has_home && colocation->walk.writes == NIL;
}

const Reason *
push_find_colocation(Query *query, Colocation *colocation)
{
	int			nshells = query_count_shells(query);
	Bitmapset  *preserved = preserved_entries((Node *) query->jointree);
	int			rtindex = -1;

	if (nshells == 0 && !exchange_is_read(query))
		return reason_make(NULL, "It reads no sharded table.");
	while ((rtindex = bms_next_member(preserved, rtindex)) >= 0)
	{
		RangeTblEntry *rte = rt_fetch(rtindex, query->rtable);
		const TableInfo *table = query_sharded_table(rte);

		if (table != NULL && try_anchor(query, table, rtindex, key_columns(table, rtindex), nshells, colocation))
		{
			colocation->is_relation = true;
			return NULL;
		}
		if (rte->rtekind == RTE_SUBQUERY && is_set_of_few_shards(query, rtindex))
			continue;
		if (rte->rtekind == RTE_SUBQUERY && try_passed_keys(query, rtindex, nshells, colocation))
			return NULL;
		if (exchange_anchor_column(rte) > 0 && try_moved_anchor(query, rtindex, nshells, colocation))
			return NULL;
		if (try_rows_of_shards(query, rtindex, nshells, colocation))
			return NULL;
	}
	if (try_full_join(query, nshells, colocation))
		return NULL;
	return reason_make("Join sharded tables by columns that lie in the same shard.",
					   "Its tables are not all joined by columns that lie in one shard.");
}

/* ---------- groups that stay in one shard ---------- */

/* Does equality of the expression, by the default operator of its type, mean equality of values of the other type? */
static bool
equality_is_that_of(Node *expr, Oid type)
{
	Oid			collation = exprCollation(expr);

	return lookup_type_cache(exprType(expr), TYPECACHE_HASH_OPFAMILY)->hash_opf ==
		lookup_type_cache(type, TYPECACHE_HASH_OPFAMILY)->hash_opf &&
		(!OidIsValid(collation) || get_collation_isdeterministic(collation));
}

static bool
is_key_column(const Colocation *colocation, Node *expr, Node *value)
{
	const StatementWalk *walk = &colocation->walk;
	Operand		operand;

	return equality_is_that_of(expr, exprType(value)) &&
		operand_from_expr(walk->frame, expr, &operand) && operand.kind == OPERAND_COLUMN &&
		facts_reach_value(&walk->facts, walk->scope, &operand, exprType(value), value);
}

static bool
is_not_null(Oid relid, AttrNumber attno)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attno));
	bool		result;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for attribute %d of relation %u", attno, relid);
	result = ((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;
	ReleaseSysCache(tuple);
	return result;
}

/* A column of a table that routes, and is never NULL: it lies in the shard of its row. */
static bool
is_routing_column(const Colocation *colocation, Node *expr)
{
	StatementWalk *walk = unconstify(StatementWalk *, &colocation->walk);
	Query	   *query = walk->frame->query;
	Var		   *var = look_through_joins(query, expr);
	const TableInfo *table;
	const RouteSpec *spec;
	Operand		operand;
	Oid			relid;

	if (var == NULL || !bms_is_member(var->varno, preserved_entries((Node *) query->jointree)) ||
		(table = query_sharded_table(rt_fetch(var->varno, query->rtable))) == NULL ||
		(spec = table_column_spec(table, var->varattno, &relid)) == NULL ||
		!equality_is_that_of(expr, spec->types[0]) || !is_not_null(table->relid, var->varattno))
		return false;
	operand = operand_column(walk->frame, var->varno, var->varattno);
	return is_value_of_anchor(facts_resolve_operand(&walk->facts, walk->scope, &operand, relid, spec),
							  colocation->table, colocation->values);
}

bool
push_pins_shard(const Colocation *colocation, List *exprs)
{
	int			found = 0;
	ListCell   *lc;
	ListCell   *lc2;

	if (colocation->values == NIL)
		return false;
	foreach(lc, exprs)
	{
		if (is_routing_column(colocation, lfirst(lc)) ||
			(colocation->full_keys != NIL &&
			 full_join_is_merged_key(colocation->walk.frame->query, colocation->full_keys, lfirst(lc))))
			return true;
	}
	foreach(lc, colocation->values)
	{
		foreach(lc2, exprs)
		{
			if (is_key_column(colocation, lfirst(lc2), lfirst(lc)))
			{
				found++;
				break;
			}
		}
	}
	return found == list_length(colocation->values);
}
