/*
 * table_local.c
 *	  What each node does for itself when a table becomes sharded, or ordinary.
 *
 * shard_table.c and unshard_table.c call this on their own node, and by
 * shardext.internal_* on the others. Those functions are open to everybody, so
 * nothing here believes its arguments, and all of it runs with the rights of
 * the caller or of the owner of a table that is his.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "base/pg_compat.h"
#include "base/settings.h"
#include "catalog/catalog_write.h"
#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "catalog/table_past.h"
#include "ddl/shard_apply.h"
#include "ddl/shell.h"
#include "ddl/other_nodes.h"
#include "ddl/table_definition.h"
#include "ddl/table_local.h"

Oid
relation_by_qualified_name(const char *relation)
{
	List	   *names = textToQualifiedNameList(cstring_to_text(relation));

	return RangeVarGetRelid(makeRangeVarFromNameList(names), NoLock, false);
}

pg_noreturn static void
refuse_registration(Oid relid, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("relation \"%s\" cannot be registered", get_rel_name(relid)),
			 errdetail("%s", detail),
			 errhint("This function is for calls between nodes; use shardext.shard_table.")));
}

/* The type of a column that exists; anyone may call, so nothing is taken for granted. */
static Oid
column_type(Oid relid, AttrNumber attnum, Oid *collation)
{
	HeapTuple	tuple = attnum > 0 ? SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum)) : NULL;
	Oid			type;

	if (!HeapTupleIsValid(tuple) || ((Form_pg_attribute) GETSTRUCT(tuple))->attisdropped)
		refuse_registration(relid, "It has no such column.");
	type = ((Form_pg_attribute) GETSTRUCT(tuple))->atttypid;
	*collation = ((Form_pg_attribute) GETSTRUCT(tuple))->attcollation;
	ReleaseSysCache(tuple);
	return type;
}

/* A row in the catalog that every backend can read, and that is about no table of someone else. */
static void
check_registration(Oid relid, TableKind kind, int nkeys, const AttrNumber *keys,
				   const char *strategy_name, int nids, const AttrNumber *ids)
{
	const Strategy *strategy = strategy_name ? strategy_lookup(strategy_name) : NULL;
	Oid			types[ROUTE_MAX_KEYS];
	Oid			collations[ROUTE_MAX_KEYS];
	RouteSpec	spec;
	ListCell   *lc;

	if (get_rel_relkind(relid) != RELKIND_RELATION)
		refuse_registration(relid, "It is no table.");
	if (nkeys > ROUTE_MAX_KEYS)
		refuse_registration(relid, "The shard key has too many columns.");
	for (int i = 0; i < nkeys; i++)
		types[i] = column_type(relid, keys[i], &collations[i]);
	for (int i = 0; i < nids; i++)
	{
		Oid			collation;

		if (getBaseType(column_type(relid, ids[i], &collation)) != INT8OID)
			refuse_registration(relid, "An id column is not of type bigint.");
	}
	if (kind != TABLE_SHARDED)
		return;
	if (strategy == NULL || nkeys == 0)
		refuse_registration(relid, "It has no shard key, or no strategy that is known.");
	route_spec_make(&spec, strategy, cluster_require()->shard_count, nkeys, types, collations, CurrentMemoryContext);
	foreach(lc, table_list())
	{
		const TableInfo *other = lfirst(lc);

		if (other->relid != relid && other->kind == TABLE_SHARDED &&
			strcmp(get_rel_name(other->relid), get_rel_name(relid)) == 0)
			refuse_registration(relid, "There is a sharded table of this name.");
	}
}

void
table_register(const char *relation, TableKind kind, int nkeys, const AttrNumber *keys,
			   const char *strategy, int nids, const AttrNumber *ids)
{
	Bitmapset  *id_columns = NULL;
	Oid			relid = relation_by_qualified_name(relation);
	SavedRole	saved = role_become_owner(relid);

	role_restore(saved);
	check_registration(relid, kind, nkeys, keys, strategy, nids, ids);
	for (int i = 0; i < nids; i++)
		id_columns = bms_add_member(id_columns, ids[i]);
	catalog_write_table(relid, kind, nkeys, keys, strategy, id_columns);
	CommandCounterIncrement();
}

void
table_remember(const char *relation, const char *past)
{
	Oid			relid = relation_by_qualified_name(relation);
	SavedRole	saved = role_become_owner(relid);

	role_restore(saved);
	if (table_info(relid) == NULL)
		refuse_registration(relid, "It is no table of the cluster.");
	table_past_write(relid, past);
}

void
table_apply(const char *relation, List *on_shell, List *on_shards)
{
	Oid			relid = relation_by_qualified_name(relation);
	const TableInfo *table = table_info(relid);

	ddl_run_list(on_shell);
	if (table != NULL && table->kind == TABLE_SHARDED)
	{
		if (on_shards != NIL)
			shard_tables_apply(relid, on_shards, ddl_own_shards());
		shell_silence_foreign_keys(relid, true);
	}
}

void
table_forget(const char *relation)
{
	Oid			relid = relation_by_qualified_name(relation);
	const TableInfo *table = table_info(relid);
	bool		sharded;
	int			nestlevel;

	if (table == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("relation %s is neither sharded nor a reference table", relation),
				 errdetail("There is nothing to forget."),
				 errhint("This function is for calls between nodes; use shardext.unshard_table.")));
	sharded = table->kind == TABLE_SHARDED;
	if (sharded)
		shard_tables_apply(relid, list_make1(psprintf("DROP TABLE %s CASCADE", relation)),
						   ddl_own_shards());
	catalog_delete_table(relid);
	CommandCounterIncrement();
	if (sharded)
		shard_schemas_close_to(table_owner(relid));

	/* what goes with it here (views, foreign keys) remains on the node that calls */
	nestlevel = NewGUCNestLevel();
	setting_save("client_min_messages", "warning");
	ddl_run_sql(psprintf("DROP TABLE %s CASCADE", relation));
	AtEOXact_GUC(true, nestlevel);
}

void
sequence_take_block(const char *sequence, int64 first, int64 size)
{
	int64		start = first + (node_self() - 1) * size;

	if (size < 1)
		ereport(ERROR,
				(errcode(ERRCODE_SEQUENCE_GENERATOR_LIMIT_EXCEEDED),
				 errmsg("sequence %s has too few values left", sequence),
				 errdetail("Each node draws from a block of its own."),
				 errhint("Raise its MAXVALUE, or change its type to bigint.")));
	ddl_run_sql(psprintf("ALTER SEQUENCE %s MINVALUE " INT64_FORMAT " MAXVALUE " INT64_FORMAT
						 " START " INT64_FORMAT " RESTART",
						 sequence, start, start + size - 1, start));
}

void
sequences_cut_new(Oid relid, List *before)
{
	List	   *blocks = NIL;
	ListCell   *lc;
	ListCell   *block;

	foreach(lc, list_difference_oid(getOwnedSequences(relid), before))
	{
		char	   *name = psprintf("(%s,", quote_literal_cstr(relation_qualified_name(lfirst_oid(lc))));

		foreach(block, table_sequence_blocks(relid, false))
		{
			if (strstr(lfirst(block), name) != NULL)
				blocks = lappend(blocks, lfirst(block));
		}
	}
	ddl_run_selects(blocks);
}
