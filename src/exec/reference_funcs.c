/*
 * reference_funcs.c
 *	  SQL functions by which another node writes this node's copy of a reference
 *	  table: shardext.internal_reference_lock() and internal_reference_write().
 *
 * The write goes round policies and triggers, which the other node has applied,
 * so it is for those who may do that anyway: the owner of the table and
 * superusers, in a session that another node has opened.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/rel.h"

#include "base/errors.h"
#include "base/pg_compat.h"
#include "base/settings.h"
#include "catalog/cluster_secret.h"
#include "catalog/table_map.h"
#include "exec/reference_change.h"
#include "exec/reference_order.h"

PG_FUNCTION_INFO_V1(shardext_reference_lock);
PG_FUNCTION_INFO_V1(shardext_reference_write);

static void
check_table(Oid relid, bool may)
{
	const TableInfo *table = table_info(relid);

	if (!session_is_forwarded() || !may)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for rows of copies"),
				 errdetail("Only the table's owner may reach them this way, and only from another node."),
				 errhint("Use ordinary statements.")));
	session_require_proven();
	if (table == NULL || table->kind != TABLE_REFERENCE)
		ereport(ERROR,
				(errcode(ERRCODE_SX_CATALOG_MISMATCH),
				 errmsg("relation %u is not a reference table on this node", relid),
				 errdetail("The node that asked believes it one."),
				 errhint("Compare shardext.tables on the nodes.")));
}

/* internal_reference_lock(tables, shared, wait): the writers' locks, to the end of the transaction */
Datum
shardext_reference_lock(PG_FUNCTION_ARGS)
{
	List	   *tables = NIL;
	Datum	   *relids;
	int			n;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), REGCLASSOID, sizeof(Oid), true, TYPALIGN_INT, &relids, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		check_table(DatumGetObjectId(relids[i]), true);
		tables = lappend_oid(tables, DatumGetObjectId(relids[i]));
	}
	PG_RETURN_BOOL(reference_order_lock_all(tables, PG_GETARG_BOOL(1), PG_GETARG_BOOL(2)));
}

/* internal_reference_write(relation, packed, keys_later) */
Datum
shardext_reference_write(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	Relation	table;

	check_table(relid, object_ownercheck(RelationRelationId, relid, GetUserId()));
	table = table_open(relid, RowExclusiveLock);
	(void) reference_order_lock(relid, false, true);
	reference_change_apply(table, PG_GETARG_BYTEA_PP(1), PG_GETARG_BOOL(2));
	table_close(table, NoLock);
	PG_RETURN_BOOL(true);
}
