/*
 * index_leftovers.c
 *	  What a CREATE INDEX CONCURRENTLY that came to no end has left in the shards.
 *
 * A note (catalog/index_builds.h) says that an index is being built, a lock that
 * somebody builds it. Where there is a note without a lock the builder was
 * killed, or its node crashed, or it could not reach a node to undo what it had
 * done: the worker of the coordinator drops what there is, and then the note.
 *
 * The shell stays locked against CREATE INDEX meanwhile, so that the name cannot
 * become that of an index somebody wants. If it has, nothing can be left.
 */
#include "postgres.h"

#include "access/xact.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "base/statement_note.h"
#include "catalog/catalog_oids.h"
#include "catalog/table_map.h"
#include "ddl/index_leftovers.h"
#include "ddl/plain_conn.h"
#include "miscadmin.h"

#define WORKER_WAIT_MS 500

/* $1: table, $2: index, both literals. */
static const char leftovers_query[] =
"SELECT n.nspname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid"
" JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace"
" WHERE t.relname = %s AND x.relname = %s AND n.nspname ~ '^shard_[0-9]{4}$' ORDER BY 1";

void
index_leftovers_drop(const NodeInfo *node, Oid role, const char *table, const char *index, int wait_ms)
{
	PGconn	   *conn = plain_conn_open(node, role);

	PG_TRY();
	{
		List	   *schemas;
		ListCell   *lc;

		(void) plain_conn_execute(conn, node, psprintf("SET lock_timeout = %d", wait_ms));
		schemas = plain_conn_execute(conn, node, psprintf(leftovers_query, quote_literal_cstr(table),
														  quote_literal_cstr(index)));
		foreach(lc, schemas)
			(void) plain_conn_execute(conn, node, psprintf("%sDROP INDEX IF EXISTS %s", STATEMENT_NOTE_DDL,
														   quote_qualified_identifier(lfirst(lc), index)));
	}
	PG_FINALLY();
	{
		plain_conn_close(conn);
	}
	PG_END_TRY();
}

void
index_leftovers_drop_everywhere(const IndexBuild *build, int wait_ms)
{
	const TableInfo *table = table_info(build->relid);
	Oid			role = extension_owner();
	ListCell   *lc;

	/* shard tables that are gone have taken their indexes with them; an official index is nobody's leftover */
	if (table == NULL || table->kind != TABLE_SHARDED ||
		OidIsValid(get_relname_relid(build->index, get_rel_namespace(build->relid))))
		return;
	foreach(lc, node_list())
		index_leftovers_drop(lfirst(lc), role, get_rel_name(build->relid), build->index, wait_ms);
}

/* One note; false if it has to wait for another time. */
static bool
undo(const IndexBuild *build)
{
	if (!index_build_lock(build->relid, build->index, false) ||
		!ConditionalLockRelationOid(build->relid, ShareUpdateExclusiveLock))
		return false;
	if (!index_build_noted(build->relid, build->index))
		return false;
	index_leftovers_drop_everywhere(build, WORKER_WAIT_MS);
	index_build_forget(build->relid, build->index);
	return true;
}

void
index_leftovers_duty(void)
{
	ListCell   *lc;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (cluster_info() != NULL)
	{
		foreach(lc, index_builds())
		{
			IndexBuild *build = lfirst(lc);

			if (undo(build))
				ereport(LOG,
						(errmsg("index \"%s\", whose CREATE INDEX CONCURRENTLY came to no end, "
								"was dropped from the shards", build->index)));
		}
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
}
