/*
 * table_definition.h
 *	  A table as SQL statements over its own qualified name.
 */
#ifndef SHARDEXT_TABLE_DEFINITION_H
#define SHARDEXT_TABLE_DEFINITION_H

#include "postgres.h"
#include "nodes/pg_list.h"

/* In the order in which they must run. */
typedef enum DefinitionPart
{
	DEFINE_REQUIRED,			/* schemas, types, functions the table needs, each made only if missing */
	DEFINE_TABLE,				/* CREATE TABLE with holes for dropped columns, column and storage settings */
	DEFINE_CHECKS,				/* CHECK constraints that are valid */
	DEFINE_DEFAULTS,			/* sequences, identity, defaults */
	DEFINE_OWNER,
	DEFINE_INDEXES,				/* primary key, unique and exclusion constraints, indexes, statistics objects */
	DEFINE_FOREIGN_KEYS,		/* and constraints that are not valid */
	DEFINE_TRIGGERS,			/* and that row security is on: see ddl_rules.c */
	DEFINE_RIGHTS				/* policies, privileges, comments */
} DefinitionPart;

/*
 * List of char *. Every name in them is qualified, so they mean the same under
 * any search_path.
 */
extern List *table_definition(Oid relid, DefinitionPart part);

/* Parts first .. last, one after the other. */
extern List *table_definition_parts(Oid relid, DefinitionPart first, DefinitionPart last);

/*
 * SELECT statements to be run on every node so that the sequences of the table
 * draw cluster-unique values: each node gets a block of its own. settled: the
 * blocks were given out before (a new node gets its own of them).
 */
extern List *table_sequence_blocks(Oid relid, bool settled);

/* "schema"."name" */
extern char *relation_qualified_name(Oid relid);

#endif
