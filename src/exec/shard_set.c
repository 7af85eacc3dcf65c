/*
 * shard_set.c
 *	  The set of shards that a list of key expressions names at execution.
 *
 * Pruning must never turn a query into an error: "WHERE id = -1" has no rows
 * on plain PostgreSQL, so a value no row can have names no shard.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"

#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "catalog/table_map.h"
#include "exec/shard_set.h"
#include "id/id_layout.h"
#include "route/route.h"

/* Is value an id that the cluster can have handed out? */
static bool
id_in_domain(const RouteSpec *spec, Datum value, Oid type)
{
	int64		id;

	switch (type)
	{
		case INT4OID:
			id = DatumGetInt32(value);
			break;
		case INT2OID:
			id = DatumGetInt16(value);
			break;
		default:
			id = DatumGetInt64(value);
			break;
	}
	return id >= 0 && id_layout_shard(id) < spec->shard_count;
}

int
shard_set_find(Oid relid, int nkeys, const Datum *values, const bool *nulls, const Oid *types)
{
	const RouteSpec *spec;
	FmgrInfo	procs[ROUTE_MAX_KEYS];

	if (OidIsValid(relid))
	{
		const TableInfo *table = table_info(relid);

		if (table == NULL)
			elog(ERROR, "relation %u is not sharded any more", relid);
		spec = &table->spec;
	}
	else
		spec = route_spec_id();

	Assert(nkeys == spec->nkeys);
	for (int i = 0; i < nkeys; i++)
	{
		if (nulls[i])
			return ROUTE_NO_SHARD;
		if (!route_type_compatible(spec, i, types[i], &procs[i], CurrentMemoryContext))
			elog(ERROR, "type %u cannot stand for key %d of relation %u", types[i], i + 1, relid);
	}
	if (spec->strategy == &strategy_id && !id_in_domain(spec, values[0], types[0]))
		return ROUTE_NO_SHARD;
	return route_shard_typed(spec, values, procs);
}

Bitmapset *
shard_set_eval(List *relids, List *lengths, List *expr_states, ExprContext *econtext)
{
	Bitmapset  *result = NULL;
	ListCell   *rc,
			   *lc,
			   *ec = list_head(expr_states);

	forboth(rc, relids, lc, lengths)
	{
		Datum		values[ROUTE_MAX_KEYS];
		bool		nulls[ROUTE_MAX_KEYS];
		Oid			types[ROUTE_MAX_KEYS];
		int			nkeys = lfirst_int(lc);
		int			shard;

		for (int i = 0; i < nkeys; i++)
		{
			ExprState  *state = (ExprState *) lfirst(ec);

			types[i] = exprType((Node *) state->expr);
			values[i] = ExecEvalExpr(state, econtext, &nulls[i]);
			ec = lnext(expr_states, ec);
		}
		shard = shard_set_find(lfirst_oid(rc), nkeys, values, nulls, types);
		if (shard != ROUTE_NO_SHARD)
			result = bms_add_member(result, shard);
	}
	return result;
}

Bitmapset *
shard_set_all(void)
{
	return bms_add_range(NULL, 0, shard_map_count() - 1);
}

Bitmapset *
shard_set_of_node(const Bitmapset *shards, int node_id)
{
	Bitmapset  *result = NULL;
	int			shard = -1;

	while ((shard = bms_next_member(shards, shard)) >= 0)
	{
		if (shard_map_owner(shard, NULL) == node_id)
			result = bms_add_member(result, shard);
	}
	return result;
}

List *
shard_set_owners(const Bitmapset *shards)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, node_list())
	{
		NodeInfo   *info = (NodeInfo *) lfirst(lc);

		if (shard_set_of_node(shards, info->node_id) != NULL)
			names = lappend(names, pstrdup(info->name));
	}
	return names;
}

List *
shard_set_list(const Bitmapset *shards)
{
	List	   *result = NIL;
	int			shard = -1;

	while ((shard = bms_next_member(shards, shard)) >= 0)
		result = lappend_int(result, shard);
	return result;
}

int
shard_set_givers(void)
{
	return bms_num_members(shard_set_of_node(shard_set_all(), node_self())) + list_length(node_list()) - 1;
}
