/*
 * part_guard.c
 *	  No trigger, policy, constraint or default of a table of the cluster goes by a
 *	  CASCADE.
 *
 * A drop that names the part is carried to all nodes. One that takes it along
 * with something else would take it from this node's part of the table only, so
 * it is refused. object_guard.c sees the drops. The same holds for ordinary tables of a
 * node that a statement of another node would reach.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_trigger.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/errors.h"
#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "ddl/part_guard.h"

/* Parts of tables that a CASCADE may take. */
static const struct
{
	Oid			classid;
	Oid			index;
	AttrNumber	oid_attno;
	AttrNumber	relid_attno;
	const char *sentence;
}			parts[] = {
	{TriggerRelationId, TriggerOidIndexId, Anum_pg_trigger_oid, Anum_pg_trigger_tgrelid,
	"One of its triggers depends on what the statement drops."},
	{PolicyRelationId, PolicyOidIndexId, Anum_pg_policy_oid, Anum_pg_policy_polrelid,
	"One of its policies depends on what the statement drops."},
	{ConstraintRelationId, ConstraintOidIndexId, Anum_pg_constraint_oid, Anum_pg_constraint_conrelid,
	"One of its constraints depends on what the statement drops."},
	{AttrDefaultRelationId, AttrDefaultOidIndexId, Anum_pg_attrdef_oid, Anum_pg_attrdef_adrelid,
	"One of its defaults depends on what the statement drops."},
};

void
part_guard_check_drop(Oid classid, Oid object, bool any_table)
{
	for (int i = 0; i < lengthof(parts); i++)
	{
		Relation	catalog;
		ScanKeyData key;
		SysScanDesc scan;
		HeapTuple	tuple;
		Oid			relid = InvalidOid;
		bool		isnull;

		if (parts[i].classid != classid)
			continue;
		catalog = table_open(classid, AccessShareLock);
		ScanKeyInit(&key, parts[i].oid_attno, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(object));
		scan = systable_beginscan(catalog, parts[i].index, true, NULL, 1, &key);
		tuple = systable_getnext(scan);
		/* those of foreign keys also stand on the table referenced */
		if (HeapTupleIsValid(tuple) &&
			!(classid == TriggerRelationId && ((Form_pg_trigger) GETSTRUCT(tuple))->tgisinternal))
			relid = DatumGetObjectId(heap_getattr(tuple, parts[i].relid_attno, RelationGetDescr(catalog), &isnull));
		systable_endscan(scan);
		table_close(catalog, AccessShareLock);
		if (OidIsValid(relid) && any_table && get_rel_relkind(relid) != RELKIND_VIEW && table_info(relid) == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
					 errmsg("table \"%s\" on node \"%s\" depends on what the statement drops",
							get_rel_name(relid), node_name(node_self())),
					 errdetail("%s It is an ordinary table of that node.", parts[i].sentence),
					 errhint("Drop or change it there first.")));
		if (OidIsValid(relid) && table_info(relid) != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_SX_NOT_SUPPORTED),
					 errmsg("table \"%s\" of the cluster cannot be changed by this statement", get_rel_name(relid)),
					 errdetail("%s The statement does not reach the table's parts on other nodes.", parts[i].sentence),
					 errhint("Drop it by DROP TRIGGER, DROP POLICY or ALTER TABLE first.")));
	}
}
