/*
 * ddl_rules.c
 *	  Which utility statements over our tables are carried to all nodes and
 *	  shards, and which are refused.
 *
 * Two tables: one of statement kinds, one of ALTER TABLE's commands. What is in
 * neither is refused. Some entries have a check that may still say no.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

#include "ddl/ddl_carry.h"
#include "ddl/ddl_rules.h"
#include "ddl/ddl_values.h"
#include "ddl/sequence_set.h"
#include "ddl/table_plan_check.h"

typedef const Reason *(*CommandCheck) (const AlterTableCmd *cmd, const TableInfo *table);

static const char unshard_hint[] = "Call shardext.unshard_table, change the table, and shard it again.";

static bool
is_placing_column(const TableInfo *table, const char *name)
{
	AttrNumber	attnum = get_attnum(table->relid, name);

	for (int i = 0; i < table->nkeys; i++)
	{
		if (table->keys[i] == attnum)
			return true;
	}
	return attnum > 0 && bms_is_member(attnum, table->id_columns);
}

static const Reason *
check_not_placing(const AlterTableCmd *cmd, const TableInfo *table)
{
	if (is_placing_column(table, cmd->name))
		return reason_make(unshard_hint, "Column \"%s\" decides where the rows of the table lie.", cmd->name);
	return NULL;
}

static const Reason *
check_not_id(const AlterTableCmd *cmd, const TableInfo *table)
{
	AttrNumber	attnum = get_attnum(table->relid, cmd->name);

	if (attnum > 0 && bms_is_member(attnum, table->id_columns))
		return reason_make("Use DEFAULT shardext.next_id().",
						   "Column \"%s\" holds ids, which embed the shard of their row.",
						   cmd->name);
	return NULL;
}

/* Does the expression call a function of this name? */
static bool
calls_next_id(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, FuncCall) && strcmp(strVal(llast(((FuncCall *) node)->funcname)), "next_id") == 0)
		return true;
	return raw_expression_tree_walker(node, calls_next_id, context);
}

/* The sequence that nextval(..) names, if the argument is a constant that names one; InvalidOid: it does not. */
static Oid
sequence_named(const FuncCall *call)
{
	Node	   *argument = list_length(call->args) == 1 ? linitial(call->args) : NULL;
	text	   *name;
	Oid			relid;

	if (strcmp(strVal(llast(call->funcname)), "nextval") != 0)
		return InvalidOid;
	while (argument != NULL && IsA(argument, TypeCast))
		argument = ((TypeCast *) argument)->arg;
	if (argument == NULL || !IsA(argument, A_Const) || ((A_Const *) argument)->isnull ||
		!IsA(&((A_Const *) argument)->val, String))
		return InvalidOid;
	name = cstring_to_text(strVal(&((A_Const *) argument)->val));
	relid = RangeVarGetRelid(makeRangeVarFromNameList(textToQualifiedNameList(name)), NoLock, true);
	return OidIsValid(relid) && get_rel_relkind(relid) == RELKIND_SEQUENCE ? relid : InvalidOid;
}

/* Does the expression draw from a sequence of which this node alone knows? *sequence: which */
static bool
draws_from_own(Node *node, void *sequence)
{
	if (node == NULL)
		return false;
	if (IsA(node, FuncCall))
	{
		Oid			relid = sequence_named((FuncCall *) node);

		*(Oid *) sequence = relid;
		if (OidIsValid(relid) && !OidIsValid(ddl_sequence_table(relid)))
			return true;
	}
	return raw_expression_tree_walker(node, draws_from_own, sequence);
}

static const Reason *
check_default(Node *raw)
{
	Oid			sequence;

	if (!draws_from_own(raw, &sequence))
		return NULL;
	return reason_make("Use a serial or identity column, or ALTER COLUMN .. ADD GENERATED .. AS IDENTITY"
					   " (START WITH ..).",
					   "The default draws from \"%s\", which no table of the cluster draws from: nodes would give"
					   " the same values.", get_rel_name(sequence));
}

static const Reason *
check_name(const char *name)
{
	if (guard_name_is_reserved(name))
		return reason_make("Choose another name.", "Names that begin with \"%s\" are reserved.", GUARD_NAME);
	return NULL;
}

static const Reason *
check_add_column(const AlterTableCmd *cmd, const TableInfo *table)
{
	const ColumnDef *column = castNode(ColumnDef, cmd->def);
	ListCell   *lc;

	if (table->kind == TABLE_REFERENCE && ddl_column_is_numbered(column))
		return reason_make("Add an integer column, number the rows by UPDATE, set it NOT NULL, and use"
						   " ALTER COLUMN .. ADD GENERATED .. AS IDENTITY.",
						   "Each node would number the rows that exist by itself.");
	foreach(lc, column->constraints)
	{
		const Constraint *con = lfirst_node(Constraint, lc);
		const Reason *reason = con->contype == CONSTR_DEFAULT ? check_default(con->raw_expr) : NULL;

		if (reason != NULL)
			return reason;
		if (guard_name_is_reserved(con->conname))
			return check_name(con->conname);
		if (con->contype == CONSTR_DEFAULT && calls_next_id(con->raw_expr, NULL))
			return reason_make("Add the column without default, then set it and its values.",
							   "Ids for the rows that exist must be made in each row's own shard.");
		if (con->contype == CONSTR_DEFAULT && table->kind == TABLE_REFERENCE &&
			ddl_default_is_volatile(column, con->raw_expr))
			return reason_make("Add the column without default, set the default, and UPDATE the rows.",
							   "Each node would compute the default for the rows that exist by itself.");
	}
	return NULL;
}

static const Reason *
check_set_default(const AlterTableCmd *cmd, const TableInfo *table)
{
	return check_default(cmd->def);
}

static const Reason *
check_set_identity(const AlterTableCmd *cmd, const TableInfo *table)
{
	return sequence_options_check((const List *) cmd->def, false);
}

static const Reason *
check_type_change(const AlterTableCmd *cmd, const TableInfo *table)
{
	const ColumnDef *column = castNode(ColumnDef, cmd->def);

	if (table->kind == TABLE_REFERENCE && column->raw_default != NULL &&
		ddl_using_is_mutable(table->relid, column->raw_default))
		return reason_make("Change the type with immutable functions only, or call shardext.unshard_table before.",
						   "Each node would compute the new values by itself.");
	return check_not_placing(cmd, table);
}

static const Reason *
check_constraint_name(const AlterTableCmd *cmd, const TableInfo *table)
{
	const char *name = cmd->subtype == AT_AddConstraint ? castNode(Constraint, cmd->def)->conname : cmd->name;

	return check_name(name);
}

/* ALTER TABLE's commands that are carried on. */
static const struct
{
	AlterTableType type;
	DdlScope	scope;
	CommandCheck check;
}			commands[] = {
	{AT_AddColumn, DDL_BOTH, check_add_column},
	{AT_DropColumn, DDL_BOTH, check_not_placing},
	{AT_ColumnDefault, DDL_SHELL, check_set_default},
	{AT_AlterColumnType, DDL_BOTH, check_type_change},
	{AT_AddIdentity, DDL_SHELL, check_not_id},
	{AT_SetIdentity, DDL_SHELL, check_set_identity},
	{AT_DropIdentity, DDL_SHELL},
	{AT_SetNotNull, DDL_BOTH},
	{AT_DropNotNull, DDL_BOTH, check_not_placing},
	{AT_DropExpression, DDL_BOTH},
	{AT_SetStatistics, DDL_BOTH},
	{AT_SetOptions, DDL_BOTH},
	{AT_ResetOptions, DDL_BOTH},
	{AT_SetStorage, DDL_BOTH},
	{AT_SetCompression, DDL_BOTH},
	{AT_AddConstraint, DDL_BOTH, check_constraint_name},
	{AT_DropConstraint, DDL_BOTH, check_constraint_name},
	{AT_ValidateConstraint, DDL_BOTH},
	{AT_AlterConstraint, DDL_BOTH},
	{AT_ChangeOwner, DDL_BOTH},
	{AT_ClusterOn, DDL_BOTH},
	{AT_DropCluster, DDL_BOTH},
	{AT_SetRelOptions, DDL_BOTH},
	{AT_ResetRelOptions, DDL_BOTH},
	{AT_EnableTrig, DDL_BOTH, check_constraint_name},
	{AT_EnableAlwaysTrig, DDL_BOTH, check_constraint_name},
	{AT_EnableReplicaTrig, DDL_BOTH, check_constraint_name},
	{AT_DisableTrig, DDL_BOTH, check_constraint_name},
	{AT_EnableTrigUser, DDL_BOTH},
	{AT_DisableTrigUser, DDL_BOTH},
	{AT_EnableTrigAll, DDL_BOTH},
	{AT_DisableTrigAll, DDL_BOTH},
	{AT_ReplicaIdentity, DDL_BOTH},
	/* shard tables have no policies, but pg_stats and the details of errors look whether row security is on */
	{AT_EnableRowSecurity, DDL_BOTH},
	{AT_DisableRowSecurity, DDL_BOTH},
	{AT_ForceRowSecurity, DDL_SHELL},
	{AT_NoForceRowSecurity, DDL_SHELL},
};

static DdlScope
command_scope(const AlterTableCmd *cmd, const TableInfo *table, const Reason **reason)
{
	for (int i = 0; i < lengthof(commands); i++)
	{
		if (commands[i].type != cmd->subtype)
			continue;
		if (table != NULL && commands[i].check != NULL)
			*reason = commands[i].check(cmd, table);
		return *reason != NULL ? 0 : commands[i].scope;
	}
	*reason = cmd->subtype == AT_AddInherit ?
		reason_make("Add the parent's columns and constraints to the table by themselves.",
					"Sharded and reference tables take no part in inheritance.") :
		reason_make(unshard_hint, "This command of ALTER TABLE is not carried to the shards.");
	return 0;
}

/* ADD COLUMN of one that is there, and not dropped by the same statement: PostgreSQL says so, and adds none. */
static bool
adds_nothing(const AlterTableStmt *stmt, const AlterTableCmd *cmd, const TableInfo *table)
{
	const char *name;
	ListCell   *lc;

	if (cmd->subtype != AT_AddColumn || table == NULL)
		return false;
	name = castNode(ColumnDef, cmd->def)->colname;
	foreach(lc, stmt->cmds)
	{
		const AlterTableCmd *other = lfirst_node(AlterTableCmd, lc);

		if (other->subtype == AT_DropColumn && strcmp(other->name, name) == 0)
			return false;
	}
	return get_attnum(table->relid, name) != InvalidAttrNumber;
}

static DdlScope
alter_table_scope(const AlterTableStmt *stmt, const TableInfo *table, const Reason **reason)
{
	DdlScope	scope = 0;
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		const AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		/* shards change owner with the rights of the extension's owner, which no other command may have */
		if (adds_nothing(stmt, cmd, table))
			scope |= DDL_BOTH;
		else if (cmd->subtype == AT_ChangeOwner && list_length(stmt->cmds) > 1)
			*reason = reason_make("Use a statement of its own for OWNER TO.",
								  "It changes the owner and something else.");
		else
			scope |= command_scope(cmd, table, reason);
		if (*reason != NULL)
			return 0;
	}
	return scope;
}

static DdlScope
drop_scope(const DropStmt *stmt, const Reason **reason)
{
	ListCell   *lc;

	switch (stmt->removeType)
	{
		case OBJECT_TABLE:
		case OBJECT_INDEX:
		case OBJECT_STATISTIC_EXT:
			return DDL_BOTH;
		case OBJECT_TRIGGER:
			foreach(lc, stmt->objects)
			{
				if (guard_name_is_reserved(strVal(llast((List *) lfirst(lc)))))
					*reason = reason_make("Call shardext.unshard_table to make the table ordinary.",
										  "The trigger guards the copies of a reference table.");
			}
			return *reason != NULL ? 0 : DDL_BOTH;
		case OBJECT_POLICY:
			return DDL_SHELL;
		default:
			*reason = reason_make(unshard_hint, "Objects of this kind are not carried to the shards.");
			return 0;
	}
}

static DdlScope
rename_scope(const RenameStmt *stmt, const Reason **reason)
{
	*reason = check_name(stmt->newname);
	if (*reason != NULL)
		return 0;
	switch (stmt->renameType)
	{
		case OBJECT_TABLE:
		case OBJECT_INDEX:
			/* PostgreSQL takes ALTER TABLE and ALTER INDEX for any kind of relation */
			if (get_rel_relkind(RangeVarGetRelid(stmt->relation, NoLock, true)) == RELKIND_SEQUENCE)
				return DDL_SHELL;
			return DDL_BOTH;
		case OBJECT_COLUMN:
		case OBJECT_TABCONSTRAINT:
		case OBJECT_TRIGGER:
		case OBJECT_STATISTIC_EXT:
			return DDL_BOTH;
		case OBJECT_POLICY:
		case OBJECT_SEQUENCE:
			return DDL_SHELL;
		default:
			*reason = reason_make(unshard_hint, "Objects of this kind are not carried to the shards.");
			return 0;
	}
}

static DdlScope
reindex_scope(const ReindexStmt *stmt, const Reason **reason)
{
	ListCell   *lc;

	foreach(lc, stmt->params)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "concurrently") != 0 || !defGetBoolean(option))
			continue;
		*reason = reason_make("Use REINDEX without CONCURRENTLY, or on each node REINDEX DATABASE CONCURRENTLY.",
							  "Only indexes of sharded tables are made anew one by one, with no option but VERBOSE.");
		return 0;
	}
	return DDL_BOTH;
}

DdlScope
ddl_scope(const Node *statement, const TableInfo *table, const Reason **reason)
{
	*reason = NULL;
	switch (nodeTag(statement))
	{
		case T_AlterTableStmt:
			return alter_table_scope((const AlterTableStmt *) statement, table, reason);
		case T_DropStmt:
			return drop_scope((const DropStmt *) statement, reason);
		case T_RenameStmt:
			return rename_scope((const RenameStmt *) statement, reason);
		case T_ReindexStmt:
			return reindex_scope((const ReindexStmt *) statement, reason);
		case T_CreateTrigStmt:
			*reason = check_name(((const CreateTrigStmt *) statement)->trigname);
			return *reason != NULL ? 0 : DDL_BOTH;
		case T_IndexStmt:
		case T_LockStmt:
		case T_ClusterStmt:
			return DDL_BOTH;
		case T_TruncateStmt:
			/* rows of a sharded table are in the shards; statement triggers must not fire twice */
			return table->kind == TABLE_SHARDED ? DDL_SHARDS : DDL_SHELL;
		case T_CreateStatsStmt:
		case T_AlterStatsStmt:
			return DDL_BOTH;
		case T_AlterOwnerStmt:	/* of statistics: in the shards they are the table's owner's */
		case T_AlterObjectSchemaStmt:	/* shard tables stay in the schemas of their shards */
		case T_GrantStmt:
		case T_CommentStmt:
		case T_CreatePolicyStmt:
		case T_AlterPolicyStmt:
			return DDL_SHELL;
		default:
			*reason = reason_make(unshard_hint,
								  "Statements of this kind are not carried to the other nodes and the shards.");
			return 0;
	}
}

Node *
ddl_for_shards(const Node *statement)
{
	Node	   *copy = copyObjectImpl(statement);
	AlterTableStmt *alter;
	List	   *kept = NIL;
	ListCell   *lc;

	if (!IsA(copy, AlterTableStmt))
		return copy;
	alter = castNode(AlterTableStmt, copy);
	foreach(lc, alter->cmds)
	{
		const Reason *reason = NULL;

		if (command_scope(lfirst_node(AlterTableCmd, lc), NULL, &reason) & DDL_SHARDS)
			kept = lappend(kept, lfirst(lc));
	}
	alter->cmds = kept;
	return kept != NIL ? copy : NULL;
}
