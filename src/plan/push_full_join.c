/*
 * push_full_join.c
 *	  FULL JOINs that the shards can carry out.
 *
 *	  FROM a FULL JOIN b ON a.k = b.k AND .. FULL JOIN c ON c.k = COALESCE(a.k, b.k) ..
 *
 * If the rows of all tables are divided in the same way by the columns that are
 * compared, partners lie together, and whether a row has one is known where it
 * lies: the joined rows are the union of what each shard gives. A joined row whose
 * keys are not all NULL lies with their one value. Rows whose key is NULL have no
 * partner; they must be in one place, no matter which.
 *
 * The tables lie so already (each by its shard key), or are redistributed, all of
 * them: one that stayed where it is would give rows with NULL keys no place.
 *
 * In a tree of FULL JOINs a side that is one itself may be compared by the key of
 * any of its entries or by COALESCE of several: where that is not NULL, it is the
 * value of the row's keys.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "base/pg_compat.h"
#include "exec/exchange.h"
#include "plan/push_full_join.h"
#include "plan/push_input.h"
#include "plan/push_level.h"
#include "plan/push_stages.h"
#include "plan/push_units.h"
#include "plan/query_shape.h"
#include "plan/shard_facts.h"
#include "route/route.h"

/* ---------- keys ---------- */

static bool
is_among(const List *keys, const Var *var)
{
	ListCell   *lc;

	foreach(lc, keys)
	{
		const Var  *key = lfirst_node(Var, lc);

		if (key->varno == var->varno && key->varattno == var->varattno && var->varlevelsup == 0)
			return true;
	}
	return false;
}

/* The columns that expr is COALESCE of, or the one that it is itself; false: it is something else. */
static bool
merged_columns(Node *expr, List **columns)
{
	ListCell   *lc;

	while (IsA(expr, RelabelType))
		expr = (Node *) ((RelabelType *) expr)->arg;
	if (IsA(expr, Var))
	{
		*columns = lappend(*columns, expr);
		return ((Var *) expr)->varlevelsup == 0 && ((Var *) expr)->varattno > 0;
	}
	if (!IsA(expr, CoalesceExpr))
		return false;
	foreach(lc, ((CoalesceExpr *) expr)->args)
	{
		if (!merged_columns(lfirst(lc), columns))
			return false;
	}
	return true;
}

/* If expr is a key of that side of the join: the keys of its entries (inner: those of a side that is a join itself). */
static List *
keys_of_side(Node *side, List *inner, Node *expr)
{
	List	   *columns = NIL;
	ListCell   *lc;

	if (!merged_columns(expr, &columns))
		return NIL;
	if (IsA(side, RangeTblRef))
		return list_length(columns) == 1 &&
			linitial_node(Var, columns)->varno == ((RangeTblRef *) side)->rtindex ? columns : NIL;
	foreach(lc, columns)
	{
		if (!is_among(inner, lfirst_node(Var, lc)))
			return NIL;
	}
	return inner;
}

/* Is the comparison one by the equality that the type is hashed for? */
static bool
compares_by_hash(const OpExpr *op, const Var *key)
{
	Oid			family = lookup_type_cache(getBaseType(key->vartype), TYPECACHE_HASH_OPFAMILY)->hash_opf;

	return qual_operator_is_equality(op) && OidIsValid(family) && op_in_opfamily(op->opno, family);
}

static List *
keys_of_join(const Query *query, Node *jtnode)
{
	JoinExpr   *join = (JoinExpr *) jtnode;
	List	   *left;
	List	   *right;
	Node	   *quals;
	ListCell   *lc;

	if (!IsA(jtnode, JoinExpr) || join->jointype != JOIN_FULL)
		return NIL;
	left = keys_of_join(query, join->larg);
	right = keys_of_join(query, join->rarg);
	quals = sx_flatten_join_vars(unconstify(Query *, query), copyObject(join->quals));
	foreach(lc, query_conditions(quals))
	{
		OpExpr	   *op = (OpExpr *) lfirst(lc);

		if (!IsA(op, OpExpr) || list_length(op->args) != 2)
			continue;
		for (int i = 0; i < 2; i++)
		{
			List	   *of_left = keys_of_side(join->larg, left, list_nth(op->args, i));
			List	   *of_right = keys_of_side(join->rarg, right, list_nth(op->args, 1 - i));

			if (of_left != NIL && of_right != NIL && compares_by_hash(op, linitial(of_left)))
				return list_concat_copy(of_left, of_right);
		}
	}
	return NIL;
}

static bool
are_hashed_alike(const List *keys)
{
	const Var  *first = linitial_node(Var, keys);
	Oid			type = getBaseType(first->vartype);
	RouteSpec	spec;
	ListCell   *lc;

	if (!exchange_hash_takes(first->vartype, first->varcollid))
		return false;
	route_spec_make(&spec, &strategy_hash, 1, 1, &type, &first->varcollid, CurrentMemoryContext);
	foreach(lc, keys)
	{
		const Var  *key = lfirst_node(Var, lc);
		FmgrInfo	proc;

		if (!exchange_hash_takes(key->vartype, key->varcollid) ||
			!route_type_compatible(&spec, 0, getBaseType(key->vartype), &proc, CurrentMemoryContext))
			return false;
	}
	return true;
}

List *
full_join_keys(const Query *query)
{
	List	   *keys;

	if (query->setOperations != NULL || query->cteList != NIL || query->jointree == NULL ||
		list_length(query->jointree->fromlist) != 1 || checkExprHasSubLink((Node *) query->jointree))
		return NIL;
	keys = keys_of_join(query, linitial(query->jointree->fromlist));
	return keys != NIL && are_hashed_alike(keys) ? keys : NIL;
}

bool
full_join_is_merged_key(const Query *query, const List *keys, Node *expr)
{
	List	   *columns = NIL;
	ListCell   *lc;

	if (!merged_columns(sx_flatten_join_vars(unconstify(Query *, query), copyObject(expr)), &columns))
		return false;
	foreach(lc, columns)
	{
		if (!is_among(keys, lfirst_node(Var, lc)))
			return false;
	}
	foreach(lc, keys)
	{
		if (!is_among(columns, lfirst_node(Var, lc)))
			return false;
	}
	return true;
}

/* ---------- units ---------- */

static Query *
rows_of(Query *query, Index varno)
{
	RangeTblEntry *rte = rt_fetch(varno, query->rtable);

	if (rte->rtekind == RTE_RELATION && rte->relkind != RELKIND_VIEW)
		return push_input_of_relation(query, varno);
	if (rte->rtekind == RTE_SUBQUERY && !rte->lateral && push_is_closed(rte->subquery))
		return push_stage_rows(rte->subquery);
	return NULL;
}

bool
full_join_units(Query *query, List **units)
{
	List	   *keys = full_join_keys(query);
	ListCell   *lc;

	*units = NIL;
	foreach(lc, keys)
	{
		const Var  *key = lfirst_node(Var, lc);
		Query	   *inner = rows_of(query, key->varno);
		PushUnit   *unit;

		if (inner == NULL || contain_volatile_functions((Node *) inner))
			return false;
		unit = palloc0(sizeof(PushUnit));
		unit->frame = query;
		unit->varno = key->varno;
		unit->inner = inner;
		unit->tied_column = key->varattno;
		unit->is_anchor = true;
		(void) push_pulled_rows(inner, &unit->rows);
		*units = lappend(*units, unit);
	}
	return *units != NIL;
}
