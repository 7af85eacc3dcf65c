/*
 * index_concurrently.c
 *	  CREATE INDEX CONCURRENTLY on a sharded table.
 *
 * The shards first, each by a CREATE INDEX CONCURRENTLY of its own over private
 * connections (no transaction can span them), node by node; then the shells of
 * all nodes in one distributed transaction, which makes the index official. On
 * any error what was made is dropped again, finished or invalid.
 *
 * Shards move meanwhile, and come to their new owners as the shells there say:
 * without the index. So the nodes are gone through until nothing is missing, and
 * what still comes in between is given the index by the transaction of the shells,
 * which holds the catalog lock. A move that has not come to its end then begins
 * anew (internal_move_shape).
 *
 * This node's transaction is ended before (its snapshot would make the builds
 * wait for ever) and a new one begun, as PostgreSQL does itself. A note of the
 * build is committed with the first and goes with the second, so that whatever
 * ends this backend in between, the worker undoes what it has done
 * (index_leftovers.c).
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"

#include "base/errors.h"
#include "base/fault.h"
#include "base/settings.h"
#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "ddl/ddl_locks.h"
#include "ddl/ddl_names.h"
#include "ddl/ddl_special.h"
#include "ddl/index_leftovers.h"
#include "ddl/other_nodes.h"
#include "ddl/plain_conn.h"
#include "ddl/shard_apply.h"
#include "ddl/shard_tables_there.h"
#include "ddl/table_definition.h"
#include "ddl/table_local.h"
#include "ddl/table_plan_check.h"
#include "dxact/dxact.h"

/* How long undoing waits for those who use a shard table. */
#define UNDO_WAIT_MS 5000

/* All that is known before the transaction ends. */
typedef struct ConcurrentBuild
{
	IndexName	name;
	char	   *definition;		/* CREATE INDEX over the qualified name of the shell */
	const char *before;			/* definition = before + name + " ON " + shell + after */
	const char *after;
	Oid			role;
	List	   *nodes;			/* of NodeInfo *, as they were when they were last gone through */
} ConcurrentBuild;

/* In a subtransaction of its own: make the index on the shell, check it, read its definition. */
static char *
make_and_read(IndexStmt *stmt, Oid relid)
{
	IndexStmt  *plain = copyObject(stmt);
	int			nestlevel;
	char	   *definition;

	plain->concurrent = false;
	ddl_run((Node *) plain, "");
	table_plan_check_constraints(table_plan_of_sharded(relid), NIL);

	nestlevel = NewGUCNestLevel();
	setting_save("search_path", "pg_catalog");
	definition = pg_get_indexdef_string(get_relname_relid(plain->idxname, get_rel_namespace(relid)));
	AtEOXact_GUC(true, nestlevel);
	return definition;
}

/* The definition of the index to be; nothing remains of it. */
static char *
learn_definition(IndexStmt *stmt, Oid relid)
{
	MemoryContext caller_cxt = CurrentMemoryContext;
	ResourceOwner caller_owner = CurrentResourceOwner;
	char	   *volatile definition = NULL;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller_cxt);
	PG_TRY();
	{
		definition = make_and_read(stmt, relid);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller_cxt);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(caller_cxt);
	CurrentResourceOwner = caller_owner;
	if (error != NULL)
		ReThrowError(error);
	return definition;
}

static void
build_prepare(ConcurrentBuild *build, IndexStmt *stmt, Oid relid)
{
	char	   *on = psprintf(" ON %s", relation_qualified_name(relid));
	char	   *at;

	(void) ddl_names_choose((Node *) stmt, relid);
	build->name = index_name_of(relid, stmt->idxname);
	build->definition = learn_definition(stmt, relid);
	at = strstr(build->definition, on);
	if (at == NULL || strncmp(build->definition, "CREATE ", 7) != 0)
		elog(ERROR, "unexpected definition of an index: %s", build->definition);
	build->after = pstrdup(at + strlen(on));
	build->before = strncmp(build->definition, "CREATE UNIQUE ", 14) == 0 ? "CREATE UNIQUE INDEX" : "CREATE INDEX";
	build->role = GetUserId();
}

/* The index of each shard of a node that lacks it, one by one; false: none did. */
static bool
build_on_node(const ConcurrentBuild *build, const NodeInfo *node)
{
	PGconn	   *conn = plain_conn_open(node, build->role);
	bool		built = false;

	PG_TRY();
	{
		ListCell   *lc;

		foreach(lc, shard_tables_without(conn, node, build->name.table, build->name.index))
		{
			const char *table = lfirst(lc);

			built |= shard_table_run(conn, node, table, psprintf("%s CONCURRENTLY %s ON %s%s", build->before,
																 quote_identifier(build->name.index), table,
																 build->after));
			FAULT_POINT("index_built_in_shard");
		}
	}
	PG_FINALLY();
	{
		plain_conn_close(conn);
	}
	PG_END_TRY();
	return built;
}

static bool
build_on_nodes(ConcurrentBuild *build)
{
	bool		built = false;
	ListCell   *lc;

	build->nodes = index_build_nodes();
	foreach(lc, build->nodes)
		built |= build_on_node(build, lfirst(lc));
	return built;
}

/* Drop what was made, on every node that answers; the worker does the rest. Called with no error pending. */
static void
build_undo(const ConcurrentBuild *build)
{
	MemoryContext caller_cxt = CurrentMemoryContext;
	ListCell   *lc;

	foreach(lc, build->nodes)
	{
		const NodeInfo *info = lfirst(lc);

		PG_TRY();
		{
			index_leftovers_drop(info, build->role, &build->name, INDEX_OF_SHARDS, UNDO_WAIT_MS);
		}
		PG_CATCH();
		{
			MemoryContextSwitchTo(caller_cxt);
			FlushErrorState();
			ereport(WARNING,
					(errmsg("could not drop index \"%s\" in the shards of node \"%s\" yet", build->name.index,
							info->name),
					 errdetail("This node's worker goes on trying.")));
		}
		PG_END_TRY();
	}
}

/*
 * The index of the shells, on all nodes. Their shards have it, but for those that have come a moment ago. The locks of
 * the shards, held until this is decided, keep their moves from an end.
 */
static void
make_official(const ConcurrentBuild *build)
{
	RemoteCall	call = {"SELECT shardext.internal_apply($1, $2, $3)"};
	char	   *shell;
	List	   *on_shell = list_make1(build->definition);
	List	   *on_shards;
	const TableInfo *table;

	dxact_lock_catalog();
	ddl_locks_take(lock_wish_add(NIL, build->name.relid, ShareLock, true), false);
	table = table_info(build->name.relid);
	if (table == NULL || table->kind != TABLE_SHARDED)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("table \"%s\" was changed while its index was being built", build->name.table),
				 errdetail("It is not a sharded table any more."),
				 errhint("Create the index again.")));
	shell = relation_qualified_name(build->name.relid);
	on_shards = list_make1(psprintf("%s IF NOT EXISTS %s ON %s%s", build->before, quote_identifier(build->name.index),
									shell, build->after));
	table_apply(shell, on_shell, on_shards);
	remote_call_text(&call, shell);
	remote_call_texts(&call, on_shell);
	remote_call_texts(&call, on_shards);
	remote_call_everywhere(&call);
	/* the worker must not look before the end of this transaction */
	if (!index_build_lock(build->name.relid, build->name.index, false))
		elog(ERROR, "lock of an index build was lost");
	index_build_forget(build->name.relid, build->name.index);
}

bool
special_index(UtilityCall *call)
{
	IndexStmt  *stmt = castNode(IndexStmt, call->pstmt->utilityStmt);
	Oid			relid = RangeVarGetRelid(stmt->relation, NoLock, true);
	const TableInfo *table = OidIsValid(relid) ? table_info(relid) : NULL;
	MemoryContext caller_cxt = CurrentMemoryContext;
	ConcurrentBuild build = {0};

	if (!stmt->concurrent || table == NULL)
		return utility_carry(call);
	if (table->kind == TABLE_REFERENCE)
		reason_raise(reason_make("Use CREATE INDEX without CONCURRENTLY.", "The table is a reference table."),
					 "CREATE INDEX CONCURRENTLY is not supported on this table");

	if (stmt->if_not_exists && stmt->idxname != NULL &&
		OidIsValid(get_relname_relid(stmt->idxname, get_rel_namespace(relid))))
	{
		ereport(NOTICE,
				(errcode(ERRCODE_DUPLICATE_TABLE),
				 errmsg("relation \"%s\" already exists, skipping", stmt->idxname)));
		return true;
	}
	PreventInTransactionBlock(call->context == PROCESS_UTILITY_TOPLEVEL, "CREATE INDEX CONCURRENTLY");
	coordinator_require("CREATE INDEX CONCURRENTLY");
	build_prepare(&build, copyObject(stmt), relid);

	index_build_begin(&build.name, false);
	PG_TRY();
	{
		while (build_on_nodes(&build))
			;
		PushActiveSnapshot(GetTransactionSnapshot());
		make_official(&build);
		PopActiveSnapshot();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(caller_cxt);
		error = CopyErrorData();
		FlushErrorState();
		HOLD_INTERRUPTS();
		build_undo(&build);
		RESUME_INTERRUPTS();
		index_build_unlock(build.name.relid, build.name.index);
		ReThrowError(error);
	}
	PG_END_TRY();
	index_build_unlock(build.name.relid, build.name.index);
	return true;
}
