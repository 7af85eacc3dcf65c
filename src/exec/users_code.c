/*
 * users_code.c
 *	  Code of users that runs while rows are stored.
 *
 * What a table has of it is found out once and kept until an invalidation of its
 * relcache entry: functions may be replaced, but not become PostgreSQL's own.
 */
#include "postgres.h"

#include "access/amapi.h"
#include "access/genam.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"

#include "base/known_relations.h"
#include "catalog/node_map.h"
#include "exec/users_code.h"

typedef struct KnownTable
{
	KnownRelation relation;
	bool		has_code;
} KnownTable;

static KnownRelations known_tables = {"shardext users' code", sizeof(KnownTable)};

/* Functions of the extension itself (next_id(), the guards) do nothing on other nodes. */
static bool
is_users_function(Oid function, void *context)
{
	return function >= FirstNormalObjectId && get_func_namespace(function) != extension_schema();
}

static bool
has_users_function(Node *node, void *context)
{
	if (node == NULL)
		return false;
	/* a sub-SELECT, or a domain's constraint, is not looked into */
	if (IsA(node, SubLink) || IsA(node, Query) || IsA(node, CoerceToDomain))
		return true;
	return check_functions_in_node(node, is_users_function, NULL) ||
		expression_tree_walker(node, has_users_function, context);
}

static bool
text_has_users_function(const char *expression)
{
	return has_users_function(stringToNode(expression), NULL);
}

static bool
columns_have_code(const TupleConstr *constraints, const TupleDesc desc)
{
	for (int i = 0; constraints != NULL && i < constraints->num_check; i++)
	{
		if (text_has_users_function(constraints->check[i].ccbin))
			return true;
	}
	for (int i = 0; constraints != NULL && i < constraints->num_defval; i++)
	{
		if (TupleDescAttr(desc, constraints->defval[i].adnum - 1)->attgenerated != '\0' &&
			text_has_users_function(constraints->defval[i].adbin))
			return true;
	}
	return false;
}

/* Support functions of its operator classes, expressions, conditions. */
static bool
index_has_code(Relation index)
{
	int			nprocs = IndexRelationGetNumberOfKeyAttributes(index) * index->rd_indam->amsupport;

	for (int i = 0; i < nprocs; i++)
	{
		if (is_users_function(index->rd_support[i], NULL))
			return true;
	}
	return has_users_function((Node *) RelationGetIndexExpressions(index), NULL) ||
		has_users_function((Node *) RelationGetIndexPredicate(index), NULL);
}

static bool
indexes_have_code(Relation table)
{
	bool		result = false;
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(table))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		result = result || index_has_code(index);
		index_close(index, NoLock);
	}
	return result;
}

/* Foreign keys of others that refer to the table have triggers as well, but none for INSERT. */
static bool
triggers_fire(const TriggerDesc *triggers)
{
	return triggers != NULL &&
		(triggers->trig_insert_before_row || triggers->trig_insert_after_row || triggers->trig_insert_instead_row ||
		 triggers->trig_insert_before_statement || triggers->trig_insert_after_statement);
}

static bool
table_has_code(Relation table)
{
	TupleDesc	desc = RelationGetDescr(table);

	return triggers_fire(table->trigdesc) || columns_have_code(desc->constr, desc) || indexes_have_code(table);
}

static bool
table_is_known_to_have_code(Oid relid)
{
	KnownTable *known = known_relation(&known_tables, relid);
	Relation	table;
	bool		has_code;

	if (known->relation.valid)
		return known->has_code;
	known->relation.valid = true;	/* what arrives from here on counts */
	known->has_code = true;
	table = table_open(relid, AccessShareLock);
	has_code = table_has_code(table);
	table_close(table, NoLock);
	known->has_code = has_code;
	return has_code;
}

bool
users_code_stores(Oid table, const Query *query)
{
	return query->withCheckOptions != NIL || query->returningList != NIL ||
		(query->onConflict != NULL && query->onConflict->action == ONCONFLICT_UPDATE) ||
		has_users_function((Node *) query->targetList, NULL) || has_users_function((Node *) query->onConflict, NULL) ||
		table_is_known_to_have_code(table);
}
