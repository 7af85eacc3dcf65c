/*
 * shard_quals.c
 *	  Which logical shard does a Query, or one of its relations, need?
 *
 * query_shards gathers the facts of the whole statement (shard_walk.c), lets
 * every sharded table in it say how its shard can be known (shard_facts.c), and
 * looks for one expression that serves them all; if there is none, the
 * expressions of all of them together must give one shard, which only values
 * can tell (plan_router.c).
 *
 * Why it is sound: a relation resolved to "key = value" could be replaced by
 * its rows with that key without changing the result, since the fact is implied
 * by conditions that all relevant rows must satisfy, in a place from where
 * they may be pushed down to the relation. Its rows in the value's shard are more
 * than that and fewer than all, and the conditions are still in the statement;
 * so the statement over the shard gives the same result. Relations are replaced
 * one after the other, the argument does not depend on the others' contents.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "plan/query_shape.h"
#include "plan/shard_quals.h"
#include "plan/shard_simple.h"
#include "plan/shard_targets.h"
#include "plan/shard_walk.h"

/* Shells in all levels of a Query; entries of ON CONFLICT's "excluded" are no relations that are read. */
static bool
count_shells(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		ListCell   *lc;

		foreach(lc, ((Query *) node)->rtable)
		{
			const RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

			if (rte->relkind == RELKIND_RELATION && query_sharded_table(rte) != NULL)
				(*(int *) context)++;
		}
		return !query_is_flat((Query *) node) && query_tree_walker((Query *) node, count_shells, context, 0);
	}
	return expression_tree_walker(node, count_shells, context);
}

int
query_count_shells(Query *query)
{
	int			nshells = 0;

	(void) count_shells((Node *) query, &nshells);
	return nshells;
}

/* Is one of these occurrences an inserted row that may go to any shard? */
static bool
is_free(const StatementWalk *walk, List *occurrences)
{
	ListCell   *lc;

	foreach(lc, walk->writes)
	{
		WrittenTable *written = (WrittenTable *) lfirst(lc);

		if (written->free && list_member_ptr(occurrences, written->occurrence))
			return true;
	}
	return false;
}

static const Reason *
unresolved_reason(const Occurrence *occurrence)
{
	const TableInfo *table = occurrence->table;
	StringInfoData columns;
	int			attno = -1;

	initStringInfo(&columns);
	for (int i = 0; i < table->nkeys; i++)
		appendStringInfo(&columns, "%s%s", i > 0 ? " and " : "", get_attname(table->relid, table->keys[i], false));
	while ((attno = bms_next_member(table->id_columns, attno)) >= 0)
	{
		if (table->nkeys != 1 || table->keys[0] != attno)
			appendStringInfo(&columns, " or %s", get_attname(table->relid, attno, false));
	}
	return reason_make(psprintf("Compare %s with a value or with a column that lies in the same shard.", columns.data),
					   "The rows of \"%s\" that it needs are not restricted to one shard.",
					   get_rel_name(table->relid));
}

/* Is key among the ways of every demand, alone? */
static bool
serves_all(const ShardKey *key, List *demands)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, demands)
	{
		foreach(lc2, (List *) lfirst(lc))
		{
			List	   *way = (List *) lfirst(lc2);

			if (list_length(way) == 1 && shard_key_equal(key, linitial(way)))
				break;
		}
		if (lc2 == NULL)
			return false;
	}
	return true;
}

static List *
append_key(List *keys, ShardKey *key)
{
	ListCell   *lc;

	foreach(lc, keys)
	{
		if (shard_key_equal(lfirst(lc), key))
			return keys;
	}
	return lappend(keys, key);
}

/* Ways of more values than this may have some of them twice: comparing all with all costs more. */
#define MAX_KEYS_COMPARED	16

/* The shard that all values of a way lie in; ROUTE_NO_SHARD if that is not known, or there is none. */
static int
shard_of_way(List *way, ParamListInfo params)
{
	int			result = ROUTE_NO_SHARD;
	ListCell   *lc;

	if (list_length(way) > MAX_KEYS_COMPARED)
		return ROUTE_NO_SHARD;
	foreach(lc, way)
	{
		bool		known;
		int			shard = shard_key_known(lfirst(lc), params, &known);

		if (!known || shard == ROUTE_NO_SHARD || (lc != list_head(way) && shard != result))
			return ROUTE_NO_SHARD;
		result = shard;
	}
	return result;
}

/* Keys of one way of each demand, all of which lie in that shard; NIL if a demand has no such way. */
static List *
keys_in_shard(List *demands, int shard, ParamListInfo params)
{
	List	   *keys = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, demands)
	{
		foreach(lc2, (List *) lfirst(lc))
		{
			if (shard_of_way((List *) lfirst(lc2), params) == shard)
				break;
		}
		if (lc2 == NULL)
			return NIL;
		keys = list_concat(keys, (List *) lfirst(lc2));
	}
	return keys;
}

/*
 * Keys that together satisfy all demands: one that serves all, or those whose values, as far as they are known, lie in
 * one shard, or each demand's first. The second is what the owner needs of a statement whose conditions contradict each
 * other (a = 4 AND a = 8), if the key that the coordinator took is a literal there and a parameter elsewhere.
 */
static List *
choose_keys(List *demands, ParamListInfo params)
{
	List	   *keys = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, (List *) linitial(demands))
	{
		List	   *way = (List *) lfirst(lc);

		if (list_length(way) == 1 && serves_all(linitial(way), demands))
			return list_copy(way);
	}
	foreach(lc, list_length(demands) > 1 ? (List *) linitial(demands) : NIL)
	{
		int			shard = shard_of_way((List *) lfirst(lc), params);

		if (shard != ROUTE_NO_SHARD)
			keys = keys_in_shard(demands, shard, params);
		if (keys != NIL)
			return keys;
	}
	foreach(lc, demands)
	{
		List	   *way = (List *) linitial((List *) lfirst(lc));

		if (list_length(way) > MAX_KEYS_COMPARED)
			keys = list_concat(keys, way);
		else
		{
			foreach(lc2, way)
				keys = append_key(keys, lfirst(lc2));
		}
	}
	return keys;
}

/* Single keys before sets. */
static List *
prefer_single(List *ways)
{
	List	   *single = NIL;
	List	   *sets = NIL;
	ListCell   *lc;

	foreach(lc, ways)
	{
		if (list_length((List *) lfirst(lc)) == 1)
			single = lappend(single, lfirst(lc));
		else
			sets = lappend(sets, lfirst(lc));
	}
	return list_concat(single, sets);
}

/* Fill keys, any_shard or reason from the facts. */
static void
resolve_statement(QueryShards *shards, StatementWalk *walk, ParamListInfo params)
{
	List	   *demands = NIL;
	ListCell   *lc;

	foreach(lc, walk->facts.occurrences)
	{
		Occurrence *occurrence = (Occurrence *) lfirst(lc);
		List	   *same_shard;
		List	   *ways = facts_resolve_occurrence(&walk->facts, occurrence, &same_shard);

		if (ways != NIL)
			demands = lappend(demands, prefer_single(ways));
		else if (!is_free(walk, same_shard))
		{
			shards->reason = unresolved_reason(occurrence);
			return;
		}
	}
	if (!targets_demands(walk, &demands, &shards->reason))
		return;
	if (demands != NIL)
		shards->keys = choose_keys(demands, params);
	else
		shards->any_shard = true;
}

QueryShards *
query_shards(Query *query, ParamListInfo params)
{
	QueryShards *shards = simple_query_shards(query, params);
	StatementWalk walk;
	int			nshells;

	if (shards != NULL)
		return shards;
	shards = palloc0(sizeof(QueryShards));
	statement_walk(&walk, query, params);
	nshells = query_count_shells(query);

	shards->has_sharded = nshells > 0;
	shards->has_reference = walk.has_reference;
	shards->has_home = walk.has_home;
	if (walk.blocked != NULL)
		shards->reason = walk.blocked;
	else if (nshells == 0)
		shards->reason = reason_make(NULL, "It names no sharded table.");
	else if (nshells != list_length(walk.facts.occurrences))
		shards->reason = reason_make(NULL, "It names a sharded table in a place that is not understood.");
	else
		resolve_statement(shards, &walk, params);
	return shards;
}

int
shard_key_known(const ShardKey *key, ParamListInfo params, bool *known)
{
	const RouteSpec *spec = shard_key_spec(key);
	Const	   *consts[ROUTE_MAX_KEYS];
	Datum		values[ROUTE_MAX_KEYS];
	FmgrInfo	procs[ROUTE_MAX_KEYS];
	bool		own_types = true;
	int			n = 0;
	ListCell   *lc;

	*known = false;
	foreach(lc, key->exprs)
	{
		consts[n] = value_fold(lfirst(lc), params);
		if (consts[n] == NULL)
			return ROUTE_NO_SHARD;
		if (consts[n]->constisnull)
		{
			*known = true;
			return ROUTE_NO_SHARD;
		}
		values[n] = consts[n]->constvalue;
		own_types &= consts[n]->consttype == spec->types[n];
		n++;
	}
	*known = true;
	if (own_types)
		return route_shard_or_none(spec, values, (FmgrInfo *) spec->hash_procs);
	for (int i = 0; i < n; i++)
	{
		if (!route_type_compatible(spec, i, consts[i]->consttype, &procs[i], CurrentMemoryContext))
			elog(ERROR, "type %u does not fit the shard key", consts[i]->consttype);
	}
	return route_shard_or_none(spec, values, procs);
}

List *
relation_shard_keys(const TableInfo *table, Index varno, List *quals)
{
	StatementWalk walk = {0};
	Query	   *query = makeNode(Query);
	QueryFrame	frame = {query, NULL, NULL};
	FactScope  *scope = fact_scope_make(NULL);
	Occurrence *occurrence = facts_add_occurrence(&walk.facts, table, &frame, varno, scope);
	List	   *ways;
	ListCell   *lc;

	foreach(lc, quals)
	{
		Operand		a;
		Operand		b;
		Oid			opno;

		if (qual_equality(&frame, lfirst(lc), &a, &b, &opno))
			facts_add(&walk.facts, &a, &b, opno, scope, NULL);
	}
	ways = facts_resolve_occurrence(&walk.facts, occurrence, NULL);
	return ways == NIL ? NIL : (List *) linitial(prefer_single(ways));
}

Node *
shard_key_condition(Var *key, int i, Node **value)
{
	Oid			equal = lookup_type_cache(key->vartype, TYPECACHE_EQ_OPR)->eq_opr;
	Param	   *param = makeNode(Param);

	param->paramkind = PARAM_EXTERN;
	param->paramid = PG_UINT16_MAX + i;
	param->paramtype = key->vartype;
	param->paramtypmod = -1;
	param->paramcollid = key->varcollid;
	param->location = -1;
	if (value != NULL)
		*value = (Node *) param;
	return (Node *) make_opclause(equal, BOOLOID, false, (Expr *) key, (Expr *) param, InvalidOid, key->varcollid);
}

/* table's key column number i = some value */
static Node *
key_is_known(Index rtindex, const TableInfo *table, int i)
{
	Oid			type;
	int32		typmod;
	Oid			collation;

	get_atttypetypmodcoll(table->relid, table->keys[i], &type, &typmod, &collation);
	return shard_key_condition(makeVar(rtindex, table->keys[i], type, typmod, collation, 0), i, NULL);
}

bool
query_lies_with(Query *query, Index rtindex)
{
	const TableInfo *table = table_info(rt_fetch(rtindex, query->rtable)->relid);
	Query	   *copy = copyObject(query);

	for (int i = 0; i < table->nkeys; i++)
		copy->jointree->quals = make_and_qual(copy->jointree->quals, key_is_known(rtindex, table, i));
	return list_length(query_shards(copy, NULL)->keys) == 1;
}
