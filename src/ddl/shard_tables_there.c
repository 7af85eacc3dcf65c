/*
 * shard_tables_there.c
 *	  The shard tables of a node, for statements that are in no transaction.
 *
 * Such a statement holds no catalog lock: shards come to the node and leave it meanwhile. So the node is
 * asked which are its own, and what has gone by the time its turn comes is let go: it lies on another node, whose
 * turn comes too, or has come.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "base/statement_note.h"
#include "ddl/shard_tables_there.h"

/* The name of the table, as a literal. */
#define OWN_TABLES \
	" FROM shardext.shards s JOIN shardext.nodes o ON o.node = s.node AND o.this_node" \
	" JOIN pg_catalog.pg_namespace n ON n.nspname = 'shard_' || pg_catalog.lpad(s.shard::text, 4, '0')" \
	" JOIN pg_catalog.pg_class t ON t.relnamespace = n.oid AND t.relname = %s AND t.relkind = 'r'"

/* And of the index. */
#define OWN_INDEX \
	" pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid AND x.relname = %s"

#define NAME_OF(relation) \
	"SELECT pg_catalog.format('%%I.%%I', n.nspname, " relation ".relname)"

List *
shard_tables_there(PGconn *conn, const NodeInfo *node, const char *table)
{
	return plain_conn_execute(conn, node, psprintf(NAME_OF("t") OWN_TABLES " ORDER BY 1", quote_literal_cstr(table)));
}

List *
shard_tables_without(PGconn *conn, const NodeInfo *node, const char *table, const char *index)
{
	return plain_conn_execute(conn, node,
							  psprintf(NAME_OF("t") OWN_TABLES " WHERE NOT EXISTS"
									   " (SELECT FROM" OWN_INDEX " WHERE i.indrelid = t.oid) ORDER BY 1",
									   quote_literal_cstr(table), quote_literal_cstr(index)));
}

List *
shard_indexes_there(PGconn *conn, const NodeInfo *node, const char *table, const char *index)
{
	return plain_conn_execute(conn, node,
							  psprintf(NAME_OF("x") OWN_TABLES " JOIN" OWN_INDEX " ON i.indrelid = t.oid ORDER BY 1",
									   quote_literal_cstr(table), quote_literal_cstr(index)));
}

static bool
is_gone(PGconn *conn, const NodeInfo *node, const char *relation, int sqlerrcode)
{
	if (sqlerrcode != ERRCODE_UNDEFINED_TABLE && sqlerrcode != ERRCODE_UNDEFINED_OBJECT &&
		sqlerrcode != ERRCODE_UNDEFINED_SCHEMA)
		return false;
	return plain_conn_execute(conn, node, psprintf("SELECT 1 WHERE pg_catalog.to_regclass(%s) IS NULL",
												   quote_literal_cstr(relation))) != NIL;
}

bool
shard_table_run(PGconn *conn, const NodeInfo *node, const char *relation, const char *sql)
{
	MemoryContext caller_cxt = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;

	InvalidateCatalogSnapshot();
	PG_TRY();
	{
		(void) plain_conn_execute(conn, node, psprintf("%s%s", STATEMENT_NOTE_DDL, sql));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller_cxt);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	if (error != NULL && !is_gone(conn, node, relation, error->sqlerrcode))
		ReThrowError(error);
	return error == NULL;
}
