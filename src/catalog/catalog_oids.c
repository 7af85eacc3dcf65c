/*
 * catalog_oids.c
 *	  OIDs of the catalog's relations in this database, invalidation of
 *	  everything that is cached from them, and the life of cache memory.
 *
 * States of the look-up:
 *	  UNKNOWN -> ABSENT		no extension here; any relcache message makes it
 *							UNKNOWN again (CREATE EXTENSION sends some)
 *	  UNKNOWN -> PRESENT	a message about one of the catalog's relations
 *							makes it UNKNOWN again (DROP EXTENSION, our writes)
 *
 * All writes to the catalog send relcache invalidations of the table written
 * (catalog_write.c): they arrive with the next lock or transaction start in
 * every backend of the database, are processed locally with the next command
 * and on abort of a (sub)transaction, and are kept by PREPARE TRANSACTION. So
 * whoever rebuilds from rows seen by a fresh snapshot, and looks again if an
 * invalidation came meanwhile, is never behind.
 *
 * Locks: none are kept. Reading takes ACCESS SHARE for the moment.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/genam.h"
#include "access/skey.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/catalog_oids.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/node_map.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

typedef enum LookupState
{
	LOOKUP_UNKNOWN,				/* look before use */
	LOOKUP_ABSENT,				/* no extension in this database */
	LOOKUP_PRESENT				/* oids is good */
} LookupState;

uint64		catalog_invalidations = 0;

static LookupState state = LOOKUP_UNKNOWN;
static CatalogOids oids;
static bool callbacks_registered = false;
static List *retired_contexts = NIL;	/* in TopMemoryContext */

static bool
is_catalog_relation(Oid relid)
{
	return relid == oids.cluster || relid == oids.node || relid == oids.shard || relid == oids.table;
}

static void
relation_changed(Datum arg, Oid relid)
{
	bool		catalog_changed = !OidIsValid(relid) || state != LOOKUP_PRESENT || is_catalog_relation(relid);

	catalog_invalidations++;
	if (catalog_changed)
	{
		state = LOOKUP_UNKNOWN;
		node_map_invalidate();
		shard_map_invalidate();
	}
	table_map_invalidate(relid, catalog_changed);
	table_shards_invalidate(relid, catalog_changed);
}

static void
transaction_ends(XactEvent event, void *arg)
{
	ListCell   *lc;

	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PREPARE:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PARALLEL_ABORT:
			break;
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			return;
	}

	shard_map_end_transaction(event == XACT_EVENT_COMMIT);
	catalog_write_end_transaction();
	foreach(lc, retired_contexts)
		MemoryContextDelete((MemoryContext) lfirst(lc));
	list_free(retired_contexts);
	retired_contexts = NIL;
}

bool
catalog_can_read(void)
{
	return OidIsValid(MyDatabaseId) && IsTransactionState();
}

static Oid
extension_owner_and_oid(Oid *extension)
{
	Relation	rel;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	Oid			owner = InvalidOid;

	*extension = InvalidOid;
	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum("shardext"));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_extension form = (Form_pg_extension) GETSTRUCT(tuple);

		*extension = form->oid;
		owner = form->extowner;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return owner;
}

/* A table of the extension itself; InvalidOid for one that a user has made under that name. */
static Oid
member_relation(Oid extension, Oid schema, const char *name)
{
	Oid			relid = get_relname_relid(name, schema);

	if (OidIsValid(relid) && getExtensionOfObject(RelationRelationId, relid) != extension)
		return InvalidOid;
	return relid;
}

static bool
look(CatalogOids *found)
{
	Oid			extension;

	found->schema = get_namespace_oid("shardext", true);
	if (!OidIsValid(found->schema))
		return false;
	found->owner = extension_owner_and_oid(&extension);
	if (!OidIsValid(extension))
		return false;
	found->cluster = member_relation(extension, found->schema, "catalog_cluster");
	found->node = member_relation(extension, found->schema, "catalog_node");
	found->node_pkey = get_relname_relid("catalog_node_pkey", found->schema);
	found->shard = member_relation(extension, found->schema, "catalog_shard");
	found->shard_pkey = get_relname_relid("catalog_shard_pkey", found->schema);
	found->table = member_relation(extension, found->schema, "catalog_table");
	found->table_pkey = get_relname_relid("catalog_table_pkey", found->schema);
	found->decision = member_relation(extension, found->schema, "catalog_decision");
	found->decision_pkey = get_relname_relid("catalog_decision_pkey", found->schema);
	found->past = member_relation(extension, found->schema, "catalog_past");
	found->past_pkey = get_relname_relid("catalog_past_pkey", found->schema);
	found->build = member_relation(extension, found->schema, "catalog_build");
	found->build_pkey = get_relname_relid("catalog_build_pkey", found->schema);
	return OidIsValid(found->cluster) && OidIsValid(found->node) && OidIsValid(found->node_pkey) &&
		OidIsValid(found->shard) && OidIsValid(found->shard_pkey) &&
		OidIsValid(found->table) && OidIsValid(found->table_pkey) &&
		OidIsValid(found->decision) && OidIsValid(found->decision_pkey) &&
		OidIsValid(found->past) && OidIsValid(found->past_pkey) &&
		OidIsValid(found->build) && OidIsValid(found->build_pkey);
}

void
catalog_oids_preload(void)
{
	if (callbacks_registered)
		return;
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	RegisterXactCallback(transaction_ends, NULL);
	callbacks_registered = true;
}

const CatalogOids *
catalog_oids(void)
{
	if (likely(state == LOOKUP_PRESENT))
		return &oids;
	if (state == LOOKUP_ABSENT)
		return NULL;
	if (!catalog_can_read())
		return NULL;

	catalog_oids_preload();
	for (;;)
	{
		CatalogOids found;
		uint64		before = catalog_invalidations;
		bool		present = look(&found);

		if (before != catalog_invalidations)
			continue;
		oids = found;
		state = present ? LOOKUP_PRESENT : LOOKUP_ABSENT;
		return present ? &oids : NULL;
	}
}

const CatalogOids *
catalog_oids_require(void)
{
	const CatalogOids *present = catalog_oids();

	if (present == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the extension shardext is not installed in this database"),
				 errhint("Run CREATE EXTENSION shardext.")));
	return present;
}

Oid
extension_owner(void)
{
	return catalog_oids_require()->owner;
}

Oid
extension_schema(void)
{
	return catalog_oids_require()->schema;
}

MemoryContext
catalog_context_make(const char *name)
{
	return AllocSetContextCreateInternal(CacheMemoryContext, name, ALLOCSET_SMALL_SIZES);
}

void
catalog_context_retire(MemoryContext context)
{
	MemoryContext old;

	if (context == NULL)
		return;
	old = MemoryContextSwitchTo(TopMemoryContext);
	retired_contexts = lappend(retired_contexts, context);
	MemoryContextSwitchTo(old);
}
