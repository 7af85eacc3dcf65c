/*
 * grant_carry.c
 *	  GRANT and REVOKE on tables, views and sequences.
 *
 * What names tables of the cluster only (or sequences of their columns) is
 * carried as it is. Of other lists, and of ALL .. IN SCHEMA, the rest runs here
 * as PostgreSQL does it, and what all nodes have is granted by name, everywhere.
 *
 * What it does not do: functions, schemas, types (object_carry.c); default
 * privileges.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "catalog/table_map.h"
#include "ddl/ddl_carry.h"
#include "ddl/ddl_special.h"
#include "ddl/object_carry.h"
#include "ddl/object_guard.h"
#include "ddl/table_definition.h"
#include "ddl/table_queries.h"

static const char *
role_text(const RoleSpec *role)
{
	switch (role->roletype)
	{
		case ROLESPEC_PUBLIC:
			return "PUBLIC";
		case ROLESPEC_CSTRING:
			return quote_identifier(role->rolename);
		case ROLESPEC_SESSION_USER:
			/* another on other nodes */
			return quote_identifier(GetUserNameFromId(GetSessionUserId(), false));
		default:
			return "CURRENT_USER";
	}
}

static void
append_privileges(StringInfo text, const List *privileges)
{
	ListCell   *lc;
	ListCell   *column;

	if (privileges == NIL)
		appendStringInfoString(text, "ALL");
	foreach(lc, privileges)
	{
		const AccessPriv *privilege = lfirst_node(AccessPriv, lc);

		appendStringInfo(text, "%s%s", foreach_current_index(lc) > 0 ? ", " : "",
						 privilege->priv_name != NULL ? privilege->priv_name : "ALL");
		foreach(column, privilege->cols)
			appendStringInfo(text, "%s%s", foreach_current_index(column) > 0 ? ", " : " (",
							 quote_identifier(strVal(lfirst(column))));
		if (privilege->cols != NIL)
			appendStringInfoChar(text, ')');
	}
}

/* The GRANT or REVOKE for one relation. */
static char *
grant_text(const GrantStmt *stmt, Oid relid)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	appendStringInfo(&text, "%s%s ", stmt->is_grant ? "GRANT" : "REVOKE",
					 !stmt->is_grant && stmt->grant_option ? " GRANT OPTION FOR" : "");
	append_privileges(&text, stmt->privileges);
	appendStringInfo(&text, " ON %s %s %s ", stmt->objtype == OBJECT_SEQUENCE ? "SEQUENCE" : "TABLE",
					 relation_qualified_name(relid), stmt->is_grant ? "TO" : "FROM");
	foreach(lc, stmt->grantees)
		appendStringInfo(&text, "%s%s", foreach_current_index(lc) > 0 ? ", " : "",
						 role_text(lfirst_node(RoleSpec, lc)));
	if (stmt->is_grant && stmt->grant_option)
		appendStringInfoString(&text, " WITH GRANT OPTION");
	if (stmt->grantor != NULL)
		appendStringInfo(&text, " GRANTED BY %s", role_text(stmt->grantor));
	if (!stmt->is_grant && stmt->behavior == DROP_CASCADE)
		appendStringInfoString(&text, " CASCADE");
	return text.data;
}

static bool
is_of_ours(Oid relid)
{
	if (get_rel_relkind(relid) == RELKIND_SEQUENCE)
		return OidIsValid(ddl_sequence_table(relid));
	return table_info(relid) != NULL;
}

/* What this node has been told of a relation that is none of ours goes to the others, if it is a view they have. */
static void
grant_view_elsewhere(const GrantStmt *stmt, Oid relid)
{
	if (get_rel_relkind(relid) == RELKIND_VIEW)
		object_carry_done(relid, grant_text(stmt, relid));
}

/* A list of relations, some of ours. */
static void
grant_mixture(UtilityCall *call, const GrantStmt *stmt)
{
	GrantStmt  *rest = copyObjectImpl(stmt);
	List	   *ours = NIL;
	Oid			shard_table = statement_shard_table((const Node *) stmt);
	ListCell   *lc;

	if (OidIsValid(shard_table))
		shard_table_refuse_ddl(shard_table);
	foreach(lc, rest->objects)
	{
		Oid			relid = RangeVarGetRelid(lfirst_node(RangeVar, lc), NoLock, false);

		if (!is_of_ours(relid))
			continue;
		ours = list_append_unique_oid(ours, relid);
		rest->objects = foreach_delete_current(rest->objects, lc);
	}
	utility_run_as_is(call, (Node *) rest);
	CommandCounterIncrement();
	foreach(lc, rest->objects)
		grant_view_elsewhere(stmt, RangeVarGetRelid(lfirst_node(RangeVar, lc), NoLock, false));
	foreach(lc, ours)
		ddl_carry_text(grant_text(stmt, lfirst_oid(lc)));
}

/* After ALL .. IN SCHEMA has run here. */
static void
grant_by_name(const GrantStmt *all)
{
	const char *query = all->objtype == OBJECT_SEQUENCE ?
		"SELECT oid::text FROM pg_class WHERE relnamespace = $1 AND relkind = 'S' ORDER BY oid" :
		"SELECT oid::text FROM pg_class WHERE relnamespace = $1 AND relkind IN ('r', 'v') ORDER BY oid";
	ListCell   *schema;
	ListCell   *lc;

	foreach(schema, all->objects)
	{
		Oid			schema_oid = get_namespace_oid(strVal(lfirst(schema)), false);

		foreach(lc, definition_query(query, OIDOID, ObjectIdGetDatum(schema_oid)))
		{
			Oid			relid = (Oid) strtoul(lfirst(lc), NULL, 10);

			if (is_of_ours(relid))
				ddl_carry_text(grant_text(all, relid));
			else
				grant_view_elsewhere(all, relid);
		}
	}
}

bool
special_grant(UtilityCall *call)
{
	GrantStmt  *stmt = castNode(GrantStmt, call->pstmt->utilityStmt);
	bool		others;

	if ((stmt->objtype != OBJECT_TABLE && stmt->objtype != OBJECT_SEQUENCE) || stmt->targtype == ACL_TARGET_DEFAULTS)
		return false;
	if (stmt->targtype == ACL_TARGET_OBJECT)
	{
		if (ddl_tables_of_ours((Node *) stmt, &others) == NIL || !others)
			return utility_carry(call);
		grant_mixture(call, stmt);
		return true;
	}
	utility_run_as_is(call, (Node *) stmt);
	CommandCounterIncrement();
	grant_by_name(stmt);
	return true;
}
