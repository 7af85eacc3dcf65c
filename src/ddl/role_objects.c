/*
 * role_objects.c
 *	  DROP OWNED and REASSIGN OWNED.
 *
 * They name roles, and reach what these own, or may do, in this database. Of a
 * table of the cluster they would change one node's part only, so they are
 * refused for roles that own one, or have rights on one.
 *
 * Who may not say the statement hears that from PostgreSQL, and not which
 * tables there are.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_shdepend.h"
#include "commands/user.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "base/errors.h"
#include "catalog/table_map.h"
#include "ddl/role_objects.h"
#include "ddl/shard_apply.h"

/* Has the session's user the privileges of all of them, as PostgreSQL asks of either statement? */
static bool
may_act_for(const List *roles)
{
	ListCell   *lc;

	foreach(lc, roles)
	{
		if (!has_privs_of_role(GetUserId(), lfirst_oid(lc)))
			return false;
	}
	return true;
}

static Oid
policy_relation(Oid policy)
{
	Relation	catalog = table_open(PolicyRelationId, AccessShareLock);
	HeapTuple	tuple = get_catalog_object_by_oid(catalog, Anum_pg_policy_oid, policy);
	Oid			result = HeapTupleIsValid(tuple) ? ((Form_pg_policy) GETSTRUCT(tuple))->polrelid : InvalidOid;

	table_close(catalog, AccessShareLock);
	return result;
}

/* The table of the cluster whose rights or policies name the role; InvalidOid if none. */
static Oid
table_that_names(Oid role)
{
	Relation	catalog = table_open(SharedDependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			result = InvalidOid;

	ScanKeyInit(&keys[0], Anum_pg_shdepend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(AuthIdRelationId));
	ScanKeyInit(&keys[1], Anum_pg_shdepend_refobjid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(role));
	scan = systable_beginscan(catalog, SharedDependReferenceIndexId, true, NULL, 2, keys);
	while (!OidIsValid(result) && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_shdepend depend = (Form_pg_shdepend) GETSTRUCT(tuple);
		Oid			relid = InvalidOid;

		if (depend->dbid == MyDatabaseId && depend->classid == PolicyRelationId)
			relid = policy_relation(depend->objid);
		else if (depend->dbid == MyDatabaseId && depend->classid == RelationRelationId)
			relid = depend->objid;
		if (OidIsValid(relid) && table_info(relid) != NULL)
			result = relid;
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return result;
}

bool
role_objects_drop(UtilityCall *call)
{
	List	   *roles = roleSpecsToIds(castNode(DropOwnedStmt, call->pstmt->utilityStmt)->roles);
	ListCell   *lc;

	if (!may_act_for(roles))
		return false;
	foreach(lc, roles)
	{
		Oid			relid = table_that_names(lfirst_oid(lc));

		if (OidIsValid(relid))
			reason_raise(reason_make("Drop that table, or REVOKE the role's rights on it and drop its policies, first.",
									 "Role \"%s\" owns table \"%s\" or has rights on it, "
									 "on all nodes, which the statement does not reach.",
									 GetUserNameFromId(lfirst_oid(lc), false), get_rel_name(relid)),
						 "DROP OWNED of a role with rights on tables of the cluster is not supported");
	}
	return false;
}

/* Shell and shard tables must go to a new owner together, on all nodes: by name. */
bool
role_objects_reassign(UtilityCall *call)
{
	List	   *roles = roleSpecsToIds(castNode(ReassignOwnedStmt, call->pstmt->utilityStmt)->roles);
	ListCell   *lc;

	if (!may_act_for(roles))
		return false;
	foreach(lc, table_list())
	{
		Oid			relid = ((const TableInfo *) lfirst(lc))->relid;

		if (list_member_oid(roles, table_owner(relid)))
			reason_raise(reason_make("Use ALTER TABLE ... OWNER TO for the tables of the cluster first.",
									 "Table \"%s\" has parts on other nodes, which the statement does not reach.",
									 get_rel_name(relid)),
						 "REASSIGN OWNED of tables of the cluster is not supported");
	}
	return false;
}
