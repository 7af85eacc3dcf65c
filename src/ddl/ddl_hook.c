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

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

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
		Oid			relid = lfirst_oid(lc);

		if (get_rel_relkind(relid) == RELKIND_INDEX)
			relid = IndexGetRelation(relid, true);
		if (OidIsValid(relid) && OidIsValid(table_shell_of(relid, NULL)))
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

static void
refuse_in_shard_schema(const char *schema)
{
	ereport(ERROR,
			(errcode(ERRCODE_RESERVED_NAME),
			 errmsg("schema \"%s\" is reserved for the tables of a logical shard", schema),
			 errdetail("Only shardext makes tables there."),
			 errhint("Use another schema.")));
}

static bool
handle_set_schema(UtilityCall *call)
{
	const char *schema = castNode(AlterObjectSchemaStmt, call->pstmt->utilityStmt)->newschema;

	if (is_shard_schema(schema))
		refuse_in_shard_schema(schema);
	return handle_carried(call);
}

/* Shell and shard tables must go to a new owner together, on all nodes: by name. */
static bool
handle_reassign_owned(UtilityCall *call)
{
	List	   *roles = castNode(ReassignOwnedStmt, call->pstmt->utilityStmt)->roles;
	ListCell   *lc;

	foreach(lc, table_list())
	{
		const TableInfo *table = lfirst(lc);
		ListCell   *role;

		foreach(role, roles)
		{
			if (table_owner(table->relid) == get_rolespec_oid(lfirst_node(RoleSpec, role), false))
				reason_raise(reason_make("Use ALTER TABLE ... OWNER TO for the tables of the cluster first.",
										 "Table \"%s\" has parts on other nodes, which the statement does not reach.",
										 get_rel_name(table->relid)),
							 "REASSIGN OWNED of tables of the cluster is not supported");
		}
	}
	return false;
}

static bool
handle_create_table(UtilityCall *call)
{
	CreateStmt *stmt = castNode(CreateStmt, call->pstmt->utilityStmt);
	ListCell   *lc;

	if (is_shard_schema(stmt->relation->schemaname))
		refuse_in_shard_schema(stmt->relation->schemaname);
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
	{T_AlterObjectSchemaStmt, handle_set_schema},
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
	{T_ReassignOwnedStmt, handle_reassign_owned},
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

/* What nodes send each other outside of internal functions: indexes and VACUUM of shard tables. */
static bool
is_noted_ddl(const Node *statement, const char *query_string)
{
	if (!IsA(statement, IndexStmt) && !IsA(statement, VacuumStmt) &&
		!(IsA(statement, DropStmt) && castNode(DropStmt, statement)->removeType == OBJECT_INDEX))
		return false;
	return statement_note_parse(query_string).kind == NOTE_DDL;
}

static void
process_utility(PlannedStmt *pstmt, const char *query_string, bool read_only_tree, ProcessUtilityContext context,
				ParamListInfo params, QueryEnvironment *query_env, DestReceiver *dest, QueryCompletion *qc)
{
	UtilityCall call = {pstmt, query_string, read_only_tree, context, params, query_env, dest, qc};

	if (!ddl_is_applying() && context != PROCESS_UTILITY_SUBCOMMAND && IsTransactionState() &&
		!is_noted_ddl(pstmt->utilityStmt, query_string) && handle(&call))
		return;
	run_next(&call, pstmt->utilityStmt);
}

/* Comes with a relation, also one that CLUSTER makes, or with another type. */
static bool
is_row_or_array_type(HeapTuple type)
{
	Form_pg_type form = (Form_pg_type) GETSTRUCT(type);

	return OidIsValid(form->typrelid) || form->typcategory == TYPCATEGORY_ARRAY;
}

/* The schema of an object that was made by the command that runs; InvalidOid for what comes with another. */
static Oid
schema_of_new(Oid classid, Oid object)
{
	Relation	catalog = table_open(classid, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			schema = InvalidOid;

	ScanKeyInit(&key, get_object_attnum_oid(classid), BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(object));
	scan = systable_beginscan(catalog, get_object_oid_index(classid), true, SnapshotSelf, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple) &&
		!(classid == RelationRelationId && ((Form_pg_class) GETSTRUCT(tuple))->relkind == RELKIND_INDEX) &&
		!(classid == TypeRelationId && is_row_or_array_type(tuple)))
	{
		bool		isnull;

		schema = DatumGetObjectId(heap_getattr(tuple, get_object_attnum_namespace(classid),
											   RelationGetDescr(catalog), &isnull));
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return schema;
}

/*
 * Owners of sharded tables may create in the shards' schemas, as their indexes
 * need it; what they make there by themselves is not to stay.
 */
static void
check_new_object(Oid classid, Oid object, const ObjectAccessPostCreate *how)
{
	Oid			schema_oid;
	char	   *schema;

	if ((how != NULL && how->is_internal) || !is_objectclass_supported(classid) || classid == ConstraintRelationId ||
		get_object_attnum_namespace(classid) == InvalidAttrNumber)
		return;
	schema_oid = schema_of_new(classid, object);
	schema = OidIsValid(schema_oid) ? get_namespace_name(schema_oid) : NULL;
	if (is_shard_schema(schema))
		refuse_in_shard_schema(schema);
}

/* Something is about to be dropped, or has been made, that is not by a statement of ours. */
static void
object_access(ObjectAccessType access, Oid classid, Oid object, int subid, void *arg)
{
	int			shard;

	if (previous_object_access)
		previous_object_access(access, classid, object, subid, arg);
	if ((access != OAT_DROP && access != OAT_POST_CREATE) || ddl_is_applying() || object < FirstNormalObjectId ||
		creating_extension || !IsTransactionState() || cluster_info() == NULL)
		return;
	if (access == OAT_POST_CREATE && subid == 0)
		check_new_object(classid, object, arg);
	if (access == OAT_POST_CREATE || classid != RelationRelationId)
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
