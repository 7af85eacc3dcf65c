/*
 * shard_places.c
 *	  WHERE ctid = ... in a statement over several shards: each looks for its own rows.
 *
 *	  DELETE FROM tasks WHERE ctid IN (SELECT ctid FROM tasks WHERE done LIMIT 1000)
 *
 * Such a ctid is a place (row_place.h), which means nothing in a shard. So a fragment is sent
 *
 *	  .. WHERE ctid = ANY (shardext.internal_places_here(places))
 *
 * and what is planned there has a parameter instead of the call, whose value is another array
 * in each shard (shard_lists.c). The function is never called.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "parser/parse_func.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "exec/row_place.h"
#include "exec/shard_places.h"

#define FUNCTION_NAME "internal_places_here"

PG_FUNCTION_INFO_V1(shardext_places_here);

static Oid
places_here(void)
{
	Oid			type = TIDARRAYOID;

	return LookupFuncName(list_make2(makeString("shardext"), makeString(FUNCTION_NAME)), 1, &type, false);
}

Datum
shardext_places_here(PG_FUNCTION_ARGS)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("shardext." FUNCTION_NAME "() cannot be called"),
			 errdetail("It stands for rows of a shard in what nodes send each other.")));
}

Node *
shard_places_call(Node *places)
{
	return (Node *) makeFuncExpr(places_here(), TIDARRAYOID, list_make1(places), InvalidOid, InvalidOid,
								 COERCE_EXPLICIT_CALL);
}

Node *
shard_places_of(const Node *node)
{
	const FuncExpr *call = (const FuncExpr *) node;

	if (!IsA(node, FuncExpr) || call->funcresulttype != TIDARRAYOID || call->funcid != places_here())
		return NULL;
	return linitial(call->args);
}

/* The ctids that a shard has among some places. */
typedef struct Part
{
	int			shard;
	Datum	   *ctids;
	int			n;
	int			space;
} Part;

static void
add_place(Part *part, Datum place)
{
	ItemPointer ctid = palloc(sizeof(ItemPointerData));

	if (row_place_read((ItemPointer) DatumGetPointer(place), ctid) != part->shard)
		return;
	if (part->n == part->space)
	{
		part->space = Max(16, part->space * 2);
		part->ctids = part->ctids == NULL ? palloc(sizeof(Datum) * part->space) :
			repalloc(part->ctids, sizeof(Datum) * part->space);
	}
	part->ctids[part->n++] = PointerGetDatum(ctid);
}

static void
add_value(Part *part, Oid type, Datum value, bool isnull)
{
	ArrayType  *array;
	Datum	   *places;
	bool	   *nulls;
	int			n;

	if (isnull)
		return;
	if (type == TIDOID)
	{
		add_place(part, value);
		return;
	}
	array = DatumGetArrayTypeP(value);
	deconstruct_array(array, TIDOID, sizeof(ItemPointerData), false, TYPALIGN_SHORT, &places, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (!nulls[i])
			add_place(part, places[i]);
	}
}

static void
add_param(Part *part, const Param *param, ParamListInfo statement)
{
	ParamExternData space;
	const ParamExternData *value;

	if (statement == NULL || param->paramid > statement->numParams)
		return;					/* planned for all values */
	value = statement->paramFetch != NULL ? statement->paramFetch(statement, param->paramid, false, &space) :
		&statement->params[param->paramid - 1];
	if (OidIsValid(value->ptype))
		add_value(part, value->ptype, value->value, value->isnull);
}

static void
add_places(Part *part, const Node *places, ParamListInfo statement)
{
	ListCell   *lc;

	if (IsA(places, Const))
		add_value(part, ((const Const *) places)->consttype, ((const Const *) places)->constvalue,
				  ((const Const *) places)->constisnull);
	else if (IsA(places, Param) && ((const Param *) places)->paramkind == PARAM_EXTERN)
		add_param(part, (const Param *) places, statement);
	else if (IsA(places, ArrayExpr))
	{
		foreach(lc, ((const ArrayExpr *) places)->elements)
			add_places(part, lfirst(lc), statement);
	}
	else
		elog(ERROR, "unexpected places of rows: %d", (int) nodeTag(places));
}

Datum
shard_places_part(const Node *places, ParamListInfo statement, int shard)
{
	Part		part = {.shard = shard};

	add_places(&part, places, statement);
	return PointerGetDatum(construct_array(part.ctids, part.n, TIDOID, sizeof(ItemPointerData), false,
										   TYPALIGN_SHORT));
}
