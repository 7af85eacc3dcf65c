/*
 * logical_schema.c
 *	  The logical schema of the cluster as statements, for a new node.
 *
 * The statements are run one by one, in one transaction, by a role that may act
 * as every owner of an object (add_node's). They make what tables need, the shells
 * and the copies of reference tables, and register them, and then all other objects
 * (types, functions, views ..) that every node has; reference_tables_fill
 * then brings the rows of reference tables, and closes those. The new node owns
 * no shards yet, so there are no shard tables.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "catalog/table_past.h"
#include "catalog/write_guard.h"
#include "ddl/object_definition.h"
#include "ddl/other_nodes.h"
#include "ddl/shard_fill.h"
#include "ddl/shard_table.h"
#include "ddl/table_definition.h"
#include "dxact/dxact.h"

static char *
call_create(List *statements, const char *kind)
{
	char	   *array = DatumGetCString(OidFunctionCall1(F_ARRAY_OUT, list_to_text_array(statements)));

	return psprintf("SELECT shardext.internal_create_shell(%s::text[], '%s')", quote_literal_cstr(array), kind);
}

/* NULL if nothing is remembered. */
static char *
call_remember(const TableInfo *table)
{
	char	   *past = table_past_read(table->relid);

	if (past == NULL)
		return NULL;
	return psprintf("SELECT shardext.internal_remember(%s, %s)",
					quote_literal_cstr(relation_qualified_name(table->relid)), quote_literal_cstr(past));
}

static char *
call_register(const TableInfo *table)
{
	StringInfoData sql;
	int			attnum = -1;
	const char *separator = "";

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT shardext.internal_register(%s, '%s', '{",
					 quote_literal_cstr(relation_qualified_name(table->relid)),
					 table->kind == TABLE_SHARDED ? "sharded" : "reference");
	for (int i = 0; i < table->nkeys; i++)
		appendStringInfo(&sql, "%s%d", i > 0 ? "," : "", table->keys[i]);
	appendStringInfo(&sql, "}'::smallint[], %s, '{",
					 table->kind == TABLE_SHARDED ? quote_literal_cstr(table->spec.strategy->name) : "NULL");
	while ((attnum = bms_next_member(table->id_columns, attnum)) >= 0)
	{
		appendStringInfo(&sql, "%s%d", separator, attnum);
		separator = ",";
	}
	appendStringInfoString(&sql, "}'::smallint[])");
	return sql.data;
}

/* Everything of one table up to what foreign keys may refer to. */
static List *
first_half(const TableInfo *table)
{
	List	   *statements;
	bool		sharded = table->kind == TABLE_SHARDED;

	statements = list_make1(call_create(table_definition_parts(table->relid, DEFINE_REQUIRED, DEFINE_INDEXES),
										sharded ? "shell" : "heap"));
	return list_concat(statements, table_sequence_blocks(table->relid, true));
}

static char *
call_apply(const TableInfo *table, List *statements)
{
	char	   *array = DatumGetCString(OidFunctionCall1(F_ARRAY_OUT, list_to_text_array(statements)));

	return psprintf("SELECT shardext.internal_apply(%s, %s::text[], '{}')",
					quote_literal_cstr(relation_qualified_name(table->relid)), quote_literal_cstr(array));
}

/* Foreign keys, triggers, rights; then the catalog, but for reference tables: their rows are still to come. */
static List *
second_half(const TableInfo *table)
{
	List	   *parts = table_definition_parts(table->relid, DEFINE_FOREIGN_KEYS, DEFINE_RIGHTS);
	List	   *statements = list_make1(call_apply(table, parts));

	if (table->kind == TABLE_SHARDED)
	{
		statements = lappend(statements, call_register(table));
		if (call_remember(table) != NULL)
			statements = lappend(statements, call_remember(table));
	}
	return statements;
}

List *
logical_schema(void)
{
	List	   *statements = NIL;
	List	   *objects;
	ListCell   *lc;

	/* reference tables first: their kind decides what becomes of foreign keys to them */
	for (int pass = 0; pass < 4; pass++)
	{
		foreach(lc, table_list())
		{
			const TableInfo *table = lfirst(lc);

			if ((table->kind == TABLE_REFERENCE) != (pass % 2 == 0))
				continue;
			statements = list_concat(statements, pass < 2 ? first_half(table) : second_half(table));
		}
	}
	objects = object_definitions(NIL);
	if (objects != NIL)
		statements = lappend(statements, call_create(objects, "heap"));
	return statements;
}

void
reference_tables_fill(int node_id)
{
	NodeConn   *conn = NULL;
	ListCell   *lc;

	foreach(lc, table_list())
	{
		const TableInfo *table = lfirst(lc);
		List	   *guard;

		if (table->kind != TABLE_REFERENCE)
			continue;
		copy_table_to_node(table->relid, node_id);
		guard = list_make1(psprintf(REFERENCE_GUARD_TRIGGER, relation_qualified_name(table->relid)));
		conn = dxact_connection(node_id, GetUserId(), DXACT_WRITE);
		(void) conn_execute(conn, call_create(guard, "heap"), NULL);
		(void) conn_execute(conn, call_register(table), NULL);
		if (call_remember(table) != NULL)
			(void) conn_execute(conn, call_remember(table), NULL);
	}
	if (conn == NULL)
		return;
	/* now that it is known which tables are reference tables: see shell_silence_foreign_keys */
	foreach(lc, table_list())
	{
		const TableInfo *table = lfirst(lc);

		if (table->kind == TABLE_SHARDED)
			(void) conn_execute(conn, call_apply(table, NIL), NULL);
	}
}
