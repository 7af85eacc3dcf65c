/*
 * ddl_hook.c
 *	  Sees utility statements before PostgreSQL does.
 *
 * A table says which kinds of statements may concern tables of ours and who
 * looks at them; all others, and those that concern no table of ours, go on
 * untouched. What names our tables is carried to all nodes and shards
 * (ddl_carry.c) or refused. Shard tables are changed by us only.
 *
 * COPY and cursors are the business of other hooks.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/extension.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parse_type.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "base/errors.h"
#include "base/settings.h"
#include "base/statement_note.h"
#include "catalog/cluster_secret.h"
#include "catalog/table_map.h"
#include "ddl/ddl_carry.h"
#include "ddl/ddl_gate.h"
#include "ddl/ddl_hook.h"
#include "ddl/ddl_special.h"
#include "ddl/default_rights.h"
#include "ddl/object_carry.h"
#include "ddl/object_guard.h"
#include "ddl/retarget.h"
#include "ddl/role_objects.h"
#include "ddl/shard_apply.h"

static ProcessUtility_hook_type previous_utility = NULL;

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

/* Carry the statement, if it is about tables of ours. */
static bool
handle_carried(UtilityCall *call)
{
	Node	   *statement = call->pstmt->utilityStmt;
	bool		others;
	List	   *relids = ddl_tables_of_ours(statement, &others);
	Oid			shard_table = statement_shard_table(statement);

	if (OidIsValid(shard_table))
		shard_table_refuse_ddl(shard_table);
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
				 errhint("Create the table without the constraint, shard it by the columns of the constraint with "
						 "strategy \"%s\", and add the constraint then.", table->spec.strategy->name)));
	}
}

static bool
handle_set_schema(UtilityCall *call)
{
	const char *schema = castNode(AlterObjectSchemaStmt, call->pstmt->utilityStmt)->newschema;

	if (shard_schema_is_name(schema))
		shard_schema_refuse(schema);
	return handle_carried(call);
}

/* Schemas of shards keep their names, and so do schemas with tables of the cluster: other nodes have them too. */
static void
refuse_schema_rename(const RenameStmt *stmt)
{
	Oid			schema = get_namespace_oid(stmt->subname, true);
	const char *inside = NULL;
	ListCell   *lc;

	if (shard_schema_is_name(stmt->newname))
		shard_schema_refuse(stmt->newname);
	if (shard_schema_is_name(stmt->subname) && shard_schema_is_ours(schema, atoi(stmt->subname + strlen("shard_"))))
		shard_schema_refuse(stmt->subname);
	foreach(lc, table_list())
	{
		Oid			relid = ((const TableInfo *) lfirst(lc))->relid;

		if (OidIsValid(schema) && get_rel_namespace(relid) == schema &&
			(inside == NULL || strcmp(get_rel_name(relid), inside) < 0))
			inside = get_rel_name(relid);
	}
	if (inside != NULL)
		reason_raise(reason_make("Make a new schema on every node, and use ALTER TABLE ... SET SCHEMA "
								 "after shardext.unshard_table.",
								 "Table \"%s\" lies in it, and in the schema of this name on every node.", inside),
					 "renaming a schema with tables of the cluster is not supported");
}

static bool
handle_rename(UtilityCall *call)
{
	const RenameStmt *stmt = castNode(RenameStmt, call->pstmt->utilityStmt);

	if (stmt->renameType == OBJECT_SCHEMA)
		refuse_schema_rename(stmt);
	return handle_carried(call);
}

pg_noreturn static void
refuse_inheritance(void)
{
	reason_raise(reason_make("Use CREATE TABLE ... (LIKE ...).",
							 "Sharded and reference tables take no part in inheritance."),
				 "inheriting from a table of the cluster is not supported");
}

/* Something of the name exists: that is PostgreSQL's to say, as an error or (IF NOT EXISTS) a notice. */
static bool
is_there_already(const RangeVar *name)
{
	return OidIsValid(get_relname_relid(name->relname, RangeVarGetCreationNamespace(name)));
}

static bool
handle_create_table(UtilityCall *call)
{
	CreateStmt *stmt = castNode(CreateStmt, call->pstmt->utilityStmt);
	Oid			shard_table = statement_shard_table((Node *) stmt);
	CreateStmt	referenced = *stmt;
	ListCell   *lc;

	/* as a parent, or what a foreign key refers to */
	if (OidIsValid(shard_table))
		shard_table_refuse_ddl(shard_table);
	if (shard_schema_is_name(stmt->relation->schemaname))
		shard_schema_refuse(stmt->relation->schemaname);
	if (is_there_already(stmt->relation))
		return false;
	foreach(lc, stmt->inhRelations)
	{
		Oid			parent = RangeVarGetRelid(lfirst_node(RangeVar, lc), NoLock, true);

		if (OidIsValid(parent) && table_info(parent) != NULL)
			refuse_inheritance();
	}
	/* a table of the new one's name is another matter: PostgreSQL's */
	referenced.relation = NULL;
	refuse_foreign_keys((Node *) &referenced);
	return false;
}

/* INHERIT and ATTACH PARTITION of an ordinary table that name one of ours. */
static void
refuse_new_parents(const Node *statement)
{
	ListCell   *lc;

	foreach(lc, castNode(AlterTableStmt, unconstify(Node *, statement))->cmds)
	{
		const AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);
		RangeVar   *other = cmd->subtype == AT_AddInherit ? castNode(RangeVar, cmd->def) :
			cmd->subtype == AT_AttachPartition ? castNode(PartitionCmd, cmd->def)->name : NULL;
		Oid			relid = other ? RangeVarGetRelid(other, NoLock, true) : InvalidOid;

		if (OidIsValid(relid) && table_info(relid) != NULL)
			refuse_inheritance();
	}
}

/* The hash of an enum value is that of its label: rows would not be found any more. */
static bool
handle_alter_enum(UtilityCall *call)
{
	AlterEnumStmt *stmt = castNode(AlterEnumStmt, call->pstmt->utilityStmt);
	Oid			type = stmt->oldVal ? typenameTypeId(NULL, makeTypeNameFromNameList(stmt->typeName)) : InvalidOid;
	ListCell   *lc;

	if (!OidIsValid(type))
		return false;
	foreach(lc, table_list())
	{
		const TableInfo *table = lfirst(lc);

		for (int i = 0; i < table->nkeys; i++)
		{
			Oid			key = getBaseType(get_atttype(table->relid, table->keys[i]));
			Oid			element = get_element_type(key);

			if (key == type || (OidIsValid(element) && getBaseType(element) == type))
				reason_raise(reason_make("Call shardext.unshard_table, rename the value on all nodes, "
										 "and shard the table again.",
										 "The values of type %s decide where the rows of \"%s\" lie.",
										 format_type_be(type), get_rel_name(table->relid)),
							 "renaming a value of the type of a shard key is not supported");
		}
	}
	return false;
}

static bool
handle_alter_table(UtilityCall *call)
{
	if (special_identity(call) || handle_carried(call))
		return true;
	refuse_new_parents(call->pstmt->utilityStmt);
	refuse_foreign_keys(call->pstmt->utilityStmt);
	return false;
}

static bool
handle_create_schema(UtilityCall *call)
{
	const char *name = castNode(CreateSchemaStmt, call->pstmt->utilityStmt)->schemaname;

	if (shard_schema_is_name(name))
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("schema name \"%s\" is reserved", name),
				 errdetail("The names shard_0000 to shard_8191 are those of the logical shards."),
				 errhint("Choose another name.")));
	return false;
}

/*
 * Kinds of statements that may concern tables of ours, or objects that all nodes
 * have. true: done, PostgreSQL need not see it. What a handler leaves, and what has
 * none, may be about an object (object_carry.c).
 */
static const struct
{
	NodeTag		tag;
	bool		(*handle) (UtilityCall *call);
}			kinds[] = {
	{T_CreateStmt, handle_create_table},
	{T_CreateSchemaStmt, handle_create_schema},
	{T_AlterTableStmt, handle_alter_table},
	{T_CreateSeqStmt, special_create_sequence},
	{T_AlterSeqStmt, special_sequence},
	{T_AlterEnumStmt, handle_alter_enum},
	{T_AlterObjectSchemaStmt, handle_set_schema},
	{T_RenameStmt, handle_rename},
	{T_DropStmt, special_drop},
	{T_TruncateStmt, special_truncate},
	{T_IndexStmt, special_index},
	{T_ReindexStmt, special_reindex},
	{T_ClusterStmt, special_cluster},
	{T_LockStmt, special_lock},
	{T_VacuumStmt, special_vacuum},
	{T_CreateTrigStmt, handle_carried},
	{T_RuleStmt, handle_carried},
	{T_CreateStatsStmt, handle_carried},
	{T_AlterStatsStmt, handle_carried},
	{T_CreatePolicyStmt, handle_carried},
	{T_AlterPolicyStmt, handle_carried},
	{T_GrantStmt, special_grant},
	{T_CommentStmt, handle_carried},
	{T_ReassignOwnedStmt, role_objects_reassign},
	{T_DropOwnedStmt, role_objects_drop},
	{T_ConstraintsSetStmt, special_set_constraints},
	{T_AlterDomainStmt},
	{T_AlterExtensionStmt},
	{T_AlterFunctionStmt},
	{T_AlterOperatorStmt},
	{T_AlterOwnerStmt, handle_carried},
	{T_AlterTSConfigurationStmt},
	{T_AlterTSDictionaryStmt},
	{T_AlterTypeStmt},
	{T_CompositeTypeStmt},
	{T_CreateCastStmt},
	{T_CreateDomainStmt},
	{T_CreateEnumStmt},
	{T_CreateExtensionStmt},
	{T_CreateFunctionStmt},
	{T_CreateRangeStmt},
	{T_DefineStmt},
	{T_SecLabelStmt},
	{T_ViewStmt},
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
			return cluster_info() != NULL &&
				((kinds[i].handle != NULL && kinds[i].handle(call)) || object_carry(call));
	}
	return false;
}

/* What nodes send each other outside of internal functions: indexes and VACUUM of shard tables. */
static bool
is_noted_ddl(const Node *statement, const char *query_string)
{
	if (!IsA(statement, IndexStmt) && !IsA(statement, ReindexStmt) && !IsA(statement, VacuumStmt) &&
		!(IsA(statement, DropStmt) && ((const DropStmt *) statement)->removeType == OBJECT_INDEX))
		return false;
	if (statement_note_parse(query_string).kind != NOTE_DDL)
		return false;
	session_require_proven();
	return true;
}

/* DDL that waits for transactions of many nodes lets no new ones begin. */
static bool
begins_block(const Node *statement)
{
	const TransactionStmt *stmt = (const TransactionStmt *) statement;

	return IsA(statement, TransactionStmt) && (stmt->kind == TRANS_STMT_BEGIN || stmt->kind == TRANS_STMT_START) &&
		!IsTransactionBlock() && !session_is_forwarded();
}

/* A statement of a user's function (a default that is computed, an event trigger) inside of DDL that we run. */
static bool
is_users_inside_of_ddl(ProcessUtilityContext context)
{
	return ddl_is_applying() && !creating_extension &&
		(context == PROCESS_UTILITY_QUERY || context == PROCESS_UTILITY_QUERY_NONATOMIC);
}

static void
run_utility(void *arg, Node *statement)
{
	UtilityCall *call = arg;

	if (!ddl_is_applying() && call->context != PROCESS_UTILITY_SUBCOMMAND && IsTransactionState() &&
		!is_noted_ddl(statement, call->query_string) && handle(call))
		return;
	run_next(call, statement);
}

static void
process_utility(PlannedStmt *pstmt, const char *query_string, bool read_only_tree, ProcessUtilityContext context,
				ParamListInfo params, QueryEnvironment *query_env, DestReceiver *dest, QueryCompletion *qc)
{
	UtilityCall call = {pstmt, query_string, read_only_tree, context, params, query_env, dest, qc};

	if (begins_block(pstmt->utilityStmt))
		ddl_gate_pass();
	default_rights_take_back();
	if (is_users_inside_of_ddl(context))
		ddl_step_back(run_utility, &call, pstmt->utilityStmt);
	else
		run_utility(&call, pstmt->utilityStmt);
}

void
ddl_hook_preload(void)
{
	ddl_gate_preload();
	previous_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
	object_guard_preload();
}
