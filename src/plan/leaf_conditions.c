/*
 * leaf_conditions.c
 *	  Conditions that have been planned, put as a text can say them.
 *
 * A scan's conditions come from the planner, which has simplified them. What
 * that has taken away is of no use to the executor, but a text cannot do without it:
 *
 *	  x COLLATE "C"				has become a mere relabelling
 *	  what = 'orders'::regclass		.. the OID of that, which is another object's on another node
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "plan/leaf_conditions.h"
#include "route/route.h"

static Node *
restore_collations(Node *node, void *context)
{
	RelabelType *relabel = (RelabelType *) node;
	CollateExpr *collate;
	Oid			collation;

	if (node == NULL)
		return NULL;
	if (!IsA(node, RelabelType))
		return expression_tree_mutator(node, restore_collations, context);
	collation = exprCollation((Node *) relabel->arg);
	if (!OidIsValid(collation))
		collation = get_typcollation(relabel->resulttype);
	relabel = (RelabelType *) expression_tree_mutator(node, restore_collations, context);
	if (!OidIsValid(relabel->resultcollid) || relabel->resultcollid == collation)
		return (Node *) relabel;
	collate = makeNode(CollateExpr);
	collate->arg = (Expr *) relabel;
	collate->collOid = relabel->resultcollid;
	collate->location = -1;
	relabel->resultcollid = collation;
	return (Node *) collate;
}

/* regclass or one of its kin, if that is what is compared as an OID here. */
static Oid
type_of_names(const Node *node)
{
	const RelabelType *relabel = (const RelabelType *) node;
	Oid			type = IsA(node, RelabelType) ? getBaseType(exprType((const Node *) relabel->arg)) : InvalidOid;

	return route_type_names_objects(type) ? type : InvalidOid;
}

/* The constant, which has become an OID or several, as one of that type. */
static Node *
name_of_number(Node *node, Oid type)
{
	Const	   *value;

	if (!IsA(node, Const) || (((Const *) node)->consttype != OIDOID && ((Const *) node)->consttype != OIDARRAYOID))
		return node;
	value = copyObject((Const *) node);
	if (value->consttype == OIDOID)
		value->consttype = type;
	else
	{
		value->consttype = get_array_type(type);
		if (!value->constisnull)
			ARR_ELEMTYPE(DatumGetArrayTypeP(value->constvalue)) = type;
	}
	return (Node *) makeRelabelType((Expr *) value, exprType(node), -1, InvalidOid, COERCE_EXPLICIT_CAST);
}

static Node *
restore_names(Node *node, void *context)
{
	List	   *args = NIL;
	Oid			type = InvalidOid;
	ListCell   *lc;

	if (node == NULL)
		return NULL;
	node = expression_tree_mutator(node, restore_names, context);
	if (IsA(node, OpExpr) || IsA(node, DistinctExpr) || IsA(node, NullIfExpr))
		args = ((OpExpr *) node)->args;
	else if (IsA(node, ScalarArrayOpExpr))
		args = ((ScalarArrayOpExpr *) node)->args;
	foreach(lc, args)
	{
		if (!OidIsValid(type))
			type = type_of_names(lfirst(lc));
	}
	foreach(lc, OidIsValid(type) ? args : NIL)
		lfirst(lc) = name_of_number(lfirst(lc), type);
	return node;
}

List *
leaf_conditions_for_text(List *conditions)
{
	return (List *) restore_names(restore_collations((Node *) conditions, NULL), NULL);
}
