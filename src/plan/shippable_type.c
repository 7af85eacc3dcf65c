/*
 * shippable_type.c
 *	  Types whose values mean the same on every node.
 *
 * Values of users' types travel as text, and the type by its name. A name of an
 * object in them (regclass and its kin), or a type that lies here only (temporary
 * ones, rows of a table of this node), need not be known to another node.
 */
#include "postgres.h"

#include "access/tupdesc.h"
#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "catalog/table_map.h"
#include "plan/shippable.h"
#include "route/route.h"

static bool
is_temporary(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	bool		result = HeapTupleIsValid(tuple) &&
		isAnyTempNamespace(((Form_pg_type) GETSTRUCT(tuple))->typnamespace);

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return result;
}

static bool
is_row_of_own_table(Oid type)
{
	Oid			relid = get_typ_typrelid(type);

	return relid >= FirstNormalObjectId && get_rel_relkind(relid) != RELKIND_COMPOSITE_TYPE &&
		table_info(relid) == NULL;
}

static bool means_the_same(Oid type, bool names_may);

static bool
fields_mean_the_same(Oid type, bool names_may)
{
	TupleDesc	fields = lookup_rowtype_tupdesc(type, -1);
	bool		result = true;

	for (int i = 0; i < fields->natts && result; i++)
		result = TupleDescAttr(fields, i)->attisdropped ||
			means_the_same(TupleDescAttr(fields, i)->atttypid, names_may);
	ReleaseTupleDesc(fields);
	return result;
}

/* No type contains itself, however deep. */
static bool
means_the_same(Oid type, bool names_may)
{
	Oid			element = get_element_type(getBaseType(type));

	if (OidIsValid(element))
		return !is_temporary(type) && means_the_same(element, names_may);
	if (type < FirstNormalObjectId)
		return names_may || !route_type_names_objects(type);
	if (is_temporary(type) || is_row_of_own_table(type))
		return false;
	switch (get_typtype(type))
	{
		case TYPTYPE_DOMAIN:
			return means_the_same(getBaseType(type), names_may);
		case TYPTYPE_COMPOSITE:
			return fields_mean_the_same(type, names_may);
		case TYPTYPE_RANGE:
			return means_the_same(get_range_subtype(type), names_may);
		case TYPTYPE_MULTIRANGE:
			return means_the_same(get_multirange_range(type), names_may);
		default:
			return true;
	}
}

bool
shippable_type(Oid type)
{
	return means_the_same(type, false);
}

/* ---------- expressions ---------- */

static bool
is_own_relation(Oid relid)
{
	return relid >= FirstNormalObjectId && table_info(relid) == NULL;
}

static bool
has_own_relation(ArrayType *relations)
{
	Datum	   *values;
	bool	   *nulls;
	int			n;

	deconstruct_array(relations, REGCLASSOID, sizeof(Oid), true, TYPALIGN_INT, &values, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (!nulls[i] && is_own_relation(DatumGetObjectId(values[i])))
			return true;
	}
	return false;
}

/* A relation of this node only; of a row with names nobody knows which they are. */
static bool
names_own_relation(const Const *value)
{
	Oid			type = getBaseType(value->consttype);

	if (value->constisnull || shippable_type(type))
		return false;
	if (type == REGCLASSOID)
		return is_own_relation(DatumGetObjectId(value->constvalue));
	if (type == REGCLASSARRAYOID)
		return has_own_relation(DatumGetArrayTypeP(value->constvalue));
	return type >= FirstNormalObjectId;
}

/* Columns are of types that other nodes know. */
static bool
has_type_of_its_own(const Node *node)
{
	switch (nodeTag(node))
	{
		case T_Const:
		case T_Param:
		case T_RowExpr:
		case T_ArrayExpr:
		case T_CoerceToDomain:
		case T_CoerceViaIO:
			return true;
		default:
			return false;
	}
}

const Reason *
shippable_check_known(const Node *node)
{
	if (!has_type_of_its_own(node))
		return NULL;
	if (!means_the_same(exprType(node), true))
		return reason_make(NULL, "Type %s is not known to other nodes.", format_type_be(exprType(node)));
	if (IsA(node, Const) && names_own_relation((const Const *) node))
		return reason_make(NULL, "It names a relation that other nodes need not know.");
	return NULL;
}
