/*
 * index_rebuild.c
 *	  REINDEX CONCURRENTLY of a sharded table, or of one of its indexes.
 *
 * PostgreSQL's own, in one shard after the other over private connections (no transaction can span
 * them). The shells' indexes are empty: nothing is done there. This node's transaction is ended before,
 * since its snapshot would be waited for.
 *
 * What fails in the middle has made the indexes of some shards anew, which nobody can tell, and leaves
 * an invalid one in the shard at hand, by a name that PostgreSQL has chosen. It is dropped, at once or, if
 * that cannot be, when the statement is repeated.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "base/fault.h"
#include "base/statement_note.h"
#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "ddl/ddl_special.h"
#include "ddl/index_leftovers.h"
#include "ddl/other_nodes.h"
#include "ddl/plain_conn.h"
#include "ddl/shard_tables_there.h"

typedef struct ConcurrentRebuild
{
	IndexName	name;			/* index NULL: all of the table */
	Oid			role;
	List	   *nodes;			/* of NodeInfo * */
} ConcurrentRebuild;

/* What earlier ones have left: the table's name. */
static const char leftovers_query[] =
"SELECT pg_catalog.format('%%I.%%I', n.nspname, x.relname) FROM pg_catalog.pg_index i"
" JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_class t ON t.oid = i.indrelid"
" JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace"
" WHERE t.relname = %s AND NOT i.indisvalid AND x.relname ~ '_cc(new|old)[0-9]*$'"
" AND n.nspname ~ '^shard_[0-9]{4}$' ORDER BY 1";

/* Those of CONCURRENTLY, with no options that matter to the result. */
static bool
is_concurrent(const ReindexStmt *stmt)
{
	bool		result = false;
	ListCell   *lc;

	foreach(lc, stmt->params)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "concurrently") == 0)
			result = defGetBoolean(option);
		else if (strcmp(option->defname, "verbose") != 0)
			return false;
	}
	return result;
}

/* The sharded table that it is about; InvalidOid: another. */
static Oid
sharded_table(const ReindexStmt *stmt)
{
	Oid			relid = stmt->relation != NULL ? RangeVarGetRelid(stmt->relation, NoLock, true) : InvalidOid;
	const TableInfo *table;

	if (!OidIsValid(relid))
		return InvalidOid;
	if (stmt->kind == REINDEX_OBJECT_INDEX)
		relid = get_rel_relkind(relid) == RELKIND_INDEX ? IndexGetRelation(relid, true) : InvalidOid;
	table = OidIsValid(relid) ? table_info(relid) : NULL;
	return table != NULL && table->kind == TABLE_SHARDED ? relid : InvalidOid;
}

static void
rebuild_prepare(ConcurrentRebuild *rebuild, const ReindexStmt *stmt, Oid relid)
{
	if (!has_privs_of_role(GetUserId(), table_owner(relid)))
		aclcheck_error(ACLCHECK_NOT_OWNER, stmt->kind == REINDEX_OBJECT_INDEX ? OBJECT_INDEX : OBJECT_TABLE,
					   stmt->relation->relname);
	rebuild->name = index_name_of(relid, stmt->kind == REINDEX_OBJECT_INDEX ? stmt->relation->relname : NULL);
	rebuild->role = GetUserId();
	rebuild->nodes = index_build_nodes();
}

static void
drop_leftovers(const ConcurrentRebuild *rebuild, PGconn *conn, const NodeInfo *node)
{
	List	   *left = plain_conn_execute(conn, node, psprintf(leftovers_query,
														   quote_literal_cstr(rebuild->name.table)));
	ListCell   *lc;

	foreach(lc, left)
		(void) plain_conn_execute(conn, node, psprintf("%sDROP INDEX CONCURRENTLY IF EXISTS %s", STATEMENT_NOTE_DDL,
													   (char *) lfirst(lc)));
}

static void
rebuild_in_shards(const ConcurrentRebuild *rebuild, PGconn *conn, const NodeInfo *node)
{
	const char *table = rebuild->name.table;
	const char *index = rebuild->name.index;
	List	   *all;
	ListCell   *lc;

	(void) plain_conn_execute(conn, node, psprintf("SET lock_timeout = %d", LockTimeout));
	drop_leftovers(rebuild, conn, node);
	all = index == NULL ? shard_tables_there(conn, node, table) : shard_indexes_there(conn, node, table, index);
	foreach(lc, all)
	{
		const char *name = lfirst(lc);

		(void) shard_table_run(conn, node, name,
							   psprintf("REINDEX %s CONCURRENTLY %s", index == NULL ? "TABLE" : "INDEX", name));
		FAULT_POINT("index_built_in_shard");
	}
}

static void
rebuild_on_node(const ConcurrentRebuild *rebuild, const NodeInfo *node)
{
	PGconn	   *conn = plain_conn_open(node, rebuild->role);

	PG_TRY();
	{
		rebuild_in_shards(rebuild, conn, node);
	}
	PG_FINALLY();
	{
		plain_conn_close(conn);
	}
	PG_END_TRY();
}

/* Called with no error pending. What cannot be dropped now is dropped by the next one. */
static void
clean_up(const ConcurrentRebuild *rebuild, const NodeInfo *node)
{
	MemoryContext caller_cxt = CurrentMemoryContext;
	PGconn	   *volatile conn = NULL;

	PG_TRY();
	{
		conn = plain_conn_open(node, rebuild->role);
		(void) plain_conn_execute(conn, node, "SET lock_timeout = 1000");
		drop_leftovers(rebuild, conn, node);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller_cxt);
		FlushErrorState();
		ereport(WARNING,
				(errmsg("could not drop invalid indexes in the shards of node \"%s\"", node->name),
				 errdetail("They end in _ccnew or _ccold."),
				 errhint("Repeat the statement.")));
	}
	PG_END_TRY();
	if (conn != NULL)
		plain_conn_close(conn);
}

bool
special_reindex(UtilityCall *call)
{
	const ReindexStmt *stmt = castNode(ReindexStmt, call->pstmt->utilityStmt);
	Oid			relid = is_concurrent(stmt) ? sharded_table(stmt) : InvalidOid;
	MemoryContext caller_cxt = CurrentMemoryContext;
	ConcurrentRebuild rebuild = {0};
	const NodeInfo *volatile node = NULL;
	ListCell   *lc;

	if (!OidIsValid(relid))
		return utility_carry(call);
	PreventInTransactionBlock(call->context == PROCESS_UTILITY_TOPLEVEL, "REINDEX CONCURRENTLY");
	coordinator_require("REINDEX CONCURRENTLY");
	rebuild_prepare(&rebuild, stmt, relid);

	PopActiveSnapshot();
	CommitTransactionCommand();
	StartTransactionCommand();
	PG_TRY();
	{
		foreach(lc, rebuild.nodes)
		{
			node = lfirst(lc);
			rebuild_on_node(&rebuild, node);
		}
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(caller_cxt);
		error = CopyErrorData();
		FlushErrorState();
		HOLD_INTERRUPTS();
		clean_up(&rebuild, node);
		RESUME_INTERRUPTS();
		ReThrowError(error);
	}
	PG_END_TRY();
	return true;
}
