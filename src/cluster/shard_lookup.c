/*
 * shard_lookup.c
 *	  shard_of() and node_of(): which shard does a key belong to?
 *
 * Values are converted to the key's types as by an explicit cast, so that
 * '42' and 42 mean the same as in a WHERE clause.
 */
#include "postgres.h"

#include "catalog/node_map.h"
#include "catalog/pg_type.h"
#include "catalog/table_map.h"
#include "cluster/shard_lookup.h"
#include "fmgr.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

static Datum
convert_by_text(Datum value, Oid from, Oid to)
{
	Oid			output;
	Oid			input;
	Oid			ioparam;
	bool		varlena;

	getTypeOutputInfo(from, &output, &varlena);
	getTypeInputInfo(to, &input, &ioparam);
	return OidInputFunctionCall(input, OidOutputFunctionCall(output, value), ioparam, -1);
}

static Datum
convert(Datum value, Oid from, Oid to)
{
	Oid			function = InvalidOid;

	if (from == to)
		return value;
	if (from == TEXTOID || from == UNKNOWNOID)
		return convert_by_text(value, from, to);
	switch (find_coercion_pathway(getBaseType(to), getBaseType(from), COERCION_EXPLICIT, &function))
	{
		case COERCION_PATH_RELABELTYPE:
			return value;
		case COERCION_PATH_FUNC:
			switch (get_func_nargs(function))
			{
				case 1:
					return OidFunctionCall1(function, value);
				case 2:
					return OidFunctionCall2(function, value, Int32GetDatum(-1));
				default:
					return OidFunctionCall3(function, value, Int32GetDatum(-1), BoolGetDatum(true));
			}
		case COERCION_PATH_COERCEVIAIO:
			return convert_by_text(value, from, to);
		case COERCION_PATH_ARRAYCOERCE:
		case COERCION_PATH_NONE:
			break;
	}
	ereport(ERROR,
			(errcode(ERRCODE_CANNOT_COERCE),
			 errmsg("cannot cast type %s to %s, the type of the shard key", format_type_be(from), format_type_be(to)),
			 errdetail("The value is converted as CAST does it."),
			 errhint("Give a value of the type of the shard key.")));
}

int
shard_lookup(Oid relid, int nvalues, const Datum *values, const Oid *types, const bool *nulls)
{
	const TableInfo *table = table_info(relid);
	Datum		keys[ROUTE_MAX_KEYS];

	(void) cluster_require();
	if (table == NULL || table->kind != TABLE_SHARDED)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a sharded table", get_rel_name(relid)),
				 errdetail("Only rows of sharded tables lie in logical shards."),
				 errhint("The view shardext.tables lists the sharded tables.")));
	if (nvalues != table->nkeys)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("wrong number of values for the shard key of \"%s\"", get_rel_name(relid)),
				 errdetail("Columns of the shard key: %d, values given: %d.", table->nkeys, nvalues),
				 errhint("Give the values of all its columns in their order.")));
	for (int i = 0; i < nvalues; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("a shard key cannot be null"),
					 errdetail("Value %d of the shard key of \"%s\" is null.", i + 1, get_rel_name(relid)),
					 errhint("Give a value.")));
		keys[i] = convert(values[i], types[i], table->spec.types[i]);
	}
	return route_shard(&table->spec, keys);
}
