/*
 * table_past.c
 *	  What is kept of a table as it was before it became one of the cluster.
 *
 * One row per table, which is never changed; every node has it, as the table can
 * become an ordinary one on any.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/relation.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "catalog/catalog_oids.h"
#include "catalog/table_past.h"

/* The row of the table; the caller ends the scan. */
static HeapTuple
find_row(Relation rel, Oid relid, SysScanDesc *scan)
{
	ScanKeyData key;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	*scan = systable_beginscan(rel, catalog_oids_require()->past_pkey, true, NULL, 1, &key);
	return systable_getnext(*scan);
}

char *
table_past_read(Oid relid)
{
	Relation	rel = relation_open(catalog_oids_require()->past, AccessShareLock);
	SysScanDesc scan;
	HeapTuple	tuple = find_row(rel, relid, &scan);
	char	   *past = NULL;
	bool		isnull;

	if (HeapTupleIsValid(tuple))
		past = TextDatumGetCString(heap_getattr(tuple, 2, RelationGetDescr(rel), &isnull));
	systable_endscan(scan);
	relation_close(rel, AccessShareLock);
	return past;
}

void
table_past_delete(Oid relid)
{
	Relation	rel = relation_open(catalog_oids_require()->past, RowExclusiveLock);
	SysScanDesc scan;
	HeapTuple	tuple = find_row(rel, relid, &scan);

	if (HeapTupleIsValid(tuple))
		CatalogTupleDelete(rel, &tuple->t_self);
	systable_endscan(scan);
	relation_close(rel, RowExclusiveLock);
	CommandCounterIncrement();
}

void
table_past_write(Oid relid, const char *past)
{
	Relation	rel;
	Datum		values[2] = {ObjectIdGetDatum(relid), CStringGetTextDatum(past)};
	bool		nulls[2] = {0};

	table_past_delete(relid);
	rel = relation_open(catalog_oids_require()->past, RowExclusiveLock);
	CatalogTupleInsert(rel, heap_form_tuple(RelationGetDescr(rel), values, nulls));
	relation_close(rel, RowExclusiveLock);
	CommandCounterIncrement();
}
