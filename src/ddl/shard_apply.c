/*
 * shard_apply.c
 *	  Runs utility statements of our own on this node.
 *
 * Everything goes through ProcessUtility as a subcommand (event triggers see
 * what the user said, not what we make of it), with search_path = pg_catalog,
 * as the owner of the table concerned. Only shard schemas are made as the
 * extension's owner: they belong to it, and the owners of tables get USAGE and
 * CREATE on them. No expression of a user's is ever evaluated as the
 * extension's owner.
 *
 * The caller holds the catalog lock (dxact_lock_catalog), so the set of shards
 * this node owns does not change meanwhile. ANALYZE alone does without, as it
 * may take long: what moves away before its turn is left out.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "commands/comment.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/errors.h"
#include "base/pg_compat.h"
#include "base/settings.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "catalog/shell_am.h"
#include "catalog/table_map.h"
#include "catalog/write_guard.h"
#include "ddl/default_rights.h"
#include "ddl/retarget.h"
#include "ddl/shard_apply.h"

static int	applying = 0;

bool
ddl_is_applying(void)
{
	return applying > 0;
}

static bool
sets_local_path(const VariableSetStmt *statement)
{
	return statement->is_local && statement->name != NULL && strcmp(statement->name, "search_path") == 0;
}

/* Statements that define something: nodes send no others to each other. */
static bool
is_definition(const Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_AlterDomainStmt:
		case T_AlterEnumStmt:
		case T_AlterExtensionStmt:
		case T_AlterFunctionStmt:
		case T_AlterObjectSchemaStmt:
		case T_AlterOperatorStmt:
		case T_AlterOwnerStmt:
		case T_AlterPolicyStmt:
		case T_AlterSeqStmt:
		case T_AlterStatsStmt:
		case T_AlterTSConfigurationStmt:
		case T_AlterTSDictionaryStmt:
		case T_AlterTableStmt:
		case T_AlterTypeStmt:
		case T_ClusterStmt:
		case T_CommentStmt:
		case T_CompositeTypeStmt:
		case T_CreateCastStmt:
		case T_CreateDomainStmt:
		case T_CreateEnumStmt:
		case T_CreateExtensionStmt:
		case T_CreateFunctionStmt:
		case T_CreatePolicyStmt:
		case T_CreatePublicationStmt:
		case T_CreateRangeStmt:
		case T_CreateSchemaStmt:
		case T_CreateSeqStmt:
		case T_CreateStatsStmt:
		case T_CreateStmt:
		case T_CreateTrigStmt:
		case T_DefineStmt:
		case T_DoStmt:			/* makes what a table needs, if it is missing */
		case T_DropStmt:
		case T_GrantStmt:
		case T_IndexStmt:
		case T_LockStmt:
		case T_ReindexStmt:
		case T_RenameStmt:
		case T_RuleStmt:
		case T_SecLabelStmt:
		case T_TruncateStmt:
		case T_VacuumStmt:
		case T_ViewStmt:
			return true;
		case T_VariableSetStmt: /* the path that the others need, see table_definition.c */
			return sets_local_path((const VariableSetStmt *) statement);
		default:
			return false;
	}
}

List *
ddl_parse(List *statements)
{
	List	   *trees = NIL;
	ListCell   *lc;

	foreach(lc, statements)
	{
		List	   *parsed = lfirst(lc) != NULL ? raw_parser(lfirst(lc), RAW_PARSE_DEFAULT) : NIL;

		if (list_length(parsed) != 1 || !is_definition(linitial_node(RawStmt, parsed)->stmt))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("expected one statement that defines something"),
					 errdetail("Statement: %s", lfirst(lc) ? (char *) lfirst(lc) : "NULL"),
					 errhint("This function is for calls between nodes; run the statement itself.")));
		trees = lappend(trees, linitial_node(RawStmt, parsed)->stmt);
	}
	return trees;
}

void
ddl_stand_aside(DdlStandAside run, void *arg, Node *statement)
{
	bool		was_empty = shell_am_set_reads_empty(true);
	bool		was_open = write_guard_set_open(true);

	applying++;
	PG_TRY();
	{
		run(arg, statement);
		CommandCounterIncrement();
	}
	PG_FINALLY();
	{
		applying--;
		(void) shell_am_set_reads_empty(was_empty);
		(void) write_guard_set_open(was_open);
	}
	PG_END_TRY();
}

void
ddl_step_back(DdlStandAside run, void *arg, Node *statement)
{
	bool		was_empty = shell_am_set_reads_empty(false);
	bool		was_open = write_guard_set_open(false);
	int			was_applying = applying;

	applying = 0;
	PG_TRY();
	{
		run(arg, statement);
	}
	PG_FINALLY();
	{
		applying = was_applying;
		(void) shell_am_set_reads_empty(was_empty);
		(void) write_guard_set_open(was_open);
	}
	PG_END_TRY();
}

static void
run_utility(void *sql, Node *statement)
{
	PlannedStmt *wrapper = makeNode(PlannedStmt);

	wrapper->commandType = CMD_UTILITY;
	wrapper->canSetTag = false;
	wrapper->utilityStmt = statement;
	wrapper->stmt_location = -1;
	ProcessUtility(wrapper, sql, true, PROCESS_UTILITY_SUBCOMMAND, NULL, NULL, None_Receiver, NULL);
}

void
ddl_run(Node *statement, const char *sql)
{
	/* what a DO block contains is a user's business: it may write no copy of a reference table by itself */
	if (IsA(statement, DoStmt))
		run_utility(unconstify(char *, sql), statement);
	else
		ddl_stand_aside(run_utility, unconstify(char *, sql), statement);
}

void
ddl_run_guarded(Node *statement, const char *sql)
{
	run_utility(unconstify(char *, sql), statement);
}

void
ddl_run_sql(const char *sql)
{
	ddl_run_list(list_make1(unconstify(char *, sql)));
}

/* Statements are qualified, but types of expressions and operators are looked up in the path too. */
static int
push_search_path(void)
{
	int			nestlevel = NewGUCNestLevel();

	setting_save("search_path", "pg_catalog");
	setting_save("check_function_bodies", "off");
	return nestlevel;
}

void
ddl_run_list(List *statements)
{
	int			nestlevel = push_search_path();
	ListCell   *lc;

	foreach(lc, statements)
		ddl_run(linitial(ddl_parse(list_make1(lfirst(lc)))), lfirst(lc));
	AtEOXact_GUC(true, nestlevel);
}

void
ddl_run_selects(List *statements)
{
	ListCell   *lc;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	foreach(lc, statements)
	{
		if (SPI_execute(lfirst(lc), false, 0) != SPI_OK_SELECT)
			elog(ERROR, "could not run: %s", (char *) lfirst(lc));
	}
	SPI_finish();
}

SavedRole
role_become(Oid role)
{
	SavedRole	saved;

	GetUserIdAndSecContext(&saved.role, &saved.sec_context);
	if (role != saved.role)
		SetUserIdAndSecContext(role, saved.sec_context | SECURITY_LOCAL_USERID_CHANGE);
	return saved;
}

SavedRole
role_become_owner(Oid relid)
{
	Oid			owner = table_owner(relid);

	if (!OidIsValid(owner))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	if (!has_privs_of_role(GetUserId(), owner))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(relid));
	return role_become(owner);
}

void
role_restore(SavedRole saved)
{
	SetUserIdAndSecContext(saved.role, saved.sec_context);
}

void
ddl_run_elevated(const char *sql)
{
	SavedRole	saved = role_become(extension_owner());

	ddl_run_sql(sql);
	role_restore(saved);
}

const Bitmapset *
ddl_own_shards(void)
{
	return shard_map_owned_by(node_self());
}

static bool
has_moved_away(Node *statement, int shard)
{
	char		name[NAMEDATALEN];

	return IsA(statement, VacuumStmt) && !OidIsValid(get_namespace_oid(shard_schema_name(shard, name), true));
}

static void
run_in_each(List *marked, const Bitmapset *shards)
{
	int			shard = -1;

	while ((shard = bms_next_member(shards, shard)) >= 0)
	{
		ListCell   *lc;

		CHECK_FOR_INTERRUPTS();
		foreach(lc, marked)
		{
			if (!has_moved_away(lfirst(lc), shard))
				ddl_run(retarget_to_shard(lfirst(lc), shard), "");
		}
		MemoryContextReset(CurrentMemoryContext);
	}
}

/* In PG_CATCH: throw the error on. A name that is free in the table's schema, but not in a shard's, needs a word. */
pg_noreturn static void
rethrow_from_shard(MemoryContext context)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	if (error->sqlerrcode != ERRCODE_DUPLICATE_TABLE || error->detail != NULL)
		PG_RE_THROW();
	FlushErrorState();
	error->detail = pstrdup("The shard schemas hold the sharded tables of all schemas, and their indexes.");
	error->hint = pstrdup("Choose a name that no sharded table or index of another schema has.");
	ReThrowError(error);
}

void
ddl_run_in_shards(List *marked, Oid owner, const Bitmapset *shards)
{
	SavedRole	saved = role_become(owner);
	MemoryContext per_shard_cxt = AllocSetContextCreate(CurrentMemoryContext, "DDL in a shard", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller_cxt = MemoryContextSwitchTo(per_shard_cxt);
	int			nestlevel = NewGUCNestLevel();

	/* the user hears of the table, not of every shard */
	if (client_min_messages < WARNING)
		setting_save("client_min_messages", "warning");
	PG_TRY();
	{
		run_in_each(marked, shards);
	}
	PG_CATCH();
	{
		rethrow_from_shard(caller_cxt);
	}
	PG_END_TRY();
	AtEOXact_GUC(true, nestlevel);
	MemoryContextSwitchTo(caller_cxt);
	MemoryContextDelete(per_shard_cxt);
	role_restore(saved);
}

typedef struct MarkedRun
{
	List	   *marked;
	const Bitmapset *shards;
} MarkedRun;

static void
run_in_shards(void *arg)
{
	MarkedRun  *run = arg;

	ddl_run_in_shards(run->marked, GetUserId(), run->shards);
}

/* As the current role. */
static void
apply(List *statements, const Bitmapset *shards)
{
	int			nestlevel = push_search_path();
	MarkedRun	run = {NIL, shards};
	ListCell   *lc;

	foreach(lc, ddl_parse(statements))
		run.marked = lappend(run.marked, retarget_mark(lfirst(lc)));
	default_rights_run_without(run_in_shards, &run);
	AtEOXact_GUC(true, nestlevel);
}

void
shard_tables_apply(Oid shell, List *statements, const Bitmapset *shards)
{
	SavedRole	saved = role_become_owner(shell);

	apply(statements, shards);
	role_restore(saved);
}

void
shard_tables_apply_elevated(List *statements, const Bitmapset *shards)
{
	SavedRole	saved = role_become(extension_owner());

	apply(statements, shards);
	role_restore(saved);
}

/* The mark by which a schema is known to be ours. */
static char *
schema_comment(int shard)
{
	return psprintf("logical shard %d of shardext", shard);
}

bool
shard_schema_is_ours(Oid schema, int shard)
{
	char	   *comment = GetComment(schema, NamespaceRelationId, 0);

	return comment != NULL && strcmp(comment, schema_comment(shard)) == 0;
}

static void
make_shard_schema(void *arg)
{
	int			shard = *(int *) arg;
	char		name[NAMEDATALEN];

	shard_schema_name(shard, name);
	ddl_run_elevated(psprintf("CREATE SCHEMA %s", name));
	/* SET CONSTRAINTS looks names up for any role; who may use the tables is shard_rights.c's business */
	ddl_run_elevated(psprintf("GRANT USAGE ON SCHEMA %s TO PUBLIC", name));
	ddl_run_elevated(psprintf("COMMENT ON SCHEMA %s IS %s", name, quote_literal_cstr(schema_comment(shard))));
}

/* The schema of a shard exists, is ours, and the owner of the table may make tables there. */
static void
ensure_shard_schema(int shard, Oid owner)
{
	char		name[NAMEDATALEN];
	Oid			schema;

	shard_schema_name(shard, name);
	schema = get_namespace_oid(name, true);
	if (!OidIsValid(schema))
	{
		default_rights_run_without(make_shard_schema, &shard);
		schema = get_namespace_oid(name, false);
	}
	else
	{
		if (!shard_schema_is_ours(schema, shard))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_SCHEMA),
					 errmsg("schema \"%s\" was not made by shardext", name),
					 errdetail("The names shard_0000 to shard_8191 are reserved "
							   "for the logical shards of the cluster."),
					 errhint("Rename or drop the schema.")));
	}
	if (object_aclcheck(NamespaceRelationId, schema, owner, ACL_CREATE) != ACLCHECK_OK)
		ddl_run_elevated(psprintf("GRANT CREATE ON SCHEMA %s TO %s", name,
								  quote_identifier(GetUserNameFromId(owner, false))));
}

void
shard_schemas_open_to(Oid owner, const Bitmapset *shards)
{
	int			shard = -1;

	while ((shard = bms_next_member(shards, shard)) >= 0)
		ensure_shard_schema(shard, owner);
}

/* All sharded tables have a table in each shard: who owns one of them needs all the schemas. */
static bool
owns_sharded_table(Oid role)
{
	ListCell   *lc;

	foreach(lc, table_list())
	{
		const TableInfo *table = lfirst(lc);

		if (table->kind == TABLE_SHARDED && table_owner(table->relid) == role)
			return true;
	}
	return false;
}

void
shard_schemas_close_to(Oid owner)
{
	int			shard = -1;

	if (superuser_arg(owner) || owns_sharded_table(owner))
		return;
	while ((shard = bms_next_member(ddl_own_shards(), shard)) >= 0)
	{
		char		name[NAMEDATALEN];
		Oid			schema = get_namespace_oid(shard_schema_name(shard, name), true);

		if (OidIsValid(schema) && object_aclcheck(NamespaceRelationId, schema, owner, ACL_CREATE) == ACLCHECK_OK)
			ddl_run_elevated(psprintf("REVOKE CREATE ON SCHEMA %s FROM %s", name,
									  quote_identifier(GetUserNameFromId(owner, false))));
	}
}

/* The statement that adds the guards of one shard to its shard table; NULL if there is nothing to guard. */
static char *
guard_statement(const TableInfo *table, int shard)
{
	const char *columns[ROUTE_MAX_KEYS];
	char		schema[NAMEDATALEN];
	StringInfoData sql;
	const char *separator = " ";
	char	   *guard;
	int			attnum = -1;

	initStringInfo(&sql);
	appendStringInfo(&sql, "ALTER TABLE %s",
					 quote_qualified_identifier(shard_schema_name(shard, schema), get_rel_name(table->relid)));
	for (int i = 0; i < table->nkeys; i++)
		columns[i] = quote_identifier(get_attname(table->relid, table->keys[i], false));
	guard = table->spec.strategy->immutable ? table->spec.strategy->guard(&table->spec, shard, columns) : NULL;
	if (guard != NULL)
	{
		appendStringInfo(&sql, "%sADD CONSTRAINT shardext_guard CHECK (%s)", separator, guard);
		separator = ", ";
	}
	while ((attnum = bms_next_member(table->id_columns, attnum)) >= 0)
	{
		const char *column = quote_identifier(get_attname(table->relid, attnum, false));

		if (table->nkeys == 1 && table->keys[0] == attnum && guard != NULL &&
			table->spec.strategy == strategy_lookup("id"))
			continue;
		appendStringInfo(&sql, "%sADD CONSTRAINT shardext_guard_%d CHECK (shardext.id_shard(%s) = %d)",
						 separator, attnum, column, shard);
		separator = ", ";
	}
	return strcmp(separator, ", ") == 0 ? sql.data : NULL;
}

void
shard_tables_create(Oid shell, List *statements, const Bitmapset *shards)
{
	const TableInfo *table = table_info(shell);
	int			shard = -1;
	SavedRole	saved = role_become_owner(shell);
	Oid			owner = GetUserId();

	if (table == NULL || table->kind != TABLE_SHARDED)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a sharded table", get_rel_name(shell)),
				 errdetail("Only sharded tables have shard tables."),
				 errhint("Use shardext.shard_table.")));
	shard_schemas_open_to(owner, shards);
	shard_tables_apply(shell, statements, shards);

	while ((shard = bms_next_member(shards, shard)) >= 0)
	{
		char	   *sql = guard_statement(table_info(shell), shard);

		if (sql != NULL)
			ddl_run_sql(sql);
	}
	role_restore(saved);
}
