/*
 * ddl_special.c
 *	  Utility statements that need more than being carried.
 *
 * DROP EXTENSION shardext: refused by PostgreSQL without CASCADE, as shells
 * depend on their access method. With CASCADE shells first become ordinary,
 * empty tables, and a WARNING says where the rows are.
 * DROP TABLE of several kinds of tables: the ordinary ones first, as it is; then
 * the sharded, then the reference tables, whom sharded ones may reference.
 * LOCK TABLE of several kinds likewise.
 * GRANT .. ON ALL TABLES IN SCHEMA: runs as it is; then the tables of the cluster
 * and views in those schemas are granted by name, everywhere.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "ddl/ddl_carry.h"
#include "ddl/ddl_special.h"
#include "ddl/object_carry.h"
#include "ddl/object_guard.h"
#include "ddl/shard_apply.h"
#include "ddl/shell.h"
#include "ddl/table_definition.h"
#include "ddl/table_queries.h"

static bool
drops_our_extension(const DropStmt *stmt)
{
	ListCell   *lc;

	if (stmt->removeType != OBJECT_EXTENSION)
		return false;
	foreach(lc, stmt->objects)
	{
		if (strcmp(strVal(lfirst(lc)), "shardext") == 0)
			return true;
	}
	return false;
}

/* Shells become ordinary empty tables; reference tables lose their guard with the extension. */
static void
leave_shells(UtilityCall *call)
{
	ListCell   *lc;

	foreach(lc, table_list())
	{
		const TableInfo *table = lfirst(lc);

		if (table->kind != TABLE_SHARDED)
			continue;
		shell_silence_foreign_keys(table->relid, false);
		shell_unmake(table->relid);
		ereport(WARNING,
				(errmsg("table \"%s\" is an ordinary, empty table now", get_rel_name(table->relid)),
				 errdetail("Its rows remain in the schemas shard_NNNN of this node "
						   "and of the other nodes of the cluster.")));
	}
}

static void
drop_extension(void *arg, Node *statement)
{
	utility_run_as_is(arg, statement);
}

/* The tables a DROP or LOCK TABLE names, by kind: parse tree objects of ordinary (or no) tables, OIDs of ours. */
typedef struct TableGroups
{
	List	   *ordinary;
	List	   *sharded;
	List	   *reference;
} TableGroups;

/* objects: RangeVars, or lists of names. */
static TableGroups
group_tables(const List *objects)
{
	TableGroups groups = {NIL, NIL, NIL};
	ListCell   *lc;

	foreach(lc, objects)
	{
		RangeVar   *name = IsA(lfirst(lc), RangeVar) ? lfirst(lc) : makeRangeVarFromNameList(lfirst(lc));
		Oid			relid = RangeVarGetRelid(name, NoLock, true);
		const TableInfo *table = OidIsValid(relid) ? table_info(relid) : NULL;

		if (table == NULL)
			groups.ordinary = lappend(groups.ordinary, lfirst(lc));
		else if (table->kind == TABLE_SHARDED)
			groups.sharded = list_append_unique_oid(groups.sharded, relid);
		else
			groups.reference = list_append_unique_oid(groups.reference, relid);
	}
	return groups;
}

static bool
is_of_one_kind(const TableGroups *groups)
{
	return (groups->ordinary != NIL) + (groups->sharded != NIL) + (groups->reference != NIL) <= 1;
}

/* "verb a, b.c end" for these tables of ours, everywhere. */
static void
carry_by_name(const char *verb, const List *relids, const char *end)
{
	StringInfoData text;
	ListCell   *lc;

	if (relids == NIL)
		return;
	initStringInfo(&text);
	appendStringInfo(&text, "%s ", verb);
	foreach(lc, relids)
		appendStringInfo(&text, "%s%s", foreach_current_index(lc) > 0 ? ", " : "",
						 relation_qualified_name(lfirst_oid(lc)));
	appendStringInfoString(&text, end);
	ddl_carry_text(text.data);
	CommandCounterIncrement();
}

/* DROP TABLE of tables of several kinds; false: they are all of one kind. */
static bool
drop_groups(UtilityCall *call, DropStmt *stmt)
{
	TableGroups groups = group_tables(stmt->objects);
	const char *end = stmt->behavior == DROP_CASCADE ? " CASCADE" : "";
	DropStmt   *ordinary;

	if (is_of_one_kind(&groups))
		return false;
	if (groups.ordinary != NIL)
	{
		ordinary = copyObject(stmt);
		ordinary->objects = groups.ordinary;
		utility_run_as_is(call, (Node *) ordinary);
		CommandCounterIncrement();
	}
	carry_by_name("DROP TABLE", groups.sharded, end);
	carry_by_name("DROP TABLE", groups.reference, end);
	return true;
}

/* LOCK TABLE of tables of several kinds, as pg_dump of 16 and later says it. */
bool
special_lock(UtilityCall *call)
{
	static const char *const modes[] = {
		"", "ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", "SHARE",
		"SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE"
	};
	LockStmt   *stmt = castNode(LockStmt, call->pstmt->utilityStmt);
	TableGroups groups = group_tables(stmt->relations);
	Oid			shard_table = statement_shard_table((Node *) stmt);
	const char *end;

	if (is_of_one_kind(&groups))
		return utility_carry(call);
	if (OidIsValid(shard_table))
		shard_table_refuse_ddl(shard_table);
	RequireTransactionBlock(call->context == PROCESS_UTILITY_TOPLEVEL, "LOCK TABLE");
	if (groups.ordinary != NIL)
	{
		LockStmt   *ordinary = copyObject(stmt);

		ordinary->relations = groups.ordinary;
		utility_run_as_is(call, (Node *) ordinary);
	}
	end = psprintf(" IN %s MODE%s", modes[stmt->mode], stmt->nowait ? " NOWAIT" : "");
	carry_by_name("LOCK TABLE", groups.sharded, end);
	carry_by_name("LOCK TABLE", groups.reference, end);
	return true;
}

bool
special_drop(UtilityCall *call)
{
	DropStmt   *stmt = castNode(DropStmt, call->pstmt->utilityStmt);

	if (stmt->removeType == OBJECT_TABLE && drop_groups(call, stmt))
		return true;
	if (!drops_our_extension(stmt))
		return utility_carry(call);
	if (stmt->behavior == DROP_CASCADE && table_list() != NIL)
		leave_shells(call);
	ddl_stand_aside(drop_extension, call, (Node *) stmt);
	return true;
}

/* The GRANT or REVOKE for one relation. */
static char *
grant_text(const GrantStmt *all, Oid relid)
{
	StringInfoData text;
	ListCell   *item;

	initStringInfo(&text);
	appendStringInfo(&text, "%s%s ", all->is_grant ? "GRANT" : "REVOKE",
					 !all->is_grant && all->grant_option ? " GRANT OPTION FOR" : "");
	foreach(item, all->privileges)
		appendStringInfo(&text, "%s%s", foreach_current_index(item) > 0 ? ", " : "",
						 lfirst_node(AccessPriv, item)->priv_name);
	appendStringInfo(&text, "%s ON TABLE %s %s ", all->privileges == NIL ? "ALL" : "",
					 relation_qualified_name(relid), all->is_grant ? "TO" : "FROM");
	foreach(item, all->grantees)
	{
		RoleSpec   *role = lfirst_node(RoleSpec, item);

		appendStringInfo(&text, "%s%s", foreach_current_index(item) > 0 ? ", " : "",
						 role->roletype == ROLESPEC_PUBLIC ? "PUBLIC" :
						 role->roletype == ROLESPEC_CSTRING ? quote_identifier(role->rolename) :
						 role->roletype == ROLESPEC_SESSION_USER ?
						 quote_identifier(GetUserNameFromId(GetSessionUserId(), false)) : "CURRENT_USER");
	}
	if (all->is_grant && all->grant_option)
		appendStringInfoString(&text, " WITH GRANT OPTION");
	if (!all->is_grant && all->behavior == DROP_CASCADE)
		appendStringInfoString(&text, " CASCADE");
	return text.data;
}

/* By name, for the tables of ours in the schemas, and the views that all nodes have. */
static void
grant_by_name(const GrantStmt *all)
{
	ListCell   *lc;
	ListCell   *schema;

	foreach(schema, all->objects)
	{
		Oid			schema_oid = get_namespace_oid(strVal(lfirst(schema)), false);

		foreach(lc, table_list())
		{
			const TableInfo *table = lfirst(lc);

			if (get_rel_namespace(table->relid) == schema_oid)
				ddl_carry_text(grant_text(all, table->relid));
		}
		foreach(lc, definition_query("SELECT oid::text FROM pg_class WHERE relnamespace = $1 AND relkind = 'v'"
									 " ORDER BY oid", OIDOID, ObjectIdGetDatum(schema_oid)))
		{
			Oid			view = (Oid) strtoul(lfirst(lc), NULL, 10);

			object_carry_done(view, grant_text(all, view));
		}
	}
}

bool
special_grant(UtilityCall *call)
{
	GrantStmt  *stmt = castNode(GrantStmt, call->pstmt->utilityStmt);

	if (stmt->objtype != OBJECT_TABLE || stmt->targtype == ACL_TARGET_DEFAULTS)
		return false;
	if (stmt->targtype == ACL_TARGET_OBJECT)
		return utility_carry(call);
	utility_run_as_is(call, (Node *) stmt);
	CommandCounterIncrement();
	grant_by_name(stmt);
	return true;
}
