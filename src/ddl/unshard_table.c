/*
 * unshard_table.c
 *	  Sharded and reference tables become ordinary tables of this node again,
 *	  with the same OID and all their rows.
 *
 * One distributed transaction: locks (catalog, then the tables and shard tables
 * of every node), the shell becomes a heap, the rows come home, shard tables and
 * the shells of the other nodes are dropped.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/errors.h"
#include "catalog/catalog_write.h"
#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "catalog/write_guard.h"
#include "ddl/ddl_locks.h"
#include "ddl/other_nodes.h"
#include "ddl/shard_apply.h"
#include "ddl/shard_fill.h"
#include "ddl/shard_table.h"
#include "ddl/shell.h"
#include "ddl/table_definition.h"
#include "ddl/table_restore.h"
#include "dxact/dxact.h"

/* A foreign key between a table that becomes ordinary and one that does not. */
static void
check_foreign_keys(List *relids)
{
	Relation	constraints = table_open(ConstraintRelationId, AccessShareLock);
	/* oldest first, so that the same one is named each time */
	SysScanDesc scan = systable_beginscan(constraints, ConstraintOidIndexId, true, NULL, 0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint con = (Form_pg_constraint) GETSTRUCT(tuple);
		bool		from = list_member_oid(relids, con->conrelid);
		const TableInfo *other;

		if (con->contype != CONSTRAINT_FOREIGN || from == list_member_oid(relids, con->confrelid))
			continue;
		other = table_info(from ? con->confrelid : con->conrelid);
		if (other == NULL || (from && other->kind == TABLE_REFERENCE))
			continue;			/* an ordinary table may keep referencing these */
		ereport(ERROR,
				(errcode(ERRCODE_SX_NOT_SUPPORTED),
				 errmsg("foreign key \"%s\" ties \"%s\" to \"%s\"", NameStr(con->conname),
						get_rel_name(con->conrelid), get_rel_name(con->confrelid)),
				 errdetail("A table on one node and a table on all nodes cannot reference one another."),
				 errhint("Name both tables in one call of shardext.unshard_tables, or drop the constraint.")));
	}
	systable_endscan(scan);
	table_close(constraints, AccessShareLock);
}

static void
unshard_one(Oid relid)
{
	TableKind	kind = table_info(relid)->kind;
	char	   *name = relation_qualified_name(relid);
	RemoteCall	forget = {"SELECT shardext.internal_forget($1)"};
	List	   *restores;
	List	   *positions;
	SavedRole	saved;

	if (kind == TABLE_SHARDED)
	{
		shell_silence_foreign_keys(relid, false);
		shell_unmake(relid);
		shard_collect(relid);
		shard_tables_apply(relid, list_make1(psprintf("DROP TABLE %s CASCADE", name)), ddl_own_shards());
	}
	remote_call_text(&forget, name);
	remote_call_everywhere(&forget);
	restores = table_restore_statements(relid);
	positions = table_restore_sequences(relid);
	catalog_delete_table(relid);
	CommandCounterIncrement();
	if (kind == TABLE_SHARDED)
		shard_schemas_close_to(table_owner(relid));

	saved = role_become_owner(relid);
	if (kind == TABLE_REFERENCE)
		ddl_run_sql(psprintf("DROP TRIGGER IF EXISTS shardext_guard ON %s", name));
	ddl_run_list(restores);
	ddl_run_selects(positions);
	role_restore(saved);
}

void
unshard_tables(List *relids)
{
	List	   *wishes = NIL;
	List	   *seen = NIL;
	ListCell   *lc;

	coordinator_require("unsharding a table");
	dxact_lock_catalog();
	foreach(lc, relids)
	{
		Oid			relid = lfirst_oid(lc);
		const TableInfo *table = table_info(relid);
		SavedRole	saved;

		if (table == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("table \"%s\" is neither sharded nor a reference table", get_rel_name(relid)),
					 errdetail("Its rows lie on this node."),
					 errhint("The view shardext.tables lists the tables of the cluster.")));
		if (list_member_oid(seen, relid))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("table \"%s\" is named twice", get_rel_name(relid)),
					 errdetail("Each table is unsharded once."),
					 errhint("Name each table once.")));
		seen = lappend_oid(seen, relid);
		saved = role_become_owner(relid);
		role_restore(saved);
		wishes = lock_wish_add(wishes, relid, AccessExclusiveLock, table->kind == TABLE_SHARDED);
	}
	ddl_locks_take(wishes, false);
	check_foreign_keys(relids);
	foreach(lc, relids)
		unshard_one(lfirst_oid(lc));
}
