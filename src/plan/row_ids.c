/*
 * row_ids.c
 *	  Defaults next_id() of rows that the coordinator computes whole.
 *
 * Where the owner of a shard fills in a row's defaults, next_id() makes an id of
 * that shard. A row that comes to its owner complete needs the right id before:
 * if another value of it says the shard (the shard key, or another id column),
 * next_id() becomes next_id(id_shard(value)) or next_id(shard_of(table, key)),
 * which asks the owner. Else any shard will do, and next_id() stays.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_func.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"

#include "catalog/table_map.h"
#include "plan/query_shape.h"
#include "plan/row_ids.h"
#include "plan/shippable.h"

static Expr *
call(const char *name, int nargs, const Oid *types, List *args, Oid result)
{
	List	   *full_name = list_make2(makeString("shardext"), makeString(pstrdup(name)));
	Oid			function = LookupFuncName(full_name, nargs, types, false);

	return (Expr *) makeFuncExpr(function, result, args, InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
}

/* A value of the row that may be computed twice. */
static Expr *
given_value(List *tlist, AttrNumber attno)
{
	TargetEntry *tle = get_tle_by_resno(tlist, attno);

	if (tle == NULL || contain_volatile_functions((Node *) tle->expr) || checkExprHasSubLink((Node *) tle->expr))
		return NULL;
	return copyObject(tle->expr);
}

/* The shard of the row as the whole shard key says it; NULL: it does not. */
static Expr *
shard_of_key(const TableInfo *table, List *tlist)
{
	Oid			types[] = {REGCLASSOID, ANYOID};
	Const	   *relation = makeConst(REGCLASSOID, -1, InvalidOid, sizeof(Oid), ObjectIdGetDatum(table->relid),
									false, true);
	List	   *args = list_make1(relation);

	for (int i = 0; i < table->nkeys; i++)
	{
		Expr	   *value = given_value(tlist, table->keys[i]);

		if (value == NULL)
			return NULL;
		args = lappend(args, value);
	}
	return call("shard_of", lengthof(types), types, args, INT4OID);
}

static Expr *
shard_of_row(const TableInfo *table, List *tlist)
{
	Oid			type = INT8OID;
	int			attno = -1;

	while ((attno = bms_next_member(table->id_columns, attno)) >= 0)
	{
		Expr	   *value = given_value(tlist, attno);

		if (value != NULL && !(IsA(value, Const) && ((Const *) value)->constisnull))
			return call("id_shard", 1, &type, list_make1(value), INT4OID);
	}
	return shard_of_key(table, tlist);
}

static void
place_in_tlist(const TableInfo *table, List *tlist)
{
	Oid			type = INT4OID;
	ListCell   *lc;

	foreach(lc, tlist)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Expr	   *shard;

		if (!bms_is_member(tle->resno, table->id_columns) || !shippable_is_next_id((Node *) tle->expr))
			continue;
		shard = shard_of_row(table, tlist);
		if (shard != NULL)
			tle->expr = call("next_id", 1, &type, list_make1(shard), INT8OID);
	}
}

static bool
place(Node *node, void *context)
{
	Query	   *query = (Query *) node;
	const TableInfo *table = NULL;
	ListCell   *lc;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, place, context);
	if (query->resultRelation > 0)
		table = query_sharded_table(rt_fetch(query->resultRelation, query->rtable));
	if (table != NULL)
	{
		if (query->commandType == CMD_INSERT)
			place_in_tlist(table, query->targetList);
		foreach(lc, query->mergeActionList)
		{
			MergeAction *action = lfirst_node(MergeAction, lc);

			if (action->commandType == CMD_INSERT)
				place_in_tlist(table, action->targetList);
		}
	}
	return query_tree_walker(query, place, context, 0);
}

void
row_ids_place(Query *query)
{
	(void) place((Node *) query, NULL);
}
