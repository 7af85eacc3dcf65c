/*
 * set_constraints.c
 *	  SET CONSTRAINTS: what it says about a sharded table holds for its shard
 *	  tables, here and on the nodes that take part in the transaction, now or
 *	  later.
 *
 * SET CONSTRAINTS ALL means the shard tables of a node by itself. A name means
 * the shell's constraint to PostgreSQL: the constraints of that name in the
 * schemas of this node's shards are set in the same way, which asks for no right
 * but to look names up there (all roles have it). What is to be sent to others is
 * given to dxact, one statement for each name, with its schema.
 *
 * IMMEDIATE checks what has been deferred so far; a violation on any node is
 * this statement's error.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_constraint.h"
#include "commands/trigger.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/errors.h"
#include "base/settings.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "catalog/table_map.h"
#include "ddl/ddl_special.h"
#include "dxact/dxact.h"

/* OIDs of the constraints of that name in the schema. */
static List *
constraints_in(Oid schema, const char *name)
{
	Relation	rel = table_open(ConstraintRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *found = NIL;

	ScanKeyInit(&keys[0], Anum_pg_constraint_conname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum(name));
	ScanKeyInit(&keys[1], Anum_pg_constraint_connamespace, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(schema));
	scan = systable_beginscan(rel, ConstraintNameNspIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		found = lappend_oid(found, ((Form_pg_constraint) GETSTRUCT(tuple))->oid);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* The constraints that a name means: as PostgreSQL does, those of the first schema that has any. */
static List *
constraints_named(const RangeVar *name, Oid *schema)
{
	List	   *schemas = name->schemaname ? list_make1_oid(get_namespace_oid(name->schemaname, true)) :
		fetch_search_path(true);
	ListCell   *lc;

	foreach(lc, schemas)
	{
		List	   *found = constraints_in(lfirst_oid(lc), name->relname);

		*schema = lfirst_oid(lc);
		if (found != NIL)
			return found;
	}
	return NIL;
}

static Oid
relation_of(Oid constraint)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	Oid			relid = HeapTupleIsValid(tuple) ? ((Form_pg_constraint) GETSTRUCT(tuple))->conrelid : InvalidOid;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return relid;
}

/* The same in one shard of this node. */
static void
set_in_shard(const char *name, int shard, bool deferred)
{
	ConstraintsSetStmt *stmt = makeNode(ConstraintsSetStmt);
	char		schema[NAMEDATALEN];

	shard_schema_name(shard, schema);
	stmt->constraints = list_make1(makeRangeVar(pstrdup(schema), pstrdup(name), -1));
	stmt->deferred = deferred;
	AfterTriggerSetState(stmt);
}

/* One name; true if it means a constraint of a table of the cluster. */
static bool
set_in_shards(const RangeVar *name, bool deferred, Oid *schema)
{
	List	   *constraints = constraints_named(name, schema);
	bool		ours = false;
	Bitmapset  *done = NULL;
	ListCell   *lc;

	foreach(lc, constraints)
	{
		const TableInfo *table = table_info(relation_of(lfirst_oid(lc)));
		Bitmapset  *shards;
		int			shard = -1;

		if (table == NULL)
			continue;
		ours = true;
		if (table->kind != TABLE_SHARDED)
			continue;
		shards = shard_map_owned_by(node_self());
		while ((shard = bms_next_member(shards, shard)) >= 0)
		{
			if (bms_is_member(shard, done) || !OidIsValid(table_shard_constraint(lfirst_oid(lc), shard)))
				continue;
			set_in_shard(name->relname, shard, deferred);
			done = bms_add_member(done, shard);
		}
	}
	return ours;
}

/* The setting itself is PostgreSQL's; what is more than that is done behind it. */
bool
special_set_constraints(UtilityCall *call)
{
	const ConstraintsSetStmt *stmt = castNode(ConstraintsSetStmt, call->pstmt->utilityStmt);
	const char *how = stmt->deferred ? "DEFERRED" : "IMMEDIATE";
	ListCell   *lc;

	utility_run_as_is(call, call->pstmt->utilityStmt);
	/* without a block it has had no effect, as PostgreSQL has said */
	if (call->context == PROCESS_UTILITY_TOPLEVEL && !IsTransactionBlock())
		return true;
	if (stmt->constraints == NIL && !session_is_forwarded())
		dxact_set_constraints(psprintf("SET CONSTRAINTS ALL %s", how), !stmt->deferred);
	foreach(lc, stmt->constraints)
	{
		const RangeVar *name = lfirst_node(RangeVar, lc);
		Oid			schema = InvalidOid;

		if (set_in_shards(name, stmt->deferred, &schema) && !session_is_forwarded())
			dxact_set_constraints(psprintf("SET CONSTRAINTS %s %s",
										   quote_qualified_identifier(get_namespace_name(schema), name->relname), how),
								  !stmt->deferred);
	}
	return true;
}
