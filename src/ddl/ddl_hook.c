/*
 * ddl_hook.c
 *	  Sees utility statements before PostgreSQL does.
 *
 * A table says which kinds of statements may concern tables of ours and who
 * looks at them; all others, and those that concern no table of ours, go on
 * untouched. What names our tables is carried to all nodes and shards
 * (ddl_carry.c) or refused. Shard tables are changed by us only. What drops a
 * table of ours on another way (DROP SCHEMA .. CASCADE, DROP OWNED) is caught by
 * the object access hook.
 *
 * COPY and cursors are the business of other hooks.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/lsyscache.h"

#include "base/errors.h"
#include "base/settings.h"
#include "base/statement_note.h"
#include "catalog/node_map.h"
#include "catalog/shell_am.h"
#include "catalog/table_map.h"
#include "ddl/ddl_carry.h"
#include "ddl/ddl_hook.h"
#include "ddl/ddl_special.h"
#include "ddl/retarget.h"
#include "ddl/shard_apply.h"

static ProcessUtility_hook_type previous_utility = NULL;
static object_access_hook_type previous_object_access = NULL;

static void
run_next(UtilityCall *call, Node *statement)
{
	ProcessUtility_hook_type next = previous_utility ? previous_utility : standard_ProcessUtility;
	PlannedStmt *pstmt = call->pstmt;

	if (statement != pstmt->utilityStmt)
	{
		pstmt = copyObject(pstmt);
		pstmt->utilityStmt = statement;
	}
	next(pstmt, call->query_string, call->read_only_tree, call->context, call->params, call->query_env,
		 call->dest, call->qc);
}

void
utility_run_as_is(UtilityCall *call, Node *statement)
{
	run_next(call, statement);
}

/* The statement on the shell, by PostgreSQL itself. */
static void
run_on_shell(Node *statement, void *arg)
{
	ddl_stand_aside((DdlStandAside) run_next, arg, statement);
}

/* The text of this statement alone. */
char *
utility_text(const UtilityCall *call)
{
	int			location = Max(call->pstmt->stmt_location, 0);
	int			length = call->pstmt->stmt_len;

	return length > 0 ? pnstrdup(call->query_string + location, length) : pstrdup(call->query_string + location);
}

/* A shard table, or an index of one, that the statement is about; InvalidOid if none. */
static Oid
find_shard_table(const Node *statement)
{
	ListCell   *lc;

	foreach(lc, statement_relations(statement))
	{
		int			shard;

		if (OidIsValid(table_shell_of(lfirst_oid(lc), &shard)))
			return lfirst_oid(lc);
	}
	return InvalidOid;
}

static void
refuse_shard_table(Oid relid)
{
	ereport(ERROR,
			(errcode(ERRCODE_SX_NOT_SUPPORTED),
			 errmsg("\"%s.%s\" belongs to a logical shard and cannot be changed by itself",
					get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid)),
			 errdetail("The tables of all shards are kept alike."),
			 errhint("Run the statement on the table itself.")));
}

/* Carry the statement, if it is about tables of ours. */
static bool
handle_carried(UtilityCall *call)
{
	Node	   *statement = call->pstmt->utilityStmt;
	bool		others;
	List	   *relids = ddl_tables_of_ours(statement, &others);
	Oid			shard_table = find_shard_table(statement);

	if (OidIsValid(shard_table))
		refuse_shard_table(shard_table);
	if (relids == NIL)
		return false;
	if (others && !IsA(statement, AlterTableStmt) && !IsA(statement, CreateTrigStmt) && !IsA(statement, IndexStmt))
		reason_raise(reason_make("Use one statement for the tables of the cluster and one for the others.",
								 "It names tables of the cluster and others."),
					 "this statement is not supported");
	statement = copyObject(statement);
	ddl_carry(statement, utility_text(call), relids, run_on_shell, call);
	return true;
}

/* A foreign key of an ordinary table to a sharded one. */
static void
refuse_foreign_keys(Node *statement)
{
	List	   *relations = statement_relations(statement);
	ListCell   *lc;

	foreach(lc, relations)
	{
		const TableInfo *table = table_info(lfirst_oid(lc));

		if (table == NULL || table->kind != TABLE_SHARDED)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_SX_NOT_SUPPORTED),
				 errmsg("a table that is not sharded cannot reference sharded table \"%s\"",
						get_rel_name(table->relid)),
				 errdetail("The rows of \"%s\" lie on all nodes.", get_rel_name(table->relid)),
				 errhint("Create the table without the constraint, shard it, and add the constraint then.")));
	}
}

static bool
is_shard_schema(const char *name)
{
	return name != NULL && strlen(name) == strlen("shard_0000") && strncmp(name, "shard_", 6) == 0 &&
		strspn(name + 6, "0123456789") == 4;
}

static bool
handle_create_table(UtilityCall *call)
{
	CreateStmt *stmt = castNode(CreateStmt, call->pstmt->utilityStmt);
	ListCell   *lc;

	if (stmt->relation->schemaname != NULL && is_shard_schema(stmt->relation->schemaname) && !session_is_forwarded())
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("schema \"%s\" is reserved for the tables of a logical shard", stmt->relation->schemaname),
				 errdetail("Only shardext makes tables there."),
				 errhint("Use another schema.")));
	foreach(lc, stmt->inhRelations)
	{
		Oid			parent = RangeVarGetRelid(lfirst_node(RangeVar, lc), NoLock, true);

		if (OidIsValid(parent) && table_info(parent) != NULL)
			reason_raise(reason_make("Use CREATE TABLE ... (LIKE ...).",
									 "Sharded and reference tables take no part in inheritance."),
						 "inheriting from a table of the cluster is not supported");
	}
	refuse_foreign_keys((Node *) stmt);
	return false;
}

static bool
handle_alter_table(UtilityCall *call)
{
	if (handle_carried(call))
		return true;
	refuse_foreign_keys(call->pstmt->utilityStmt);
	return false;
}

static bool
handle_create_schema(UtilityCall *call)
{
	const char *name = castNode(CreateSchemaStmt, call->pstmt->utilityStmt)->schemaname;

	if (is_shard_schema(name))
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("schema name \"%s\" is reserved", name),
				 errdetail("The names shard_0000 to shard_8191 are those of the logical shards."),
				 errhint("Choose another name.")));
	return false;
}

/* Kinds of statements that may concern tables of ours. true: done, PostgreSQL need not see it. */
static const struct
{
	NodeTag		tag;
	bool		(*handle) (UtilityCall *call);
}			kinds[] = {
	{T_CreateStmt, handle_create_table},
	{T_CreateSchemaStmt, handle_create_schema},
	{T_AlterTableStmt, handle_alter_table},
	{T_AlterObjectSchemaStmt, handle_carried},
	{T_RenameStmt, handle_carried},
	{T_DropStmt, special_drop},
	{T_TruncateStmt, handle_carried},
	{T_IndexStmt, special_index},
	{T_ReindexStmt, handle_carried},
	{T_ClusterStmt, handle_carried},
	{T_LockStmt, handle_carried},
	{T_VacuumStmt, special_vacuum},
	{T_CreateTrigStmt, handle_carried},
	{T_RuleStmt, handle_carried},
	{T_CreateStatsStmt, handle_carried},
	{T_CreatePolicyStmt, handle_carried},
	{T_AlterPolicyStmt, handle_carried},
	{T_GrantStmt, special_grant},
	{T_CommentStmt, handle_carried},
};

bool
utility_carry(UtilityCall *call)
{
	return handle_carried(call);
}

static bool
handle(UtilityCall *call)
{
	for (int i = 0; i < lengthof(kinds); i++)
	{
		if (kinds[i].tag == nodeTag(call->pstmt->utilityStmt))
			return cluster_info() != NULL && kinds[i].handle(call);
	}
	return false;
}

static void
process_utility(PlannedStmt *pstmt, const char *query_string, bool read_only_tree, ProcessUtilityContext context,
				ParamListInfo params, QueryEnvironment *query_env, DestReceiver *dest, QueryCompletion *qc)
{
	UtilityCall call = {pstmt, query_string, read_only_tree, context, params, query_env, dest, qc};

	if (!ddl_is_applying() && context != PROCESS_UTILITY_SUBCOMMAND && IsTransactionState() &&
		statement_note_parse(query_string).kind != NOTE_DDL && handle(&call))
		return;
	run_next(&call, pstmt->utilityStmt);
}

/* Something is about to be dropped that is not by a statement of ours. */
static void
object_access(ObjectAccessType access, Oid classid, Oid object, int subid, void *arg)
{
	int			shard;

	if (previous_object_access)
		previous_object_access(access, classid, object, subid, arg);
	if (access != OAT_DROP || classid != RelationRelationId || ddl_is_applying() || object < FirstNormalObjectId ||
		creating_extension || !IsTransactionState() || cluster_info() == NULL)
		return;
	if (get_rel_relkind(object) != RELKIND_RELATION)
		return;
	if (table_info(object) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SX_NOT_SUPPORTED),
				 errmsg("table \"%s\" of the cluster cannot be dropped by this statement", get_rel_name(object)),
				 errdetail("It has rows on other nodes, which the statement does not reach."),
				 errhint("Drop it, or its column, by DROP TABLE or ALTER TABLE first.")));
	if (OidIsValid(table_shell_of(object, &shard)))
		refuse_shard_table(object);
}

void
ddl_hook_preload(void)
{
	previous_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
	previous_object_access = object_access_hook;
	object_access_hook = object_access;
}
