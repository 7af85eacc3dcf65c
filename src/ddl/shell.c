/*
 * shell.c
 *	  A table becomes a shell, and a shell a table, with the same OID.
 *
 * ALTER TABLE .. SET ACCESS METHOD does it: it rewrites the table into the
 * other access method's storage and keeps everything else. While it runs,
 * shells read as empty and rows inserted into one are thrown away.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/rel.h"

#include "base/settings.h"
#include "catalog/shell_am.h"
#include "catalog/table_map.h"
#include "ddl/default_rights.h"
#include "ddl/shard_apply.h"
#include "ddl/shell.h"
#include "ddl/table_definition.h"

static void
set_access_method(Oid relid, const char *access_method)
{
	SavedRole	saved = role_become_owner(relid);

	ddl_run_sql(psprintf("ALTER TABLE ONLY %s SET ACCESS METHOD %s", relation_qualified_name(relid), access_method));
	role_restore(saved);
}

void
shell_make(Oid relid)
{
	set_access_method(relid, SHELL_AM_NAME);
}

void
shell_unmake(Oid relid)
{
	set_access_method(relid, "heap");
}

static void
run_definition(void *statements)
{
	ddl_run_list(statements);
}

void
shell_replan_shards(Oid relid)
{
	const Bitmapset *shards = ddl_own_shards();
	int			shard = -1;

	while ((shard = bms_next_member(shards, shard)) >= 0)
	{
		Oid			shard_table = table_shard_relid(relid, shard);

		if (OidIsValid(shard_table))
			CacheInvalidateRelcacheByRelid(shard_table);
	}
}

void
shell_create(List *statements, bool heap)
{
	int			nestlevel = NewGUCNestLevel();

	setting_save("default_table_access_method", heap ? "heap" : SHELL_AM_NAME);
	/* what is there already need not be told */
	if (client_min_messages < WARNING)
		setting_save("client_min_messages", "warning");
	default_rights_run_without(run_definition, statements);
	AtEOXact_GUC(true, nestlevel);
}

/* Set tgenabled of the triggers of one constraint that sit on the referenced table. */
static void
enable_action_triggers(Oid constraint, Oid referenced, char enabled)
{
	Relation	triggers = table_open(TriggerRelationId, RowExclusiveLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_trigger_tgconstraint, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(constraint));
	scan = systable_beginscan(triggers, TriggerConstraintIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		HeapTuple	changed;

		if (((Form_pg_trigger) GETSTRUCT(tuple))->tgrelid != referenced)
			continue;
		changed = heap_copytuple(tuple);
		((Form_pg_trigger) GETSTRUCT(changed))->tgenabled = enabled;
		CatalogTupleUpdate(triggers, &changed->t_self, changed);
		heap_freetuple(changed);
	}
	systable_endscan(scan);
	table_close(triggers, RowExclusiveLock);
	CacheInvalidateRelcacheByRelid(referenced);
}

void
shell_silence_foreign_keys(Oid relid, bool silent)
{
	List	   *fks = table_foreign_keys(relid);
	ListCell   *lc;

	foreach(lc, fks)
	{
		ForeignKeyCacheInfo *fk = lfirst_node(ForeignKeyCacheInfo, lc);
		const TableInfo *referenced = table_info(fk->confrelid);

		if (referenced != NULL && referenced->kind == TABLE_REFERENCE)
			enable_action_triggers(fk->conoid, fk->confrelid, silent ? TRIGGER_DISABLED : TRIGGER_FIRES_ON_ORIGIN);
	}
	CommandCounterIncrement();
}
