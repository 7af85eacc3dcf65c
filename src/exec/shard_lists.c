/*
 * shard_lists.c
 *	  WHERE key IN (...) in a shard: only the values that can be there.
 *
 *	  SELECT * FROM photos WHERE id IN (7, 14, 21, ...)
 *
 * Each of the values lies in one shard. Were every shard to look for all of them,
 * 1,000 values would be looked up 256,000 times in 256 shards. So the list is sorted
 * by shards once, and what is planned has a parameter in its place, whose value is
 * another one in each shard; the planner is told the one of the shard it plans for,
 * and estimates with it.
 *
 * A condition that must hold for a row to count, and compares the key of the row's
 * own table: whether it is true of a row is the same then. A list that is not known
 * when the query is planned (a plan for all values of its parameters), a short one,
 * or one with so many values per shard that comparing rows with a hash table of them
 * may be better, which PostgreSQL does for constants only, stays.
 */
#include "postgres.h"

#include "access/hash.h"
#include "access/stratnum.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "catalog/table_map.h"
#include "exec/input_params.h"
#include "exec/shard_lists.h"
#include "exec/shard_places.h"

#define MIN_VALUES				10
#define MAX_VALUES_OF_A_SHARD	100

typedef struct ListValue
{
	int			shard;
	Datum		value;
} ListValue;

/* Its values, those that can be there at all, sorted by shard; or places of rows (shard_places.h), and nothing else. */
typedef struct KeyList
{
	Node	   *places;
	Oid			type;			/* of a value */
	int16		length;
	bool		byval;
	char		align;
	int			nvalues;
	ListValue  *values;
} KeyList;

struct ShardLists
{
	List	   *lists;			/* of KeyList * */
	List	   *ids;			/* int list: their parameters */
	Oid		   *types;			/* of these: arrays, */
	Datum	   *values;			/* in the shard of the last call */
	bool	   *nulls;
};

typedef struct TakeContext
{
	ParamListInfo params;
	int			last_param;
	List	   *lists;
	List	   *types;			/* oid list: of the parameters */
	MemoryContext context;		/* for both and the values */
	Query	   *level;
} TakeContext;

/* ---------- which lists ---------- */

/* How values of the column say where its rows lie; NULL: they do not. */
static const RouteSpec *
spec_of(const Query *level, const Var *var)
{
	const RangeTblEntry *rte;
	const TableInfo *table;

	if (var->varlevelsup != 0 || var->varattno <= 0)
		return NULL;
	rte = rt_fetch(var->varno, level->rtable);
	table = rte->rtekind == RTE_RELATION ? table_info(table_shell_of(rte->relid, NULL)) : NULL;
	if (table == NULL || table->kind != TABLE_SHARDED)
		return NULL;
	if (bms_is_member(var->varattno, table->id_columns))
		return route_spec_id();
	return table->nkeys == 1 && table->keys[0] == var->varattno ? &table->spec : NULL;
}

/* Are values that are equal by this operator in the same shard? */
static bool
is_equality_of_key(const ScalarArrayOpExpr *op, const RouteSpec *spec)
{
	Oid			opfamily = lookup_type_cache(spec->types[0], TYPECACHE_HASH_OPFAMILY)->hash_opf;

	return op->useOr && get_op_opfamily_strategy(op->opno, opfamily) == HTEqualStrategyNumber &&
		(!OidIsValid(op->inputcollid) || get_collation_isdeterministic(op->inputcollid));
}

/* The array, if it is known now and stays as it is (no function was expanded in it, which may be replaced). */
static Const *
known_array(Node *array, ParamListInfo params)
{
	PlannerInfo root = {.type = T_PlannerInfo};
	PlannerGlobal glob = {.type = T_PlannerGlobal};

	glob.boundParams = params;
	root.glob = &glob;
	array = eval_const_expressions(&root, copyObject(array));
	if (glob.invalItems != NIL)
		return NULL;
	return IsA(array, Const) && !((Const *) array)->constisnull ? (Const *) array : NULL;
}

static int
compare_by_shard(const void *a, const void *b)
{
	int			x = ((const ListValue *) a)->shard;
	int			y = ((const ListValue *) b)->shard;

	return x < y ? -1 : x > y;
}

/* Has a shard so many of them? */
static bool
is_crowded(const KeyList *list)
{
	for (int i = MAX_VALUES_OF_A_SHARD; i < list->nvalues; i++)
	{
		if (list->values[i].shard == list->values[i - MAX_VALUES_OF_A_SHARD].shard)
			return true;
	}
	return false;
}

/* NULL: a list of another kind. */
static KeyList *
make_list(const Const *array, const RouteSpec *spec)
{
	ArrayType  *copy;
	KeyList    *list;
	FmgrInfo	proc;
	Datum	   *values;
	bool	   *nulls;
	int			n;
	Oid			type = get_element_type(array->consttype);

	if (!OidIsValid(type) || !route_type_compatible(spec, 0, type, &proc, CurrentMemoryContext))
		return NULL;
	copy = DatumGetArrayTypePCopy(array->constvalue);
	if (ArrayGetNItems(ARR_NDIM(copy), ARR_DIMS(copy)) < MIN_VALUES)
	{
		pfree(copy);
		return NULL;
	}
	list = palloc0(sizeof(KeyList));
	list->type = type;
	get_typlenbyvalalign(type, &list->length, &list->byval, &list->align);
	deconstruct_array(copy, type, list->length, list->byval, list->align, &values, &nulls, &n);
	list->values = palloc(sizeof(ListValue) * n);
	list->nvalues = 0;
	for (int i = 0; i < n; i++)
	{
		int			shard = nulls[i] ? ROUTE_NO_SHARD : route_shard_or_none(spec, &values[i], &proc);

		if (shard != ROUTE_NO_SHARD)
			list->values[list->nvalues++] = (ListValue) {shard, values[i]};
	}
	qsort(list->values, list->nvalues, sizeof(ListValue), compare_by_shard);
	pfree(values);
	pfree(nulls);
	if (!is_crowded(list))
		return list;
	pfree(list->values);
	pfree(list);
	pfree(copy);
	return NULL;
}

/* ---------- taking them out ---------- */

/* The parameter for the list that was taken last. */
static Node *
latest_param(const TakeContext *c, Oid collation)
{
	Param	   *param = makeNode(Param);

	param->paramkind = PARAM_EXTERN;
	param->paramid = c->last_param + list_length(c->lists);
	param->paramtype = llast_oid(c->types);
	param->paramtypmod = -1;
	param->paramcollid = collation;
	param->location = -1;
	return (Node *) param;
}

static void
take_list(ScalarArrayOpExpr *op, TakeContext *c)
{
	Node	   *left = linitial(op->args);
	const RouteSpec *spec;
	MemoryContext outer;
	Const	   *array;
	KeyList    *list = NULL;

	if (IsA(left, RelabelType))
		left = (Node *) ((RelabelType *) left)->arg;
	spec = IsA(left, Var) ? spec_of(c->level, (Var *) left) : NULL;
	if (spec == NULL || !is_equality_of_key(op, spec))
		return;
	array = known_array(lsecond(op->args), c->params);
	outer = MemoryContextSwitchTo(c->context);
	if (array != NULL && (list = make_list(array, spec)) != NULL)
	{
		c->lists = lappend(c->lists, list);
		c->types = lappend_oid(c->types, array->consttype);
	}
	MemoryContextSwitchTo(outer);
	if (list == NULL)
		return;
	lsecond(op->args) = latest_param(c, array->constcollid);
}

static bool
last_param_walker(Node *node, int *last)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN)
		*last = Max(*last, ((Param *) node)->paramid);
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, last_param_walker, last, 0);
	return expression_tree_walker(node, last_param_walker, last);
}

/* ctid = ANY (places_here(..)), whatever is known of it; fragments have it among the conditions of their one table. */
static void
take_places(ScalarArrayOpExpr *op, Node *places, TakeContext *c)
{
	MemoryContext outer = MemoryContextSwitchTo(c->context);
	KeyList    *list = palloc0(sizeof(KeyList));

	list->places = copyObject(places);
	c->lists = lappend(c->lists, list);
	c->types = lappend_oid(c->types, TIDARRAYOID);
	MemoryContextSwitchTo(outer);
	lsecond(op->args) = latest_param(c, InvalidOid);
}

static void
take_places_of(Query *query, TakeContext *c)
{
	Node	   *quals = query->jointree != NULL ? query->jointree->quals : NULL;
	ListCell   *lc;

	foreach(lc, make_ands_implicit((Expr *) quals))
	{
		ScalarArrayOpExpr *op = lfirst(lc);
		Node	   *places = IsA(op, ScalarArrayOpExpr) ? shard_places_of(lsecond(op->args)) : NULL;

		if (places == NULL)
			continue;
		if (c->lists == NIL)
			(void) last_param_walker((Node *) query, &c->last_param);
		take_places(op, places, c);
	}
}

/* A condition without which no row counts. */
static void
take_of_qual(Node *qual, TakeContext *c)
{
	ListCell   *lc;

	if (qual == NULL)
		return;
	if (IsA(qual, ScalarArrayOpExpr))
		take_list((ScalarArrayOpExpr *) qual, c);
	else if (is_andclause(qual))
	{
		foreach(lc, ((BoolExpr *) qual)->args)
			take_of_qual(lfirst(lc), c);
	}
}

static void
take_of_joins(Node *node, TakeContext *c)
{
	ListCell   *lc;

	if (IsA(node, FromExpr))
	{
		foreach(lc, ((FromExpr *) node)->fromlist)
			take_of_joins(lfirst(lc), c);
		take_of_qual(((FromExpr *) node)->quals, c);
	}
	else if (IsA(node, JoinExpr))
	{
		take_of_joins(((JoinExpr *) node)->larg, c);
		take_of_joins(((JoinExpr *) node)->rarg, c);
		take_of_qual(((JoinExpr *) node)->quals, c);
	}
}

static bool
take_walker(Node *node, TakeContext *c)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		c->level = (Query *) node;
		take_of_joins((Node *) c->level->jointree, c);
		return query_tree_walker((Query *) node, take_walker, c, 0);
	}
	return expression_tree_walker(node, take_walker, c);
}

ShardLists *
shard_lists_take(Query *query, bool several, ParamListInfo params, MemoryContext context)
{
	TakeContext c = {.params = params, .context = context};
	MemoryContext outer;
	ShardLists *result;
	ListCell   *lc;

	if (several)
	{
		(void) last_param_walker((Node *) query, &c.last_param);
		(void) take_walker((Node *) query, &c);
	}
	take_places_of(query, &c);
	if (c.lists == NIL)
		return NULL;
	outer = MemoryContextSwitchTo(context);
	result = palloc(sizeof(ShardLists));
	result->lists = c.lists;
	result->ids = NIL;
	result->types = palloc(sizeof(Oid) * list_length(c.lists));
	result->values = palloc0(sizeof(Datum) * list_length(c.lists));
	result->nulls = palloc0(sizeof(bool) * list_length(c.lists));
	foreach(lc, c.types)
	{
		result->types[foreach_current_index(lc)] = lfirst_oid(lc);
		result->ids = lappend_int(result->ids, c.last_param + foreach_current_index(lc) + 1);
	}
	MemoryContextSwitchTo(outer);
	return result;
}

/* ---------- in a shard ---------- */

static Datum
part_of_shard(const KeyList *list, ParamListInfo statement, int shard)
{
	int			first = 0;
	int			end = list->nvalues;
	int			n = 0;
	Datum	   *values;

	if (list->places != NULL)
		return shard_places_part(list->places, statement, shard);
	while (first < end)
	{
		int			middle = (first + end) / 2;

		if (list->values[middle].shard < shard)
			first = middle + 1;
		else
			end = middle;
	}
	while (first + n < list->nvalues && list->values[first + n].shard == shard)
		n++;
	values = palloc(sizeof(Datum) * Max(n, 1));
	for (int i = 0; i < n; i++)
		values[i] = list->values[first + i].value;
	return PointerGetDatum(construct_array(values, n, list->type, list->length, list->byval, list->align));
}

ParamListInfo
shard_lists_params(ShardLists *lists, ParamListInfo statement, int shard, bool for_planner)
{
	ListCell   *lc;

	foreach(lc, lists->lists)
		lists->values[foreach_current_index(lc)] = part_of_shard(lfirst(lc), statement, shard);
	return input_params_make(statement, lists->ids, lists->types, lists->values, lists->nulls,
							 for_planner ? 0 : PARAM_FLAG_CONST);
}
