/*
 * route_hash.c
 *	  Strategy "hash": a 64-bit hash of the key, whose top bits are the logical
 *	  shard.
 *
 * The hash is that of the default hash operator class of the key's type
 * (extended hash function, a seed of our own, several columns combined in
 * order). It must be the same on all nodes:
 *	- hashes of text depend on the collation only if that is nondeterministic;
 *	  such collations are refused, and the C collation is passed for all others;
 *	- PostgreSQL hashes enum values by OID, which differs from node to node: we
 *	  hash the label instead, for arrays of enums their text form;
 *	- composite and range types with enums or nondeterministic collations
 *	  inside, and the reg* types (names of local OIDs), are refused.
 *
 * Shard s of 2^k owns the hashes [s << (64-k), (s+1) << (64-k)), so that part
 * of the range of a shard can be given to another number later.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/hash.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "route/route_hash.h"

/* Never change: it decides where every row lies. */
#define ROUTE_HASH_SEED UINT64CONST(0x7368617264657874)

#define SIGN_BIT (UINT64CONST(1) << 63)

static const char *check_type(Oid type, Oid collation, bool nested);

/* Hash of an enum value: that of its label. */
static Datum
hash_enum_label(PG_FUNCTION_ARGS)
{
	Oid			value = PG_GETARG_OID(0);
	uint64		seed = PG_GETARG_INT64(1);
	HeapTuple	tuple = SearchSysCache1(ENUMOID, ObjectIdGetDatum(value));
	const char *label;
	Datum		hash;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for enum value %u", value);
	label = NameStr(((Form_pg_enum) GETSTRUCT(tuple))->enumlabel);
	hash = hash_any_extended((const unsigned char *) label, strlen(label), seed);
	ReleaseSysCache(tuple);
	return hash;
}

/* Hash of an array of enum values: that of its text form, which is the same for equal arrays. */
static Datum
hash_enum_array(PG_FUNCTION_ARGS)
{
	uint64		seed = PG_GETARG_INT64(1);
	FmgrInfo   *array_out = (FmgrInfo *) fcinfo->flinfo->fn_extra;
	char	   *text;
	Datum		hash;

	if (array_out == NULL)
	{
		array_out = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(FmgrInfo));
		fmgr_info_cxt(F_ARRAY_OUT, array_out, fcinfo->flinfo->fn_mcxt);
		fcinfo->flinfo->fn_extra = array_out;
	}
	text = OutputFunctionCall(array_out, PG_GETARG_DATUM(0));
	hash = hash_any_extended((const unsigned char *) text, strlen(text), seed);
	pfree(text);
	return hash;
}

static bool
is_enum_array(Oid type)
{
	Oid			element = get_element_type(type);

	return OidIsValid(element) && get_typtype(getBaseType(element)) == TYPTYPE_ENUM;
}

/* A FmgrInfo for a function that has no pg_proc row. */
static void
set_internal_proc(FmgrInfo *proc, PGFunction function, MemoryContext mcxt)
{
	memset(proc, 0, sizeof(FmgrInfo));
	proc->fn_addr = function;
	proc->fn_nargs = 2;
	proc->fn_strict = true;
	proc->fn_mcxt = mcxt;
}

static const char *
check_composite(Oid type)
{
	TupleDesc	desc = lookup_rowtype_tupdesc(type, -1);
	const char *problem = NULL;

	for (int i = 0; i < desc->natts && problem == NULL; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);

		if (!attr->attisdropped)
			problem = check_type(attr->atttypid, attr->attcollation, true);
	}
	ReleaseTupleDesc(desc);
	return problem;
}

bool
route_type_names_objects(Oid type)
{
	switch (type)
	{
		case REGPROCOID:
		case REGPROCEDUREOID:
		case REGOPEROID:
		case REGOPERATOROID:
		case REGCLASSOID:
		case REGTYPEOID:
		case REGROLEOID:
		case REGNAMESPACEOID:
		case REGCONFIGOID:
		case REGDICTIONARYOID:
		case REGCOLLATIONOID:
			return true;
		default:
			return false;
	}
}

/* Why values of this type would not hash the same everywhere; NULL if they do. */
static const char *
check_type(Oid type, Oid collation, bool nested)
{
	Oid			base = getBaseType(type);
	TypeCacheEntry *entry;

	if (OidIsValid(collation) && !get_collation_isdeterministic(collation))
		return psprintf("Collation \"%s\" is nondeterministic: equal values may have different hashes.",
						get_collation_name(collation));

	entry = lookup_type_cache(base, TYPECACHE_HASH_EXTENDED_PROC);
	if (!OidIsValid(entry->hash_extended_proc))
		return psprintf("Type %s has no default hash operator class with an extended hash function.",
						format_type_be(type));

	if (route_type_names_objects(base))
		return psprintf("Values of type %s are object identifiers, which differ from node to node.",
						format_type_be(type));

	switch (entry->typtype)
	{
		case TYPTYPE_ENUM:
			return nested ? psprintf("Enum type %s inside of another type hashes differently from node to node.",
									 format_type_be(type)) : NULL;
		case TYPTYPE_COMPOSITE:
			return check_composite(base);
		case TYPTYPE_RANGE:
			entry = lookup_type_cache(base, TYPECACHE_RANGE_INFO);
			return check_type(entry->rngelemtype->type_id, entry->rng_collation, true);
		case TYPTYPE_MULTIRANGE:
			entry = lookup_type_cache(base, TYPECACHE_MULTIRANGE_INFO);
			return check_type(entry->rngtype->type_id, InvalidOid, true);
		default:
			break;
	}

	if (type_is_array(base) && (nested || !is_enum_array(base)))
		return check_type(get_element_type(base), InvalidOid, true);
	return NULL;
}

static const char *
check_key(int nkeys, const Oid *types, const Oid *collations)
{
	if (nkeys < 1 || nkeys > ROUTE_MAX_KEYS)
		return psprintf("Strategy \"hash\" takes 1 to %d key columns.", ROUTE_MAX_KEYS);
	for (int i = 0; i < nkeys; i++)
	{
		const char *problem = check_type(types[i], collations[i], false);

		if (problem != NULL)
			return problem;
	}
	return NULL;
}

/* Types whose one operator class stands for many types: equal hashes only within the same type. */
static bool
is_generic_type(Oid type, const TypeCacheEntry *entry)
{
	return type_is_array(type) || entry->typtype == TYPTYPE_ENUM || entry->typtype == TYPTYPE_COMPOSITE ||
		entry->typtype == TYPTYPE_RANGE || entry->typtype == TYPTYPE_MULTIRANGE || type == RECORDOID;
}

static bool
make_proc(const RouteSpec *spec, int keyno, Oid type, FmgrInfo *proc, MemoryContext mcxt)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_HASH_OPFAMILY | TYPECACHE_HASH_EXTENDED_PROC);

	if (!OidIsValid(entry->hash_extended_proc))
		return false;
	if (type != spec->types[keyno])
	{
		TypeCacheEntry *key_entry = lookup_type_cache(spec->types[keyno], TYPECACHE_HASH_OPFAMILY);

		if (entry->hash_opf != key_entry->hash_opf || is_generic_type(type, entry))
			return false;
	}

	if (entry->typtype == TYPTYPE_ENUM)
		set_internal_proc(proc, hash_enum_label, mcxt);
	else if (is_enum_array(type))
		set_internal_proc(proc, hash_enum_array, mcxt);
	else
		fmgr_info_cxt(entry->hash_extended_proc, proc, mcxt);
	return true;
}

int64
route_hash_key(int nkeys, const Datum *values, FmgrInfo *procs)
{
	uint64		hash = 0;

	for (int i = 0; i < nkeys; i++)
	{
		uint64		one = DatumGetUInt64(FunctionCall2Coll(&procs[i], C_COLLATION_OID, values[i],
														   UInt64GetDatum(ROUTE_HASH_SEED)));

		hash = (i == 0) ? one : hash_combine64(hash, one);
	}
	return (int64) (hash ^ SIGN_BIT);
}

const char *
route_hash_guard_procs(int nkeys, const Oid *types, FmgrInfo *procs, MemoryContext mcxt)
{
	RouteSpec	spec;
	Oid			collations[ROUTE_MAX_KEYS] = {0};
	const char *problem = check_key(nkeys, types, collations);

	if (problem != NULL)
		return problem;
	/* The number of shards does not matter for the hash itself. */
	route_spec_make(&spec, &strategy_hash, 1, nkeys, types, collations, mcxt);
	memcpy(procs, spec.hash_procs, sizeof(FmgrInfo) * nkeys);
	return NULL;
}

/* Bounds, both inclusive, of the hashes that a shard owns. */
static void
shard_range(const RouteSpec *spec, int shard, int64 *low, int64 *high)
{
	int			shift = 64 - route_shard_bits(spec->shard_count);

	if (shift == 64)
	{
		*low = PG_INT64_MIN;
		*high = PG_INT64_MAX;
		return;
	}
	*low = (int64) (((uint64) shard << shift) ^ SIGN_BIT);
	*high = (int64) (((((uint64) shard + 1) << shift) - 1) ^ SIGN_BIT);
}

static int
shard_of_hash(const RouteSpec *spec, const Datum *values, FmgrInfo *procs)
{
	int			shift = 64 - route_shard_bits(spec->shard_count);
	uint64		hash = (uint64) route_hash_key(spec->nkeys, values, procs) ^ SIGN_BIT;

	return shift == 64 ? 0 : (int) (hash >> shift);
}

static char *
guard(const RouteSpec *spec, int shard, const char **columns)
{
	StringInfoData sql;
	int64		low;
	int64		high;

	shard_range(spec, shard, &low, &high);
	initStringInfo(&sql);
	appendStringInfo(&sql, "shardext.internal_hash_in_range('" INT64_FORMAT "'::bigint, '" INT64_FORMAT "'::bigint",
					 low, high);
	for (int i = 0; i < spec->nkeys; i++)
		appendStringInfo(&sql, ", %s", columns[i]);
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

const Strategy strategy_hash = {
	.name = "hash",
	.immutable = true,
	.check_key = check_key,
	.make_proc = make_proc,
	.shard = shard_of_hash,
	.guard = guard,
};
