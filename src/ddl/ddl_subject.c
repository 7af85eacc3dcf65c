/*
 * ddl_subject.c
 *	  Which tables of the cluster a utility statement is about.
 *
 * A statement may name a table, an index of one, or a sequence that its columns
 * draw from. Of statements that change one table and refer to others only the
 * first counts.
 *
 * What it does not do: finding names in parse trees (retarget.c).
 */
#include "postgres.h"

#include "catalog/index.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "nodes/parsenodes.h"
#include "utils/lsyscache.h"

#include "catalog/table_map.h"
#include "ddl/ddl_carry.h"
#include "ddl/retarget.h"
#include "ddl/table_queries.h"

Oid
ddl_sequence_table(Oid sequence)
{
	static const char *const query =
		"SELECT refobjid::text FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = $1"
		" AND refclassid = 'pg_class'::regclass AND deptype IN ('a', 'i')"
		" UNION ALL SELECT adrelid::text FROM pg_attrdef a JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass"
		" AND d.objid = a.oid WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1";
	ListCell   *lc;

	foreach(lc, definition_query(query, OIDOID, ObjectIdGetDatum(sequence)))
	{
		Oid			relid = (Oid) strtoul(lfirst(lc), NULL, 10);

		if (table_info(relid) != NULL)
			return relid;
	}
	return InvalidOid;
}

Oid
ddl_table_of(const Node *statement, Oid relid)
{
	char		relkind = get_rel_relkind(relid);

	if (relkind == RELKIND_INDEX)
		return IndexGetRelation(relid, true);
	if (relkind == RELKIND_SEQUENCE && (IsA(statement, GrantStmt) || IsA(statement, RenameStmt)))
		return ddl_sequence_table(relid);
	return relid;
}

/* Statements whose first relation is what they change; others are only referred to. */
static bool
has_single_target(const Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_AlterTableStmt:
		case T_IndexStmt:
		case T_CreateTrigStmt:
		case T_CreateStmt:
			return true;
		default:
			return false;
	}
}

List *
ddl_tables_of_ours(const Node *statement, bool *others)
{
	List	   *ours = NIL;
	ListCell   *lc;

	*others = false;
	foreach(lc, statement_relations(statement))
	{
		Oid			relid = ddl_table_of(statement, lfirst_oid(lc));

		if (OidIsValid(relid) && table_info(relid) != NULL)
			ours = list_append_unique_oid(ours, relid);
		else
			*others = true;
		if (has_single_target(statement))
			break;
	}
	return ours;
}
