/*
 * object_definition.c
 *	  Schemas, types, functions, views and the like: which of them all nodes have,
 *	  and what makes them.
 *
 * An object is everywhere if nothing it needs, directly or not, exists on one
 * node only. What it needs is the closure of pg_depend: what the object depends on,
 * and what belongs to that (the rule of a view, the constraints of a domain; of a
 * schema nothing: its default privileges and publications are no part of it). The
 * closure ends at tables and at members of extensions. An object that needs
 * another has the larger closure, so the size of it gives the order in which they
 * are made.
 *
 * What it does not do: bodies of functions that are text are not looked into.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_ts_config.h"
#include "catalog/pg_ts_dict.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "catalog/table_map.h"
#include "ddl/object_definition.h"
#include "ddl/object_queries.h"
#include "ddl/table_queries.h"

/* $1: class and OID in turn. */
#define GIVEN_OBJECTS \
	"SELECT $1[i], $1[i + 1] FROM generate_series(1, cardinality($1), 2) i"

#define IS_EXTENSION_MEMBER \
	"EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = n.classid AND e.objid = n.objid" \
	" AND e.deptype = 'e')"

/* For each candidate what it needs, itself included. */
#define CLOSURE \
	"need(rootclass, root, classid, objid) AS (" \
	" SELECT classid, objid, classid, objid FROM candidate" \
	" UNION SELECT n.rootclass, n.root, x.classid, x.objid FROM need n CROSS JOIN LATERAL (" \
	"  SELECT d.refclassid AS classid, d.refobjid AS objid FROM pg_depend d" \
	"   WHERE d.classid = n.classid AND d.objid = n.objid" \
	"  UNION ALL SELECT d.classid, d.objid FROM pg_depend d" \
	"   WHERE d.refclassid = n.classid AND d.refobjid = n.objid AND d.deptype IN ('i', 'a')" \
	"    AND n.classid <> 'pg_namespace'::regclass" \
	" ) x WHERE x.objid >= 16384 AND x.classid <> 'pg_extension'::regclass AND NOT " IS_EXTENSION_MEMBER \
	"  AND NOT (n.classid = 'pg_class'::regclass AND EXISTS (SELECT 1 FROM pg_class" \
	"   WHERE oid = n.objid AND relkind NOT IN ('v', 'c'))))"

/* Of what an object needs: what other nodes do not have, tables of the cluster ("ours") apart. */
#define IS_HERE_ONLY \
	"(NOT " IS_EXTENSION_MEMBER " AND CASE n.classid" \
	" WHEN 'pg_class'::regclass THEN EXISTS (SELECT 1 FROM pg_class r WHERE r.oid = n.objid AND (relpersistence = 't'" \
	"  OR relkind IN ('r', 'p', 'm', 'f') OR relkind = 'S' AND NOT EXISTS (SELECT 1 FROM ours t JOIN pg_depend d" \
	"   ON d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.refclassid = d.classid AND d.refobjid = t.oid)" \
	"   AND NOT EXISTS (SELECT 1 FROM ours t JOIN pg_attrdef f ON f.adrelid = t.oid JOIN pg_depend d" \
	"   ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refobjid = r.oid))" \
	"  AND r.oid NOT IN (SELECT oid FROM ours))" \
	" WHEN 'pg_namespace'::regclass THEN EXISTS (SELECT 1 FROM pg_namespace WHERE oid = n.objid" \
	"  AND nspname ~ '^(pg_|shard_[0-9]{4}$)')" \
	/* types and ranges that cannot be described */ \
	" WHEN 'pg_type'::regclass THEN EXISTS (SELECT 1 FROM pg_type LEFT JOIN pg_range ON rngtypid = oid" \
	"  WHERE oid = n.objid AND (typtype IN ('b', 'p') AND typcategory <> 'A' OR rngcanonical <> 0))" \
	" ELSE n.classid NOT IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_collation'::regclass," \
	"  'pg_cast'::regclass, 'pg_ts_dict'::regclass, 'pg_ts_config'::regclass, 'pg_rewrite'::regclass," \
	"  'pg_attrdef'::regclass, 'pg_trigger'::regclass, 'pg_constraint'::regclass, 'pg_extension'::regclass) END)"

static const char all_objects[] =
"SELECT o.classid, o.objid FROM ("
" SELECT 'pg_namespace'::regclass::oid AS classid, oid AS objid FROM pg_namespace"
" UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type UNION ALL SELECT 'pg_proc'::regclass, oid FROM pg_proc"
" UNION ALL SELECT 'pg_class'::regclass, oid FROM pg_class WHERE relkind = 'v'"
" UNION ALL SELECT 'pg_operator'::regclass, oid FROM pg_operator"
" UNION ALL SELECT 'pg_collation'::regclass, oid FROM pg_collation"
" UNION ALL SELECT 'pg_cast'::regclass, oid FROM pg_cast UNION ALL SELECT 'pg_ts_dict'::regclass, oid FROM pg_ts_dict"
" UNION ALL SELECT 'pg_ts_config'::regclass, oid FROM pg_ts_config) o WHERE " IS_OBJECT
" UNION ALL SELECT 'pg_extension'::regclass, oid FROM pg_extension WHERE oid >= 16384 AND extname <> 'shardext'";

/* What needs one of the tables $1. */
static const char objects_over[] =
"SELECT DISTINCT o.classid, o.objid FROM over o WHERE " IS_OBJECT;

static const char over_tables[] =
"over(classid, objid) AS ("
" SELECT 'pg_class'::regclass::oid, t FROM unnest($1) t"
" UNION SELECT x.classid, x.objid FROM over o CROSS JOIN LATERAL ("
"  SELECT d.classid, d.objid FROM pg_depend d WHERE d.refclassid = o.classid AND d.refobjid = o.objid"
"  UNION ALL SELECT d.refclassid, d.refobjid FROM pg_depend d WHERE d.classid = o.classid AND d.objid = o.objid"
"   AND d.deptype IN ('i', 'a') AND d.classid IN ('pg_class'::regclass, 'pg_rewrite'::regclass,"
"    'pg_attrdef'::regclass, 'pg_trigger'::regclass, 'pg_constraint'::regclass)) x), ";

/* "WITH RECURSIVE .. need, ours": $1 is used by the candidates. */
static void
begin_query(StringInfo sql, const char *before, const char *candidates)
{
	ListCell   *lc;

	initStringInfo(sql);
	appendStringInfo(sql, "WITH RECURSIVE %scandidate(classid, objid) AS (%s), ", before, candidates);
	appendStringInfoString(sql, CLOSURE ", ours(oid) AS (SELECT unnest('{");
	foreach(lc, table_list())
		appendStringInfo(sql, "%s%u", foreach_current_index(lc) > 0 ? "," : "", ((TableInfo *) lfirst(lc))->relid);
	appendStringInfoString(sql, "}'::oid[])) ");
}

static List *
query_with_oids(const char *sql, const Oid *oids, int n)
{
	Datum	   *datums = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		datums[i] = ObjectIdGetDatum(oids[i]);
	return definition_query(sql, OIDARRAYOID,
							PointerGetDatum(construct_array(datums, n, OIDOID, sizeof(Oid), true, TYPALIGN_INT)));
}

static List *
query_object(const char *sql, const ObjectAddress *object)
{
	Oid			oids[2] = {object->classId, object->objectId};

	return query_with_oids(sql, oids, lengthof(oids));
}

char *
extension_statement(const char *name, const char *format)
{
	List	   *found = definition_query(psprintf("SELECT format(%s, extname, nspname, extversion) FROM pg_extension x"
												  " JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = $1",
												  quote_literal_cstr(format)),
										 TEXTOID, CStringGetTextDatum(name));

	if (found == NIL)
		elog(ERROR, "extension \"%s\" does not exist", name);
	return linitial(found);
}

bool
object_is_local(const ObjectAddress *object)
{
	StringInfoData sql;

	begin_query(&sql, "", GIVEN_OBJECTS);
	appendStringInfoString(&sql, "SELECT 'yes' FROM need n WHERE " IS_HERE_ONLY " LIMIT 1");
	return query_object(sql.data, object) != NIL;
}

char *
object_definition(const ObjectAddress *object)
{
	List	   *found = query_object("SELECT * FROM (SELECT " OBJECT_CORE " FROM (" GIVEN_OBJECTS ")"
									 " o(classid, objid)) x(core) WHERE core IS NOT NULL", object);

	return found != NIL ? linitial(found) : NULL;
}

char *
object_rights(const ObjectAddress *object)
{
	List	   *found = query_object("SELECT substr(r, 3) FROM (SELECT " OBJECT_RIGHTS " FROM (" GIVEN_OBJECTS ")"
									 " o(classid, objid)) x(r) WHERE r <> ''", object);

	return found != NIL ? linitial(found) : NULL;
}

char *
object_identity(const ObjectAddress *object)
{
	return getObjectIdentity(object, false);
}

Oid
object_by_identity(Oid classid, const char *identity)
{
	static const struct
	{
		Oid			classid;
		const char *sql;
	}			lookups[] = {
		{NamespaceRelationId, "SELECT to_regnamespace($1)::oid::text"},
		{TypeRelationId, "SELECT to_regtype($1)::oid::text"},
		{ProcedureRelationId, "SELECT to_regprocedure($1)::oid::text"},
		{RelationRelationId, "SELECT to_regclass($1)::oid::text"},
		{OperatorRelationId, "SELECT to_regoperator($1)::oid::text"},
		{CollationRelationId, "SELECT to_regcollation($1)::oid::text"},
		{TSDictionaryRelationId, "SELECT d.oid::text FROM pg_ts_dict d JOIN pg_namespace n ON n.oid = dictnamespace"
		" WHERE format('%I.%I', nspname, dictname) = $1"},
		{TSConfigRelationId, "SELECT c.oid::text FROM pg_ts_config c JOIN pg_namespace n ON n.oid = cfgnamespace"
		" WHERE format('%I.%I', nspname, cfgname) = $1"},
		{ExtensionRelationId, "SELECT oid::text FROM pg_extension WHERE quote_ident(extname) = $1"},
	};

	for (int i = 0; i < lengthof(lookups); i++)
	{
		List	   *found;

		if (lookups[i].classid != classid)
			continue;
		found = definition_query(psprintf("SELECT o FROM (%s) x(o) WHERE o IS NOT NULL", lookups[i].sql),
								 TEXTOID, CStringGetTextDatum(identity));
		return found != NIL ? (Oid) strtoul(linitial(found), NULL, 10) : InvalidOid;
	}
	return InvalidOid;
}

List *
object_definitions(List *relids)
{
	Oid		   *oids = palloc(sizeof(Oid) * Max(list_length(relids), 1));
	StringInfoData sql;
	ListCell   *lc;

	foreach(lc, relids)
		oids[foreach_current_index(lc)] = lfirst_oid(lc);
	if (relids != NIL)
	{
		/* most tables are sharded before there is anything over them, and the whole query takes a while to plan */
		begin_query(&sql, over_tables, objects_over);
		appendStringInfoString(&sql, "SELECT 'yes' FROM candidate LIMIT 1");
		if (query_with_oids(sql.data, oids, list_length(relids)) == NIL)
			return NIL;
		begin_query(&sql, over_tables, objects_over);
	}
	else
		begin_query(&sql, "", all_objects);
	appendStringInfoString(&sql,
						   "SELECT " IF_MISSING("test", "core || coalesce(rest, '')")
						   " FROM (SELECT o.size, o.classid, o.objid, " OBJECT_TEST " AS test, "
						   OBJECT_CORE " AS core, " OBJECT_REST " AS rest"
						   " FROM (SELECT rootclass AS classid, root AS objid, count(*) AS size FROM need n"
						   " GROUP BY 1, 2 HAVING NOT bool_or(" IS_HERE_ONLY ")) o) x"
						   " WHERE core IS NOT NULL ORDER BY"
						   /* schemas need nothing; what others need of extensions is not in their closure */
						   " CASE classid WHEN 'pg_namespace'::regclass THEN 0 WHEN 'pg_extension'::regclass THEN 1"
						   " ELSE 2 END, size, classid, objid");
	return definition_with_path(query_with_oids(sql.data, oids, list_length(relids)));
}
