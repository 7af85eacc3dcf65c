/*
 * default_rights.c
 *	  What is made here for the cluster gets no rights from this node's default
 *	  privileges.
 *
 * ALTER DEFAULT PRIVILEGES is a node's own. A schema, table, view, function .. whose
 * definition came from the coordinator must have exactly the rights it has
 * there, or a role could read through this node what it may not read through
 * another. PostgreSQL applies the defaults when it makes an object, whoever
 * asks; so they are taken back before the first GRANT of the definition runs.
 * Shard tables and their schemas have no rights but those that we give.
 *
 * The object access hook (object_guard.c) notes each of them; the
 * utility hook takes back before it runs the next statement, and the function
 * that ran them at the end.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "utils/acl.h"
#include "utils/catcache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "ddl/default_rights.h"

static bool watching = false;
static List *noted = NIL;		/* of ObjectAddress *, in TopTransactionContext */

void
default_rights_note(Oid classid, Oid object)
{
	MemoryContext caller_cxt;
	ObjectAddress *address;

	if (!watching || (classid != RelationRelationId && classid != NamespaceRelationId &&
					  classid != ProcedureRelationId && classid != TypeRelationId))
		return;
	caller_cxt = MemoryContextSwitchTo(TopTransactionContext);
	address = palloc(sizeof(ObjectAddress));
	ObjectAddressSet(*address, classid, object);
	noted = lappend(noted, address);
	MemoryContextSwitchTo(caller_cxt);
}

/* The rights become those of an object that nobody has granted anything on. */
static void
forget_rights(Relation catalog, HeapTuple tuple, const ObjectAddress *address)
{
	AttrNumber	acl_attno = get_object_attnum_acl(address->classId);
	AttrNumber	owner_attno = get_object_attnum_owner(address->classId);
	int			natts = RelationGetNumberOfAttributes(catalog);
	Datum	   *values = palloc0(sizeof(Datum) * natts);
	bool	   *nulls = palloc0(sizeof(bool) * natts);
	bool	   *replaces = palloc0(sizeof(bool) * natts);
	bool		isnull;
	Datum		acl = heap_getattr(tuple, acl_attno, RelationGetDescr(catalog), &isnull);
	Oid			owner;
	Oid		   *members;
	int			nmembers;
	HeapTuple	changed;

	if (isnull)
		return;
	owner = DatumGetObjectId(heap_getattr(tuple, owner_attno, RelationGetDescr(catalog), &isnull));
	nulls[acl_attno - 1] = true;
	replaces[acl_attno - 1] = true;
	changed = heap_modify_tuple(tuple, RelationGetDescr(catalog), values, nulls, replaces);
	CatalogTupleUpdate(catalog, &changed->t_self, changed);
	nmembers = aclmembers(DatumGetAclPCopy(acl), &members);
	updateAclDependencies(address->classId, address->objectId, 0, owner, nmembers, members, 0, NULL);
	heap_freetuple(changed);
}

void
default_rights_take_back(void)
{
	ListCell   *lc;

	if (noted == NIL)
		return;
	foreach(lc, noted)
	{
		const ObjectAddress *address = lfirst(lc);
		Relation	catalog = table_open(address->classId, RowExclusiveLock);
		HeapTuple	tuple = SearchSysCacheCopy1(get_object_catcache_oid(address->classId),
												ObjectIdGetDatum(address->objectId));

		/* else not yet: the command that makes it still runs */
		if (HeapTupleIsValid(tuple))
		{
			forget_rights(catalog, tuple, address);
			noted = foreach_delete_current(noted, lc);
		}
		table_close(catalog, RowExclusiveLock);
	}
	CommandCounterIncrement();
}

void
default_rights_run_without(DefaultRightsRun run, void *arg)
{
	bool		was_watching = watching;

	watching = true;
	PG_TRY();
	{
		run(arg);
		default_rights_take_back();
	}
	PG_FINALLY();
	{
		watching = was_watching;
		noted = NIL;
	}
	PG_END_TRY();
}
