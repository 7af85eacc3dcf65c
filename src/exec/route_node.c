/*
 * route_node.c
 *	  The private part of a Shard Route plan node.
 *
 * The node holds what the planner decided (RouteParts) and copies with the
 * plan. The cache beside it holds what executions work out: strategy specs,
 * the local plan, the text for other nodes, codecs. It lives in the memory
 * context of the node itself, so it goes when the plan cache drops the plan; a
 * copy of the plan starts without one.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/memutils.h"

#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "exec/plan_node.h"
#include "exec/route_node.h"

#define ROUTE_NODE_NAME "ShardextRoute"

static RouteDeparser route_deparser = NULL;

void
scan_route_set_deparser(RouteDeparser deparser)
{
	route_deparser = deparser;
}

/* --- the node --- */

static char *
copy_string(const char *string)
{
	return string ? pstrdup(string) : NULL;
}

static void
copy_route_node(ExtensibleNode *newnode, const ExtensibleNode *oldnode)
{
	const RouteParts *old = &((const RouteNode *) oldnode)->parts;
	RouteParts *new = &((RouteNode *) newnode)->parts;
	RouteNode  *node = (RouteNode *) newnode;

	*new = *old;
	new->target_list = NIL;		/* only the plan's own list is looked at */
	new->key_relids = list_copy(old->key_relids);
	new->key_exprs = copyObject(old->key_exprs);
	new->run_query = copyObject(old->run_query);
	new->query_string = copy_string(old->query_string);
	new->remote_sql = copy_string(old->remote_sql);
	new->remote_params = copyObject(old->remote_params);
	new->text_query = copyObject(old->text_query);
	if (old->remote_reason)
	{
		Reason	   *reason = palloc(sizeof(Reason));

		reason->detail = copy_string(old->remote_reason->detail);
		reason->hint = copy_string(old->remote_reason->hint);
		new->remote_reason = reason;
	}
	node->result_types = list_copy(((const RouteNode *) oldnode)->result_types);
	node->result_typmods = list_copy(((const RouteNode *) oldnode)->result_typmods);
	node->result_collations = list_copy(((const RouteNode *) oldnode)->result_collations);
	node->returns_rows = ((const RouteNode *) oldnode)->returns_rows;
	node->cache = NULL;
}

void
route_node_preload(void)
{
	plan_node_register(ROUTE_NODE_NAME, sizeof(RouteNode), copy_route_node);
}

RouteNode *
route_node_make(const RouteParts *parts)
{
	RouteNode  *node = (RouteNode *) newNode(sizeof(RouteNode), T_ExtensibleNode);
	ListCell   *lc;

	node->node.extnodename = ROUTE_NODE_NAME;
	node->parts = *parts;
	node->parts.key_exprs = NIL;
	foreach(lc, parts->key_exprs)
		node->parts.key_exprs = lappend(node->parts.key_exprs, plan_node_expressions(lfirst_node(List, lc)));
	node->parts.remote_params = plan_node_expressions(parts->remote_params);
	node->parts.target_list = NIL;
	node->returns_rows = parts->command == CMD_SELECT || parts->target_list != NIL;
	foreach(lc, parts->target_list)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);

		if (entry->resjunk)
			continue;
		node->result_types = lappend_oid(node->result_types, exprType((Node *) entry->expr));
		node->result_typmods = lappend_int(node->result_typmods, exprTypmod((Node *) entry->expr));
		node->result_collations = lappend_oid(node->result_collations, exprCollation((Node *) entry->expr));
	}
	return node;
}

RouteNode *
route_node_of(const CustomScan *plan)
{
	RouteNode  *node = linitial(plan->custom_private);

	Assert(IsA(node, ExtensibleNode) && strcmp(node->node.extnodename, ROUTE_NODE_NAME) == 0);
	return node;
}

MemoryContext
route_node_context(RouteNode *node)
{
	return GetMemoryChunkContext(node);
}

/* --- the cache --- */

RouteCache *
route_node_cache(RouteNode *node)
{
	if (node->cache == NULL)
		node->cache = MemoryContextAllocZero(route_node_context(node), sizeof(RouteCache));
	return node->cache;
}

static void
fill_way(RouteWay *way, Oid relid, List *exprs)
{
	const RouteSpec *spec;
	ListCell   *lc;

	if (OidIsValid(relid))
	{
		const TableInfo *table = table_info(relid);

		if (table == NULL)
			elog(ERROR, "relation %u is no longer sharded", relid);
		spec = &table->spec;
	}
	else
		spec = route_spec_id();

	way->relid = relid;
	way->spec = *spec;
	way->nkeys = 0;
	foreach(lc, exprs)
	{
		Expr	   *expr = lfirst(lc);

		if (!route_type_compatible(&way->spec, way->nkeys, exprType((Node *) expr), &way->procs[way->nkeys],
								   CurrentMemoryContext))
			elog(ERROR, "a value of type %u cannot decide the shard", exprType((Node *) expr));
		way->exprs[way->nkeys++] = expr;
	}
	if (way->nkeys != way->spec.nkeys)
		elog(ERROR, "%d values for a shard key of %d columns", way->nkeys, way->spec.nkeys);
}

void
route_node_prepare_ways(RouteNode *node)
{
	RouteCache *cache = route_node_cache(node);
	MemoryContext outer;
	ListCell   *relid;
	ListCell   *exprs;
	uint64		generation = catalog_generation();

	if (likely(cache->ways != NULL && cache->generation == generation))
		return;

	outer = MemoryContextSwitchTo(route_node_context(node));
	if (cache->ways == NULL)
		cache->ways = palloc0(sizeof(RouteWay) * Max(list_length(node->parts.key_relids), 1));
	cache->nways = 0;
	forboth(relid, node->parts.key_relids, exprs, node->parts.key_exprs)
		fill_way(&cache->ways[cache->nways++], lfirst_oid(relid), lfirst_node(List, exprs));
	cache->generation = generation;
	MemoryContextSwitchTo(outer);
}

LocalPlan *
route_node_local_plan(RouteNode *node)
{
	RouteCache *cache = route_node_cache(node);

	if (cache->local == NULL)
	{
		MemoryContext outer = MemoryContextSwitchTo(route_node_context(node));

		cache->local = local_plan_make(node->parts.run_query, node->parts.query_string, node->parts.cursor_options);
		MemoryContextSwitchTo(outer);
	}
	return cache->local;
}

/* Deparse now; the result goes to the plan's memory, what it took to make it does not. */
static const Reason *
deparse(RouteNode *node, RouteCache *cache)
{
	const char *sql = NULL;
	List	   *params = NIL;
	const Reason *reason;
	MemoryContext outer;

	if (route_deparser == NULL)
		elog(ERROR, "no deparser is registered");
	reason = route_deparser(node->parts.text_query, node->parts.lift_literals, &sql, &params);
	params = plan_node_expressions(params);

	outer = MemoryContextSwitchTo(route_node_context(node));
	cache->remote_sql = copy_string(sql);
	cache->remote_params = copyObject(params);
	MemoryContextSwitchTo(outer);
	return reason;
}

/* The text and its parameters, from the planner or deparsed now. */
static void
fill_remote_text(RouteNode *node, RouteCache *cache)
{
	const RouteParts *parts = &node->parts;
	const Reason *reason = parts->remote_reason;
	MemoryContext outer;

	if (parts->remote_sql == NULL && parts->text_query != NULL)
		reason = deparse(node, cache);
	else
	{
		cache->remote_sql = parts->remote_sql;
		cache->remote_params = parts->remote_params;
	}
	if (cache->remote_sql != NULL)
		return;

	outer = MemoryContextSwitchTo(route_node_context(node));
	cache->remote_reason.detail = reason && reason->detail ? pstrdup(reason->detail) :
		"The statement has no text that another node would understand in the same way.";
	cache->remote_reason.hint = reason ? copy_string(reason->hint) : NULL;
	MemoryContextSwitchTo(outer);
}

static void
fill_codecs(RouteNode *node, RouteCache *cache)
{
	int			natts = list_length(node->result_types);
	Oid		   *types = palloc(sizeof(Oid) * Max(list_length(cache->remote_params), 1));
	ListCell   *lc;

	if (node->returns_rows)
	{
		cache->result_desc = CreateTemplateTupleDesc(natts);
		for (int i = 0; i < natts; i++)
		{
			TupleDescInitEntry(cache->result_desc, i + 1, NULL, list_nth_oid(node->result_types, i),
							   list_nth_int(node->result_typmods, i), 0);
			TupleDescInitEntryCollation(cache->result_desc, i + 1, list_nth_oid(node->result_collations, i));
		}
		cache->rows = row_codec_make(cache->result_desc, natts, NULL);
	}
	cache->nparams = 0;
	foreach(lc, cache->remote_params)
		types[cache->nparams++] = exprType(lfirst(lc));
	cache->params = param_codec_make(cache->nparams, types);
}

RouteCache *
route_node_prepare_remote(RouteNode *node)
{
	RouteCache *cache = route_node_cache(node);
	MemoryContext outer;

	if (likely(cache->remote_ready))
		return cache;

	fill_remote_text(node, cache);
	outer = MemoryContextSwitchTo(route_node_context(node));
	fill_codecs(node, cache);
	MemoryContextSwitchTo(outer);
	cache->remote_ready = true;
	return cache;
}
