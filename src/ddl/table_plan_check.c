/*
 * table_plan_check.c
 *	  Refuses constraints that would not hold across shards.
 *
 * A unique index needs the whole key or an id column, a foreign key two tables
 * whose rows lie together or a reference table; the shard schemas have one name
 * space. table_plan.c has decided keys and id columns before.
 *
 * Locks: those of the plans; ACCESS SHARE on indexes and pg_constraint.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"

#include "base/errors.h"
#include "catalog/table_map.h"
#include "ddl/table_definition.h"
#include "ddl/table_plan_check.h"

/* An exclusion constraint keeps a column in its shard only if it compares it by equality. */
static bool
is_equality(Oid operator, Oid type)
{
	return op_mergejoinable(operator, type) || op_hashjoinable(operator, type);
}

/* Can equal entries of the index lie in one shard only? */
static bool
index_stays_in_shard(const TablePlan *plan, Relation index)
{
	int			found = 0;
	Oid		   *exclusion_ops = NULL;
	Oid		   *exclusion_procs = NULL;
	uint16	   *strategies = NULL;

	if (index->rd_index->indisexclusion)
		RelationGetExclusionInfo(index, &exclusion_ops, &exclusion_procs, &strategies);
	for (int i = 0; i < index->rd_index->indnkeyatts; i++)
	{
		AttrNumber	attnum = index->rd_index->indkey.values[i];

		if (exclusion_ops != NULL && attnum > 0 &&
			!is_equality(exclusion_ops[i], get_atttype(plan->relid, attnum)))
			continue;
		if (bms_is_member(attnum, plan->id_columns))
			return true;
		if (attnum > 0 && table_plan_has_key(plan, attnum))
			found++;
	}
	return found == plan->nkeys;
}

static void
check_unique_indexes(const TablePlan *plan)
{
	Relation	rel = table_open(plan->relid, NoLock);
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(rel))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		if ((index->rd_index->indisunique || index->rd_index->indisexclusion) && !index_stays_in_shard(plan, index))
			ereport(ERROR,
					(errcode(ERRCODE_SX_NOT_SUPPORTED),
					 errmsg("%s \"%s\" of table \"%s\" cannot be kept across shards",
							index->rd_index->indisprimary ? "primary key" :
							index->rd_index->indisexclusion ? "exclusion constraint" : "unique constraint",
							RelationGetRelationName(index), RelationGetRelationName(rel)),
					 errdetail("It contains neither the whole shard key nor an id column, "
							   "so equal entries could lie in different shards."),
					 errhint("Add the shard key to the constraint, shard by its columns, "
							 "or make its column an id column (bigint DEFAULT shardext.next_id()).")));
		index_close(index, AccessShareLock);
	}
	table_close(rel, NoLock);
}

static void
check_foreign_keys(const TablePlan *plan, List *plans)
{
	List	   *fks = table_foreign_keys(plan->relid);
	ListCell   *lc;

	foreach(lc, fks)
	{
		ForeignKeyCacheInfo *fk = lfirst_node(ForeignKeyCacheInfo, lc);
		const TablePlan *to = table_plan_find(fk->confrelid, plans);
		const TableInfo *other = table_info(fk->confrelid);

		if (to == NULL && other != NULL && other->kind == TABLE_REFERENCE)
			continue;
		if (to == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_SX_NOT_SUPPORTED),
					 errmsg("foreign key \"%s\" of table \"%s\" references a table that is not sharded",
							get_constraint_name(fk->conoid), get_rel_name(plan->relid)),
					 errdetail("Table \"%s\" lies on one node, the rows of \"%s\" on all.",
							   get_rel_name(fk->confrelid), get_rel_name(plan->relid)),
					 errhint("Call shardext.replicate_table or shardext.shard_table for \"%s\" first, "
							 "or shardext.shard_tables for both.",
							 get_rel_name(fk->confrelid))));
		if (!table_plan_colocated(plan, to, fk))
			ereport(ERROR,
					(errcode(ERRCODE_SX_NOT_SUPPORTED),
					 errmsg("foreign key \"%s\" of table \"%s\" cannot be kept across shards",
							get_constraint_name(fk->conoid), get_rel_name(plan->relid)),
					 errdetail("A row and the row of \"%s\" it references need not lie in the same shard.",
							   get_rel_name(fk->confrelid)),
					 errhint("Shard both tables by the columns of the foreign key, "
							 "name its column in id_columns if its values always lie in the shard of their own row, "
							 "make \"%s\" a reference table, or drop the constraint.",
							 get_rel_name(fk->confrelid))));
	}
}

/* Foreign keys to the table from tables that do not become sharded with it. */
static void
check_referencing(Oid relid, List *plans, bool reference)
{
	Relation	constraints = table_open(ConstraintRelationId, AccessShareLock);
	/* oldest first, so that the same one is named each time */
	SysScanDesc scan = systable_beginscan(constraints, ConstraintOidIndexId, true, NULL, 0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint con = (Form_pg_constraint) GETSTRUCT(tuple);
		const TableInfo *table;
		int			shard;

		if (con->contype != CONSTRAINT_FOREIGN || con->confrelid != relid ||
			table_plan_find(con->conrelid, plans) != NULL)
			continue;
		table = table_info(con->conrelid);
		if (OidIsValid(table_shell_of(con->conrelid, &shard)) || con->conrelid == relid || (reference && table == NULL))
			continue;
		if (reference && table->kind == TABLE_REFERENCE)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_SX_NOT_SUPPORTED),
				 errmsg("table \"%s\" is referenced by foreign key \"%s\" of table \"%s\", which is not sharded",
						get_rel_name(relid), NameStr(con->conname), get_rel_name(con->conrelid)),
				 errdetail("A table that lies on one node cannot reference one whose rows lie on all."),
				 errhint("Shard both tables in one call of shardext.shard_tables, or drop the constraint.")));
	}
	systable_endscan(scan);
	table_close(constraints, AccessShareLock);
}

/* The shard schemas have one name space: no two sharded tables of one name. */
static void
check_name(const TablePlan *plan, List *plans)
{
	List	   *others = table_list();
	const char *name = get_rel_name(plan->relid);
	ListCell   *lc;
	Oid			clash = InvalidOid;

	foreach(lc, others)
	{
		const TableInfo *table = lfirst(lc);
		char	   *other = table->kind == TABLE_SHARDED ? get_rel_name(table->relid) : NULL;

		if (other != NULL && table->relid != plan->relid && strcmp(other, name) == 0)
			clash = table->relid;
	}
	foreach(lc, plans)
	{
		TablePlan  *other = lfirst(lc);

		if (other != plan && strcmp(get_rel_name(other->relid), name) == 0)
			clash = other->relid;
	}
	if (OidIsValid(clash))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE),
				 errmsg("another sharded table is called \"%s\"", name),
				 errdetail("The shard schemas hold the tables of all schemas, among them %s.",
						   relation_qualified_name(clash)),
				 errhint("Rename one of the tables.")));
}

bool
guard_name_is_reserved(const char *name)
{
	return name != NULL && strncmp(name, GUARD_NAME, strlen(GUARD_NAME)) == 0;
}

static void
refuse_reserved(Relation rel, const char *kind, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_RESERVED_NAME),
			 errmsg("%s \"%s\" of table \"%s\" has a reserved name", kind, name, RelationGetRelationName(rel)),
			 errdetail("Names that begin with \"%s\" are those of the guards of shards and reference tables.",
					   GUARD_NAME),
			 errhint("Rename it, or drop it.")));
}

/* Constraints and triggers of the user's must not be taken for our guards. */
static void
check_reserved_names(Oid relid)
{
	Relation	rel = table_open(relid, NoLock);
	Relation	constraints = table_open(ConstraintRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_constraint_conrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(constraints, ConstraintRelidTypidNameIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		const char *name = NameStr(((Form_pg_constraint) GETSTRUCT(tuple))->conname);

		if (guard_name_is_reserved(name))
			refuse_reserved(rel, "constraint", name);
	}
	systable_endscan(scan);
	table_close(constraints, AccessShareLock);
	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
	{
		if (guard_name_is_reserved(rel->trigdesc->triggers[i].tgname))
			refuse_reserved(rel, "trigger", rel->trigdesc->triggers[i].tgname);
	}
	table_close(rel, NoLock);
}

void
table_plan_check_constraints(const TablePlan *plan, List *plans)
{
	check_unique_indexes(plan);
	check_foreign_keys(plan, plans);
}

void
table_plans_check(List *plans)
{
	ListCell   *lc;

	foreach(lc, plans)
	{
		TablePlan  *plan = lfirst(lc);

		check_name(plan, plans);
		check_reserved_names(plan->relid);
		table_plan_check_constraints(plan, plans);
		check_referencing(plan->relid, plans, false);
	}
}

void
reference_check(Oid relid)
{
	List	   *fks = table_foreign_keys(relid);
	ListCell   *lc;

	foreach(lc, fks)
	{
		ForeignKeyCacheInfo *fk = lfirst_node(ForeignKeyCacheInfo, lc);
		const TableInfo *other = table_info(fk->confrelid);

		if (fk->confrelid != relid && (other == NULL || other->kind != TABLE_REFERENCE))
			ereport(ERROR,
					(errcode(ERRCODE_SX_NOT_SUPPORTED),
					 errmsg("foreign key \"%s\" of table \"%s\" references a table that is not a reference table",
							get_constraint_name(fk->conoid), get_rel_name(relid)),
					 errdetail("Every node holds all rows of \"%s\", but not those of \"%s\".",
							   get_rel_name(relid), get_rel_name(fk->confrelid)),
					 errhint("Call shardext.replicate_table for \"%s\" first, or drop the constraint.",
							 get_rel_name(fk->confrelid))));
	}
	check_referencing(relid, NIL, true);
}

void
reference_check_new(Oid relid)
{
	if (get_rel_persistence(relid) == RELPERSISTENCE_UNLOGGED)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot replicate \"%s\"", get_rel_name(relid)),
				 errdetail("It is an unlogged table: a crash would empty the copy of one node."),
				 errhint("Use ALTER TABLE ... SET LOGGED first.")));
	check_reserved_names(relid);
	reference_check(relid);
}
