/*
 * table_restore.c
 *	  What sharding changes in the definition of a table, and how it is undone.
 *
 * Key columns become NOT NULL, and sequences get the block of their node. Both
 * are remembered by column number, which is the same on all nodes whatever the
 * columns and sequences are called by then:
 *
 *	  {"nullable": [1], "sequences": [{"column": 2, "start": 1, "min": 1, "max": 1000}]}
 *
 * A sequence goes on after the highest value in use, and never goes back.
 *
 * What it does not do: columns that have become id columns keep DEFAULT
 * next_id(). Their values carry the shard of their row, so that the table can
 * be sharded again; a sequence could not go on from them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "catalog/table_past.h"
#include "ddl/table_queries.h"
#include "ddl/table_restore.h"

/* %s: the key's column numbers, separated by commas. */
static const char remember_query[] =
"SELECT jsonb_build_object("
"'nullable', (SELECT coalesce(jsonb_agg(attnum), '[]') FROM pg_attribute WHERE attrelid = $1 AND NOT attnotnull"
"  AND attnum = ANY ('{%s}')),"
" 'sequences', (SELECT coalesce(jsonb_agg(jsonb_build_object('column', q.attnum, 'start', s.seqstart,"
"  'min', s.seqmin, 'max', s.seqmax)), '[]')" BLOCK_SEQUENCES "))::text";

/* To be used after WITH past(b): what was remembered. */
static const char nullable_query[] =
"SELECT format('ALTER TABLE ONLY %s ALTER COLUMN %I DROP NOT NULL', " TABLE_NAME ", a.attname)"
FROM_TABLE " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull"
" AND a.attidentity = '' AND ((SELECT b FROM past) -> 'nullable') @> to_jsonb(a.attnum)"
" AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND (i.indisprimary OR i.indisreplident)"
"  AND a.attnum = ANY (i.indkey))" THIS_TABLE "ORDER BY a.attnum";

/* Sequences, of the table alone, of which something was remembered. */
#define RESTORED_SEQUENCES \
	BLOCK_SEQUENCES \
	", jsonb_array_elements((SELECT b FROM past) -> 'sequences') b WHERE (b ->> 'column')::int = q.attnum" \
	" AND (q.deptype <> 'n' OR NOT EXISTS (SELECT 1 FROM pg_depend d JOIN pg_attrdef a ON a.oid = d.objid" \
	"  WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = q.seq" \
	"  AND a.adrelid <> $1 AND EXISTS (SELECT 1 FROM shardext.tables t WHERE t.\"table\" = a.adrelid)))"

static const char sequence_query[] =
"SELECT format('ALTER SEQUENCE %s MINVALUE %s MAXVALUE %s START WITH %s', " TABLE_NAME ","
" (b ->> 'min')::bigint, (b ->> 'max')::bigint, (b ->> 'start')::bigint)" RESTORED_SEQUENCES " ORDER BY 1";

/* setval does nothing if its value is NULL. */
static const char position_query[] =
"SELECT format('SELECT pg_catalog.setval(%L, (SELECT pg_catalog.max(%I) FROM ONLY %s HAVING pg_catalog.max(%I) >="
" (SELECT last_value FROM %s)))', " TABLE_NAME ", a.attname, $1::regclass, a.attname, " TABLE_NAME ") FROM"
" (SELECT q.seq, q.attnum" RESTORED_SEQUENCES ") r JOIN pg_class c ON c.oid = r.seq"
" JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = $1 AND a.attnum = r.attnum"
" AND a.atttypid IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype) ORDER BY 1";

char *
table_restore_remember(Oid relid, int nkeys, const AttrNumber *keys)
{
	StringInfoData numbers;

	initStringInfo(&numbers);
	for (int i = 0; i < nkeys; i++)
		appendStringInfo(&numbers, "%s%d", i > 0 ? "," : "", keys[i]);
	return linitial(definition_query(psprintf(remember_query, numbers.data), OIDOID, ObjectIdGetDatum(relid)));
}

/* The query about what was remembered; NIL if nothing was. */
static List *
query_past(const char *query, Oid relid)
{
	char	   *past = table_past_read(relid);
	char	   *sql;

	if (past == NULL)
		return NIL;
	sql = psprintf("WITH past(b) AS (SELECT %s::jsonb) %s", quote_literal_cstr(past), query);
	return definition_query(sql, OIDOID, ObjectIdGetDatum(relid));
}

List *
table_restore_statements(Oid relid)
{
	return list_concat(query_past(nullable_query, relid), query_past(sequence_query, relid));
}

List *
table_restore_sequences(Oid relid)
{
	return query_past(position_query, relid);
}
