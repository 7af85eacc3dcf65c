/*
 * table_map.c
 *	  Backend-local cache of catalog_table: what is sharded, by which key.
 *
 * All rows are read at once; a relation that is not in the hash table is
 * neither sharded nor a reference table. Thrown away when catalog_table, the
 * cluster or one of the relations in it changes.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/catalog_oids.h"
#include "catalog/node_map.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "catalog/table_map.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

typedef struct TableEntry
{
	Oid			relid;			/* hash key */
	TableInfo  *info;
} TableEntry;

typedef struct TableMap
{
	MemoryContext cache_cxt;
	HTAB	   *by_relid;		/* NULL: no tables */
	RouteSpec	id_spec;
} TableMap;

static bool map_valid = false;
static TableMap *map = NULL;

void
table_map_invalidate(Oid relid, bool catalog_changed)
{
	if (!map_valid || map == NULL)
	{
		if (catalog_changed)
			map_valid = false;
		return;
	}
	if (catalog_changed ||
		(map->by_relid != NULL && hash_search(map->by_relid, &relid, HASH_FIND, NULL) != NULL))
		map_valid = false;
}

static int
numbers_from_array(Datum array, AttrNumber *numbers, int room)
{
	ArrayType  *arr = DatumGetArrayTypeP(array);
	int			n = ArrayGetNItems(ARR_NDIM(arr), ARR_DIMS(arr));
	int16	   *data = (int16 *) ARR_DATA_PTR(arr);

	if (ARR_ELEMTYPE(arr) != INT2OID || ARR_HASNULL(arr) || n > room)
		elog(ERROR, "malformed column numbers in shardext.catalog_table");
	for (int i = 0; i < n; i++)
		numbers[i] = data[i];
	return n;
}

/* Types and collations of the key columns; false if one is not there (the relation is being dropped). */
static bool
key_types(const TableInfo *info, Oid *types, Oid *collations)
{
	for (int i = 0; i < info->nkeys; i++)
	{
		HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(info->relid), Int16GetDatum(info->keys[i]));
		Form_pg_attribute att;
		bool		dropped;

		if (!HeapTupleIsValid(tuple))
			return false;
		att = (Form_pg_attribute) GETSTRUCT(tuple);
		types[i] = att->atttypid;
		collations[i] = att->attcollation;
		dropped = att->attisdropped;
		ReleaseSysCache(tuple);
		if (dropped)
			return false;
	}
	return true;
}

/* NULL for a row that does not describe an existing relation. */
static TableInfo *
table_from_tuple(HeapTuple tuple, TupleDesc desc, int shard_count, MemoryContext cache_cxt)
{
	TableInfo  *info = palloc0(sizeof(TableInfo));
	AttrNumber	id_columns[MaxHeapAttributeNumber];
	Oid			types[ROUTE_MAX_KEYS];
	Oid			collations[ROUTE_MAX_KEYS];
	Datum		values[5];
	bool		nulls[5];
	const char *strategy_name;
	const Strategy *strategy;
	int			n;

	Assert(desc->natts == 5);
	heap_deform_tuple(tuple, desc, values, nulls);
	info->relid = DatumGetObjectId(values[0]);
	info->made = HeapTupleHeaderGetXmin(tuple->t_data);
	info->kind = strcmp(TextDatumGetCString(values[1]), "sharded") == 0 ? TABLE_SHARDED : TABLE_REFERENCE;
	info->nkeys = numbers_from_array(values[2], info->keys, ROUTE_MAX_KEYS);
	n = numbers_from_array(values[4], id_columns, MaxHeapAttributeNumber);
	for (int i = 0; i < n; i++)
		info->id_columns = bms_add_member(info->id_columns, id_columns[i]);
	if (info->kind == TABLE_REFERENCE)
		return info;

	if (!key_types(info, types, collations))
		return NULL;
	strategy_name = nulls[3] ? "" : TextDatumGetCString(values[3]);
	strategy = strategy_lookup(strategy_name);
	if (strategy == NULL)
		elog(ERROR, "unknown strategy \"%s\" in shardext.catalog_table", strategy_name);
	route_spec_make(&info->spec, strategy, shard_count, info->nkeys, types, collations, cache_cxt);
	return info;
}

static HTAB *
make_hash(MemoryContext cache_cxt)
{
	HASHCTL		ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(TableEntry), .hcxt = cache_cxt};

	return hash_create("shardext tables", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static void
read_tables(TableMap *read, Oid relid, int shard_count)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	SysScanDesc scan;
	HeapTuple	tuple;

	if (rel == NULL)
		return;
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		TableInfo  *info = table_from_tuple(tuple, RelationGetDescr(rel), shard_count, read->cache_cxt);
		TableEntry *entry;

		if (info == NULL)
			continue;
		if (read->by_relid == NULL)
			read->by_relid = make_hash(read->cache_cxt);
		entry = hash_search(read->by_relid, &info->relid, HASH_ENTER, NULL);
		entry->info = info;
	}
	systable_endscan(scan);
	relation_close(rel, AccessShareLock);
}

/* NULL without a cluster; *unchanged tells whether nothing was invalidated meanwhile. */
static TableMap *
read_map(bool *unchanged)
{
	uint64		before = catalog_invalidations;
	const ClusterInfo *cluster = cluster_info();
	const CatalogOids *oids = catalog_oids();
	Oid			id_types[1] = {INT8OID};
	Oid			id_collations[1] = {InvalidOid};
	MemoryContext cache_cxt;
	MemoryContext old;
	TableMap   *read;

	*unchanged = before == catalog_invalidations;
	if (cluster == NULL || oids == NULL)
		return NULL;

	cache_cxt = catalog_context_make("shardext tables");
	old = MemoryContextSwitchTo(cache_cxt);
	read = palloc0(sizeof(TableMap));
	read->cache_cxt = cache_cxt;
	route_spec_make(&read->id_spec, strategy_lookup("id"), cluster->shard_count, 1, id_types, id_collations, cache_cxt);
	read_tables(read, oids->table, cluster->shard_count);
	MemoryContextSwitchTo(old);

	*unchanged = before == catalog_invalidations;
	return read;
}

static void
rebuild(void)
{
	TableMap   *read;
	bool		unchanged;

	if (!catalog_can_read())
		return;
	for (;;)
	{
		read = read_map(&unchanged);
		if (unchanged)
			break;
		if (read)
			MemoryContextDelete(read->cache_cxt);
	}
	if (map)
		catalog_context_retire(map->cache_cxt);
	map = read;
	map_valid = true;
}

const TableInfo *
table_info(Oid relid)
{
	TableEntry *entry;

	if (unlikely(!map_valid))
		rebuild();
	if (map == NULL || map->by_relid == NULL)
		return NULL;
	entry = hash_search(map->by_relid, &relid, HASH_FIND, NULL);
	return entry ? entry->info : NULL;
}

List *
table_list(void)
{
	HASH_SEQ_STATUS seq;
	TableEntry *entry;
	List	   *tables = NIL;

	if (unlikely(!map_valid))
		rebuild();
	if (map == NULL || map->by_relid == NULL)
		return NIL;
	hash_seq_init(&seq, map->by_relid);
	while ((entry = hash_seq_search(&seq)) != NULL)
		tables = lappend(tables, entry->info);
	return tables;
}

const RouteSpec *
route_spec_id(void)
{
	if (unlikely(!map_valid))
		rebuild();
	if (map == NULL)
		(void) cluster_require();
	return &map->id_spec;
}

bool
table_routes_by(const TableInfo *table, AttrNumber attno)
{
	for (int i = 0; i < table->nkeys; i++)
	{
		if (table->keys[i] == attno)
			return true;
	}
	return bms_is_member(attno, table->id_columns);
}

List *
table_foreign_keys(Oid relid)
{
	Relation	rel = relation_open(relid, AccessShareLock);
	List	   *result = copyObject(RelationGetFKeyList(rel));

	relation_close(rel, NoLock);
	return result;
}
