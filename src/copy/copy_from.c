/*
 * copy_from.c
 *	  COPY FROM into a sharded or reference table.
 *
 * Steps: check rights as PostgreSQL does, on the table the user names; open the
 * input (copy_input.c); for each row find the logical shard by its key and store
 * it here (copy_local.c) or send it to the shard's owner (copy_remote.c). A row
 * that lacks its id gets a shard first: one of this node's, in turn, if it owns any.
 *
 * The receiving node runs the same code in a forwarded session: it routes the
 * rows again, but stores them only in its own shards; others are an error (SX001),
 * which does not happen, since a shard is locked there before its first row is sent.
 *
 * Where triggers of the table need other shards none of this is done: copy_by_row.c.
 *
 * Reference tables: every node gets every row. The writers' lock is taken on
 * all nodes in node order before the first row; what is not the same everywhere
 * (defaults that are volatile, sequences) is computed here.
 *
 * Not here: rights of files, formats and options beyond what is refused below are
 * PostgreSQL's own.
 */
#include "postgres.h"

#include "access/table.h"
#include "commands/progress.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "parser/parse_relation.h"
#include "utils/backend_progress.h"
#include "utils/rel.h"

#include "base/errors.h"
#include "base/settings.h"
#include "catalog/cluster_secret.h"
#include "catalog/id_maker.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "catalog/table_map.h"
#include "catalog/write_guard.h"
#include "copy/copy_by_row.h"
#include "copy/copy_check.h"
#include "copy/copy_from.h"
#include "copy/copy_local.h"
#include "copy/copy_remote.h"
#include "exec/fragment.h"
#include "exec/reference_capture.h"
#include "exec/reference_order.h"
#include "exec/shard_scope.h"

/* One COPY FROM into a sharded table. */
typedef struct CopyRouter
{
	const TableInfo *info;
	CopyInput  *input;
	CopyLocal  *local;
	CopyRemote *remote;
	int			self;

	/* rows without an id */
	bool		make_key;		/* the key is an id that the input lacks */
	int			nturn;
	int		   *turn;			/* shards to choose from */
	int			next_turn;
} CopyRouter;

/* ---- sharded tables ---- */

static bool
is_made_by_owner(const CopyInput *input, AttrNumber attno)
{
	int			d = input->default_of[attno - 1];

	return d >= 0 && input->defaults[d].kind == COPY_DEFAULT_OWNER;
}

static void
begin_router(CopyRouter *router, CopyInput *input, const TableInfo *info)
{
	Bitmapset  *choice;
	int			shard = -1;

	memset(router, 0, sizeof(CopyRouter));
	router->info = info;
	router->input = input;
	router->self = node_self();
	router->local = copy_local_begin(input);
	router->remote = copy_remote_begin(input, true);
	router->make_key = info->nkeys == 1 && is_made_by_owner(input, info->keys[0]);
	if (!router->make_key)
		return;

	choice = shard_map_owned_by(router->self);
	if (bms_is_empty(choice))
	{
		if (session_is_forwarded())
			shard_map_raise(0, SHARD_MOVED);
		choice = bms_add_range(NULL, 0, shard_map_count() - 1);
	}
	router->turn = palloc(bms_num_members(choice) * sizeof(int));
	while ((shard = bms_next_member(choice, shard)) >= 0)
		router->turn[router->nturn++] = shard;
}

static void
raise_null_key(const CopyRouter *router, AttrNumber attno)
{
	Relation	table = router->input->table;
	const char *column = NameStr(TupleDescAttr(RelationGetDescr(table), attno - 1)->attname);

	ereport(ERROR,
			(errcode(ERRCODE_NOT_NULL_VIOLATION),
			 errmsg("null value in column \"%s\" of relation \"%s\" violates not-null constraint",
					column, RelationGetRelationName(table)),
			 errdetail("It is part of the shard key."),
			 errtablecol(table, attno)));
}

/* The logical shard of the input's current row. */
static int
row_shard(CopyRouter *router)
{
	const TableInfo *info = router->info;
	Datum		values[ROUTE_MAX_KEYS];

	if (router->make_key)
	{
		int			shard = router->turn[router->next_turn];

		router->next_turn = (router->next_turn + 1) % router->nturn;
		return shard;
	}
	for (int i = 0; i < info->nkeys; i++)
	{
		bool		isnull;

		values[i] = copy_input_value(router->input, info->keys[i], &isnull);
		if (isnull)
			raise_null_key(router, info->keys[i]);
	}
	return route_shard(&info->spec, values);
}

static void
store_here(CopyRouter *router, int shard)
{
	IdContext	saved = id_context;

	/* An error in between resets it with the transaction. */
	id_context.shard = shard;
	id_context.defer = false;
	copy_input_complete(router->input, true);
	id_context = saved;
	copy_local_insert(router->local, shard);
}

/* Store the current row, or send it to the owner of its shard. */
static void
route_row(CopyRouter *router)
{
	int			shard = row_shard(router);

	for (int attempt = 0;; fragment_wait_for_owner(shard, attempt++))
	{
		int			owner = shard_map_owner(shard, NULL);

		if (owner == router->self)
		{
			ShardVerdict verdict = copy_local_open(router->local, shard);

			if (verdict == SHARD_OK)
			{
				store_here(router, shard);
				return;
			}
			if (verdict == SHARD_TOO_NEW)
				shard_map_raise(shard, verdict);
		}
		else if (session_is_forwarded())
			shard_map_raise(shard, SHARD_MOVED);
		else if (owner != 0 && copy_remote_hold(router->remote, owner, shard))
		{
			copy_remote_row(router->remote, owner);
			return;
		}
	}
}

/* Each row to its node and shard; returns how many were stored. */
static uint64
route_all(CopyRouter *router)
{
	CopyInput  *input = router->input;
	int64		excluded = 0;
	int64		read = 0;
	uint64		stored;

	while (copy_input_next(input))
	{
		CHECK_FOR_INTERRUPTS();
		if (!copy_input_matches(input))
		{
			pgstat_progress_update_param(PROGRESS_COPY_TUPLES_EXCLUDED, ++excluded);
			continue;
		}
		route_row(router);
		pgstat_progress_update_param(PROGRESS_COPY_TUPLES_PROCESSED, ++read);
	}
	copy_remote_flush(router->remote);
	stored = copy_local_end(router->local);
	return stored + copy_remote_end(router->remote, -1);
}

static uint64
copy_sharded(CopyInput *input, const TableInfo *info)
{
	MemoryContext context = CurrentMemoryContext;
	CopyRouter	router;
	uint64		stored;

	begin_router(&router, input, info);
	PG_TRY();
	{
		stored = route_all(&router);
	}
	PG_CATCH();
	{
		shard_scope_rethrow(context);
	}
	PG_END_TRY();
	return stored;
}

/* ---- reference tables ---- */

/* Lock the table on all nodes in node order, and begin the COPY on the others. */
static CopyRemote *
begin_everywhere(CopyInput *input)
{
	CopyRemote *remote;
	ListCell   *lc;

	if (session_is_forwarded())
	{
		session_require_proven();
		(void) reference_order_lock(RelationGetRelid(input->table), false, true);
		return NULL;
	}
	remote = copy_remote_begin(input, false);
	foreach(lc, node_list())
	{
		int			node_id = ((const NodeInfo *) lfirst(lc))->node_id;

		if (node_id == node_self())
			(void) reference_order_lock(RelationGetRelid(input->table), false, true);
		else
			copy_remote_start(remote, node_id);
	}
	return remote;
}

static void
send_to_others(CopyRemote *remote)
{
	ListCell   *lc;

	foreach(lc, node_list())
	{
		int			node_id = ((const NodeInfo *) lfirst(lc))->node_id;

		if (node_id != node_self())
			copy_remote_row(remote, node_id);
	}
}

/* Then rows are stored here, under the eyes of the triggers, and what was stored goes to the other copies. */
static bool
has_triggers(const CopyInput *input)
{
	return !session_is_forwarded() && reference_capture_trigger(input->table->trigdesc, CMD_INSERT) != NULL;
}

static uint64
copy_reference(CopyInput *input)
{
	bool		captured = has_triggers(input);
	CopyRemote *remote = captured ? NULL : begin_everywhere(input);
	CopyLocal  *local = copy_local_begin(input);
	bool		guard;
	int64		excluded = 0;
	int64		read = 0;
	uint64		stored;

	if (captured)
	{
		(void) reference_capture_lock(RelationGetRelid(input->table), true);
		copy_local_capture(local);
	}
	/* The guard is a BEFORE STATEMENT trigger, fired now; a capture has made it quiet. */
	guard = write_guard_set_open(!captured);
	(void) copy_local_open(local, ROUTE_NO_SHARD);
	(void) write_guard_set_open(guard);

	while (copy_input_next(input))
	{
		CHECK_FOR_INTERRUPTS();
		if (!copy_input_matches(input))
		{
			pgstat_progress_update_param(PROGRESS_COPY_TUPLES_EXCLUDED, ++excluded);
			continue;
		}
		copy_input_complete(input, true);
		if (remote != NULL)
			send_to_others(remote);
		copy_local_insert(local, ROUTE_NO_SHARD);
		pgstat_progress_update_param(PROGRESS_COPY_TUPLES_PROCESSED, ++read);
	}
	if (remote != NULL)
		copy_remote_flush(remote);
	stored = copy_local_end(local);
	if (remote != NULL)
		(void) copy_remote_end(remote, stored);
	return stored;
}

/* ---- the statement ---- */

uint64
copy_from_table(const CopyStmt *stmt, const char *query_string)
{
	ParseState *pstate = make_parsestate(NULL);
	Relation	table;
	ParseNamespaceItem *nsitem;
	Node	   *where;
	const TableInfo *info;
	CopyInput  *input;
	uint64		stored;

	pstate->p_sourcetext = query_string;
	copy_check_server_file(stmt);
	table = table_openrv(stmt->relation, RowExclusiveLock);
	info = table_info(RelationGetRelid(table));
	if (info == NULL)
		elog(ERROR, "table \"%s\" is not sharded any more", RelationGetRelationName(table));

	nsitem = addRangeTableEntryForRelation(pstate, table, RowExclusiveLock, NULL, false, false);
	where = copy_check_where(pstate, nsitem, stmt, table);
	copy_check_rights(pstate, nsitem, stmt, table);
	copy_check_options(stmt, table);

	input = copy_input_begin(pstate, stmt, table, where);
	if (info->kind == TABLE_SHARDED && copy_by_row_is_needed(table))
		stored = copy_by_row(input, query_string);
	else
	{
		copy_check_where_on_ids(input, where);
		copy_input_push_context(input);
		stored = info->kind == TABLE_REFERENCE ? copy_reference(input) : copy_sharded(input, info);
		copy_input_pop_context(input);
	}

	copy_input_end(input);
	free_parsestate(pstate);
	table_close(table, NoLock);
	return stored;
}
