/*
 * shard_simple.c
 *	  The shard of the simplest statements, without gathering facts.
 *
 *	  SELECT ... FROM one sharded table WHERE routing column = constant [AND ...]
 *	  INSERT INTO one sharded table VALUES (...), (...), ... of several shards
 *
 * A statement that is not prepared is planned each time it runs, and most of
 * those look like this. What is said here is what shard_facts.c would say; every
 * other shape is left to it.
 */
#include "postgres.h"

#include "access/hash.h"
#include "access/stratnum.h"
#include "access/sysattr.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "plan/query_shape.h"
#include "plan/shard_facts.h"
#include "plan/shard_simple.h"
#include "plan/shippable.h"

static bool
is_equality_of_type(const OpExpr *op, Oid type)
{
	return qual_operator_is_equality(op) &&
		get_op_opfamily_strategy(op->opno, lookup_type_cache(type, TYPECACHE_HASH_OPFAMILY)->hash_opf) ==
		HTEqualStrategyNumber;
}

/* The same; the last answer is kept, if it is about PostgreSQL's own objects and therefore for ever. */
static bool
is_key_equality(const OpExpr *op, Oid type)
{
	static Oid	last_operator = InvalidOid;
	static Oid	last_type = InvalidOid;
	bool		for_ever = op->opno < FirstNormalObjectId && type < FirstNormalObjectId && !OidIsValid(op->inputcollid);

	if (for_ever && op->opno == last_operator && type == last_type)
		return true;
	if (!is_equality_of_type(op, type))
		return false;
	if (for_ever)
	{
		last_operator = op->opno;
		last_type = type;
	}
	return true;
}

/* The constant that a condition says the column is equal to, of the very type of the key; else NULL. */
static Const *
constant_of(Node *qual, Index varno, AttrNumber attno, Oid type)
{
	OpExpr	   *op = (OpExpr *) qual;
	Node	   *column;
	Node	   *value;

	if (!IsA(qual, OpExpr) || list_length(op->args) != 2)
		return NULL;
	column = linitial(op->args);
	value = lsecond(op->args);
	if (IsA(column, Const))
	{
		column = lsecond(op->args);
		value = linitial(op->args);
	}
	if (!IsA(column, Var) || !IsA(value, Const) ||
		((Var *) column)->varno != varno || ((Var *) column)->varattno != attno || ((Var *) column)->varlevelsup != 0 ||
		((Const *) value)->constisnull || ((Const *) value)->consttype != type || !is_key_equality(op, type))
		return NULL;
	return (Const *) value;
}

/* Does WHERE mention the column at all? */
static bool
is_mentioned(Index varno, AttrNumber attno, Node *quals)
{
	Bitmapset  *columns = NULL;

	pull_varattnos(quals, varno, &columns);
	return bms_is_member(attno - FirstLowInvalidHeapAttributeNumber, columns);
}

static ShardKey *
make_key(Oid relid, Node *value)
{
	ShardKey   *key = palloc(sizeof(ShardKey));

	key->relid = relid;
	key->exprs = list_make1(value);
	return key;
}

static QueryShards *
make_shards(List *keys)
{
	QueryShards *shards = palloc0(sizeof(QueryShards));

	shards->has_sharded = true;
	shards->keys = keys;
	return shards;
}

/* A key from one of the conditions that stand side by side in WHERE; NULL if none gives one. */
static ShardKey *
key_from_quals(const TableInfo *table, Index varno, AttrNumber attno, Node *quals)
{
	Oid			relid;
	const RouteSpec *spec = table_column_spec(table, attno, &relid);
	Const	   *value = NULL;

	if (quals == NULL || spec == NULL)
		return NULL;
	if (is_andclause(quals))
	{
		ListCell   *lc;

		foreach(lc, ((BoolExpr *) quals)->args)
		{
			value = constant_of(lfirst(lc), varno, attno, spec->types[0]);
			/* not the second condition on the column: the first may name another shard */
			if (value != NULL || is_mentioned(varno, attno, lfirst(lc)))
				break;
		}
	}
	else
		value = constant_of(quals, varno, attno, spec->types[0]);
	return value != NULL ? make_key(relid, (Node *) value) : NULL;
}

static QueryShards *
shards_of_select(const Query *query)
{
	const RangeTblEntry *rte = list_length(query->rtable) == 1 ? linitial(query->rtable) : NULL;
	const TableInfo *table;
	ShardKey   *key;
	int			attno = -1;

	if (rte == NULL || rte->relkind != RELKIND_RELATION || !query_is_flat(query) ||
		list_length(query->jointree->fromlist) != 1 || !IsA(linitial(query->jointree->fromlist), RangeTblRef))
		return NULL;
	table = query_sharded_table(rte);
	if (table == NULL || table->nkeys != 1)
		return NULL;

	/*
	 * The first column of which a value is known decides, here as on the node
	 * that gets the statement: they could name different shards. What is said
	 * of a column in another form may be such a value.
	 */
	key = key_from_quals(table, 1, table->keys[0], query->jointree->quals);
	if (key == NULL && is_mentioned(1, table->keys[0], query->jointree->quals))
		return NULL;
	while (key == NULL && (attno = bms_next_member(table->id_columns, attno)) >= 0)
	{
		key = key_from_quals(table, 1, attno, query->jointree->quals);
		if (key == NULL && is_mentioned(1, attno, query->jointree->quals))
			return NULL;
	}
	return key != NULL ? make_shards(list_make1(key)) : NULL;
}

/* The VALUES that the rows of an INSERT come from, if it names nothing else than its table. */
static const RangeTblEntry *
values_inserted(const Query *query)
{
	const RangeTblEntry *result = NULL;
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		const RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_VALUES && result == NULL)
			result = rte;
		else if (rte->rtekind != RTE_RESULT && foreach_current_index(lc) + 1 != query->resultRelation)
			return NULL;
	}
	return result;
}

/* The column of VALUES that becomes the key; 0: there is none. */
static AttrNumber
column_of_key(const Query *query, const TableInfo *table, const RangeTblEntry *values)
{
	const TargetEntry *tle = get_tle_by_resno(query->targetList, table->keys[0]);
	const Var  *var = tle != NULL ? (const Var *) strip_implicit_coercions((Node *) tle->expr) : NULL;

	return var != NULL && IsA(var, Var) && var->varlevelsup == 0 && var->varattno > 0 &&
		rt_fetch(var->varno, query->rtable) == values ? var->varattno : 0;
}

/* So many rows are looked at: if they lie in one shard, all may. */
#define VALUES_LOOKED_AT	16

/*
 * An INSERT of rows two of which lie in different shards: the keys of these, which tell as much as all. Of many rows
 * the first ones do.
 */
static QueryShards *
shards_of_insert(const Query *query, ParamListInfo params)
{
	const RangeTblEntry *values = query->onConflict == NULL && query->querySource == QSRC_ORIGINAL &&
		query_is_flat(query) ? values_inserted(query) : NULL;
	const TableInfo *table = values == NULL ? NULL :
		query_sharded_table(rt_fetch(query->resultRelation, query->rtable));
	AttrNumber	column = table != NULL && table->nkeys == 1 ? column_of_key(query, table, values) : 0;
	ShardKey   *first = NULL;
	int			first_shard = ROUTE_NO_SHARD;
	Oid			relid;
	ListCell   *lc;

	foreach(lc, column > 0 ? values->values_lists : NIL)
	{
		Node	   *value = list_nth((List *) lfirst(lc), column - 1);
		ShardKey   *key;
		bool		known = false;
		int			shard = ROUTE_NO_SHARD;

		if (foreach_current_index(lc) == VALUES_LOOKED_AT || !shippable_is_stable_free(value) ||
			exprType(value) != table_column_spec(table, table->keys[0], &relid)->types[0])
			return NULL;
		key = make_key(relid, value);
		shard = shard_key_known(key, params, &known);
		if (shard == ROUTE_NO_SHARD)
			continue;
		if (first != NULL && shard != first_shard)
			return make_shards(list_make2(first, key));
		first = first != NULL ? first : key;
		first_shard = shard;
	}
	return NULL;
}

QueryShards *
simple_query_shards(const Query *query, ParamListInfo params)
{
	switch (query->commandType)
	{
		case CMD_SELECT:
			return shards_of_select(query);
		case CMD_INSERT:
			return shards_of_insert(query, params);
		default:
			return NULL;
	}
}
