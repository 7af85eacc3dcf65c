/*
 * logical_schema.c
 *	  The logical schema of the cluster, and the rows of reference tables, for a
 *	  new node.
 *
 * Statements are run there one by one, in one transaction, by a role that may act
 * as every owner of an object (add_node's). They make what tables need, the shells
 * and the copies of reference tables; then the rows of reference tables come; then
 * foreign keys, triggers, rights, and all other objects (types, functions, views ..)
 * that every node has; last, reference tables are closed. The new node owns no
 * shards yet, so there are no shard tables.
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

static void
run_there(int node_id, List *statements)
{
	NodeConn   *conn = dxact_connection(node_id, GetUserId(), DXACT_WRITE);
	ListCell   *lc;

	foreach(lc, statements)
		(void) conn_execute(conn, lfirst(lc), NULL);
}

typedef List *(*StatementsOf) (const TableInfo *table);

/* Reference tables first: their kind decides what becomes of foreign keys to them. */
static void
run_for_all(int node_id, StatementsOf statements_of)
{
	ListCell   *lc;

	for (int pass = 0; pass < 2; pass++)
	{
		foreach(lc, table_list())
		{
			const TableInfo *table = lfirst(lc);

			if ((table->kind == TABLE_REFERENCE) == (pass == 0))
				run_there(node_id, statements_of(table));
		}
	}
}

/* Before there are triggers and foreign keys: the rows are those of the other nodes, as they are. */
static void
fill_reference_tables(int node_id)
{
	ListCell   *lc;

	foreach(lc, table_list())
	{
		const TableInfo *table = lfirst(lc);

		if (table->kind == TABLE_REFERENCE)
			copy_table_to_node(table->relid, node_id);
	}
}

/* A reference table's rows are there: writes that reach one node only are refused from here on. */
static List *
closing(const TableInfo *table)
{
	List	   *statements;

	/* now that it is known which tables are reference tables: see shell_silence_foreign_keys */
	if (table->kind != TABLE_REFERENCE)
		return list_make1(call_apply(table, NIL));
	statements = list_make2(call_create(list_make1(psprintf(REFERENCE_GUARD_TRIGGER,
															relation_qualified_name(table->relid))), "heap"),
							call_register(table));
	if (call_remember(table) != NULL)
		statements = lappend(statements, call_remember(table));
	return statements;
}

void
logical_schema_give(int node_id)
{
	List	   *objects;

	run_for_all(node_id, first_half);
	fill_reference_tables(node_id);
	run_for_all(node_id, second_half);
	objects = object_definitions(NIL);
	if (objects != NIL)
		run_there(node_id, list_make1(call_create(objects, "heap")));
	run_for_all(node_id, closing);
}
