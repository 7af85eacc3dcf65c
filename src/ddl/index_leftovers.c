/*
 * index_leftovers.c
 *	  What a CREATE or DROP INDEX CONCURRENTLY that came to no end has left.
 *
 * A note (catalog/index_builds.h) says that an index is being built or dropped, a lock that
 * somebody does it. Where there is a note without a lock the backend was
 * killed, or its node crashed, or it could not reach a node to undo, or do, what it
 * had to: the worker of the coordinator drops what there is, and then the note. An
 * index becomes official with this node's shell, and is no more when that has lost it:
 * if it is official, nothing is left over.
 *
 * The shell stays locked against CREATE INDEX meanwhile, so that the name cannot
 * become that of an index somebody wants. If it has, nothing can be left.
 */
#include "postgres.h"

#include "access/xact.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "base/fault.h"
#include "base/statement_note.h"
#include "catalog/catalog_oids.h"
#include "catalog/table_map.h"
#include "ddl/index_leftovers.h"
#include "ddl/plain_conn.h"
#include "miscadmin.h"

#define WORKER_WAIT_MS 500

/* How long one waits for those who use the table, who begins where another came to no end. */
#define BEGIN_WAIT_MS 5000

/* Table and index, both literals, and which schemas. */
static const char leftovers_query[] =
"SELECT n.nspname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid"
" JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace"
" WHERE t.relname = %s AND x.relname = %s AND n.nspname %s ORDER BY 1";

static char *
schemas_condition(const IndexName *name, IndexPlace place)
{
	return place == INDEX_OF_SHELL ? psprintf("= %s", quote_literal_cstr(name->schema)) :
		pstrdup("~ '^shard_[0-9]{4}$'");
}

void
index_leftovers_drop(const NodeInfo *node, Oid role, const IndexName *name, IndexPlace place, int wait_ms)
{
	PGconn	   *conn = plain_conn_open(node, role);
	bool		concurrently = wait_ms == INDEX_DROP_CONCURRENTLY;

	PG_TRY();
	{
		List	   *schemas;
		ListCell   *lc;

		(void) plain_conn_execute(conn, node, psprintf("SET lock_timeout = %d", concurrently ? LockTimeout : wait_ms));
		schemas = plain_conn_execute(conn, node, psprintf(leftovers_query, quote_literal_cstr(name->table),
														  quote_literal_cstr(name->index),
														  schemas_condition(name, place)));
		foreach(lc, schemas)
		{
			(void) plain_conn_execute(conn, node, psprintf("%sDROP INDEX %s IF EXISTS %s", STATEMENT_NOTE_DDL,
														   concurrently ? "CONCURRENTLY" : "",
														   quote_qualified_identifier(lfirst(lc), name->index)));
			if (concurrently)
				FAULT_POINT("index_dropped");
		}
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
	IndexName	name;
	ListCell   *lc;

	/* shard tables that are gone have taken their indexes with them; an official index is nobody's leftover */
	if (table == NULL || table->kind != TABLE_SHARDED ||
		OidIsValid(get_relname_relid(build->index, get_rel_namespace(build->relid))))
		return;
	name = index_name_of(build->relid, build->index);
	/* as long as a node's shell has it, statements rely on it in all shards */
	if (build->drops)
	{
		foreach(lc, node_list())
			index_leftovers_drop(lfirst(lc), role, &name, INDEX_OF_SHELL, wait_ms);
	}
	foreach(lc, node_list())
		index_leftovers_drop(lfirst(lc), role, &name, INDEX_OF_SHARDS, wait_ms);
}

IndexName
index_name_of(Oid relid, const char *index)
{
	return (IndexName) {relid, get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid), index};
}

List *
index_build_nodes(void)
{
	List	   *nodes = NIL;
	ListCell   *lc;

	AcceptInvalidationMessages();
	foreach(lc, node_list())
	{
		NodeInfo   *copy = palloc(sizeof(NodeInfo));

		*copy = *(const NodeInfo *) lfirst(lc);
		copy->name = pstrdup(copy->name);
		copy->host = pstrdup(copy->host);
		copy->dbname = pstrdup(copy->dbname);
		nodes = lappend(nodes, copy);
	}
	return nodes;
}

void
index_build_begin(const IndexName *name, bool drops)
{
	const IndexBuild *left;

	if (!index_build_lock(name->relid, name->index, true))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("index \"%s\" of table \"%s\" is being built, dropped, or undone, already", name->index,
						name->table),
				 errdetail("Another CREATE or DROP INDEX CONCURRENTLY of this name has not come to its end."),
				 errhint("Choose another name, or try again in a moment.")));
	PG_TRY();
	{
		left = index_build_noted(name->relid, name->index);
		if (left != NULL)
		{
			index_leftovers_drop_everywhere(left, BEGIN_WAIT_MS);
			index_build_forget(name->relid, name->index);
		}
		index_build_note(name->relid, name->index, drops);
		PopActiveSnapshot();
		CommitTransactionCommand();
		StartTransactionCommand();
	}
	PG_CATCH();
	{
		index_build_unlock(name->relid, name->index);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

/* One note; false if it has to wait for another time. */
static bool
undo(const IndexBuild *build)
{
	const IndexBuild *noted;

	if (!index_build_lock(build->relid, build->index, false) ||
		!ConditionalLockRelationOid(build->relid, ShareUpdateExclusiveLock))
		return false;
	noted = index_build_noted(build->relid, build->index);
	if (noted == NULL)
		return false;
	index_leftovers_drop_everywhere(noted, WORKER_WAIT_MS);
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
						(errmsg("index \"%s\", whose CREATE or DROP INDEX CONCURRENTLY came to no end, "
								"has been looked after in the shards", build->index)));
		}
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
}
