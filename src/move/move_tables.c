/*
 * move_tables.c
 *	  The tables that a move copies: what they are like on a node, and by what the
 *	  stream tells their rows apart.
 *
 * Rows are named by the replica identity. A table without one gets the whole row
 * for as long as the move lasts (REPLICA IDENTITY FULL), before it is published:
 * UPDATE and DELETE of a published table that has none are errors.
 */
#include "postgres.h"

#include "base/errors.h"
#include "catalog/table_map.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "move/move_run.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* Types whose binary form and hash depend on nothing of one database: those that PostgreSQL was built with. */
#define TABLES_QUERY \
	"SELECT format('%%I.%%I', n.nspname, c.relname), substr(n.nspname, 7)::int," \
	" (SELECT '(' || string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) || ')' FROM pg_attribute a" \
	"   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '')," \
	" NOT EXISTS (SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = c.oid" \
	"   AND a.attnum > 0 AND NOT a.attisdropped AND (t.oid >= 16384 OR t.typtype <> 'b'" \
	"   OR t.typname LIKE 'reg%%' OR t.typname LIKE '\\_reg%%' OR t.typreceive = 0 OR t.typsend = 0))," \
	" NOT EXISTS (SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = c.oid" \
	"   AND a.attnum > 0 AND NOT a.attisdropped AND (t.oid >= 16384 OR t.typtype <> 'b' OR NOT EXISTS" \
	"   (SELECT FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod WHERE m.amname = 'hash'" \
	"     AND o.opcdefault AND o.opcintype = t.oid)))," \
	" shardext.internal_has_identity(c.oid)," \
	" c.relpersistence, pg_table_size(c.oid)," \
	" (c.relreplident = 'f' OR NOT shardext.internal_has_identity(c.oid)) AND EXISTS" \
	"  (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated = 'v' AND NOT a.attisdropped)" \
	" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace" \
	" WHERE c.relkind = 'r' AND n.nspname = ANY (%s)" \
	" ORDER BY n.nspname, c.relname"

/* ARRAY['shard_0001', ...] */
static char *
schemas_array(const Job *job)
{
	StringInfoData text;
	char		schema[NAMEDATALEN];

	initStringInfo(&text);
	for (int i = 0; i < job->nshards; i++)
		appendStringInfo(&text, "%s'%s'", i == 0 ? "ARRAY[" : ", ", shard_schema_name(job->shards[i], schema));
	appendStringInfoChar(&text, ']');
	return text.data;
}

pg_noreturn static void
refuse_unlogged(PGresult *rows, int row)
{
	char	   *name = pstrdup(PQgetvalue(rows, row, 0));

	PQclear(rows);
	reason_raise(reason_make("Make it logged (ALTER TABLE .. SET LOGGED) before the shard is moved.",
							 "Table %s is unlogged: its changes are in no stream.", name),
				 "moving an unlogged table is not supported");
	pg_unreachable();
}

/* PostgreSQL 18 puts no virtual generated column into a stream, and refuses UPDATE and DELETE of rows named by one. */
pg_noreturn static void
refuse_virtual(PGresult *rows, int row)
{
	char	   *name = pstrdup(PQgetvalue(rows, row, 0));

	PQclear(rows);
	reason_raise(reason_make("Give the table a primary key, or make the columns STORED, before the shard is moved.",
							 "Table %s has virtual generated columns, and no key by which a stream could name its"
							 " rows.",
							 name),
				 "moving a table without a key that has virtual generated columns is not supported");
	pg_unreachable();
}

List *
move_tables(MoveRun *run, MoveLink *link)
{
	PGresult   *rows = move_link_rows(link, TABLES_QUERY, schemas_array(run->job));
	List	   *tables = NIL;

	for (int i = 0; i < PQntuples(rows); i++)
	{
		MoveTable  *table = palloc(sizeof(MoveTable));

		table->name = pstrdup(PQgetvalue(rows, i, 0));
		table->shard = atoi(PQgetvalue(rows, i, 1));
		table->columns = PQgetisnull(rows, i, 2) ? "" : pstrdup(PQgetvalue(rows, i, 2));
		table->binary = PQgetvalue(rows, i, 3)[0] == 't';
		table->hashable = PQgetvalue(rows, i, 4)[0] == 't';
		table->keyed = PQgetvalue(rows, i, 5)[0] == 't';
		if (PQgetvalue(rows, i, 6)[0] != 'p')
			refuse_unlogged(rows, i);
		if (PQgetvalue(rows, i, 8)[0] == 't')
			refuse_virtual(rows, i);
		table->bytes = strtoll(PQgetvalue(rows, i, 7), NULL, 10);
		tables = lappend(tables, table);
	}
	PQclear(rows);
	return tables;
}

/* Columns that may refer to large objects, if the database has any: of type oid, arrays of it, domains over these. */
#define REFERENCES_QUERY \
	"WITH RECURSIVE refers(type, many) AS (SELECT 'oid'::regtype::oid, false UNION" \
	" SELECT t.oid, r.many OR t.typtype = 'b' FROM refers r JOIN pg_type t" \
	"  ON t.typtype = 'd' AND t.typbasetype = r.type" \
	"  OR t.typelem = r.type AND t.typsubscript = 'array_subscript_handler'::regproc)" \
	" SELECT format('%%I.%%I', n.nspname, c.relname)," \
	" format(CASE WHEN r.many THEN 'ANY (t.%%I::oid[])' ELSE 't.%%I' END, a.attname), quote_ident(a.attname)" \
	" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid" \
	"   JOIN refers r ON r.type = a.atttypid" \
	" WHERE c.relkind = 'r' AND n.nspname = ANY (%s) AND a.attnum > 0 AND NOT a.attisdropped" \
	"   AND EXISTS (SELECT FROM pg_largeobject_metadata)"

void
move_refuse_large_objects(MoveRun *run, MoveLink *link)
{
	PGresult   *columns = move_link_rows(link, REFERENCES_QUERY, schemas_array(run->job));
	int			n = PQntuples(columns);
	char	  **fields = palloc(sizeof(char *) * 3 * (n + 1));

	/* what is asked next may raise an error */
	for (int i = 0; i < 3 * n; i++)
		fields[i] = pstrdup(PQgetvalue(columns, i / 3, i % 3));
	PQclear(columns);
	for (int i = 0; i < n; i++)
	{
		const char *table = fields[3 * i];
		const char *value = fields[3 * i + 1];
		const char *column = fields[3 * i + 2];

		if (move_link_value(link, "SELECT 1 FROM %s t JOIN pg_largeobject_metadata m ON m.oid = %s LIMIT 1",
							table, value) == NULL)
			continue;
		reason_raise(reason_make("Keep the data in a column of type bytea, or remove what refers to the large objects.",
								 "Column %s of table %s refers to large objects, which are rows of no table and would"
								 " stay on the node.", column, table),
					 "moving references to large objects is not supported");
	}
}

void
move_set_identities(MoveRun *run, int node_id, List *tables)
{
	ListCell   *lc;

	foreach(lc, tables)
	{
		const MoveTable *table = lfirst(lc);

		if (table->keyed)
			continue;
		move_shard_ddl(move_link_of(run, node_id), psprintf("ALTER TABLE %s REPLICA IDENTITY FULL", table->name));
	}
}

/* Between the steps prepare and backfill, which are never in different processes. */
static MemoryContext kept_cxt = NULL;
static List *kept_tables = NIL;

void
move_keep_tables(List *tables)
{
	MemoryContext caller_cxt = CurrentMemoryContext;
	ListCell   *lc;

	if (kept_cxt == NULL)
		kept_cxt = AllocSetContextCreate(TopMemoryContext, "shardext tables of a move", ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(kept_cxt);
	kept_tables = NIL;
	MemoryContextSwitchTo(kept_cxt);
	foreach(lc, tables)
	{
		MoveTable  *copy = palloc(sizeof(MoveTable));

		*copy = *(MoveTable *) lfirst(lc);
		copy->name = pstrdup(copy->name);
		copy->columns = pstrdup(copy->columns);
		kept_tables = lappend(kept_tables, copy);
	}
	MemoryContextSwitchTo(caller_cxt);
}

List *
move_kept_tables(void)
{
	return kept_tables;
}
