/*
 * dxact_recover.c
 *	  What the worker does about distributed transactions that did not end.
 *
 * As participant: every prepared transaction of this database that bears the
 * name of our cluster and this node is older than a moment -> ask its
 * coordinator: running = wait, commit or abort = do so. A coordinator that
 * cannot be reached = wait. Names of others are never touched.
 *
 * As coordinator: a decision record whose participant no longer has the
 * transaction prepared has done its work and goes. (The record is visible only
 * after the local commit, so it was prepared there before we look.)
 *
 * Both run in the worker of the database, outside of any transaction, each in
 * short transactions of its own. No connection is opened while there is
 * nothing to do.
 */
#include "postgres.h"

#include "access/twophase.h"
#include "access/xact.h"
#include "base/errors.h"
#include "base/fault.h"
#include "catalog/catalog_write.h"
#include "catalog/node_map.h"
#include "dxact/dxact_internal.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#define TEXT_OID 25

/* One thing to look after: a prepared transaction here, or a decision record. */
typedef struct DutyItem
{
	char		gid[DXACT_GID_LENGTH];
	int			peer;			/* coordinator, or participant */
	bool		outlived;		/* decision that a node which has left asks for no more */
} DutyItem;

typedef enum DutyKind
{
	ITEM_PREPARED,
	ITEM_DECISION
} DutyKind;

/* Peers that did not answer when they were last asked. */
static Bitmapset *silent_peers = NULL;

/* In a transaction of its own: what is to be done; the list lives in mcxt. */
static List *
collect(DutyKind kind, MemoryContext mcxt)
{
	static const char *const queries[] = {
		[ITEM_PREPARED] = "SELECT gid, false FROM pg_catalog.pg_prepared_xacts"
		" WHERE database = pg_catalog.current_database()"
		" AND gid LIKE 'shardext:%' AND prepared < pg_catalog.clock_timestamp() - interval '1 second'",
		[ITEM_DECISION] = "SELECT gid, made < pg_catalog.clock_timestamp() - interval '1 day'"
		" FROM shardext.catalog_decision"
		" WHERE made < pg_catalog.clock_timestamp() - interval '1 second' LIMIT 10000",
	};
	const ClusterInfo *cluster;
	List	   *items = NIL;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	cluster = cluster_info();
	if (cluster != NULL && SPI_execute(queries[kind], true, 0) == SPI_OK_SELECT)
	{
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			char	   *text = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
			DxactGid	gid;
			DutyItem   *item;
			int			ours;
			MemoryContext old;

			if (!dxact_gid_parse(text, &gid) || strcmp(gid.cluster_id, cluster->cluster_id) != 0)
				continue;
			ours = kind == ITEM_PREPARED ? gid.participant : gid.coordinator;
			if (ours != cluster->this_node || (kind == ITEM_DECISION && dxact_is_running(gid.number)))
				continue;
			old = MemoryContextSwitchTo(mcxt);
			item = palloc(sizeof(DutyItem));
			strlcpy(item->gid, text, sizeof(item->gid));
			item->peer = kind == ITEM_PREPARED ? gid.coordinator : gid.participant;
			item->outlived = strcmp(SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2), "t") == 0;
			items = lappend(items, item);
			MemoryContextSwitchTo(old);
		}
	}
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	return items;
}

/* Finish a prepared transaction of this database; quiet if somebody else has. */
void
dxact_finish_prepared(const char *gid, bool commit)
{
	MemoryContext old = CurrentMemoryContext;

	PG_TRY();
	{
		StartTransactionCommand();
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
			ReThrowError(error);
		FreeErrorData(error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
}

/* Ask the coordinator what became of it; the connection is the caller's. */
static DxactOutcome
ask_outcome(NodeConn *conn, const char *gid)
{
	Oid			types[] = {TEXT_OID};
	const char *values[] = {gid};
	ConnParams	params = {.n = 1, .types = types, .values = values};
	PGresult   *result = conn_query(conn, "SELECT shardext.internal_transaction_outcome($1)", &params);
	const char *answer = PQgetvalue(result, 0, 0);
	DxactOutcome outcome = OUTCOME_RUNNING;

	if (strcmp(answer, "commit") == 0)
		outcome = OUTCOME_COMMIT;
	else if (strcmp(answer, "abort") == 0)
		outcome = OUTCOME_ABORT;
	conn_result_free(result);
	return outcome;
}

/*
 * Is it prepared on the participant? One that stays so is committed from here:
 * a database that becomes a node by this very transaction has no worker yet,
 * which would ask us. Whether that worked the next round sees.
 */
static bool
ask_prepared(NodeConn *conn, const char *gid)
{
	Oid			types[] = {TEXT_OID};
	const char *values[] = {gid};
	ConnParams	params = {.n = 1, .types = types, .values = values};
	PGresult   *result = conn_query(conn,
									"SELECT prepared < pg_catalog.clock_timestamp() - interval '3 seconds'"
									" FROM pg_catalog.pg_prepared_xacts WHERE gid = $1", &params);
	bool		prepared = PQntuples(result) > 0;

	if (prepared && strcmp(PQgetvalue(result, 0, 0), "t") == 0)
	{
		char		command[DXACT_GID_LENGTH + 32];

		snprintf(command, sizeof(command), "COMMIT PREPARED '%s'", gid);
		if (conn_command_send(conn, false, command))
			(void) conn_command_finish(conn, GetCurrentTimestamp() + DXACT_PATIENCE_MS * INT64CONST(1000), true);
	}
	conn_result_free(result);
	return prepared;
}

/* The error at hand; that a peer is unavailable only once, until it answers: it is asked each second. */
static void
report_failure(int peer)
{
	bool		silent;
	ErrorData  *error;

	MemoryContextSwitchTo(CurTransactionContext);
	error = CopyErrorData();
	FlushErrorState();
	silent = error->sqlerrcode == ERRCODE_SX_NODE_UNAVAILABLE;
	if (!silent || !bms_is_member(peer, silent_peers))
		ereport(LOG,
				(errcode(error->sqlerrcode),
				 errmsg("could not finish distributed transactions: %s", error->message),
				 error->detail ? errdetail_internal("%s", error->detail) : 0));
	if (silent)
	{
		MemoryContextSwitchTo(TopMemoryContext);
		silent_peers = bms_add_member(silent_peers, peer);
	}
}

/*
 * Ask one peer about all items that concern it, in a transaction that is
 * here only for the catalog and for cleaning up after errors. The answers
 * come back as a list (of int) parallel to the items asked.
 */
static List *
ask_peer(int peer, List *items, DutyKind kind, MemoryContext mcxt)
{
	List	   *answers = NIL;
	MemoryContext old = CurrentMemoryContext;

	StartTransactionCommand();
	PG_TRY();
	{
		const NodeInfo *node = node_by_id(peer);
		ListCell   *lc;

		if (node)
		{
			NodeConn   *conn = conn_open_private(node, GetUserNameFromId(extension_owner(), false));

			foreach(lc, items)
			{
				DutyItem   *item = lfirst(lc);
				int			answer;

				if (item->peer != peer)
					continue;
				answer = kind == ITEM_PREPARED ? (int) ask_outcome(conn, item->gid)
					: (int) ask_prepared(conn, item->gid);
				MemoryContextSwitchTo(mcxt);
				answers = lappend_int(answers, answer);
				MemoryContextSwitchTo(CurTransactionContext);
			}
			conn_close_private(conn);
		}
		else if (kind == ITEM_DECISION)
		{
			/* the peer was removed, and may still ask what became of its removal */
			MemoryContextSwitchTo(mcxt);
			foreach(lc, items)
			{
				const DutyItem *item = lfirst(lc);

				if (item->peer == peer)
					answers = lappend_int(answers, !item->outlived);
			}
		}
		CommitTransactionCommand();
		silent_peers = bms_del_member(silent_peers, peer);
	}
	PG_CATCH();
	{
		/* wait: the next round asks again */
		MemoryContextSwitchTo(old);
		if (!ProcDiePending)
			report_failure(peer);
		AbortCurrentTransaction();
		if (ProcDiePending)
			PG_RE_THROW();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	return answers;
}

static void
act(const DutyItem *item, DutyKind kind, int answer)
{
	switch (kind)
	{
		case ITEM_PREPARED:
			if (answer == OUTCOME_RUNNING)
				return;
			ereport(LOG,
					(errmsg("recovery: %s prepared transaction \"%s\"",
							answer == OUTCOME_COMMIT ? "committing" : "rolling back", item->gid)));
			FAULT_POINT("dxact_recover_finish");
			dxact_finish_prepared(item->gid, answer == OUTCOME_COMMIT);
			break;
		case ITEM_DECISION:
			if (answer)
				return;
			catalog_delete_decision(item->gid);
			break;
	}
}

/* Look after the items of one peer, taken out of the list. */
static List *
handle_peer(List *items, DutyKind kind, MemoryContext mcxt)
{
	int			peer = ((DutyItem *) linitial(items))->peer;
	List	   *answers = ask_peer(peer, items, kind, mcxt);
	List	   *others = NIL;
	ListCell   *lc;
	int			i = 0;

	if (kind == ITEM_DECISION && answers != NIL)
		StartTransactionCommand();
	foreach(lc, items)
	{
		DutyItem   *item = lfirst(lc);

		if (item->peer != peer)
		{
			MemoryContext old = MemoryContextSwitchTo(mcxt);

			others = lappend(others, item);
			MemoryContextSwitchTo(old);
		}
		else if (i < list_length(answers))
			act(item, kind, list_nth_int(answers, i++));
	}
	if (kind == ITEM_DECISION && answers != NIL)
		CommitTransactionCommand();
	return others;
}

void
dxact_recover_duty(void)
{
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext, "shardext recovery", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = CurrentMemoryContext;

	for (DutyKind kind = ITEM_PREPARED; kind <= ITEM_DECISION; kind++)
	{
		List	   *items = collect(kind, mcxt);

		while (items != NIL)
			items = handle_peer(items, kind, mcxt);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
}
