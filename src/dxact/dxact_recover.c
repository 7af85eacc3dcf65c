/*
 * dxact_recover.c
 *	  What the worker does about distributed transactions that did not end.
 *
 * As participant: every prepared transaction of this database that bears the
 * name of our cluster and this node is older than a moment -> ask its
 * coordinator: running = wait, commit or abort = do so. A coordinator that
 * cannot be reached = wait. Names of others are never touched.
 *
 * As coordinator: a decision record whose participant has committed has done its
 * work and goes. (The record is visible only after the local commit, so it was
 * prepared there before we look.) A part that is neither prepared nor committed
 * there is lost: that is reported, and the record stays for the operator.
 *
 * Both run in the worker of the database, outside of any transaction, each in
 * short transactions of its own. Each round asks all nodes concerned, each of
 * them BATCH questions at a time; one that does not answer delays no other. No
 * connection is opened while there is nothing to do.
 */
#include "postgres.h"

#include "access/twophase.h"
#include "access/xact.h"
#include "base/fault.h"
#include "catalog/catalog_write.h"
#include "catalog/node_map.h"
#include "catalog/pg_type.h"
#include "dxact/dxact_internal.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#define BATCH 500
#define ANSWER_MS 3000

typedef enum DutyKind
{
	ITEM_PREPARED,				/* a prepared transaction here; the peer is its coordinator */
	ITEM_DECISION				/* a decision record; the peer is its participant */
} DutyKind;

typedef struct DutyItem
{
	char		gid[DXACT_GID_LENGTH];
	char		token[DXACT_TOKEN_LENGTH];
	int			peer;
	bool		outlived;		/* decision that a node which has left asks for no more */
	bool		removed;		/* the peer is no member any more */
} DutyItem;

static const char *const collect_sql[] = {
	[ITEM_PREPARED] = "SELECT gid, '', false FROM pg_catalog.pg_prepared_xacts"
	" WHERE database = pg_catalog.current_database()"
	" AND gid LIKE 'shardext:%' AND prepared < pg_catalog.clock_timestamp() - interval '1 second'",
	[ITEM_DECISION] = "SELECT gid, token, made < pg_catalog.clock_timestamp() - interval '1 day'"
	" FROM shardext.catalog_decision WHERE trouble IS NULL"
	" AND made < pg_catalog.clock_timestamp() - interval '1 second' LIMIT 10000",
};

/* One answer per gid, in their order. */
static const char *const ask_sql[] = {
	[ITEM_PREPARED] = "SELECT shardext.internal_transaction_outcome(u.gid)"
	" FROM unnest($1::text[]) WITH ORDINALITY AS u (gid, i) ORDER BY u.i",
	/* the list of what is prepared is taken before any token is looked at: nothing falls in between */
	[ITEM_DECISION] = "SELECT CASE WHEN p.gid IS NULL THEN shardext.internal_part_outcome(u.token)"
	" WHEN p.prepared < pg_catalog.clock_timestamp() - interval '3 seconds' THEN 'stale' ELSE 'prepared' END"
	" FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS u (gid, token, i)"
	" LEFT JOIN pg_catalog.pg_prepared_xacts p ON p.gid = u.gid AND p.database = pg_catalog.current_database()"
	" ORDER BY u.i",
};

static int
compare_peers(const ListCell *a, const ListCell *b)
{
	return ((const DutyItem *) lfirst(a))->peer - ((const DutyItem *) lfirst(b))->peer;
}

/* A row found as an item, NULL if it is no business of ours. */
static DutyItem *
make_item(const ClusterInfo *cluster, DutyKind kind, HeapTuple row, TupleDesc desc)
{
	char	   *text = SPI_getvalue(row, desc, 1);
	DxactGid	gid;
	DutyItem   *item;

	if (!dxact_gid_parse(text, &gid) || strcmp(gid.cluster_id, cluster->cluster_id) != 0)
		return NULL;
	if ((kind == ITEM_PREPARED ? gid.participant : gid.coordinator) != cluster->this_node)
		return NULL;
	if (kind == ITEM_DECISION && dxact_is_running(gid.number))
		return NULL;
	item = palloc(sizeof(DutyItem));
	strlcpy(item->gid, text, sizeof(item->gid));
	strlcpy(item->token, SPI_getvalue(row, desc, 2), sizeof(item->token));
	item->peer = kind == ITEM_PREPARED ? gid.coordinator : gid.participant;
	item->outlived = strcmp(SPI_getvalue(row, desc, 3), "t") == 0;
	item->removed = node_by_id(item->peer) == NULL;
	return item;
}

/* In a transaction of its own: what is to be done, by peer; the list lives in mcxt. Connections begin to be made. */
static List *
collect(DutyKind kind, MemoryContext mcxt)
{
	const ClusterInfo *cluster;
	List	   *items = NIL;
	int			peer = 0;
	ListCell   *lc;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	cluster = cluster_info();
	if (cluster != NULL && SPI_execute(collect_sql[kind], true, 0) == SPI_OK_SELECT)
	{
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			MemoryContext old = MemoryContextSwitchTo(mcxt);
			DutyItem   *item = make_item(cluster, kind, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);

			if (item != NULL)
				items = lappend(items, item);
			MemoryContextSwitchTo(old);
		}
	}
	list_sort(items, compare_peers);
	foreach(lc, items)
	{
		const DutyItem *item = lfirst(lc);

		if (item->peer != peer && !item->removed)
			dxact_peer_want(item->peer);
		peer = item->peer;
	}
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	return items;
}

/* Finish a prepared transaction of this database; quiet if somebody else has. Errors are told the log only. */
void
dxact_finish_prepared(const char *gid, bool commit)
{
	MemoryContext old = CurrentMemoryContext;

	PG_TRY();
	{
		StartTransactionCommand();
		dxact_force_durable();
		FinishPreparedTransaction(gid, commit);
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(old);
		error = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(old);
		if (error->sqlerrcode != ERRCODE_UNDEFINED_OBJECT &&
			error->sqlerrcode != ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE)
			ereport(LOG,
					(errcode(error->sqlerrcode),
					 errmsg("could not finish prepared transaction \"%s\": %s", gid, error->message)));
		FreeErrorData(error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
}

/* Our part of what the coordinator has answered. */
static void
follow_coordinator(const DutyItem *item, const char *answer)
{
	bool		commit = strcmp(answer, "commit") == 0;

	if (!commit && strcmp(answer, "abort") != 0)
		return;
	ereport(LOG,
			(errmsg("recovery: %s prepared transaction \"%s\"", commit ? "committing" : "rolling back", item->gid)));
	FAULT_POINT("dxact_recover_finish");
	dxact_finish_prepared(item->gid, commit);
}

/*
 * Prepared for too long: committed from here. A database that becomes a node by
 * this very transaction has no worker yet, which would ask us. Whether that
 * worked the next round sees.
 */
static void
commit_there(NodeConn *conn, const DutyItem *item)
{
	char		command[DXACT_GID_LENGTH + 32];

	snprintf(command, sizeof(command), "COMMIT PREPARED '%s'", item->gid);
	if (conn_command_send(conn, false, command))
		(void) conn_command_finish(conn, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ANSWER_MS), true);
}

static void
note_trouble(NodeConn *conn, const DutyItem *item, const char *trouble)
{
	bool		is_lost = strcmp(trouble, "lost") == 0;

	catalog_write_decision_trouble(item->gid, trouble);
	ereport(WARNING,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 is_lost ?
			 errmsg("the part of committed transaction \"%s\" on node \"%s\" is lost",
					item->gid, conn_node_name(conn)) :
			 errmsg("what became of the part of committed transaction \"%s\" on node \"%s\" cannot be told",
					item->gid, conn_node_name(conn)),
			 is_lost ?
			 errdetail("It was prepared there, and is now neither prepared nor committed: somebody has rolled it back, "
					   "or the server was set back or replaced by one that had not received it.") :
			 errdetail("It is not prepared there any more, and its transaction id is too old to be looked up."),
			 errhint("Repair the data, then call shardext.resolve_transaction() on this node to remove the entry "
					 "of shardext.transactions.")));
}

/* In a transaction. */
static void
follow_participant(NodeConn *conn, const DutyItem *item, const char *answer)
{
	if (strcmp(answer, "committed") == 0)
	{
		FAULT_POINT("dxact_recover_forget");
		catalog_delete_decision(item->gid);
	}
	else if (strcmp(answer, "stale") == 0)
		commit_there(conn, item);
	else if (strcmp(answer, "lost") == 0 || strcmp(answer, "unknown") == 0)
		note_trouble(conn, item, answer);
}

static char *
array_text(const List *items, int from, int n, bool of_tokens)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = from; i < from + n; i++)
	{
		const DutyItem *item = list_nth(items, i);

		appendStringInfo(&text, "%c\"%s\"", i == from ? '{' : ',', of_tokens ? item->token : item->gid);
	}
	appendStringInfoChar(&text, '}');
	return text.data;
}

/* Ask about n items of one peer and act on the answers, if there are any. */
static void
handle_batch(const List *items, int from, int n, DutyKind kind)
{
	int			peer = ((DutyItem *) list_nth(items, from))->peer;
	NodeConn   *conn = dxact_peer(peer);
	Oid			types[] = {TEXTARRAYOID, TEXTARRAYOID};
	const char *values[] = {array_text(items, from, n, false), array_text(items, from, n, true)};
	ConnParams	params = {.n = kind == ITEM_PREPARED ? 1 : 2, .types = types, .values = values};
	char	   *reason = NULL;
	PGresult   *result = conn ? conn_ask(conn, ask_sql[kind], &params, ANSWER_MS, &reason) : NULL;

	if (result == NULL || PQntuples(result) != n)
	{
		conn_result_free(result);
		if (conn)
			dxact_peer_failed(peer, reason ? reason : "unexpected answer");
		return;
	}
	if (kind == ITEM_DECISION)
		StartTransactionCommand();
	for (int i = 0; i < n; i++)
	{
		const DutyItem *item = list_nth(items, from + i);

		if (kind == ITEM_PREPARED)
			follow_coordinator(item, PQgetvalue(result, i, 0));
		else
			follow_participant(conn, item, PQgetvalue(result, i, 0));
	}
	if (kind == ITEM_DECISION)
		CommitTransactionCommand();
	conn_result_free(result);
}

/* The peer was removed: it may ask for a while what became of its removal. */
static void
forget_outlived(const DutyItem *item)
{
	StartTransactionCommand();
	catalog_delete_decision(item->gid);
	CommitTransactionCommand();
}

static void
handle_items(const List *items, DutyKind kind)
{
	int			n;

	for (int i = 0; i < list_length(items); i += n)
	{
		const DutyItem *first = list_nth(items, i);

		for (n = 1; n < BATCH && i + n < list_length(items); n++)
			if (((DutyItem *) list_nth(items, i + n))->peer != first->peer)
				break;
		if (!first->removed)
			handle_batch(items, i, n, kind);
		else if (kind == ITEM_DECISION)
		{
			for (int j = i; j < i + n; j++)
				if (((DutyItem *) list_nth(items, j))->outlived)
					forget_outlived(list_nth(items, j));
		}
	}
}

void
dxact_recover_duty(void)
{
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext, "shardext recovery", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	List	   *prepared = collect(ITEM_PREPARED, mcxt);
	List	   *decisions = collect(ITEM_DECISION, mcxt);

	MemoryContextSwitchTo(mcxt);
	if (prepared != NIL || decisions != NIL)
		dxact_peers_await();
	handle_items(prepared, ITEM_PREPARED);
	MemoryContextSwitchTo(mcxt);
	handle_items(decisions, ITEM_DECISION);
	dxact_peers_tidy();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
}
