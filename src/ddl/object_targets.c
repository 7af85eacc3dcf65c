/*
 * object_targets.c
 *	  Which schemas, types, functions, views and the like a statement makes or
 *	  changes.
 *
 * Names are looked up as PostgreSQL will look them up, but without locks: who
 * asks does not hold the lock of the catalog yet, and would stand in the way of
 * who does.
 *
 * What it does not do: tables and what hangs on them (retarget.c), kinds that are not
 * carried (doc/limits.md).
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_ts_config.h"
#include "catalog/pg_ts_dict.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "parser/parse_oper.h"
#include "parser/parse_type.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "ddl/ddl_carry.h"
#include "ddl/object_guard.h"
#include "ddl/object_targets.h"

/* ------------------------------------------------------------------------
 * What is made
 * ------------------------------------------------------------------------
 */

/* That of each node is the node's own: it is there before the cluster is. */
static bool
extension_is_ours(const char *name)
{
	return strcmp(name, "shardext") == 0;
}

static Oid
defined_class(ObjectType kind)
{
	switch (kind)
	{
		case OBJECT_AGGREGATE:
			return ProcedureRelationId;
		case OBJECT_OPERATOR:
			return OperatorRelationId;
		case OBJECT_TYPE:
			return TypeRelationId;
		case OBJECT_COLLATION:
			return CollationRelationId;
		case OBJECT_TSDICTIONARY:
			return TSDictionaryRelationId;
		case OBJECT_TSCONFIGURATION:
			return TSConfigRelationId;
		default:
			return InvalidOid;
	}
}

Oid
object_made_class(const Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_ViewStmt:
			return ((const ViewStmt *) statement)->view->relpersistence == RELPERSISTENCE_TEMP ?
				InvalidOid : RelationRelationId;
		case T_CreateFunctionStmt:
			return ProcedureRelationId;
		case T_CreateEnumStmt:
		case T_CompositeTypeStmt:
		case T_CreateDomainStmt:
		case T_CreateRangeStmt:
			return TypeRelationId;
		case T_CreateSchemaStmt:
			return NamespaceRelationId;
		case T_CreateCastStmt:
			return CastRelationId;
		case T_CreateExtensionStmt:
			return extension_is_ours(((const CreateExtensionStmt *) statement)->extname) ?
				InvalidOid : ExtensionRelationId;
		case T_DefineStmt:
			return defined_class(((const DefineStmt *) statement)->kind);
		default:
			return InvalidOid;
	}
}

ObjectAddress
object_made(const Node *statement, Oid first, Oid last)
{
	ObjectAddress made;

	/* an operator may be made after shells of its commutator and negator, an array type comes after its element */
	ObjectAddressSet(made, object_made_class(statement), IsA(statement, DefineStmt) &&
					 ((const DefineStmt *) statement)->kind == OBJECT_OPERATOR ? last : first);
	if (IsA(statement, ViewStmt))
		made.objectId = RangeVarGetRelid(((const ViewStmt *) statement)->view, NoLock, true);
	else if (IsA(statement, CreateExtensionStmt))
		made.objectId = get_extension_oid(((const CreateExtensionStmt *) statement)->extname, true);
	else if (IsA(statement, CreateSchemaStmt) && !OidIsValid(first))
	{
		const CreateSchemaStmt *stmt = (const CreateSchemaStmt *) statement;

		made.objectId = get_namespace_oid(stmt->schemaname ? stmt->schemaname :
										  get_rolespec_name(stmt->authrole), true);
	}
	return made;
}

bool
object_may_exist(const Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_ViewStmt:
			return ((const ViewStmt *) statement)->replace;
		case T_CreateFunctionStmt:
			return ((const CreateFunctionStmt *) statement)->replace;
		case T_CreateSchemaStmt:
			return ((const CreateSchemaStmt *) statement)->if_not_exists;
		case T_CreateExtensionStmt:
			return ((const CreateExtensionStmt *) statement)->if_not_exists;
		case T_DefineStmt:
			return ((const DefineStmt *) statement)->replace || ((const DefineStmt *) statement)->if_not_exists;
		default:
			return false;
	}
}

/* ------------------------------------------------------------------------
 * What is changed
 * ------------------------------------------------------------------------
 */

/*
 * A view, a sequence of a table of the cluster, or the composite type that the relation stands for; missing: what there
 * is to be said of one that is not.
 */
static ObjectAddress
relation_target(RangeVar *name, Oid missing)
{
	Oid			relid = RangeVarGetRelid(name, NoLock, true);
	char		relkind = OidIsValid(relid) ? get_rel_relkind(relid) : '\0';
	ObjectAddress target = InvalidObjectAddress;

	if (!OidIsValid(relid))
		target.classId = missing;
	else if (relkind == RELKIND_VIEW)
		ObjectAddressSet(target, RelationRelationId, relid);
	else if (relkind == RELKIND_SEQUENCE && OidIsValid(ddl_sequence_table(relid)))
		ObjectAddressSet(target, RelationRelationId, relid);
	else if (relkind == RELKIND_COMPOSITE_TYPE)
		ObjectAddressSet(target, TypeRelationId, get_rel_type_id(relid));
	return target;
}

static ObjectAddress
relation_of_names(List *names, int last, Oid missing)
{
	List	   *relation = list_copy_head(names, list_length(names) - last);

	if (relation == NIL || list_length(relation) > 3)
		return InvalidObjectAddress;
	return relation_target(makeRangeVarFromNameList(relation), missing);
}

/* Types that belong to tables are not for us. */
static ObjectAddress
type_target(Node *name)
{
	TypeName   *type = IsA(name, List) ? makeTypeNameFromNameList((List *) name) : castNode(TypeName, name);
	ObjectAddress target;
	Oid			relid;

	ObjectAddressSet(target, TypeRelationId, LookupTypeNameOid(NULL, type, true));
	relid = OidIsValid(target.objectId) ? get_typ_typrelid(target.objectId) : InvalidOid;
	return OidIsValid(relid) && get_rel_relkind(relid) != RELKIND_COMPOSITE_TYPE ? InvalidObjectAddress : target;
}

static ObjectAddress
cast_target(List *types)
{
	Oid			source = LookupTypeNameOid(NULL, linitial_node(TypeName, types), true);
	Oid			target_type = LookupTypeNameOid(NULL, lsecond_node(TypeName, types), true);
	ObjectAddress target;

	ObjectAddressSet(target, CastRelationId, OidIsValid(source) && OidIsValid(target_type) ?
					 get_cast_oid(source, target_type, true) : InvalidOid);
	return target;
}

/* classId is InvalidOid for what is not for us. */
static ObjectAddress
find_target(ObjectType type, Node *object)
{
	ObjectAddress target = InvalidObjectAddress;

	switch (type)
	{
		case OBJECT_VIEW:
		case OBJECT_TABLE:
		case OBJECT_SEQUENCE:
			if (IsA(object, RangeVar))
				return relation_target(castNode(RangeVar, object), InvalidOid);
			return relation_of_names(castNode(List, object), 0, type == OBJECT_VIEW ? RelationRelationId : InvalidOid);
		case OBJECT_COLUMN:
		case OBJECT_RULE:
		case OBJECT_TRIGGER:
			return relation_of_names(castNode(List, object), 1, InvalidOid);
		case OBJECT_TYPE:
		case OBJECT_DOMAIN:
			return type_target(object);
		case OBJECT_DOMCONSTRAINT:
			return type_target(IsA(linitial((List *) object), TypeName) ? linitial((List *) object) : object);
		case OBJECT_AGGREGATE:
		case OBJECT_FUNCTION:
		case OBJECT_PROCEDURE:
		case OBJECT_ROUTINE:
			ObjectAddressSet(target, ProcedureRelationId,
							 LookupFuncWithArgs(type, castNode(ObjectWithArgs, object), true));
			break;
		case OBJECT_OPERATOR:
			ObjectAddressSet(target, OperatorRelationId, LookupOperWithArgs(castNode(ObjectWithArgs, object), true));
			break;
		case OBJECT_SCHEMA:
			if (!shard_schema_is_name(strVal(object)))
				ObjectAddressSet(target, NamespaceRelationId, get_namespace_oid(strVal(object), true));
			break;
		case OBJECT_EXTENSION:
			if (!extension_is_ours(strVal(object)))
				ObjectAddressSet(target, ExtensionRelationId, get_extension_oid(strVal(object), true));
			break;
		case OBJECT_COLLATION:
			ObjectAddressSet(target, CollationRelationId, get_collation_oid(castNode(List, object), true));
			break;
		case OBJECT_CAST:
			return cast_target(castNode(List, object));
		case OBJECT_TSDICTIONARY:
			ObjectAddressSet(target, TSDictionaryRelationId, get_ts_dict_oid(castNode(List, object), true));
			break;
		case OBJECT_TSCONFIGURATION:
			ObjectAddressSet(target, TSConfigRelationId, get_ts_config_oid(castNode(List, object), true));
			break;
		default:
			break;
	}
	return target;
}

static ObjectAddress
renamed_target(const RenameStmt *stmt)
{
	switch (stmt->renameType)
	{
		case OBJECT_SCHEMA:
			return find_target(OBJECT_SCHEMA, (Node *) makeString(stmt->subname));
		case OBJECT_VIEW:
		case OBJECT_TABLE:
		case OBJECT_COLUMN:
		case OBJECT_ATTRIBUTE:
		case OBJECT_RULE:
		case OBJECT_TRIGGER:
			return stmt->relation ? relation_target(stmt->relation, InvalidOid) : InvalidObjectAddress;
		default:
			return stmt->object ? find_target(stmt->renameType, stmt->object) : InvalidObjectAddress;
	}
}

/* Statements about one object. */
static ObjectAddress
single_target(const Node *statement)
{
#define FIELD(type, field) (((const type *) statement)->field)
	switch (nodeTag(statement))
	{
		case T_AlterFunctionStmt:
			return find_target(FIELD(AlterFunctionStmt, objtype), (Node *) FIELD(AlterFunctionStmt, func));
		case T_AlterEnumStmt:
			return type_target((Node *) FIELD(AlterEnumStmt, typeName));
		case T_AlterDomainStmt:
			return type_target((Node *) FIELD(AlterDomainStmt, typeName));
		case T_AlterTypeStmt:
			return type_target((Node *) FIELD(AlterTypeStmt, typeName));
		case T_AlterOperatorStmt:
			return find_target(OBJECT_OPERATOR, (Node *) FIELD(AlterOperatorStmt, opername));
		case T_AlterExtensionStmt:
			return find_target(OBJECT_EXTENSION, (Node *) makeString(FIELD(AlterExtensionStmt, extname)));
		case T_AlterTSDictionaryStmt:
			return find_target(OBJECT_TSDICTIONARY, (Node *) FIELD(AlterTSDictionaryStmt, dictname));
		case T_AlterTSConfigurationStmt:
			return find_target(OBJECT_TSCONFIGURATION, (Node *) FIELD(AlterTSConfigurationStmt, cfgname));
		case T_RenameStmt:
			return renamed_target((const RenameStmt *) statement);
		case T_AlterObjectSchemaStmt:
			if (FIELD(AlterObjectSchemaStmt, relation) != NULL)
				return relation_target(FIELD(AlterObjectSchemaStmt, relation), InvalidOid);
			return find_target(FIELD(AlterObjectSchemaStmt, objectType), FIELD(AlterObjectSchemaStmt, object));
		case T_AlterOwnerStmt:
			return find_target(FIELD(AlterOwnerStmt, objectType), FIELD(AlterOwnerStmt, object));
		case T_CommentStmt:
			return find_target(FIELD(CommentStmt, objtype), FIELD(CommentStmt, object));
		case T_SecLabelStmt:
			return find_target(FIELD(SecLabelStmt, objtype), FIELD(SecLabelStmt, object));
		case T_AlterSeqStmt:
			return relation_target(FIELD(AlterSeqStmt, sequence), InvalidOid);
		case T_AlterTableStmt:
			return relation_target(FIELD(AlterTableStmt, relation), InvalidOid);
		case T_CreateTrigStmt:
			return relation_target(FIELD(CreateTrigStmt, relation), InvalidOid);
		case T_RuleStmt:
			return relation_target(FIELD(RuleStmt, relation), InvalidOid);
		default:
			return InvalidObjectAddress;
	}
#undef FIELD
}

/* The list of names in statements that have one, and what they name; NULL for others. */
static List **
names_of(Node *statement, ObjectType *type)
{
	if (IsA(statement, DropStmt))
	{
		*type = castNode(DropStmt, statement)->removeType;
		return &castNode(DropStmt, statement)->objects;
	}
	if (IsA(statement, GrantStmt))
	{
		GrantStmt  *stmt = castNode(GrantStmt, statement);

		if (stmt->targtype == ACL_TARGET_OBJECT)
			*type = stmt->objtype;
		else if (stmt->targtype == ACL_TARGET_ALL_IN_SCHEMA &&
				 (stmt->objtype == OBJECT_FUNCTION || stmt->objtype == OBJECT_PROCEDURE ||
				  stmt->objtype == OBJECT_ROUTINE))
			*type = OBJECT_SCHEMA;
		else
			return NULL;
		return &stmt->objects;
	}
	return NULL;
}

List *
object_targets(const Node *statement)
{
	ObjectType	type = OBJECT_TABLE;
	List	  **names = names_of(unconstify(Node *, statement), &type);
	List	   *targets = NIL;
	ListCell   *lc;

	foreach(lc, names != NULL ? *names : list_make1(NULL))
	{
		ObjectAddress target = names != NULL ? find_target(type, lfirst(lc)) : single_target(statement);
		ObjectAddress *copy = palloc(sizeof(ObjectAddress));

		*copy = target;
		if (OidIsValid(target.classId))
			targets = lappend(targets, copy);
	}
	return targets;
}

bool
object_targets_filter(Node *statement, bool (*keep) (const ObjectAddress *object))
{
	ObjectType	type = OBJECT_TABLE;
	List	  **names = names_of(statement, &type);
	ObjectAddress target;
	ListCell   *lc;

	if (names == NULL)
	{
		target = single_target(statement);
		return OidIsValid(target.objectId) && keep(&target);
	}
	foreach(lc, *names)
	{
		target = find_target(type, lfirst(lc));
		if (!OidIsValid(target.objectId) || !keep(&target))
			*names = foreach_delete_current(*names, lc);
	}
	return *names != NIL;
}
