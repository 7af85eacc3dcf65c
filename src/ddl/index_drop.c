/*
 * index_drop.c
 *	  DROP INDEX CONCURRENTLY of a sharded table.
 *
 * PostgreSQL's own DROP INDEX CONCURRENTLY, one after the other over private connections (no
 * transaction can span them), each of which waits for those who use the table, and keeps nobody waiting:
 *
 *	 1. the shell of this node		the index is no more: what comes now is finished by the worker, if not by us
 *	 2. the shells of the others	nobody plans with it, or infers it for ON CONFLICT, any more
 *	 3. the shards of all nodes
 *
 * Like CREATE INDEX CONCURRENTLY it leaves a note, and this node's transaction is ended before. Where
 * the first step does not come to its end the index is still there, maybe invalid, as in PostgreSQL: the
 * statement can be repeated. After that the worker drops what is left (index_leftovers.c).
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "ddl/ddl_special.h"
#include "ddl/index_leftovers.h"
#include "ddl/other_nodes.h"

typedef struct ConcurrentDrop
{
	IndexName	name;
	Oid			role;
	List	   *nodes;			/* of NodeInfo *, this one first */
	bool		is_gone;		/* from the shell of this node */
} ConcurrentDrop;

/* An index whose drop can go step by step: nothing depends on it, and it tells no row from another for a move. */
static bool
stands_alone(Oid index)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	bool		result = HeapTupleIsValid(tuple) && !((Form_pg_index) GETSTRUCT(tuple))->indisreplident;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return result && !OidIsValid(get_index_constraint(index)) && get_index_ref_constraints(index) == NIL;
}

/* The index of a sharded table that the statement names first; InvalidOid: none. */
static Oid
sharded_index(const DropStmt *stmt)
{
	Oid			index = RangeVarGetRelid(makeRangeVarFromNameList(linitial(stmt->objects)), NoLock, true);
	const TableInfo *table;

	if (!OidIsValid(index) || get_rel_relkind(index) != RELKIND_INDEX)
		return InvalidOid;
	table = table_info(IndexGetRelation(index, true));
	return table != NULL && table->kind == TABLE_SHARDED && stands_alone(index) ? index : InvalidOid;
}

/* As PostgreSQL has it. */
static void
check_statement(const DropStmt *stmt)
{
	if (list_length(stmt->objects) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("DROP INDEX CONCURRENTLY does not support dropping multiple objects")));
	if (stmt->behavior == DROP_CASCADE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("DROP INDEX CONCURRENTLY does not support CASCADE")));
}

static List *
own_node_first(List *nodes)
{
	ListCell   *lc;

	foreach(lc, nodes)
	{
		NodeInfo   *node = lfirst(lc);

		if (node->node_id == node_self())
			return lcons(node, list_delete_nth_cell(nodes, foreach_current_index(lc)));
	}
	return nodes;
}

static void
drop_prepare(ConcurrentDrop *drop, Oid index)
{
	Oid			relid = IndexGetRelation(index, false);

	if (!has_privs_of_role(GetUserId(), table_owner(relid)))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_INDEX, get_rel_name(index));
	drop->name = index_name_of(relid, get_rel_name(index));
	drop->role = GetUserId();
	drop->nodes = own_node_first(index_build_nodes());
}

/* A node that joins meanwhile may have the index from one that had not lost it yet. */
static void
drop_from_shells(ConcurrentDrop *drop)
{
	int			n;

	do
	{
		ListCell   *lc;

		n = list_length(drop->nodes);
		foreach(lc, drop->nodes)
		{
			index_leftovers_drop(lfirst(lc), drop->role, &drop->name, INDEX_OF_SHELL, INDEX_DROP_CONCURRENTLY);
			drop->is_gone = true;
		}
		drop->nodes = own_node_first(index_build_nodes());
	} while (list_length(drop->nodes) != n);
}

static void
drop_everywhere(ConcurrentDrop *drop)
{
	ListCell   *lc;

	drop_from_shells(drop);
	foreach(lc, drop->nodes)
		index_leftovers_drop(lfirst(lc), drop->role, &drop->name, INDEX_OF_SHARDS, INDEX_DROP_CONCURRENTLY);
}

/* Nothing is left to do for the worker, which must not look before the end of this transaction. */
static void
forget(const IndexName *name)
{
	PushActiveSnapshot(GetTransactionSnapshot());
	if (!index_build_lock(name->relid, name->index, false))
		elog(ERROR, "lock of an index drop was lost");
	index_build_forget(name->relid, name->index);
	PopActiveSnapshot();
}

bool
special_drop_index(UtilityCall *call)
{
	const DropStmt *stmt = castNode(DropStmt, call->pstmt->utilityStmt);
	MemoryContext caller_cxt = CurrentMemoryContext;
	ConcurrentDrop drop = {0};
	Oid			index = sharded_index(stmt);

	if (!OidIsValid(index))
		return false;
	check_statement(stmt);
	PreventInTransactionBlock(call->context == PROCESS_UTILITY_TOPLEVEL, "DROP INDEX CONCURRENTLY");
	coordinator_require("DROP INDEX CONCURRENTLY");
	drop_prepare(&drop, index);

	index_build_begin(&drop.name, true);
	PG_TRY();
	{
		drop_everywhere(&drop);
		forget(&drop.name);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(caller_cxt);
		error = CopyErrorData();
		FlushErrorState();
		if (drop.is_gone)
			ereport(WARNING,
					(errmsg("index \"%s\" is dropped, but is not gone from all nodes yet", drop.name.index),
					 errdetail("This node's worker goes on trying.")));
		index_build_unlock(drop.name.relid, drop.name.index);
		ReThrowError(error);
	}
	PG_END_TRY();
	index_build_unlock(drop.name.relid, drop.name.index);
	return true;
}
