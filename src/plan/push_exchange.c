/*
 * push_exchange.c
 *	  Rows that nodes send to each other, as nodes of a Query.
 *
 * Columns that nobody uses do not travel: exchange_read() is told which of its
 * output columns those are that do.
 */
#include "postgres.h"

#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_func.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "exec/row_pack.h"
#include "plan/push_exchange.h"
#include "plan/push_rows_of.h"
#include "plan/shippable.h"

/* The state, the target and the number of the key are arguments, too. */
#define MOST_COLUMNS	(FUNC_MAX_ARGS - 4)

static Oid
read_function(bool missing_ok)
{
	Oid			types[4] = {BYTEAOID, INT4OID, INT4OID, INT4ARRAYOID};

	return LookupFuncName(list_make2(makeString("shardext"), makeString("exchange_read")), 4, types, missing_ok);
}

static Oid
rows_aggregate(void)
{
	Oid			types[3] = {TEXTOID, INT4OID, ANYOID};

	return LookupFuncName(list_make2(makeString("shardext"), makeString("exchange_rows")), 3, types, false);
}

Bitmapset *
exchange_columns(const Query *inner)
{
	Bitmapset  *result = NULL;
	ListCell   *lc;

	foreach(lc, inner->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk && !(IsA(tle->expr, Const) && ((Const *) tle->expr)->constisnull))
			result = bms_add_member(result, tle->resno);
	}
	return result;
}

bool
exchange_takes(const Query *inner)
{
	int			ncolumns = 0;
	ListCell   *lc;

	foreach(lc, inner->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		/* junk would shift what follows */
		if (!tle->resjunk && (tle->resno != ++ncolumns || !row_pack_takes(exprType((Node *) tle->expr)) ||
							  !shippable_type(exprType((Node *) tle->expr))))
			return false;
	}
	return bms_num_members(exchange_columns(inner)) <= MOST_COLUMNS;
}

static Const *
make_int(int value)
{
	return makeConst(INT4OID, -1, InvalidOid, sizeof(int32), Int32GetDatum(value), false, true);
}

/* ---------- laid out ---------- */

static void
add_argument(Aggref *agg, Expr *expr)
{
	agg->args = lappend(agg->args, makeTargetEntry(expr, list_length(agg->args) + 1, NULL, false));
	agg->aggargtypes = lappend_oid(agg->aggargtypes, exprType((Node *) expr));
}

static Aggref *
rows_aggref(const Query *inner, const char *target, AttrNumber column)
{
	Aggref	   *agg = makeNode(Aggref);
	Bitmapset  *columns = exchange_columns(inner);
	int			key = 0;
	int			attno = -1;

	agg->aggfnoid = rows_aggregate();
	agg->aggtype = BYTEAOID;
	agg->aggkind = AGGKIND_NORMAL;
	agg->aggno = agg->aggtransno = -1;
	agg->aggsplit = AGGSPLIT_SIMPLE;
	agg->location = -1;
	while ((attno = bms_next_member(columns, attno)) >= 0 && attno <= column)
		key++;
	add_argument(agg, target == NULL ? (Expr *) makeNullConst(TEXTOID, -1, InvalidOid) :
				 (Expr *) makeConst(TEXTOID, -1, InvalidOid, -1, CStringGetTextDatum(target), false, false));
	add_argument(agg, (Expr *) make_int(key));
	attno = -1;
	while ((attno = bms_next_member(columns, attno)) >= 0)
		add_argument(agg, (Expr *) makeVarFromTargetEntry(1, list_nth_node(TargetEntry, inner->targetList, attno - 1)));
	return agg;
}

Query *
exchange_rows_out(Query *inner, const char *target, AttrNumber column)
{
	return rows_of_collect(inner, "redistribute", rows_aggref(inner, target, column));
}

/* ---------- read ---------- */

static Const *
array_of(const Bitmapset *set)
{
	Datum	   *numbers = palloc(sizeof(Datum) * Max(bms_num_members(set), 1));
	int			n = 0;
	int			member = -1;

	while ((member = bms_next_member(set, member)) >= 0)
		numbers[n++] = Int32GetDatum(member);
	return makeConst(INT4ARRAYOID, -1, InvalidOid, -1,
					 PointerGetDatum(construct_array(numbers, n, INT4OID, sizeof(int32), true, TYPALIGN_INT)),
					 false, false);
}

RangeTblEntry *
exchange_entry(const Query *inner, const Alias *eref, Node *handle, double rows, AttrNumber anchor_column)
{
	return rows_of_function(inner, eref, read_function(false),
							list_make4(handle, rows_of_estimate(rows), make_int(anchor_column),
									   array_of(exchange_columns(inner))));
}

static const FuncExpr *
read_call(const RangeTblEntry *rte)
{
	const FuncExpr *call;

	if (rte->rtekind != RTE_FUNCTION || list_length(rte->functions) != 1)
		return NULL;
	call = (const FuncExpr *) linitial_node(RangeTblFunction, rte->functions)->funcexpr;
	return IsA(call, FuncExpr) && call->funcresulttype == RECORDOID && list_length(call->args) == 4 &&
		call->funcid == read_function(true) ? call : NULL;
}

AttrNumber
exchange_anchor_column(const RangeTblEntry *rte)
{
	const FuncExpr *call = read_call(rte);
	const Const *column = call != NULL ? (const Const *) lthird(call->args) : NULL;

	return column != NULL && IsA(column, Const) && !column->constisnull ? DatumGetInt32(column->constvalue) : 0;
}

static bool
find_read(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
		return read_call((RangeTblEntry *) node) != NULL;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, find_read, context, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, find_read, context);
}

bool
exchange_is_read(Query *query)
{
	return find_read((Node *) query, NULL);
}
