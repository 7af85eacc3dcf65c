/*
 * table_plan.c
 *	  Decides keys, id columns and strategies of the tables to be sharded.
 *
 * Id columns are found in this order, over all tables of one call:
 *	  1. bigint columns whose default is next_id(), and those named by the caller;
 *	  2. on a table without rows, bigserial and bigint identity columns that are
 *		 the key (unless the strategy asked for is not "id") or a primary key or
 *		 unique constraint of their own: they become DEFAULT next_id();
 *	  3. until nothing changes: a key that references an id column, and columns of
 *		 a composite foreign key that contains the colocated key.
 * What is claimed to be an id column is verified row by row while a table is
 * filled, and guarded by a CHECK afterwards.
 *
 * Locks: ACCESS EXCLUSIVE on the tables, in the order of the call.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/dependency.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/tablecmds.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteHandler.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "base/errors.h"
#include "base/pg_compat.h"
#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "ddl/table_definition.h"
#include "ddl/table_plan.h"

/* Why a relation of this kind cannot be sharded; NULL if it can. */
static const char *
kind_refusal(Relation rel)
{
	switch (rel->rd_rel->relkind)
	{
		case RELKIND_RELATION:
			break;
		case RELKIND_PARTITIONED_TABLE:
			return "It is a partitioned table.";
		case RELKIND_FOREIGN_TABLE:
			return "It is a foreign table.";
		case RELKIND_VIEW:
			return "It is a view.";
		case RELKIND_MATVIEW:
			return "It is a materialized view.";
		default:
			return "It is not a table.";
	}
	if (RelationGetRelid(rel) < FirstNormalObjectId || IsCatalogNamespace(RelationGetNamespace(rel)))
		return "It is a system catalog.";
	if (RelationGetNamespace(rel) == extension_schema())
		return "It is a table of shardext.";
	if (rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		return "It is a temporary table.";
	if (rel->rd_rel->relispartition)
		return "It is a partition.";
	if (OidIsValid(rel->rd_rel->reloftype))
		return "It is a typed table.";
	if (has_superclass(RelationGetRelid(rel)) || has_subclass(RelationGetRelid(rel)))
		return "It takes part in inheritance.";
	if (rel->rd_rules != NULL)
		return "It has rewrite rules.";
	return NULL;
}

/* Locked for us alone; a role that may not shard the relation does not get as far as to wait for the lock. */
static Relation
open_own(Oid relid)
{
	if (!object_ownercheck(RelationRelationId, relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(get_rel_relkind(relid)), get_rel_name(relid));
	return relation_open(relid, AccessExclusiveLock);
}

void
table_check_kind(Oid relid, const char *action)
{
	Relation	rel = open_own(relid);
	const char *refusal = kind_refusal(rel);
	const TableInfo *table = table_info(relid);
	int			shard;

	if (refusal == NULL && OidIsValid(table_shell_of(relid, &shard)))
		refusal = "It is a shard table.";
	if (refusal != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot %s \"%s\"", action, RelationGetRelationName(rel)),
				 errdetail("%s", refusal),
				 errhint("Ordinary permanent tables are supported; CREATE TABLE .. (LIKE ..) and INSERT .. SELECT "
						 "make one.")));
	if (table != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("table \"%s\" is already %s", RelationGetRelationName(rel),
						table->kind == TABLE_SHARDED ? "sharded" : "a reference table"),
				 errdetail("Its rows lie on the nodes of the cluster."),
				 errhint("Call shardext.unshard_table first to change how its rows are placed.")));
	CheckTableNotInUse(rel, action);
	relation_close(rel, NoLock);
}

static bool
has_rows(Oid relid)
{
	Relation	rel = table_open(relid, NoLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());	/* we hold the lock: what is committed counts */
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	bool		found = table_scan_getnextslot(scan, ForwardScanDirection, slot);

	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, NoLock);
	return found;
}

static AttrNumber
column_number(Oid relid, const char *name)
{
	AttrNumber	attnum = get_attnum(relid, name);

	if (attnum <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist", name, get_rel_name(relid)),
				 errdetail("It was named as shard key or id column."),
				 errhint("Give names without quotes, as \\d of psql shows them, and several as an array.")));
	return attnum;
}

static void
read_keys(TablePlan *plan)
{
	int			nnames = list_length(plan->key_names);
	ListCell   *lc;

	if (nnames < 1 || nnames > ROUTE_MAX_KEYS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a shard key has 1 to %d columns", ROUTE_MAX_KEYS),
				 errdetail("%d were given.", nnames),
				 errhint("Name the columns whose values decide where a row lies.")));
	foreach(lc, plan->key_names)
	{
		AttrNumber	attnum = column_number(plan->relid, lfirst(lc));

		for (int i = 0; i < plan->nkeys; i++)
		{
			if (plan->keys[i] == attnum)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("column \"%s\" is named twice in the shard key", (char *) lfirst(lc)),
						 errdetail("Each column counts once."),
						 errhint("Name each column of the key once.")));
		}
		plan->keys[plan->nkeys++] = attnum;
	}
}

static void
read_id_columns(TablePlan *plan)
{
	ListCell   *lc;

	foreach(lc, plan->id_names)
	{
		AttrNumber	attnum = column_number(plan->relid, lfirst(lc));

		if (getBaseType(get_atttype(plan->relid, attnum)) != INT8OID)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" cannot be an id column", (char *) lfirst(lc)),
					 errdetail("Id columns are of type bigint; it is of type %s.",
							   format_type_be(get_atttype(plan->relid, attnum))),
					 errhint("Leave it out of id_columns.")));
		plan->id_columns = bms_add_member(plan->id_columns, attnum);
	}
}

TablePlan *
table_plan_make(Oid relid, List *key_names, const char *strategy_name, List *id_names)
{
	TablePlan  *plan = palloc0(sizeof(TablePlan));

	table_check_kind(relid, "shard");
	plan->relid = relid;
	plan->name = relation_qualified_name(relid);
	plan->has_rows = has_rows(relid);
	plan->key_names = key_names;
	plan->strategy_name = strategy_name;
	plan->id_names = id_names;

	read_keys(plan);
	if (strategy_name != NULL && strategy_lookup(strategy_name) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("strategy \"%s\" does not exist", strategy_name),
				 errdetail("A strategy decides from the shard key in which logical shard a row lies."),
				 errhint("Strategies are: %s.", strategy_names())));
	read_id_columns(plan);
	return plan;
}

TablePlan *
table_plan_of_sharded(Oid relid)
{
	const TableInfo *table = table_info(relid);
	TablePlan  *plan;

	if (table == NULL || table->kind != TABLE_SHARDED)
		return NULL;
	plan = palloc0(sizeof(TablePlan));
	plan->relid = relid;
	plan->name = relation_qualified_name(relid);
	plan->nkeys = table->nkeys;
	memcpy(plan->keys, table->keys, sizeof(plan->keys));
	plan->id_columns = bms_copy(table->id_columns);
	plan->spec = table->spec;
	return plan;
}

/* ------------------------------------------------------------------------
 * Id columns
 * ------------------------------------------------------------------------
 */

static bool
is_next_id_call(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, FuncExpr))
	{
		Oid			funcid = ((FuncExpr *) node)->funcid;
		char	   *name = get_func_name(funcid);

		return name != NULL && strcmp(name, "next_id") == 0 && get_func_namespace(funcid) == extension_schema();
	}
	return expression_tree_walker(node, is_next_id_call, context);
}

/* Does the column alone make a primary key or unique constraint? */
static bool
is_unique_alone(Relation rel, AttrNumber attnum)
{
	List	   *indexes = RelationGetIndexList(rel);
	ListCell   *lc;

	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		bool		found = index->rd_index->indisunique && index->rd_index->indnkeyatts == 1 &&
			index->rd_index->indkey.values[0] == attnum;

		index_close(index, AccessShareLock);
		if (found)
			return true;
	}
	return false;
}

bool
table_plan_has_key(const TablePlan *plan, AttrNumber attnum)
{
	for (int i = 0; i < plan->nkeys; i++)
	{
		if (plan->keys[i] == attnum)
			return true;
	}
	return false;
}

/* bigserial (a sequence it owns is its default) or bigint identity */
static bool
is_serial(Relation rel, AttrNumber attnum)
{
	if (TupleDescAttr(RelationGetDescr(rel), attnum - 1)->attidentity != '\0')
		return true;
	return TupleDescAttr(RelationGetDescr(rel), attnum - 1)->atthasdef &&
		sx_get_identity_sequence(RelationGetRelid(rel), attnum, true) == InvalidOid &&
		list_length(getOwnedSequences(RelationGetRelid(rel))) > 0;
}

static bool
draws_from_sequence(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, NextValueExpr))
		return true;
	if (IsA(node, FuncExpr) && ((FuncExpr *) node)->funcid == F_NEXTVAL)
		return true;
	return expression_tree_walker(node, draws_from_sequence, context);
}

/* Steps 1 and 2 of the file's comment. */
static void
find_own_ids(TablePlan *plan)
{
	Relation	rel = table_open(plan->relid, NoLock);
	TupleDesc	desc = RelationGetDescr(rel);
	bool		id_wanted = plan->strategy_name == NULL || strcmp(plan->strategy_name, "id") == 0;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		bool		key = table_plan_has_key(plan, att->attnum);
		Node	   *value;

		if (att->attisdropped || att->attgenerated != '\0' || getBaseType(att->atttypid) != INT8OID)
			continue;
		if (key && (!id_wanted || plan->nkeys > 1))
			continue;
		value = (att->atthasdef || att->attidentity != '\0') ? build_column_default(rel, att->attnum) : NULL;
		if (value == NULL)
			continue;
		if (is_next_id_call(value, NULL))
			plan->id_columns = bms_add_member(plan->id_columns, att->attnum);
		else if (!plan->has_rows && is_serial(rel, att->attnum) && draws_from_sequence(value, NULL) &&
				 (key || is_unique_alone(rel, att->attnum)))
		{
			plan->id_columns = bms_add_member(plan->id_columns, att->attnum);
			plan->becomes_id = bms_add_member(plan->becomes_id, att->attnum);
		}
	}
	if (id_wanted && plan->strategy_name != NULL && plan->nkeys == 1)
		plan->id_columns = bms_add_member(plan->id_columns, plan->keys[0]);
	table_close(rel, NoLock);
}

const TablePlan *
table_plan_find(Oid relid, List *plans)
{
	ListCell   *lc;

	foreach(lc, plans)
	{
		if (((TablePlan *) lfirst(lc))->relid == relid)
			return lfirst(lc);
	}
	return table_plan_of_sharded(relid);
}

/* Does the foreign key pair a key column with an id column of the other table, or all keys with its keys? */
static bool
is_colocated_by_ids(const TablePlan *from, const TablePlan *to, const ForeignKeyCacheInfo *fk)
{
	for (int i = 0; i < fk->nkeys; i++)
	{
		if (bms_is_member(fk->conkey[i], from->id_columns) && bms_is_member(fk->confkey[i], to->id_columns))
			return true;
	}
	return false;
}

static bool
is_colocated_by_keys(const TablePlan *from, const TablePlan *to, const ForeignKeyCacheInfo *fk)
{
	if (from->spec.strategy == NULL || to->spec.strategy == NULL || from->nkeys != to->nkeys ||
		!route_specs_colocated(&from->spec, &to->spec))
		return false;
	for (int k = 0; k < from->nkeys; k++)
	{
		bool		paired = false;

		for (int i = 0; i < fk->nkeys && !paired; i++)
			paired = fk->conkey[i] == from->keys[k] && fk->confkey[i] == to->keys[k];
		if (!paired)
			return false;
	}
	return true;
}

bool
table_plan_colocated(const TablePlan *from, const TablePlan *to, const ForeignKeyCacheInfo *fk)
{
	return is_colocated_by_ids(from, to, fk) || is_colocated_by_keys(from, to, fk);
}

/* Step 3 for one table; true if it found a new id column. */
static bool
find_ids_by_reference(TablePlan *plan, List *plans)
{
	List	   *fks = table_foreign_keys(plan->relid);
	bool		id_wanted = plan->strategy_name == NULL || strcmp(plan->strategy_name, "id") == 0;
	bool		changed = false;
	ListCell   *lc;

	foreach(lc, fks)
	{
		ForeignKeyCacheInfo *fk = lfirst_node(ForeignKeyCacheInfo, lc);
		const TablePlan *to = table_plan_find(fk->confrelid, plans);
		bool		colocated;

		if (to == NULL)
			continue;
		colocated = is_colocated_by_ids(plan, to, fk) || is_colocated_by_keys(plan, to, fk);
		for (int i = 0; i < fk->nkeys; i++)
		{
			AttrNumber	attnum = fk->conkey[i];
			bool		key = table_plan_has_key(plan, attnum);

			if (!bms_is_member(fk->confkey[i], to->id_columns) || bms_is_member(attnum, plan->id_columns) ||
				getBaseType(get_atttype(plan->relid, attnum)) != INT8OID)
				continue;
			if (key ? (id_wanted && plan->nkeys == 1) : colocated)
			{
				plan->id_columns = bms_add_member(plan->id_columns, attnum);
				changed = true;
			}
		}
	}
	return changed;
}

/* ------------------------------------------------------------------------
 * Strategies
 * ------------------------------------------------------------------------
 */

static void
decide_strategy(TablePlan *plan)
{
	Oid			types[ROUTE_MAX_KEYS];
	Oid			collations[ROUTE_MAX_KEYS];
	const Strategy *strategy;
	const char *refusal;

	for (int i = 0; i < plan->nkeys; i++)
	{
		int32		typmod;

		get_atttypetypmodcoll(plan->relid, plan->keys[i], &types[i], &typmod, &collations[i]);
		if (get_attgenerated(plan->relid, plan->keys[i]) != '\0')
			ereport(ERROR,
					(errcode(ERRCODE_SX_NOT_SUPPORTED),
					 errmsg("generated column \"%s\" cannot be a shard key",
							get_attname(plan->relid, plan->keys[i], false)),
					 errdetail("Its value is not known before the row has been placed."),
					 errhint("Use the columns it is computed from.")));
	}
	if (plan->strategy_name != NULL)
		strategy = strategy_lookup(plan->strategy_name);
	else
		strategy = (plan->nkeys == 1 && bms_is_member(plan->keys[0], plan->id_columns)) ? &strategy_id : &strategy_hash;

	refusal = strategy->check_key(plan->nkeys, types, collations);
	if (refusal != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("cannot shard \"%s\" by this key with strategy \"%s\"", get_rel_name(plan->relid),
						strategy->name),
				 errdetail("%s", refusal),
				 errhint("Choose another key column or another strategy.")));
	route_spec_make(&plan->spec, strategy, cluster_require()->shard_count, plan->nkeys, types, collations,
					CurrentMemoryContext);
}

void
table_plans_decide(List *plans)
{
	ListCell   *lc;
	bool		changed = true;

	foreach(lc, plans)
		find_own_ids(lfirst(lc));
	while (changed)
	{
		changed = false;
		foreach(lc, plans)
			changed |= find_ids_by_reference(lfirst(lc), plans);
	}
	foreach(lc, plans)
		decide_strategy(lfirst(lc));

	/* composite foreign keys over colocated keys: known only now */
	changed = true;
	while (changed)
	{
		changed = false;
		foreach(lc, plans)
			changed |= find_ids_by_reference(lfirst(lc), plans);
	}
}
