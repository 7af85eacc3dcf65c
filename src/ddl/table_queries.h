/*
 * table_queries.h
 *	  Pieces of the catalog queries that describe a table; $1 is its OID.
 */
#ifndef SHARDEXT_TABLE_QUERIES_H
#define SHARDEXT_TABLE_QUERIES_H

#include "postgres.h"
#include "nodes/pg_list.h"

/* The qualified name of the table, to be used with FROM pg_class c JOIN pg_namespace n. */
#define TABLE_NAME "format('%I.%I', n.nspname, c.relname)"
#define FROM_TABLE " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
#define THIS_TABLE " WHERE c.oid = $1 "

/* Objects of the table itself, and sequences its defaults draw from. */
#define TABLE_SEQUENCES \
	"(SELECT d.objid AS seq, d.refobjsubid AS attnum, d.deptype FROM pg_depend d JOIN pg_class s ON s.oid = d.objid" \
	" WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1" \
	" AND d.deptype IN ('a', 'i') AND s.relkind = 'S'" \
	" UNION ALL SELECT d.refobjid, min(a.adnum), 'n'::\"char\" FROM pg_attrdef a JOIN pg_depend d" \
	" ON d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid AND d.refclassid = 'pg_class'::regclass" \
	" JOIN pg_class s ON s.oid = d.refobjid AND s.relkind = 'S' WHERE a.adrelid = $1" \
	" AND NOT EXISTS (SELECT 1 FROM pg_depend o WHERE o.classid = 'pg_class'::regclass AND o.objid = d.refobjid" \
	" AND o.refclassid = 'pg_class'::regclass AND o.deptype IN ('a', 'i')) GROUP BY d.refobjid)"

/* Those that are cut into blocks. What cycles, or counts down, is left alone: it promises nothing. */
#define BLOCK_SEQUENCES \
	" FROM " TABLE_SEQUENCES " q JOIN pg_sequence s ON s.seqrelid = q.seq AND s.seqincrement > 0 AND NOT s.seqcycle" \
	" JOIN pg_class c ON c.oid = q.seq JOIN pg_namespace n ON n.oid = c.relnamespace"

/* First column of the query's rows, as strings of the caller's memory context; search_path is pg_catalog. */
extern List *definition_query(const char *sql, Oid argtype, Datum arg);

/* The statements with what they need before them: the path in which operators without a name are found. */
extern List *definition_with_path(List *statements);

#endif
