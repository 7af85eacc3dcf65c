/*
 * table_definition.c
 *	  A table as SQL statements over its own qualified name.
 *
 * Each part is one or more catalog queries that build statements from
 * PostgreSQL's own pg_get_*def functions, run with search_path = pg_catalog so
 * that everything else comes out qualified. The statements make the shells of
 * other nodes as they are, and shard tables after retargeting (retarget.c).
 *
 * Attribute numbers are part of a definition: a dropped column becomes a column
 * of a type of the same length and alignment that is dropped again.
 *
 * What it does not do: partitions, inheritance, typed and foreign tables (the
 * callers refuse them), tablespaces (they are a matter of the node).
 */
#include "postgres.h"

#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "base/errors.h"
#include "base/settings.h"
#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "ddl/object_definition.h"
#include "ddl/object_queries.h"
#include "ddl/table_definition.h"
#include "ddl/table_queries.h"

/* One query: $1 is the table's OID; the first column of its rows is a statement. */
typedef struct PartQuery
{
	DefinitionPart part;
	const char *sql;
} PartQuery;

/* What the table depends on, the farthest first. */
#define OBJECTS_REQUIRED \
	"WITH RECURSIVE own(classid, objid) AS (" \
	" SELECT 'pg_class'::regclass::oid, $1" \
	" UNION ALL SELECT 'pg_attrdef'::regclass, oid FROM pg_attrdef WHERE adrelid = $1" \
	" UNION ALL SELECT 'pg_constraint'::regclass, oid FROM pg_constraint WHERE conrelid = $1" \
	" UNION ALL SELECT 'pg_trigger'::regclass, oid FROM pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal" \
	"  AND tgname <> 'shardext_guard'" \
	" UNION ALL SELECT 'pg_policy'::regclass, oid FROM pg_policy WHERE polrelid = $1" \
	" UNION ALL SELECT 'pg_class'::regclass, indexrelid FROM pg_index WHERE indrelid = $1" \
	" UNION ALL SELECT 'pg_class'::regclass, seq FROM " TABLE_SEQUENCES " s" \
	"), need(classid, objid, depth) AS (" \
	" SELECT d.refclassid, d.refobjid, 1 FROM own o JOIN pg_depend d USING (classid, objid)" \
	" UNION" \
	" SELECT e.classid, e.objid, n.depth + 1 FROM need n CROSS JOIN LATERAL (" \
	"  SELECT d.refclassid AS classid, d.refobjid AS objid FROM pg_depend d" \
	"   WHERE d.classid = n.classid AND d.objid = n.objid" \
	"  UNION SELECT 'pg_type'::regclass, t.typelem FROM pg_type t" \
	"   WHERE n.classid = 'pg_type'::regclass AND t.oid = n.objid AND t.typelem <> 0" \
	"  UNION SELECT d.refclassid, d.refobjid FROM pg_type t JOIN pg_depend d" \
	"   ON d.classid = 'pg_class'::regclass AND d.objid = t.typrelid AND d.refobjid <> t.oid" \
	"   WHERE n.classid = 'pg_type'::regclass AND t.oid = n.objid AND t.typtype = 'c'" \
	"  UNION SELECT d.refclassid, d.refobjid FROM pg_constraint k JOIN pg_depend d" \
	"   ON d.classid = 'pg_constraint'::regclass AND d.objid = k.oid AND d.refobjid <> n.objid" \
	"   WHERE n.classid = 'pg_type'::regclass AND k.contypid = n.objid" \
	" ) e WHERE n.depth < 20 AND n.classid IN ('pg_type'::regclass, 'pg_proc'::regclass)" \
	"), ordered AS (SELECT classid, objid, max(depth) AS depth FROM need WHERE objid >= 16384 GROUP BY 1, 2)"

static const PartQuery part_queries[] = {
	{DEFINE_REQUIRED,
	 OBJECTS_REQUIRED
		/* extensions */
		" SELECT sql FROM (SELECT DISTINCT 1000 AS depth, 0 AS kind, format("
		"  'CREATE EXTENSION IF NOT EXISTS %I SCHEMA %I', x.extname, xn.nspname) AS sql"
		"  FROM ordered o JOIN pg_depend d ON d.classid = o.classid AND d.objid = o.objid AND d.deptype = 'e'"
		"  JOIN pg_extension x ON x.oid = d.refobjid"
		"  JOIN pg_namespace xn ON xn.oid = x.extnamespace WHERE x.extname NOT IN ('shardext', 'plpgsql')"
		" UNION ALL"
		" SELECT CASE o.classid WHEN 'pg_namespace'::regclass THEN 1001 ELSE o.depth END,"
		" CASE o.classid WHEN 'pg_type'::regclass THEN 1 ELSE 2 END, "
		IF_MISSING(OBJECT_TEST, OBJECT_CORE " || coalesce(" OBJECT_REST ", '')")
		"  FROM ordered o WHERE " IS_OBJECT
		") x ORDER BY depth DESC, kind"},
	{DEFINE_TABLE,
		"SELECT format('CREATE %sTABLE %s (%s)%s', CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED '"
		" ELSE '' END, " TABLE_NAME ","
		" (SELECT string_agg(CASE WHEN a.attisdropped THEN format('%I %s', 'shardext_hole_' || attnum,"
		"   (SELECT format_type(t.oid, NULL) FROM pg_type t WHERE t.typlen = a.attlen AND t.typalign = a.attalign"
		"    AND t.typbyval = a.attbyval AND t.typtype = 'b' AND t.oid < 10000 ORDER BY t.oid LIMIT 1))"
		"  ELSE format('%I %s%s%s%s', attname, format_type(atttypid, atttypmod),"
		"   (SELECT format(' COLLATE %I.%I', cn.nspname, co.collname) FROM pg_collation co JOIN pg_namespace cn"
		"    ON cn.oid = co.collnamespace JOIN pg_type t ON t.oid = a.atttypid"
		"    WHERE co.oid = a.attcollation AND a.attcollation <> t.typcollation),"
		"   CASE WHEN attgenerated = '' THEN '' ELSE format(' GENERATED ALWAYS AS (%s) %s',"
		" (SELECT pg_get_expr(adbin, adrelid)"
		"    FROM pg_attrdef WHERE adrelid = a.attrelid AND adnum = a.attnum), CASE attgenerated"
		" WHEN 'v' THEN 'VIRTUAL' ELSE 'STORED' END) END,"
		/* the constraint exists, and has a name, since 18 */
		"   CASE WHEN attnotnull AND NOT EXISTS (SELECT FROM pg_constraint k WHERE conrelid = c.oid"
		"    AND contype = 'n' AND conkey = ARRAY[attnum] AND NOT convalidated)"
		"    THEN coalesce((SELECT format(' CONSTRAINT %I', conname) FROM pg_constraint k"
		"    WHERE conrelid = c.oid AND contype = 'n' AND conkey = ARRAY[attnum]), '') || ' NOT NULL' ELSE '' END) END,"
		"   ', ' ORDER BY attnum)"
		"  FROM pg_attribute a WHERE attrelid = c.oid AND attnum > 0),"
		" (SELECT format(' WITH (%s)', string_agg(o, ', ')) FROM ("
		"   SELECT format('%I=%L', split_part(o, '=', 1), substr(o, strpos(o, '=') + 1)) FROM unnest(c.reloptions) o"
		"   UNION ALL SELECT format('toast.%I=%L', split_part(o, '=', 1), substr(o, strpos(o, '=') + 1))"
		"    FROM pg_class t, unnest(t.reloptions) o WHERE t.oid = c.reltoastrelid) x(o) HAVING count(*) > 0))"
		FROM_TABLE THIS_TABLE},
	{DEFINE_TABLE,
		"SELECT format('ALTER TABLE ONLY %s DROP COLUMN %I', " TABLE_NAME ", 'shardext_hole_' || attnum)"
		FROM_TABLE " JOIN pg_attribute a ON a.attrelid = c.oid AND attnum > 0"
		" AND attisdropped" THIS_TABLE "ORDER BY attnum"},
	{DEFINE_TABLE,
		"SELECT format('ALTER TABLE ONLY %s ALTER COLUMN %I SET STORAGE %s', " TABLE_NAME ", attname,"
		" CASE attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END)"
		FROM_TABLE " JOIN pg_attribute a ON a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped"
		" JOIN pg_type t ON t.oid = atttypid AND t.typstorage <> attstorage" THIS_TABLE "ORDER BY attnum"},
	{DEFINE_TABLE,
		"SELECT format('ALTER TABLE ONLY %s ALTER COLUMN %I SET COMPRESSION %s', " TABLE_NAME ", attname,"
		" CASE attcompression WHEN 'p' THEN 'pglz' ELSE 'lz4' END)"
		FROM_TABLE " JOIN pg_attribute a ON a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped"
		" AND attcompression IN ('p', 'l')"
		THIS_TABLE "ORDER BY attnum"},
	{DEFINE_TABLE,
		"SELECT format('ALTER TABLE ONLY %s ALTER COLUMN %I SET STATISTICS %s', " TABLE_NAME ", attname, attstattarget)"
		FROM_TABLE " JOIN pg_attribute a ON a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped"
		" AND attstattarget >= 0"
		THIS_TABLE "ORDER BY attnum"},
	{DEFINE_TABLE,
		"SELECT format('ALTER TABLE ONLY %s ALTER COLUMN %I SET (%s)', " TABLE_NAME ", attname,"
		" string_agg(o, ', '))"
		FROM_TABLE " JOIN pg_attribute a ON a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped,"
		/* pg_attver is PostgreSQL's own */
		" unnest(attoptions) o"
		THIS_TABLE "AND o NOT LIKE 'pg\\_attver=%' GROUP BY n.nspname, c.relname, attname, attnum ORDER BY attnum"},
	{DEFINE_CHECKS,
		"SELECT format('ALTER TABLE ONLY %s ADD CONSTRAINT %I %s', " TABLE_NAME ", conname,"
		" pg_get_constraintdef(k.oid))"
		FROM_TABLE " JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'c' AND k.convalidated" THIS_TABLE
		"ORDER BY conname"},
	{DEFINE_DEFAULTS,
		"SELECT format('CREATE SEQUENCE %s%s AS %s INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s%s',"
		" CASE q.deptype WHEN 'n' THEN 'IF NOT EXISTS ' ELSE '' END, " TABLE_NAME ","
		" format_type(s.seqtypid, NULL), s.seqincrement, s.seqmin, s.seqmax, s.seqstart, s.seqcache,"
		" CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END)"
		" FROM " TABLE_SEQUENCES " q JOIN pg_sequence s ON s.seqrelid = q.seq JOIN pg_class c ON c.oid = q.seq"
		" JOIN pg_namespace n ON n.oid = c.relnamespace WHERE q.deptype IN ('a', 'n') ORDER BY 1"},
	{DEFINE_DEFAULTS,
		"SELECT format('ALTER SEQUENCE %s OWNED BY %I.%I.%I', " TABLE_NAME ", tn.nspname, t.relname, a.attname)"
		" FROM " TABLE_SEQUENCES " q JOIN pg_class c ON c.oid = q.seq JOIN pg_namespace n ON n.oid = c.relnamespace"
		" JOIN pg_attribute a ON a.attrelid = $1 AND a.attnum = q.attnum JOIN pg_class t ON t.oid = $1"
		" JOIN pg_namespace tn ON tn.oid = t.relnamespace WHERE q.deptype = 'a' ORDER BY 1"},
	{DEFINE_DEFAULTS,
		"SELECT format('ALTER TABLE ONLY %I.%I ALTER COLUMN %I ADD GENERATED %s AS IDENTITY (SEQUENCE NAME %s"
		" INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s%s)', tn.nspname, t.relname, a.attname,"
		" CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END, " TABLE_NAME ", s.seqincrement, s.seqmin,"
		" s.seqmax, s.seqstart, s.seqcache, CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END)"
		" FROM " TABLE_SEQUENCES " q JOIN pg_sequence s ON s.seqrelid = q.seq JOIN pg_class c ON c.oid = q.seq"
		" JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = $1 AND a.attnum = q.attnum"
		" JOIN pg_class t ON t.oid = $1 JOIN pg_namespace tn ON tn.oid = t.relnamespace WHERE q.deptype = 'i'"
		" ORDER BY 1"},
	{DEFINE_DEFAULTS,
		"SELECT format('ALTER TABLE ONLY %s ALTER COLUMN %I SET DEFAULT %s', " TABLE_NAME ", attname,"
		" pg_get_expr(d.adbin, d.adrelid))"
		FROM_TABLE " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attgenerated = '' AND a.attnum > 0"
		" JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum" THIS_TABLE "ORDER BY attnum"},
	{DEFINE_OWNER,
		"SELECT format('ALTER TABLE %s OWNER TO %I', " TABLE_NAME ","
		" pg_get_userbyid(c.relowner))" FROM_TABLE THIS_TABLE},
	{DEFINE_INDEXES,
		"SELECT CASE WHEN k.oid IS NULL THEN pg_get_indexdef(i.indexrelid)"
		" ELSE format('ALTER TABLE ONLY %s ADD CONSTRAINT %I %s', " TABLE_NAME ", k.conname,"
		" pg_get_constraintdef(k.oid)) END"
		FROM_TABLE " JOIN pg_index i ON i.indrelid = c.oid LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid"
		" AND k.contype IN ('p', 'u', 'x') AND k.conrelid = c.oid" THIS_TABLE
		"AND i.indisvalid ORDER BY i.indexrelid"},
	{DEFINE_INDEXES,
		"SELECT format('ALTER INDEX %I.%I ALTER COLUMN %s SET STATISTICS %s', n.nspname, c.relname, a.attnum,"
		" a.attstattarget)"
		FROM_TABLE " JOIN pg_index i ON i.indexrelid = c.oid JOIN pg_attribute a ON a.attrelid = c.oid"
		" AND a.attstattarget >= 0"
		" WHERE i.indrelid = $1 ORDER BY c.oid, a.attnum"},
	{DEFINE_INDEXES,
		"SELECT format('ALTER TABLE ONLY %s CLUSTER ON %I', " TABLE_NAME ", x.relname)"
		FROM_TABLE " JOIN pg_index i ON i.indrelid = c.oid AND i.indisclustered JOIN pg_class x"
		" ON x.oid = i.indexrelid" THIS_TABLE},
	{DEFINE_INDEXES,
		"SELECT format('ALTER TABLE ONLY %s REPLICA IDENTITY %s', " TABLE_NAME ", CASE c.relreplident"
		" WHEN 'f' THEN 'FULL'"
		" WHEN 'n' THEN 'NOTHING' ELSE (SELECT format('USING INDEX %I', x.relname) FROM pg_index i JOIN pg_class x"
		"  ON x.oid = i.indexrelid WHERE i.indrelid = c.oid AND i.indisreplident) END)"
		FROM_TABLE THIS_TABLE "AND c.relreplident <> 'd'"},
	{DEFINE_INDEXES,
		"SELECT pg_get_statisticsobjdef(s.oid) FROM pg_statistic_ext s WHERE s.stxrelid = $1 ORDER BY s.oid"},
	/* what is there need not obey those that are not valid: they come after the rows */
	{DEFINE_FOREIGN_KEYS,
		"SELECT format('ALTER TABLE ONLY %s ADD CONSTRAINT %I %s', " TABLE_NAME ", conname,"
		" pg_get_constraintdef(k.oid))"
		FROM_TABLE " JOIN pg_constraint k ON k.conrelid = c.oid"
		" AND (k.contype = 'f' OR k.contype IN ('c', 'n') AND NOT k.convalidated)" THIS_TABLE "ORDER BY conname"},
	{DEFINE_TRIGGERS,
		"SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal"
		" AND tgname <> 'shardext_guard'"
		" ORDER BY tgname"},
	{DEFINE_TRIGGERS,
		"SELECT format('ALTER TABLE ONLY %s %s TRIGGER %I', " TABLE_NAME ", CASE tgenabled WHEN 'D' THEN 'DISABLE'"
		" WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END, tgname)"
		FROM_TABLE " JOIN pg_trigger g ON g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgenabled <> 'O'"
		" AND g.tgname <> 'shardext_guard'" THIS_TABLE "ORDER BY tgname"},
	{DEFINE_TRIGGERS,
		"SELECT format('ALTER TABLE ONLY %s ENABLE ROW LEVEL SECURITY', " TABLE_NAME ")"
		FROM_TABLE THIS_TABLE "AND c.relrowsecurity"},
	{DEFINE_RIGHTS,
		"SELECT format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s', p.polname, " TABLE_NAME ","
		" CASE WHEN polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,"
		" CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE'"
		" ELSE 'ALL' END,"
		" (SELECT string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r)) END, ', ')"
		" FROM unnest(polroles) r),"
		" ' USING (' || pg_get_expr(polqual, polrelid) || ')', ' WITH CHECK (' || pg_get_expr(polwithcheck, polrelid)"
		" || ')')"
		FROM_TABLE " JOIN pg_policy p ON p.polrelid = c.oid" THIS_TABLE "ORDER BY polname"},
	{DEFINE_RIGHTS,
		"SELECT format('ALTER TABLE ONLY %s FORCE ROW LEVEL SECURITY', " TABLE_NAME ")"
		FROM_TABLE THIS_TABLE "AND c.relforcerowsecurity"},
	{DEFINE_RIGHTS,
		"SELECT format('REVOKE ALL ON %s %s FROM PUBLIC, %I', CASE c.relkind WHEN 'S' THEN 'SEQUENCE'"
		" ELSE 'TABLE' END, "
		TABLE_NAME ", pg_get_userbyid(c.relowner))" FROM_TABLE
		" WHERE (c.oid = $1 OR c.oid IN (SELECT seq FROM " TABLE_SEQUENCES " s)) AND c.relacl IS NOT NULL"
		" ORDER BY c.oid"},
	{DEFINE_RIGHTS,
		"SELECT format('GRANT %s ON %s %s TO %s%s', a.privilege_type, CASE c.relkind WHEN 'S' THEN 'SEQUENCE'"
		" ELSE 'TABLE' END, "
		TABLE_NAME ", CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,"
		" CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)" FROM_TABLE ", aclexplode(c.relacl) a"
		" WHERE c.oid = $1 OR c.oid IN (SELECT seq FROM " TABLE_SEQUENCES " s) ORDER BY c.oid, 1"},
	{DEFINE_RIGHTS,
		"SELECT format('GRANT %s (%I) ON TABLE %s TO %s%s', a.privilege_type, t.attname, " TABLE_NAME ","
		" CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,"
		" CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)" FROM_TABLE
		" JOIN pg_attribute t ON t.attrelid = c.oid"
		" AND NOT t.attisdropped, aclexplode(t.attacl) a" THIS_TABLE "ORDER BY t.attnum, 1"},
	{DEFINE_RIGHTS,
		"SELECT format('COMMENT ON %s IS %L', CASE WHEN d.objsubid = 0 THEN 'TABLE ' || " TABLE_NAME
		" ELSE format('COLUMN %s.%I', " TABLE_NAME ", a.attname) END, d.description)"
		FROM_TABLE " JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = c.oid"
		" LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid" THIS_TABLE "ORDER BY d.objsubid"},
	{DEFINE_RIGHTS,
		"SELECT format('COMMENT ON %s %s IS %L', x.kind, x.name, d.description) FROM pg_description d JOIN ("
		" SELECT 'pg_class'::regclass AS classoid, i.indexrelid AS objoid, 'INDEX' AS kind, format('%I.%I',"
		" xn.nspname, xc.relname) AS name"
		"  FROM pg_index i JOIN pg_class xc ON xc.oid = i.indexrelid JOIN pg_namespace xn ON xn.oid = xc.relnamespace"
		" WHERE i.indrelid = $1"
		" UNION ALL SELECT 'pg_constraint'::regclass, k.oid, 'CONSTRAINT', format('%I ON %s', conname, " TABLE_NAME ")"
		FROM_TABLE " JOIN pg_constraint k ON k.conrelid = c.oid" THIS_TABLE
		" UNION ALL SELECT 'pg_trigger'::regclass, k.oid, 'TRIGGER', format('%I ON %s', tgname, " TABLE_NAME ")"
		FROM_TABLE " JOIN pg_trigger k ON k.tgrelid = c.oid AND NOT k.tgisinternal"
		" AND k.tgname <> 'shardext_guard'" THIS_TABLE
		" UNION ALL SELECT 'pg_policy'::regclass, k.oid, 'POLICY', format('%I ON %s', polname, " TABLE_NAME ")"
		FROM_TABLE " JOIN pg_policy k ON k.polrelid = c.oid" THIS_TABLE
		") x ON d.classoid = x.classoid AND d.objoid = x.objoid AND d.objsubid = 0 ORDER BY 1"},
};

/* First column of the query's rows, as strings of the caller's memory context. */
List *
definition_query(const char *sql, Oid argtype, Datum arg)
{
	MemoryContext caller_cxt = CurrentMemoryContext;
	List	   *statements = NIL;
	int			nestlevel = NewGUCNestLevel();

	setting_save("search_path", "pg_catalog");
	/* long queries over few rows: compiling them takes much longer than running them */
	setting_save("jit", "off");
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute_with_args(sql, 1, &argtype, &arg, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read a table's definition");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	   *value = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		MemoryContext spi_cxt;

		if (value == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_SX_NOT_SUPPORTED),
					 errmsg("definition of an object cannot be repeated on other nodes"),
					 errdetail("No SQL statement could be made for one of the objects the table needs."),
					 errhint("Run the statement again, in case the object was dropped meanwhile.")));
		spi_cxt = MemoryContextSwitchTo(caller_cxt);
		statements = lappend(statements, pstrdup(value));
		MemoryContextSwitchTo(spi_cxt);
	}
	SPI_finish();
	AtEOXact_GUC(true, nestlevel);
	return statements;
}

/*
 * Operators of IS DISTINCT FROM, NULLIF, CASE x WHEN, USING and comparisons of rows are found by name where the
 * statements run: the schemas of those that expressions, views and the like use go into the path there.
 */
List *
definition_with_path(List *statements)
{
	static const char query[] =
		"SELECT format('SET LOCAL search_path TO pg_catalog, %s',"
		" string_agg(quote_ident(nspname), ', ' ORDER BY nspname))"
		" FROM pg_namespace n WHERE n.oid <> $1 AND n.oid IN (SELECT o.oprnamespace FROM pg_operator o JOIN pg_depend d"
		" ON d.refclassid = 'pg_operator'::regclass AND d.refobjid = o.oid WHERE o.oid >= 16384 AND d.classid = ANY"
		" ('{pg_constraint,pg_attrdef,pg_class,pg_policy,pg_trigger,pg_rewrite,pg_proc}'::regclass[]))"
		" HAVING count(*) > 0";

	return statements == NIL ? NIL :
		list_concat(definition_query(query, OIDOID, ObjectIdGetDatum(PG_CATALOG_NAMESPACE)), statements);
}

static List *
part_statements(Oid relid, DefinitionPart part)
{
	List	   *statements = NIL;

	/* most tables need nothing, and the whole query takes a while to plan */
	if (part == DEFINE_REQUIRED &&
		definition_query(OBJECTS_REQUIRED " SELECT 'yes' FROM ordered LIMIT 1", OIDOID, ObjectIdGetDatum(relid)) == NIL)
		return NIL;
	for (int i = 0; i < lengthof(part_queries); i++)
	{
		if (part_queries[i].part == part)
			statements = list_concat(statements,
									 definition_query(part_queries[i].sql, OIDOID, ObjectIdGetDatum(relid)));
	}
	return statements;
}

List *
table_definition(Oid relid, DefinitionPart part)
{
	return definition_with_path(part_statements(relid, part));
}

List *
table_definition_parts(Oid relid, DefinitionPart first, DefinitionPart last)
{
	List	   *statements = NIL;

	for (DefinitionPart part = first; part <= last; part++)
		statements = list_concat(statements, part_statements(relid, part));
	return definition_with_path(statements);
}

/*
 * Blocks of a bigint sequence have at most 2^40 values, those of smaller types
 * a 64th of what is left of their range.
 */

List *
table_sequence_blocks(Oid relid, bool settled)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql,
						   "SELECT format('SELECT shardext.internal_sequence_block(%L, %s, %s)', " TABLE_NAME
						   ", b.first, b.size)");
	appendStringInfoString(&sql, BLOCK_SEQUENCES);
	if (settled)
		appendStringInfo(&sql,
						 ", LATERAL (SELECT s.seqmin - (%d - 1) * (s.seqmax - s.seqmin + 1) AS first,"
						 " s.seqmax - s.seqmin + 1 AS size) b",
						 node_self());
	else
		appendStringInfoString(&sql,
							   ", LATERAL (SELECT substring(query_to_xml(format('SELECT last_value +"
							   " CASE WHEN is_called THEN %s ELSE 0 END AS n FROM %s', s.seqincrement, " TABLE_NAME "),"
							   " false, false, '')::text FROM '<n>(-?[0-9]+)</n>')::bigint AS first) f,"
							   " LATERAL (SELECT f.first, least(1099511627776, (s.seqmax - f.first) / 64) AS size) b");
	appendStringInfoString(&sql, " ORDER BY 1");
	return definition_query(sql.data, OIDOID, ObjectIdGetDatum(relid));
}

char *
relation_qualified_name(Oid relid)
{
	char	   *name = get_rel_name(relid);

	if (name == NULL)
		elog(ERROR, "relation %u does not exist", relid);
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), name);
}
