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
#include "plan/push_colocate.h"

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

static const TableInfo *
sharded_relation(const RangeTblEntry *rte)
{
	const TableInfo *table = rte->rtekind == RTE_RELATION ? table_info(rte->relid) : NULL;

	return table != NULL && table->kind == TABLE_SHARDED ? table : NULL;
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

/* The table whose key, never NULL, the output column is; NULL: not to be seen. */
static const TableInfo *
passed_key(const Query *query, const TargetEntry *tle)
{
	Var		   *var;
	RangeTblEntry *rte;
	const TableInfo *table;

	if (tle->resjunk || query->commandType != CMD_SELECT || query->setOperations != NULL ||
		query->groupingSets != NIL || query->jointree == NULL)
		return NULL;
	var = look_through_joins(query, (Node *) tle->expr);
	if (var == NULL || !bms_is_member(var->varno, preserved_entries((Node *) query->jointree)))
		return NULL;
	rte = rt_fetch(var->varno, query->rtable);
	table = sharded_relation(rte);
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
push_anchors(const Query *query)
{
	Bitmapset  *preserved = preserved_entries((Node *) query->jointree);
	Bitmapset  *result = NULL;
	int			rtindex = -1;

	while ((rtindex = bms_next_member(preserved, rtindex)) >= 0)
	{
		if (sharded_relation(rt_fetch(rtindex, query->rtable)) != NULL)
			result = bms_add_member(result, rtindex);
	}
	return result;
}

bool
push_tables_elsewhere(Query *query, Index anchor, List **elsewhere)
{
	const TableInfo *table = sharded_relation(rt_fetch(anchor, query->rtable));
	Node	   *quals = query->jointree->quals;
	StatementWalk walk;
	List	   *values = NIL;
	ListCell   *lc;

	*elsewhere = NIL;
	foreach(lc, key_columns(table, anchor))
	{
		Node	   *value;
		Node	   *condition = shard_key_condition(lfirst(lc), foreach_current_index(lc), &value);

		query->jointree->quals = make_and_qual(query->jointree->quals, condition);
		values = lappend(values, value);
	}
	statement_walk(&walk, query, NULL);
	query->jointree->quals = quals;
	if (walk.blocked != NULL || walk.writes != NIL || list_length(walk.facts.occurrences) != query_count_shells(query))
		return false;
	foreach(lc, walk.facts.occurrences)
	{
		if (!is_value_of_anchor(facts_resolve_occurrence(&walk.facts, lfirst(lc), NULL), table, values))
			*elsewhere = lappend(*elsewhere, lfirst(lc));
	}
	return true;
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

const Reason *
push_find_colocation(Query *query, Colocation *colocation)
{
	int			nshells = query_count_shells(query);
	Bitmapset  *preserved = preserved_entries((Node *) query->jointree);
	int			rtindex = -1;

	if (nshells == 0)
		return reason_make(NULL, "It reads no sharded table.");
	while ((rtindex = bms_next_member(preserved, rtindex)) >= 0)
	{
		RangeTblEntry *rte = rt_fetch(rtindex, query->rtable);
		const TableInfo *table = sharded_relation(rte);

		if (table != NULL && try_anchor(query, table, rtindex, key_columns(table, rtindex), nshells, colocation))
		{
			colocation->is_relation = true;
			return NULL;
		}
		if (rte->rtekind == RTE_SUBQUERY && try_passed_keys(query, rtindex, nshells, colocation))
			return NULL;
	}
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
		(table = sharded_relation(rt_fetch(var->varno, query->rtable))) == NULL ||
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

	foreach(lc, exprs)
	{
		if (is_routing_column(colocation, lfirst(lc)))
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
