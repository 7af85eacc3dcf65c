/*
 * index_builds.c
 *	  Notes of indexes that are being built, or dropped, concurrently in the shards.
 *
 * A note is written before the first index is, and goes in the transaction
 * that makes the index official, or when it is gone. One whose lock nobody holds is of a
 * statement that came to no end: what it has left is to be dropped.
 *
 * Rows are of this node alone: no other knows of its builds.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/relation.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_collation.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "catalog/catalog_oids.h"
#include "catalog/index_builds.h"

/* The fourth field of the lock's tag; PostgreSQL's own advisory locks have 1 and 2 there. */
#define BUILD_LOCK_KIND 3

List *
index_builds(void)
{
	Relation	rel = relation_open(catalog_oids_require()->build, AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, snapshot, 0, NULL);
	HeapTuple	tuple;
	List	   *builds = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		IndexBuild *build = palloc(sizeof(IndexBuild));
		bool		isnull;

		build->relid = DatumGetObjectId(heap_getattr(tuple, 1, RelationGetDescr(rel), &isnull));
		build->index = TextDatumGetCString(heap_getattr(tuple, 2, RelationGetDescr(rel), &isnull));
		build->drops = DatumGetBool(heap_getattr(tuple, 3, RelationGetDescr(rel), &isnull));
		builds = lappend(builds, build);
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	relation_close(rel, AccessShareLock);
	return builds;
}

const IndexBuild *
index_build_noted(Oid relid, const char *index)
{
	ListCell   *lc;

	foreach(lc, index_builds())
	{
		const IndexBuild *build = lfirst(lc);

		if (build->relid == relid && strcmp(build->index, index) == 0)
			return build;
	}
	return NULL;
}

void
index_build_note(Oid relid, const char *index, bool drops)
{
	Relation	rel = relation_open(catalog_oids_require()->build, RowExclusiveLock);
	Datum		values[3] = {ObjectIdGetDatum(relid), CStringGetTextDatum(index), BoolGetDatum(drops)};
	bool		nulls[3] = {0};

	CatalogTupleInsert(rel, heap_form_tuple(RelationGetDescr(rel), values, nulls));
	relation_close(rel, RowExclusiveLock);
	ForceSyncCommit();
}

void
index_build_forget(Oid relid, const char *index)
{
	const CatalogOids *oids = catalog_oids_require();
	Relation	rel = relation_open(oids->build, RowExclusiveLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(index));
	keys[1].sk_collation = DEFAULT_COLLATION_OID;
	scan = systable_beginscan(rel, oids->build_pkey, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		CatalogTupleDelete(rel, &tuple->t_self);
	systable_endscan(scan);
	relation_close(rel, RowExclusiveLock);
	CommandCounterIncrement();
}

static LOCKTAG
build_tag(Oid relid, const char *index)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, relid,
						 DatumGetUInt32(hash_any((const unsigned char *) index, strlen(index))), BUILD_LOCK_KIND);
	return tag;
}

bool
index_build_lock(Oid relid, const char *index, bool session)
{
	LOCKTAG		tag = build_tag(relid, index);

	return LockAcquire(&tag, ExclusiveLock, session, true) != LOCKACQUIRE_NOT_AVAIL;
}

void
index_build_unlock(Oid relid, const char *index)
{
	LOCKTAG		tag = build_tag(relid, index);

	(void) LockRelease(&tag, ExclusiveLock, true);
}
