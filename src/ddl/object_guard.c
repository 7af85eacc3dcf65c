/*
 * object_guard.c
 *	  What DDL may never do to the tables of the cluster, whichever way it comes.
 *
 * Three ways lead round the statements that ddl_hook.c knows: a drop by CASCADE
 * or DROP OWNED, and anything made in a shard's schema by who may create there
 * (the object access hook sees both), and a session in which the library is not
 * preloaded (an event trigger loads it, and finds here what must not happen).
 *
 * What it does not do: carrying anything.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/errors.h"
#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "ddl/ddl_carry.h"
#include "ddl/default_rights.h"
#include "ddl/object_carry.h"
#include "ddl/object_guard.h"
#include "ddl/part_guard.h"
#include "ddl/retarget.h"
#include "ddl/shard_apply.h"

static object_access_hook_type previous_object_access = NULL;

bool
shard_schema_is_name(const char *name)
{
	return name != NULL && strlen(name) == strlen("shard_0000") && strncmp(name, "shard_", 6) == 0 &&
		strspn(name + 6, "0123456789") == 4;
}

void
shard_schema_refuse(const char *schema)
{
	ereport(ERROR,
			(errcode(ERRCODE_RESERVED_NAME),
			 errmsg("schema \"%s\" is reserved for the tables of a logical shard", schema),
			 errdetail("Only shardext makes tables there."),
			 errhint("Use another schema.")));
}

Oid
statement_shard_table(const Node *statement)
{
	ListCell   *lc;

	/* what any reader takes; pg_dump says it */
	if (IsA(statement, LockStmt) && castNode(LockStmt, unconstify(Node *, statement))->mode == AccessShareLock)
		return InvalidOid;
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

void
shard_table_refuse_ddl(Oid relid)
{
	ereport(ERROR,
			(errcode(ERRCODE_SX_NOT_SUPPORTED),
			 errmsg("\"%s.%s\" belongs to a logical shard and cannot be changed by itself",
					get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid)),
			 errdetail("The tables of all shards are kept alike."),
			 errhint("Run the statement on the table itself.")));
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
	if (shard_schema_is_name(schema))
		shard_schema_refuse(schema);
}

/* A statement of another node takes an ordinary table, or a column of one, along: nobody there has seen it. */
static void
refuse_drop_from_afar(Oid relid)
{
	if (strchr("rpmfS", get_rel_relkind(relid)) == NULL || get_rel_persistence(relid) == RELPERSISTENCE_TEMP)
		return;
	/* a sequence of a table of the cluster: all nodes have it */
	if (get_rel_relkind(relid) == RELKIND_SEQUENCE && OidIsValid(ddl_sequence_table(relid)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
			 errmsg("\"%s\" on node \"%s\" depends on what the statement drops",
					get_rel_name(relid), node_name(node_self())),
			 errdetail("It is an ordinary table (or sequence) of that node."),
			 errhint("Drop or change it there first.")));
}

/* Something is about to be dropped, or has been made, that is not by a statement of ours. */
static void
object_access(ObjectAccessType access, Oid classid, Oid object, int subid, void *arg)
{
	int			shard;

	if (previous_object_access)
		previous_object_access(access, classid, object, subid, arg);
	if (access == OAT_POST_CREATE && subid == 0)
	{
		default_rights_note(classid, object);
		object_carry_note(classid, object);
	}
	if ((access != OAT_DROP && access != OAT_POST_CREATE) || ddl_is_applying() || object < FirstNormalObjectId ||
		creating_extension || !IsTransactionState() || cluster_info() == NULL)
		return;
	if (access == OAT_POST_CREATE && subid == 0)
		check_new_object(classid, object, arg);
	if (access == OAT_DROP)
		part_guard_check_drop(classid, object, object_carry_is_receiving());
	if (access == OAT_DROP && classid == RelationRelationId && object_carry_is_receiving())
		refuse_drop_from_afar(object);
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
		shard_table_refuse_ddl(object);
}

/* Might the statement drop, or give away, tables that it does not name? */
static bool
reaches_further(const Node *statement)
{
	if (IsA(statement, DropStmt))
		return castNode(DropStmt, unconstify(Node *, statement))->behavior == DROP_CASCADE;
	return IsA(statement, DropOwnedStmt) || IsA(statement, ReassignOwnedStmt);
}

/* A relation of the cluster (table, index, shard table) that the statement names; InvalidOid if none. */
static Oid
named_relation(const Node *statement)
{
	ListCell   *lc;

	foreach(lc, statement_relations(statement))
	{
		Oid			relid = lfirst_oid(lc);
		Oid			table = get_rel_relkind(relid) == RELKIND_INDEX ? IndexGetRelation(relid, true) : relid;

		if (OidIsValid(table) && table_info(table) != NULL)
			return relid;
	}
	return statement_shard_table(statement);
}

void
object_guard_check_unloaded(const Node *statement)
{
	Oid			relid;

	if (cluster_info() == NULL || table_list() == NIL)
		return;
	relid = named_relation(statement);
	if (!OidIsValid(relid) && !reaches_further(statement))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 OidIsValid(relid) ?
			 errmsg("\"%s\" cannot be changed because shardext is not preloaded", get_rel_name(relid)) :
			 errmsg("this statement cannot run because shardext is not preloaded"),
			 OidIsValid(relid) ?
			 errdetail("Its parts or copies on the other nodes are found by the preloaded library only.") :
			 errdetail("It might reach tables of the cluster, which do not lie on this node alone."),
			 errhint("Add shardext to shared_preload_libraries and restart the server.")));
}

void
object_guard_preload(void)
{
	previous_object_access = object_access_hook;
	object_access_hook = object_access;
}
