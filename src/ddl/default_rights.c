/*
 * default_rights.c
 *	  What is made here for another node gets no rights from this node's default
 *	  privileges.
 *
 * ALTER DEFAULT PRIVILEGES is a node's own. A table, sequence or view whose
 * definition came from the coordinator must have exactly the rights it has
 * there, or a role could read through this node what it may not read through
 * another. PostgreSQL applies the defaults when it makes a relation, whoever
 * asks; so they are taken back before the first GRANT of the definition runs.
 *
 * The object access hook (object_guard.c) notes each relation; the utility hook
 * takes back before it runs the next statement, and shell_create at the end.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "utils/acl.h"
#include "utils/catcache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "ddl/default_rights.h"

static bool watching = false;
static List *noted = NIL;		/* in TopTransactionContext */

void
default_rights_watch(bool on)
{
	watching = on;
	noted = NIL;
}

void
default_rights_note(Oid relid)
{
	MemoryContext caller_cxt;

	if (!watching)
		return;
	caller_cxt = MemoryContextSwitchTo(TopTransactionContext);
	noted = lappend_oid(noted, relid);
	MemoryContextSwitchTo(caller_cxt);
}

/* The rights become those of a relation that nobody has granted anything on. */
static void
forget_rights(Relation catalog, HeapTuple tuple)
{
	Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);
	Datum		values[Natts_pg_class] = {0};
	bool		nulls[Natts_pg_class] = {0};
	bool		replaces[Natts_pg_class] = {0};
	bool		isnull;
	Datum		acl = heap_getattr(tuple, Anum_pg_class_relacl, RelationGetDescr(catalog), &isnull);
	Oid		   *members;
	int			nmembers;
	HeapTuple	changed;

	if (isnull)
		return;
	nulls[Anum_pg_class_relacl - 1] = true;
	replaces[Anum_pg_class_relacl - 1] = true;
	changed = heap_modify_tuple(tuple, RelationGetDescr(catalog), values, nulls, replaces);
	CatalogTupleUpdate(catalog, &changed->t_self, changed);
	nmembers = aclmembers(DatumGetAclPCopy(acl), &members);
	updateAclDependencies(RelationRelationId, form->oid, 0, form->relowner, nmembers, members, 0, NULL);
	heap_freetuple(changed);
}

void
default_rights_take_back(void)
{
	Relation	catalog;
	ListCell   *lc;

	if (noted == NIL)
		return;
	catalog = table_open(RelationRelationId, RowExclusiveLock);
	foreach(lc, noted)
	{
		HeapTuple	tuple = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(lfirst_oid(lc)));

		/* not yet: the command that makes it still runs */
		if (!HeapTupleIsValid(tuple))
			continue;
		forget_rights(catalog, tuple);
		noted = foreach_delete_current(noted, lc);
	}
	table_close(catalog, RowExclusiveLock);
	CommandCounterIncrement();
}
