/*
 * object_queries.h
 *	  Pieces of the catalog queries that describe schemas, types, functions, views
 *	  and the like.
 *
 * Each macro is an SQL expression over a row o(classid, objid); search_path is
 * pg_catalog, so that names come out qualified.
 */
#ifndef SHARDEXT_OBJECT_QUERIES_H
#define SHARDEXT_OBJECT_QUERIES_H

/* A DO block that runs the statements (of the expression create) where test is null. */
#define IF_MISSING(test, create) \
	"format('DO %L', format('BEGIN IF %s IS NULL THEN EXECUTE %L; END IF; END', " test ", " create "))"

#define ROLE_NAME(oid) "CASE " oid " WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(" oid ")) END"

/* "; REVOKE ..; GRANT .." that give the object these privileges; '' where nobody has granted any. */
#define PRIVILEGES(kind, name, acl, owner) \
	"CASE WHEN " acl " IS NULL THEN '' ELSE format('; REVOKE ALL ON " kind " %s FROM PUBLIC, %I', " name "," \
	" pg_get_userbyid(" owner ")) || coalesce((SELECT string_agg(format('; GRANT %s ON " kind " %s TO %s%s'," \
	" a.privilege_type, " name ", " ROLE_NAME("a.grantee") "," \
	" CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), '') FROM aclexplode(" acl ") a), '') END"

#define OWNER(kind, name, owner) "format('; ALTER " kind " %s OWNER TO %I', " name ", pg_get_userbyid(" owner "))"

#define REMARK(kind, name, oid, catalog) \
	"coalesce('; COMMENT ON " kind " ' || " name " || ' IS ' || quote_literal(obj_description(" oid "," \
	" '" catalog "')), '')"

#define COLLATED(collation, type) \
	"(SELECT format(' COLLATE %I.%I', cn.nspname, co.collname) FROM pg_collation co JOIN pg_namespace cn" \
	" ON cn.oid = co.collnamespace JOIN pg_type b ON b.oid = " type \
	" WHERE co.oid = " collation " AND " collation " <> b.typcollation)"

/* ", OPTION = function" of CREATE AGGREGATE and the like; '' for 0 */
#define OPTION(option, function) "CASE WHEN " function "::oid = 0 THEN '' ELSE ', " option " = ' || " function " END"

/* ------------------------------------------------------------------------
 * Types: t is their row of pg_type, n of pg_namespace
 * ------------------------------------------------------------------------
 */

#define TYPE_NAME "format('%I.%I', n.nspname, t.typname)"

#define TYPE_CORE \
	"CASE t.typtype" \
	" WHEN 'e' THEN format('CREATE TYPE %s AS ENUM (%s)', " TYPE_NAME "," \
	"  (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum" \
	" WHERE enumtypid = t.oid))" \
	" WHEN 'd' THEN format('CREATE DOMAIN %s AS %s%s%s%s%s', " TYPE_NAME "," \
	"  format_type(t.typbasetype, t.typtypmod), " COLLATED("t.typcollation", "t.typbasetype") "," \
	"  CASE WHEN t.typdefault IS NULL THEN ''" \
	" ELSE ' DEFAULT ' || coalesce(pg_get_expr(t.typdefaultbin, 0), quote_literal(t.typdefault)) END," \
	"  CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END," \
	"  (SELECT string_agg(format(' CONSTRAINT %I %s', conname, pg_get_constraintdef(k.oid)), '' ORDER BY conname)" \
	"   FROM pg_constraint k WHERE contypid = t.oid AND contype = 'c'))" \
	" WHEN 'c' THEN format('CREATE TYPE %s AS (%s)', " TYPE_NAME "," \
	"  (SELECT string_agg(format('%I %s%s', attname, format_type(atttypid, atttypmod)," \
	"    " COLLATED("attcollation", "atttypid") "), ', ' ORDER BY attnum)" \
	"   FROM pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped))" \
	" WHEN 'r' THEN (SELECT format('CREATE TYPE %s AS RANGE (SUBTYPE = %s%s%s%s)', " TYPE_NAME "," \
	"  format_type(rngsubtype, NULL), " OPTION("SUBTYPE_DIFF", "rngsubdiff") "," \
	"  (SELECT format(', COLLATION = %I.%I', cn.nspname, co.collname) FROM pg_collation co JOIN pg_namespace cn" \
	"   ON cn.oid = co.collnamespace JOIN pg_type b ON b.oid = rngsubtype" \
	"   WHERE co.oid = rngcollation AND rngcollation <> b.typcollation)," \
	"  (SELECT format(', MULTIRANGE_TYPE_NAME = %I.%I', mn.nspname, m.typname) FROM pg_type m JOIN pg_namespace mn" \
	"   ON mn.oid = m.typnamespace WHERE m.oid = rngmultitypid))" \
	"  FROM pg_range WHERE rngtypid = t.oid AND rngcanonical = 0) END"

/* ------------------------------------------------------------------------
 * Aggregates: p is their row of pg_proc
 * ------------------------------------------------------------------------
 */

#define AGGREGATE_CORE \
	"(SELECT format('CREATE AGGREGATE %I.%I(%s) (SFUNC = %s, STYPE = %s', n.nspname, p.proname," \
	"  coalesce(nullif(pg_get_function_arguments(p.oid), ''), '*'), aggtransfn, format_type(aggtranstype, NULL))" \
	" || CASE aggtransspace WHEN 0 THEN '' ELSE ', SSPACE = ' || aggtransspace END" \
	" || " OPTION("FINALFUNC", "aggfinalfn") " || CASE WHEN aggfinalextra THEN ', FINALFUNC_EXTRA' ELSE '' END" \
	" || ', FINALFUNC_MODIFY = ' || " AGG_MODIFY("aggfinalmodify") \
	" || " OPTION("COMBINEFUNC", "aggcombinefn") " || " OPTION("SERIALFUNC", "aggserialfn") \
	" || " OPTION("DESERIALFUNC", "aggdeserialfn") " || coalesce(', INITCOND = ' || quote_literal(agginitval), '')" \
	" || " OPTION("MSFUNC", "aggmtransfn") " || " OPTION("MINVFUNC", "aggminvtransfn") \
	" || CASE aggmtranstype WHEN 0 THEN '' ELSE ', MSTYPE = ' || format_type(aggmtranstype, NULL)" \
	"   || ', MFINALFUNC_MODIFY = ' || " AGG_MODIFY("aggmfinalmodify") " END" \
	" || CASE aggmtransspace WHEN 0 THEN '' ELSE ', MSSPACE = ' || aggmtransspace END" \
	" || " OPTION("MFINALFUNC", "aggmfinalfn") " || CASE WHEN aggmfinalextra THEN ', MFINALFUNC_EXTRA' ELSE '' END" \
	" || coalesce(', MINITCOND = ' || quote_literal(aggminitval), '')" \
	" || coalesce((SELECT format(', SORTOP = OPERATOR(%I.%s)', sn.nspname, s.oprname) FROM pg_operator s" \
	"   JOIN pg_namespace sn ON sn.oid = s.oprnamespace WHERE s.oid = aggsortop), '')" \
	" || CASE p.proparallel WHEN 's' THEN ', PARALLEL = SAFE' WHEN 'r' THEN ', PARALLEL = RESTRICTED' ELSE '' END" \
	" || CASE aggkind WHEN 'h' THEN ', HYPOTHETICAL' ELSE '' END || ')'" \
	" FROM pg_aggregate WHERE aggfnoid = p.oid)"

#define AGG_MODIFY(column) \
	"CASE " column " WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END"

/* ------------------------------------------------------------------------
 * Views: c is their row of pg_class
 * ------------------------------------------------------------------------
 */

#define VIEW_NAME "format('%I.%I', n.nspname, c.relname)"

#define VIEW_CORE \
	"format('CREATE VIEW %s%s AS %s', " VIEW_NAME ", ' WITH (' || array_to_string(c.reloptions, ', ') || ')'," \
	" rtrim(pg_get_viewdef(c.oid), ';'))"

#define VIEW_REST \
	OWNER("VIEW", VIEW_NAME, "c.relowner") \
	" || coalesce((SELECT string_agg(format('; ALTER VIEW %s ALTER COLUMN %I SET DEFAULT %s', " VIEW_NAME "," \
	"  (SELECT attname FROM pg_attribute WHERE attrelid = c.oid AND attnum = d.adnum), pg_get_expr(adbin, adrelid))," \
	"  '' ORDER BY adnum) FROM pg_attrdef d WHERE adrelid = c.oid), '')" \
	" || coalesce((SELECT string_agg('; ' || rtrim(pg_get_ruledef(r.oid), ';'), '' ORDER BY rulename) FROM" \
	" pg_rewrite r" \
	"  WHERE ev_class = c.oid AND rulename <> '_RETURN'), '')" \
	" || coalesce((SELECT string_agg('; ' || pg_get_triggerdef(g.oid), '' ORDER BY tgname) FROM pg_trigger g" \
	"  WHERE tgrelid = c.oid AND NOT tgisinternal), '')" \
	" || " PRIVILEGES("TABLE", VIEW_NAME, "c.relacl", "c.relowner") \
	" || coalesce((SELECT string_agg(format('; GRANT %s (%I) ON TABLE %s TO %s%s', a.privilege_type, f.attname," \
	" " VIEW_NAME \
	"  , " ROLE_NAME("a.grantee") ", CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), '')" \
	"  FROM pg_attribute f, aclexplode(f.attacl) a WHERE f.attrelid = c.oid AND NOT f.attisdropped), '')" \
	" || " REMARK("VIEW", VIEW_NAME, "c.oid", "pg_class") \
	" || coalesce((SELECT string_agg(format('; COMMENT ON COLUMN %s.%I IS %L', " VIEW_NAME ", f.attname," \
	"  col_description(c.oid, f.attnum)), '' ORDER BY f.attnum) FROM pg_attribute f WHERE f.attrelid = c.oid" \
	"  AND col_description(c.oid, f.attnum) IS NOT NULL), '')"

/* ------------------------------------------------------------------------
 * All kinds
 * ------------------------------------------------------------------------
 */

#define CAST_NAME "format('(%s AS %s)', format_type(castsource, NULL), format_type(casttarget, NULL))"
#define NAME_IN(schema, name) "(SELECT format('%I.%I', nspname, " name ") FROM pg_namespace WHERE oid = " schema ")"
#define OPERATOR_NAME NAME_OF_OPERATOR("k.oid")
#define NAME_OF_OPERATOR(oid) \
	"(SELECT format('%I.%s', qn.nspname, q.oprname) FROM pg_operator q JOIN pg_namespace qn" \
	" ON qn.oid = q.oprnamespace WHERE q.oid = " oid ")"

/* An expression that is null where the object is missing. */
#define OBJECT_TEST \
	"(CASE o.classid" \
	" WHEN 'pg_namespace'::regclass THEN (SELECT format('to_regnamespace(%L)', quote_ident(nspname))" \
	"  FROM pg_namespace WHERE oid = o.objid)" \
	" WHEN 'pg_type'::regclass THEN (SELECT format('to_regtype(%L)', " TYPE_NAME ") FROM pg_type t JOIN" \
	" pg_namespace n" \
	"  ON n.oid = typnamespace WHERE t.oid = o.objid)" \
	" WHEN 'pg_proc'::regclass THEN format('to_regprocedure(%L)', o.objid::regprocedure)" \
	" WHEN 'pg_class'::regclass THEN (SELECT format('to_regclass(%L)', " VIEW_NAME ") FROM pg_class c JOIN" \
	" pg_namespace n" \
	"  ON n.oid = relnamespace WHERE c.oid = o.objid)" \
	" WHEN 'pg_operator'::regclass THEN format('(SELECT oid FROM pg_operator WHERE oid = to_regoperator(%L)" \
	" AND oprcode <> 0)', o.objid::regoperator)" \
	" WHEN 'pg_collation'::regclass THEN (SELECT format('to_regcollation(%L)'," \
	" " NAME_IN("collnamespace", "collname") ")" \
	"  FROM pg_collation WHERE oid = o.objid)" \
	" WHEN 'pg_cast'::regclass THEN (SELECT format('(SELECT oid FROM pg_cast WHERE castsource = to_regtype(%L)" \
	" AND casttarget = to_regtype(%L))', format_type(castsource, NULL), format_type(casttarget, NULL))" \
	"  FROM pg_cast WHERE oid = o.objid)" \
	" WHEN 'pg_ts_dict'::regclass THEN (SELECT format('(SELECT oid FROM pg_ts_dict WHERE dictname = %L" \
	" AND dictnamespace = to_regnamespace(%L))', dictname, quote_ident(nspname))" \
	"  FROM pg_ts_dict d JOIN pg_namespace n ON n.oid = dictnamespace WHERE d.oid = o.objid)" \
	" WHEN 'pg_ts_config'::regclass THEN (SELECT format('(SELECT oid FROM pg_ts_config WHERE cfgname = %L" \
	" AND cfgnamespace = to_regnamespace(%L))', cfgname, quote_ident(nspname))" \
	"  FROM pg_ts_config d JOIN pg_namespace n ON n.oid = cfgnamespace WHERE d.oid = o.objid)" \
	/* missing, and its files are there */ \
	" WHEN 'pg_extension'::regclass THEN (SELECT format('(SELECT 1 WHERE NOT EXISTS (SELECT FROM" \
	" pg_available_extensions WHERE name = %L AND installed_version IS NULL))', extname)" \
	"  FROM pg_extension WHERE oid = o.objid)" \
	" END)"

/* One statement that makes the object; null for kinds that cannot be described. */
#define OBJECT_CORE \
	"(CASE o.classid" \
	" WHEN 'pg_namespace'::regclass THEN (SELECT format('CREATE SCHEMA %I', nspname) FROM pg_namespace WHERE oid" \
	" = o.objid)" \
	" WHEN 'pg_type'::regclass THEN (SELECT " TYPE_CORE " FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace" \
	"  WHERE t.oid = o.objid)" \
	" WHEN 'pg_proc'::regclass THEN (SELECT CASE p.prokind WHEN 'a' THEN " AGGREGATE_CORE \
	"  ELSE pg_get_functiondef(p.oid) END FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace" \
	"  WHERE p.oid = o.objid)" \
	" WHEN 'pg_class'::regclass THEN (SELECT " VIEW_CORE " FROM pg_class c JOIN pg_namespace n ON n.oid =" \
	" relnamespace" \
	"  WHERE c.oid = o.objid)" \
	" WHEN 'pg_operator'::regclass THEN (SELECT format('CREATE OPERATOR %s (FUNCTION = %s%s%s%s%s%s%s%s%s)'," \
	" " OPERATOR_NAME \
	"  , oprcode, ', LEFTARG = ' || format_type(nullif(oprleft, 0), NULL), ', RIGHTARG = ' ||" \
	" format_type(oprright, NULL)," \
	"  ', COMMUTATOR = OPERATOR(' || " NAME_OF_OPERATOR("k.oprcom") " || ')'," \
	"  ', NEGATOR = OPERATOR(' || " NAME_OF_OPERATOR("k.oprnegate") " || ')'," \
	"  " OPTION("RESTRICT", "oprrest") ", " OPTION("JOIN", "oprjoin") "," \
	"  CASE WHEN oprcanhash THEN ', HASHES' END, CASE WHEN oprcanmerge THEN ', MERGES' END)" \
	"  FROM pg_operator k WHERE k.oid = o.objid AND oprcode <> 0)" \
	" WHEN 'pg_collation'::regclass THEN (SELECT format('CREATE COLLATION %s (PROVIDER = %s, DETERMINISTIC = %s%s)'," \
	"  " NAME_IN("collnamespace", "collname") ", CASE collprovider WHEN 'i' THEN 'icu' ELSE 'libc' END," \
	"  collisdeterministic::text, CASE collprovider WHEN 'c' THEN format(', LC_COLLATE = %L, LC_CTYPE = %L', l.j" \
	" ->> 'collcollate'," \
	"  l.j ->> 'collctype') ELSE format(', LOCALE = %L', coalesce(l.j ->> 'colllocale', l.j ->>" \
	" 'colliculocale')) END)" \
	"  FROM pg_collation k, LATERAL (SELECT to_jsonb(k) AS j) l WHERE k.oid = o.objid AND collprovider IN ('i', 'c'))" \
	" WHEN 'pg_cast'::regclass THEN (SELECT 'CREATE CAST ' || " CAST_NAME " || CASE castmethod" \
	"  WHEN 'f' THEN ' WITH FUNCTION ' || castfunc::regprocedure WHEN 'i' THEN ' WITH INOUT' ELSE ' WITHOUT" \
	" FUNCTION' END" \
	"  || CASE castcontext WHEN 'a' THEN ' AS ASSIGNMENT' WHEN 'i' THEN ' AS IMPLICIT' ELSE '' END" \
	"  FROM pg_cast WHERE oid = o.objid)" \
	" WHEN 'pg_ts_dict'::regclass THEN (SELECT format('CREATE TEXT SEARCH DICTIONARY %s (TEMPLATE = %s%s)'," \
	"  " NAME_IN("dictnamespace", "dictname") ", " NAME_IN("tmplnamespace", "tmplname") ", ', ' || dictinitoption)" \
	"  FROM pg_ts_dict d JOIN pg_ts_template t ON t.oid = dicttemplate WHERE d.oid = o.objid)" \
	" WHEN 'pg_ts_config'::regclass THEN (SELECT format('CREATE TEXT SEARCH CONFIGURATION %s (PARSER = %s)'," \
	"  " NAME_IN("cfgnamespace", "cfgname") ", " NAME_IN("prsnamespace", "prsname") ")" \
	"  FROM pg_ts_config d JOIN pg_ts_parser t ON t.oid = cfgparser WHERE d.oid = o.objid)" \
	" WHEN 'pg_extension'::regclass THEN (SELECT format('CREATE EXTENSION %I SCHEMA %I VERSION %L CASCADE', extname," \
	"  nspname, extversion) FROM pg_extension x JOIN pg_namespace n ON n.oid = extnamespace WHERE x.oid = o.objid)" \
	" END)"

/* "; .." statements that follow: owner, privileges, comments and what hangs on it. */
#define OBJECT_REST \
	"(CASE o.classid" \
	" WHEN 'pg_namespace'::regclass THEN (SELECT " OWNER("SCHEMA", "quote_ident(nspname)", "nspowner") \
	"  || " PRIVILEGES("SCHEMA", "quote_ident(nspname)", "nspacl", "nspowner") \
	"  || " REMARK("SCHEMA", "quote_ident(nspname)", "oid", "pg_namespace") \
	"  FROM pg_namespace WHERE oid = o.objid)" \
	" WHEN 'pg_type'::regclass THEN (SELECT " OWNER("TYPE", TYPE_NAME, "typowner") \
	"  || " PRIVILEGES("TYPE", TYPE_NAME, "typacl", "typowner") " || " REMARK("TYPE", TYPE_NAME, "t.oid", "pg_type") \
	"  FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace WHERE t.oid = o.objid)" \
	" WHEN 'pg_proc'::regclass THEN (SELECT " OWNER("ROUTINE", "p.oid::regprocedure", "proowner") \
	"  || " PRIVILEGES("ROUTINE", "p.oid::regprocedure", "proacl", "proowner") \
	"  || " REMARK("ROUTINE", "p.oid::regprocedure", "p.oid", "pg_proc") " FROM pg_proc p WHERE p.oid = o.objid)" \
	" WHEN 'pg_class'::regclass THEN (SELECT " VIEW_REST " FROM pg_class c JOIN pg_namespace n ON n.oid =" \
	" relnamespace" \
	"  WHERE c.oid = o.objid)" \
	" WHEN 'pg_operator'::regclass THEN (SELECT " OWNER("OPERATOR", "k.oid::regoperator", "oprowner") \
	"  || " REMARK("OPERATOR", "k.oid::regoperator", "k.oid", "pg_operator") " FROM pg_operator k WHERE k.oid =" \
	" o.objid)" \
	" WHEN 'pg_collation'::regclass THEN (SELECT" \
	" " OWNER("COLLATION", NAME_IN("collnamespace", "collname"), "collowner") \
	"  || " REMARK("COLLATION", NAME_IN("collnamespace", "collname"), "k.oid", "pg_collation") \
	"  FROM pg_collation k WHERE k.oid = o.objid)" \
	" WHEN 'pg_cast'::regclass THEN (SELECT " REMARK("CAST", CAST_NAME, "k.oid", "pg_cast") \
	"  FROM pg_cast k WHERE k.oid = o.objid)" \
	" WHEN 'pg_ts_dict'::regclass THEN (SELECT " \
	OWNER("TEXT SEARCH DICTIONARY", NAME_IN("dictnamespace", "dictname"), "dictowner") " || " \
	REMARK("TEXT SEARCH DICTIONARY", NAME_IN("dictnamespace", "dictname"), "k.oid", "pg_ts_dict") \
	"  FROM pg_ts_dict k WHERE k.oid = o.objid)" \
	" WHEN 'pg_ts_config'::regclass THEN (SELECT " \
	OWNER("TEXT SEARCH CONFIGURATION", NAME_IN("cfgnamespace", "cfgname"), "cfgowner") \
	"  || coalesce((SELECT string_agg(format('; ALTER TEXT SEARCH CONFIGURATION %s ADD MAPPING FOR %I WITH %s'," \
	"    " NAME_IN("cfgnamespace", "cfgname") ", x.alias, x.dicts), '' ORDER BY x.alias)" \
	"   FROM (SELECT y.alias, string_agg(" NAME_IN("dictnamespace", "dictname") ", ', ' ORDER BY mapseqno) AS dicts" \
	"     FROM pg_ts_config_map m JOIN ts_token_type(k.cfgparser) y ON y.tokid = m.maptokentype" \
	"     JOIN pg_ts_dict d ON d.oid = m.mapdict WHERE m.mapcfg = k.oid GROUP BY y.alias) x), '')" \
	"  || " REMARK("TEXT SEARCH CONFIGURATION", NAME_IN("cfgnamespace", "cfgname"), "k.oid", "pg_ts_config") \
	"  FROM pg_ts_config k WHERE k.oid = o.objid)" \
	" WHEN 'pg_extension'::regclass THEN (SELECT " \
	REMARK("EXTENSION", "quote_ident(extname)", "x.oid", "pg_extension") " FROM pg_extension x WHERE x.oid = o.objid)" \
	" END)"

/* The part of OBJECT_REST that is about privileges; null for kinds that have none. */
#define OBJECT_RIGHTS \
	"(CASE o.classid" \
	" WHEN 'pg_namespace'::regclass THEN (SELECT " PRIVILEGES("SCHEMA", "quote_ident(nspname)", "nspacl", "nspowner") \
	"  FROM pg_namespace WHERE oid = o.objid)" \
	" WHEN 'pg_type'::regclass THEN (SELECT " PRIVILEGES("TYPE", TYPE_NAME, "typacl", "typowner") \
	"  FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace WHERE t.oid = o.objid)" \
	" WHEN 'pg_proc'::regclass THEN (SELECT " PRIVILEGES("ROUTINE", "p.oid::regprocedure", "proacl", "proowner") \
	"  FROM pg_proc p WHERE p.oid = o.objid)" \
	" WHEN 'pg_class'::regclass THEN (SELECT " PRIVILEGES("TABLE", VIEW_NAME, "c.relacl", "c.relowner") \
	"  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE c.oid = o.objid)" \
	" END)"

/*
 * An object of a kind that is described here, made by a user and by itself: no member of an extension, nothing that
 * comes with another object.
 */
#define IS_OBJECT \
	"(o.objid >= 16384 AND NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = o.classid AND e.objid = o.objid" \
	" AND e.deptype IN ('e', 'i')) AND CASE o.classid" \
	" WHEN 'pg_namespace'::regclass THEN EXISTS (SELECT 1 FROM pg_namespace WHERE oid = o.objid" \
	"  AND nspname !~ '^(pg_|shard_[0-9]{4}$)')" \
	" WHEN 'pg_class'::regclass THEN EXISTS (SELECT 1 FROM pg_class WHERE oid = o.objid AND relkind = 'v')" \
	" WHEN 'pg_type'::regclass THEN EXISTS (SELECT 1 FROM pg_type t LEFT JOIN pg_class r ON r.oid = typrelid" \
	"  WHERE t.oid = o.objid AND typtype IN ('e', 'd', 'c', 'r') AND coalesce(r.relkind, 'c') = 'c')" \
	" ELSE o.classid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_collation'::regclass, 'pg_cast'::regclass," \
	"  'pg_ts_dict'::regclass, 'pg_ts_config'::regclass) END)"

#endif
