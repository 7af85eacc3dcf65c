/*
 * publication.c
 *	  Publications of this node that moves use one after the other.
 *
 * A publication that has named a table which is in use is never dropped. UPDATE and
 * DELETE read which publications a table is in, and then look each of them up by its
 * OID (RelationBuildPublicationDesc): one that was dropped in between is an error, and
 * what they have read may be as old as the locks of a transaction that is idle. So a
 * move that has ended leaves its publication, under another name and without tables,
 * to the next that needs one: there are never more than there have been moves at
 * the same time.
 *
 *	shardext_move_2000000007	of a job, and in its list
 *	shardext_spare_16500		of nobody; the number is its OID
 *
 * Tables leave it without a lock, as they do when a publication is dropped; ALTER
 * PUBLICATION .. DROP TABLE would wait for VACUUM.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "base/pg_compat.h"
#include "catalog/dependency.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_publication_rel.h"
#include "commands/extension.h"
#include "ddl/shard_apply.h"
#include "move/publication.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#define SPARE	"shardext_spare_"

static bool
is_spare(const char *name)
{
	return strncmp(name, SPARE, strlen(SPARE)) == 0;
}

static Oid
find_spare(void)
{
	Relation	catalog = table_open(PublicationRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	Oid			found = InvalidOid;
	HeapTuple	tuple;

	while (!OidIsValid(found) && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_publication publication = (Form_pg_publication) GETSTRUCT(tuple);

		if (is_spare(NameStr(publication->pubname)))
			found = publication->oid;
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return found;
}

/* It goes with the extension, if that is dropped. */
static void
make_publication(const char *name)
{
	ObjectAddress publication;
	ObjectAddress extension;

	ddl_run_elevated(psprintf("CREATE PUBLICATION %s" SX_PUBLICATION_OPTIONS, quote_identifier(name)));
	ObjectAddressSet(publication, PublicationRelationId, get_publication_oid(name, false));
	ObjectAddressSet(extension, ExtensionRelationId, get_extension_oid("shardext", false));
	recordDependencyOn(&publication, &extension, DEPENDENCY_AUTO);
}

void
publication_take(const char *name)
{
	Oid			spare;

	while (OidIsValid(spare = find_spare()))
	{
		char	   *its_name;

		LockDatabaseObject(PublicationRelationId, spare, 0, AccessExclusiveLock);
		/* another move may have been faster */
		its_name = get_publication_name(spare, true);
		if (its_name == NULL || !is_spare(its_name))
			continue;
		ddl_run_elevated(psprintf("ALTER PUBLICATION %s RENAME TO %s", quote_identifier(its_name),
								  quote_identifier(name)));
		return;
	}
	make_publication(name);
}

void
publication_remove_table(Oid publication, Oid relid)
{
	ObjectAddress row;

	ObjectAddressSet(row, PublicationRelRelationId,
					 GetSysCacheOid2(PUBLICATIONRELMAP, Anum_pg_publication_rel_oid, ObjectIdGetDatum(relid),
									 ObjectIdGetDatum(publication)));
	if (!OidIsValid(row.objectId))
		return;
	LockDatabaseObject(row.classId, row.objectId, 0, AccessExclusiveLock);
	/* it goes with its table, too */
	if (SearchSysCacheExists1(PUBLICATIONREL, ObjectIdGetDatum(row.objectId)))
		performDeletion(&row, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
}

void
publication_leave(const char *name)
{
	Oid			publication = get_publication_oid(name, true);
	ListCell   *lc;

	if (!OidIsValid(publication))
		return;
	foreach(lc, GetPublicationRelations(publication, PUBLICATION_PART_ROOT))
		publication_remove_table(publication, lfirst_oid(lc));
	ddl_run_elevated(psprintf("ALTER PUBLICATION %s RENAME TO " SPARE "%u", quote_identifier(name), publication));
}
