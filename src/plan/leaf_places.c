/*
 * leaf_places.c
 *	  A scan of rows that the statement names by their ctid.
 *
 * Such a ctid says the shard as well (exec/row_place.h). A fragment cannot compare it, but each shard can
 * be given those of its own rows (exec/shard_places.h).
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"

#include "exec/shard_places.h"
#include "plan/leaf_places.h"

static bool
is_ctid(const Node *node, Index varno)
{
	const Var  *var = (const Var *) node;

	return IsA(var, Var) && var->varno == varno && var->varlevelsup == 0 &&
		var->varattno == SelfItemPointerAttributeNumber;
}

static bool
is_known(const Node *node, const Bitmapset *known)
{
	const Param *param = (const Param *) node;

	return IsA(node, Const) ||
		(IsA(node, Param) && (param->paramkind == PARAM_EXTERN ||
							  (param->paramkind == PARAM_EXEC && bms_is_member(param->paramid, known))));
}

static bool
are_known(const Node *places, const Bitmapset *known)
{
	ListCell   *lc;

	if (!IsA(places, ArrayExpr))
		return is_known(places, known);
	foreach(lc, ((const ArrayExpr *) places)->elements)
	{
		if (!is_known(lfirst(lc), known))
			return false;
	}
	return true;
}

/* The arguments of a comparison with "=" or "= ANY"; NIL: it is something else. */
static List *
compared(const Node *clause)
{
	const ScalarArrayOpExpr *any = (const ScalarArrayOpExpr *) clause;
	const OpExpr *op = (const OpExpr *) clause;

	if (IsA(op, OpExpr))
		return op->opno == TIDEqualOperator ? op->args : NIL;
	return IsA(any, ScalarArrayOpExpr) && any->opno == TIDEqualOperator && any->useOr ? any->args : NIL;
}

static Node *
array_of(Node *place)
{
	ArrayExpr  *array = makeNode(ArrayExpr);

	array->array_typeid = TIDARRAYOID;
	array->element_typeid = TIDOID;
	array->elements = list_make1(place);
	array->location = -1;
	return (Node *) array;
}

static Node *
make_condition(const Node *ctid, const Node *places)
{
	ScalarArrayOpExpr *any = makeNode(ScalarArrayOpExpr);
	Node	   *array = copyObjectImpl(places);

	if (exprType(array) == TIDOID)
		array = array_of(array);
	any->opno = TIDEqualOperator;
	any->useOr = true;
	any->args = list_make2(copyObjectImpl(ctid), shard_places_call(array));
	any->location = -1;
	return (Node *) any;
}

/* NULL: the clause is something else. */
static Node *
condition_for(const Node *clause, Index varno, const Bitmapset *known)
{
	List	   *args = compared(clause);
	bool		swapped = args != NIL && is_ctid(lsecond(args), varno);
	const Node *ctid = args == NIL ? NULL : swapped ? lsecond(args) : linitial(args);
	const Node *places = args == NIL ? NULL : swapped ? linitial(args) : lsecond(args);

	return ctid != NULL && is_ctid(ctid, varno) && are_known(places, known) ? make_condition(ctid, places) : NULL;
}

List *
leaf_places_take(List **clauses, Index varno, const Bitmapset *known, List **taken)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, *clauses)
	{
		Node	   *condition = condition_for(lfirst(lc), varno, known);

		if (condition == NULL)
			continue;
		result = lappend(result, condition);
		*taken = lappend(*taken, lfirst(lc));
		*clauses = foreach_delete_current(*clauses, lc);
	}
	return result;
}
