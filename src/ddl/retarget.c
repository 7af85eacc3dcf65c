/*
 * retarget.c
 *	  From a statement over sharded tables to the same statement over the shard
 *	  tables of one logical shard.
 *
 * Raw parse trees of utility statements name relations as RangeVars, or (DROP,
 * COMMENT) as lists of strings. One visitor knows where these are in each kind
 * of statement that DDL over sharded tables may use. Marking replaces the schema
 * of a sharded table's name by a name no schema can have; retargeting replaces
 * that by the shard's schema. So names are looked up once, before the statement
 * has changed anything.
 *
 * What it does not do: relations inside expressions (CHECK, policies, defaults):
 * PostgreSQL allows none there, or the statement runs on shells only.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/index.h"
#include "catalog/pg_class_d.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "utils/lsyscache.h"

#include "catalog/table_map.h"
#include "ddl/retarget.h"

/* No schema is called so: names with this prefix are reserved. */
#define SHARD_MARK	"pg_shardext_shard"

typedef struct Visitor
{
	void		(*range_var) (RangeVar *name, struct Visitor *visitor);
	/* last: how many of the names at the end are not the relation's */
	void		(*name_list) (List **names, int last, ObjectType type, struct Visitor *visitor);
	int			shard;			/* retarget_to_shard */
	List	   *relations;		/* statement_relations */
} Visitor;

static void
visit_range_vars(List *names, Visitor *visitor)
{
	ListCell   *lc;

	foreach(lc, names)
		visitor->range_var(lfirst_node(RangeVar, lc), visitor);
}

static void
visit_constraints(List *constraints, Visitor *visitor)
{
	ListCell   *lc;

	foreach(lc, constraints)
	{
		Node	   *node = lfirst(lc);

		if (IsA(node, Constraint) && castNode(Constraint, node)->pktable != NULL)
			visitor->range_var(castNode(Constraint, node)->pktable, visitor);
		else if (IsA(node, ColumnDef))
			visit_constraints(castNode(ColumnDef, node)->constraints, visitor);
	}
}

static void
visit_alter_table(AlterTableStmt *stmt, Visitor *visitor)
{
	ListCell   *lc;

	visitor->range_var(stmt->relation, visitor);
	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->def != NULL && (IsA(cmd->def, Constraint) || IsA(cmd->def, ColumnDef)))
			visit_constraints(list_make1(cmd->def), visitor);
	}
}

/* How many trailing names of an object of this type do not belong to the relation's name; -1: no relation in it. */
static int
trailing_names(ObjectType type)
{
	switch (type)
	{
		case OBJECT_TABLE:
		case OBJECT_INDEX:
			return 0;
		case OBJECT_COLUMN:
		case OBJECT_TRIGGER:
		case OBJECT_POLICY:
		case OBJECT_RULE:
		case OBJECT_TABCONSTRAINT:
			return 1;
		default:
			return -1;
	}
}

static void
visit_objects(ObjectType type, List *objects, Visitor *visitor)
{
	ListCell   *lc;

	if (trailing_names(type) < 0 && type != OBJECT_STATISTIC_EXT)
		return;
	foreach(lc, objects)
	{
		if (IsA(lfirst(lc), List))
		{
			List	   *names = lfirst(lc);

			visitor->name_list(&names, Max(trailing_names(type), 0), type, visitor);
			lfirst(lc) = names;
		}
	}
}

static void
visit_create_statistics(CreateStatsStmt *stmt, Visitor *visitor)
{
	ListCell   *lc;

	foreach(lc, stmt->relations)
	{
		if (IsA(lfirst(lc), RangeVar))
			visitor->range_var(lfirst(lc), visitor);
	}
	/* the object itself goes where its table goes */
	if (list_length(stmt->relations) == 1 && IsA(linitial(stmt->relations), RangeVar) && stmt->defnames != NIL)
	{
		RangeVar   *table = linitial(stmt->relations);
		bool		marked = strcmp(strVal(linitial(stmt->defnames)), SHARD_MARK) == 0;

		if (table->schemaname != NULL && (marked || strcmp(table->schemaname, SHARD_MARK) == 0))
			stmt->defnames = list_make2(makeString(pstrdup(table->schemaname)), llast(stmt->defnames));
	}
}

/* The one object of a statement that has one, if it is a statistics object. */
static void
visit_statistics(ObjectType type, Node **object, Visitor *visitor)
{
	if (type == OBJECT_STATISTIC_EXT)
		visitor->name_list((List **) object, 0, type, visitor);
}

static void
visit_vacuum(VacuumStmt *stmt, Visitor *visitor)
{
	ListCell   *lc;

	foreach(lc, stmt->rels)
	{
		VacuumRelation *rel = lfirst_node(VacuumRelation, lc);

		if (rel->relation != NULL)
			visitor->range_var(rel->relation, visitor);
	}
}

/* Every name of a relation in the statement. Kinds that are missing here are never retargeted. */
static void
visit_statement(Node *statement, Visitor *visitor)
{
	switch (nodeTag(statement))
	{
		case T_CreateStmt:
			if (castNode(CreateStmt, statement)->relation != NULL)
				visitor->range_var(castNode(CreateStmt, statement)->relation, visitor);
			visit_constraints(castNode(CreateStmt, statement)->tableElts, visitor);
			visit_range_vars(castNode(CreateStmt, statement)->inhRelations, visitor);
			break;
		case T_AlterTableStmt:
			visit_alter_table(castNode(AlterTableStmt, statement), visitor);
			break;
		case T_IndexStmt:
			visitor->range_var(castNode(IndexStmt, statement)->relation, visitor);
			break;
		case T_CreateTrigStmt:
			visitor->range_var(castNode(CreateTrigStmt, statement)->relation, visitor);
			if (castNode(CreateTrigStmt, statement)->constrrel != NULL)
				visitor->range_var(castNode(CreateTrigStmt, statement)->constrrel, visitor);
			break;
		case T_RenameStmt:
			if (castNode(RenameStmt, statement)->relation != NULL)
				visitor->range_var(castNode(RenameStmt, statement)->relation, visitor);
			visit_statistics(castNode(RenameStmt, statement)->renameType, &castNode(RenameStmt, statement)->object,
							 visitor);
			break;
		case T_AlterObjectSchemaStmt:
			if (castNode(AlterObjectSchemaStmt, statement)->relation != NULL)
				visitor->range_var(castNode(AlterObjectSchemaStmt, statement)->relation, visitor);
			visit_statistics(castNode(AlterObjectSchemaStmt, statement)->objectType,
							 &castNode(AlterObjectSchemaStmt, statement)->object, visitor);
			break;
		case T_AlterOwnerStmt:
			visit_statistics(castNode(AlterOwnerStmt, statement)->objectType,
							 &castNode(AlterOwnerStmt, statement)->object, visitor);
			break;
		case T_AlterStatsStmt:
			visitor->name_list(&castNode(AlterStatsStmt, statement)->defnames, 0, OBJECT_STATISTIC_EXT, visitor);
			break;
		case T_DropStmt:
			visit_objects(castNode(DropStmt, statement)->removeType, castNode(DropStmt, statement)->objects, visitor);
			break;
		case T_CommentStmt:
			if (IsA(castNode(CommentStmt, statement)->object, List))
				visit_objects(castNode(CommentStmt, statement)->objtype,
							  list_make1(castNode(CommentStmt, statement)->object), visitor);
			break;
		case T_GrantStmt:
			if ((castNode(GrantStmt, statement)->objtype == OBJECT_TABLE ||
				 castNode(GrantStmt, statement)->objtype == OBJECT_SEQUENCE) &&
				castNode(GrantStmt, statement)->targtype == ACL_TARGET_OBJECT)
				visit_range_vars(castNode(GrantStmt, statement)->objects, visitor);
			break;
		case T_CreatePolicyStmt:
			visitor->range_var(castNode(CreatePolicyStmt, statement)->table, visitor);
			break;
		case T_AlterPolicyStmt:
			visitor->range_var(castNode(AlterPolicyStmt, statement)->table, visitor);
			break;
		case T_RuleStmt:
			visitor->range_var(castNode(RuleStmt, statement)->relation, visitor);
			break;
		case T_TruncateStmt:
			visit_range_vars(castNode(TruncateStmt, statement)->relations, visitor);
			break;
		case T_LockStmt:
			visit_range_vars(castNode(LockStmt, statement)->relations, visitor);
			break;
		case T_VacuumStmt:
			visit_vacuum(castNode(VacuumStmt, statement), visitor);
			break;
		case T_ClusterStmt:
			if (castNode(ClusterStmt, statement)->relation != NULL)
				visitor->range_var(castNode(ClusterStmt, statement)->relation, visitor);
			break;
		case T_ReindexStmt:
			if (castNode(ReindexStmt, statement)->relation != NULL)
				visitor->range_var(castNode(ReindexStmt, statement)->relation, visitor);
			break;
		case T_CreateStatsStmt:
			visit_create_statistics(castNode(CreateStatsStmt, statement), visitor);
			break;
		default:
			break;
	}
}

/* A sharded table, or an index of one? */
static bool
is_in_shards(Oid relid)
{
	const TableInfo *table;

	if (!OidIsValid(relid))
		return false;
	if (get_rel_relkind(relid) == RELKIND_INDEX)
		relid = IndexGetRelation(relid, true);
	table = OidIsValid(relid) ? table_info(relid) : NULL;
	return table != NULL && table->kind == TABLE_SHARDED;
}

static RangeVar *
range_var_of_names(List *names, int last)
{
	List	   *relation = list_copy_head(names, list_length(names) - last);

	return (relation != NIL && list_length(relation) <= 3) ? makeRangeVarFromNameList(relation) : NULL;
}

/* What a list of names is about: a relation, or the table of a statistics object; InvalidOid if there is none. */
static Oid
relation_of_names(List *names, int last, ObjectType type)
{
	RangeVar   *name;
	Oid			statistics;

	if (type == OBJECT_STATISTIC_EXT)
	{
		statistics = get_statistics_object_oid(names, true);
		return OidIsValid(statistics) ? StatisticsGetRelation(statistics, true) : InvalidOid;
	}
	name = range_var_of_names(names, last);
	return name != NULL ? RangeVarGetRelid(name, NoLock, true) : InvalidOid;
}

static void
mark_range_var(RangeVar *name, Visitor *visitor)
{
	if (is_in_shards(RangeVarGetRelid(name, NoLock, true)))
		name->schemaname = pstrdup(SHARD_MARK);
}

static void
mark_names(List **names, int last, ObjectType type, Visitor *visitor)
{
	if (is_in_shards(relation_of_names(*names, last, type)))
		*names = lcons(makeString(pstrdup(SHARD_MARK)),
					   list_copy_tail(*names, list_length(*names) - last - 1));
}

static void
replace_range_var(RangeVar *name, Visitor *visitor)
{
	char		schema[NAMEDATALEN];

	if (name->schemaname != NULL && strcmp(name->schemaname, SHARD_MARK) == 0)
		name->schemaname = pstrdup(shard_schema_name(visitor->shard, schema));
}

static void
replace_names(List **names, int last, ObjectType type, Visitor *visitor)
{
	char		schema[NAMEDATALEN];

	if (strcmp(strVal(linitial(*names)), SHARD_MARK) == 0)
		linitial(*names) = makeString(pstrdup(shard_schema_name(visitor->shard, schema)));
}

static void
collect_range_var(RangeVar *name, Visitor *visitor)
{
	Oid			relid = RangeVarGetRelid(name, NoLock, true);

	if (OidIsValid(relid))
		visitor->relations = lappend_oid(visitor->relations, relid);
}

static void
collect_names(List **names, int last, ObjectType type, Visitor *visitor)
{
	Oid			relid = relation_of_names(*names, last, type);

	if (OidIsValid(relid))
		visitor->relations = lappend_oid(visitor->relations, relid);
}

Node *
retarget_mark(const Node *statement)
{
	Visitor		visitor = {mark_range_var, mark_names};
	Node	   *copy = copyObjectImpl(statement);

	visit_statement(copy, &visitor);
	return copy;
}

Node *
retarget_to_shard(const Node *marked, int shard)
{
	Visitor		visitor = {replace_range_var, replace_names, shard};
	Node	   *copy = copyObjectImpl(marked);

	visit_statement(copy, &visitor);
	return copy;
}

List *
statement_relations(const Node *statement)
{
	Visitor		visitor = {collect_range_var, collect_names};

	visit_statement(unconstify(Node *, statement), &visitor);
	return visitor.relations;
}
