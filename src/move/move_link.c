/*
 * move_link.c
 *	  Connections of a job's process to nodes.
 *
 * Ordinary sessions of the extension's owner: none of what they do belongs to a
 * distributed transaction. Every wait can be interrupted, and sees when the
 * other side is gone. An error leaves links in any state; the process closes all
 * of them before it tries again.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/errors.h"
#include "base/settings.h"
#include "catalog/node_map.h"
#include "ddl/plain_conn.h"
#include "lib/ilist.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "move/move_link.h"
#include "nodes/pg_list.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

struct MoveLink
{
	dlist_node	chain;
	int			node_id;
	MoveLinkKind kind;
	char		node_name[NAMEDATALEN];
	PGconn	   *pg;
	PostgresPollingStatusType status;	/* while it connects */
};

static dlist_head links = DLIST_STATIC_INIT(links);
static dlist_head spare_links = DLIST_STATIC_INIT(spare_links);

static const NodeInfo *
find_node(int node_id)
{
	const NodeInfo *node = node_by_id(node_id);

	if (node == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("node number %d is no member of the cluster", node_id),
				 errdetail("It was removed."),
				 errhint("Cancel the job.")));
	return node;
}

static void
append_parameter(StringInfo text, const char *name, const char *value)
{
	appendStringInfo(text, "%s%s='", text->len > 0 ? " " : "", name);
	for (; *value; value++)
	{
		if (*value == '\'' || *value == '\\')
			appendStringInfoChar(text, '\\');
		appendStringInfoChar(text, *value);
	}
	appendStringInfoChar(text, '\'');
}

static char *
build_conninfo(int node_id, char *name)
{
	const NodeInfo *node = find_node(node_id);
	StringInfoData text;

	strlcpy(name, node->name, NAMEDATALEN);
	initStringInfo(&text);
	append_parameter(&text, "host", node->host);
	append_parameter(&text, "port", psprintf("%d", node->port));
	append_parameter(&text, "dbname", node->dbname);
	append_parameter(&text, "user", GetUserNameFromId(extension_owner(), false));
	append_parameter(&text, "connect_timeout", psprintf("%d", Max(2, setting_connect_timeout / 1000)));
	if (strchr(node->host, ',') != NULL)
		append_parameter(&text, "target_session_attrs", "read-write");
	return text.data;
}

/* Looks into the catalog, in a transaction of its own if there is none. */
static char *
conninfo_of(int node_id, char *name)
{
	MemoryContext caller_cxt = CurrentMemoryContext;
	bool		alone = !IsTransactionState();
	char	   *conninfo;

	if (alone)
		StartTransactionCommand();
	MemoryContextSwitchTo(caller_cxt);
	conninfo = build_conninfo(node_id, name);
	if (alone)
		CommitTransactionCommand();
	MemoryContextSwitchTo(caller_cxt);
	return conninfo;
}

void
move_link_lost(MoveLink *link)
{
	char	   *reason = pchomp(PQerrorMessage(link->pg));

	ereport(ERROR,
			(errcode(ERRCODE_SX_NODE_UNAVAILABLE),
			 errmsg("node \"%s\" is unavailable", link->node_name),
			 errdetail("%s", reason[0] ? reason : PQstatus(link->pg) == CONNECTION_OK ?
			 "The connection is broken." : "It does not answer."),
			 errhint("The job goes on when the node is back.")));
}

static void
begin_to_connect(MoveLink *link, const char *conninfo)
{
	link->pg = PQconnectStart(conninfo);
	if (link->pg == NULL)
		elog(ERROR, "out of memory");
	if (PQstatus(link->pg) == CONNECTION_BAD)
		move_link_lost(link);
	link->status = PGRES_POLLING_WRITING;
}

/* Those whose sockets are ready go on. */
static void
poll_connecting(List *connecting, long wait_ms)
{
	WaitEventSet *set = sx_create_wait_event_set(2 + list_length(connecting));
	WaitEvent  *events = palloc((2 + list_length(connecting)) * sizeof(WaitEvent));
	ListCell   *lc;
	int			n;

	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	foreach(lc, connecting)
	{
		MoveLink   *link = lfirst(lc);

		AddWaitEventToSet(set, link->status == PGRES_POLLING_READING ? WL_SOCKET_READABLE : WL_SOCKET_WRITEABLE,
						  PQsocket(link->pg), NULL, link);
	}
	n = WaitEventSetWait(set, wait_ms, events, 2 + list_length(connecting), PG_WAIT_EXTENSION);
	FreeWaitEventSet(set);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	for (int i = 0; i < n; i++)
	{
		MoveLink   *link = events[i].user_data;

		if (link == NULL)
			continue;
		link->status = PQconnectPoll(link->pg);
		if (link->status == PGRES_POLLING_FAILED)
			move_link_lost(link);
	}
	pfree(events);
}

/* All of them at the same time (MoveLink *). */
static void
connect_links(List *connecting)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), Max(2000, setting_connect_timeout));

	while (connecting != NIL)
	{
		List	   *left = NIL;
		ListCell   *lc;
		long		wait_ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);

		if (wait_ms <= 0)
			move_link_lost(linitial(connecting));
		poll_connecting(connecting, wait_ms);
		foreach(lc, connecting)
			if (((MoveLink *) lfirst(lc))->status != PGRES_POLLING_OK)
				left = lappend(left, lfirst(lc));
		connecting = left;
	}
}

PGconn *
move_link_pg(MoveLink *link)
{
	return link->pg;
}

const char *
move_link_node(MoveLink *link)
{
	return link->node_name;
}

static MoveLink *
take_spare(int node_id, MoveLinkKind kind)
{
	dlist_iter	iter;

	dlist_foreach(iter, &spare_links)
	{
		MoveLink   *link = dlist_container(MoveLink, chain, iter.cur);

		if (link->node_id != node_id || link->kind != kind)
			continue;
		dlist_delete(&link->chain);
		dlist_push_tail(&links, &link->chain);
		return link;
	}
	return NULL;
}

static MoveLink *
begin_link(int node_id, MoveLinkKind kind)
{
	StringInfoData conninfo;
	MoveLink   *link = MemoryContextAllocZero(TopMemoryContext, sizeof(MoveLink));

	link->node_id = node_id;
	link->kind = kind;
	dlist_push_tail(&links, &link->chain);
	initStringInfo(&conninfo);
	appendStringInfoString(&conninfo, conninfo_of(node_id, link->node_name));
	append_parameter(&conninfo, "application_name", "shardext job");
	append_parameter(&conninfo, "client_encoding", GetDatabaseEncodingName());
	append_parameter(&conninfo, "options",
					 "-c search_path=pg_catalog -c DateStyle=ISO -c IntervalStyle=postgres -c extra_float_digits=3"
					 " -c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0"
					 " -c idle_session_timeout=0 -c session_replication_role=replica -c row_security=off"
					 " -c client_min_messages=warning -c lc_monetary=C -c array_nulls=on -c xmloption=content"
					 " -c client_connection_check_interval=2000" SX_NO_TRANSACTION_TIMEOUT);
	append_parameter(&conninfo, "keepalives_idle", "10");
	append_parameter(&conninfo, "keepalives_interval", "5");
	append_parameter(&conninfo, "keepalives_count", "3");
	if (kind == LINK_REPLICATION)
		append_parameter(&conninfo, "replication", "database");
	begin_to_connect(link, conninfo.data);
	return link;
}

MoveLink *
move_link_open(int node_id, MoveLinkKind kind)
{
	MoveLink   *link = take_spare(node_id, kind);

	if (link == NULL)
	{
		link = begin_link(node_id, kind);
		connect_links(list_make1(link));
	}
	return link;
}

void
move_links_open_spare(const LinkWish *wishes, int n)
{
	List	   *connecting = NIL;
	ListCell   *lc;

	for (int i = 0; i < n; i++)
		for (int j = 0; j < wishes[i].n; j++)
			connecting = lappend(connecting, begin_link(wishes[i].node_id, wishes[i].kind));
	connect_links(connecting);
	foreach(lc, connecting)
		move_link_close(lfirst(lc));
}

static void
end_link(MoveLink *link)
{
	dlist_delete(&link->chain);
	PQfinish(link->pg);
	pfree(link);
}

void
move_link_close(MoveLink *link)
{
	if (PQtransactionStatus(link->pg) != PQTRANS_IDLE || PQpipelineStatus(link->pg) != PQ_PIPELINE_OFF)
	{
		end_link(link);
		return;
	}
	dlist_delete(&link->chain);
	dlist_push_tail(&spare_links, &link->chain);
}

void
move_wait(int ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

void
move_links_close_spare(void)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &spare_links)
		end_link(dlist_container(MoveLink, chain, iter.cur));
}

void
move_links_close(void)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &links)
		end_link(dlist_container(MoveLink, chain, iter.cur));
	move_links_close_spare();
}

/* The last result of what was sent; those before are forgotten. In COPY: the first. */
static PGresult *
await_result(MoveLink *link, bool copy)
{
	PGresult   *result;
	PGresult   *volatile last = NULL;

	PG_TRY();
	{
		while ((result = plain_conn_next(link->pg, link->node_name)) != NULL)
		{
			PQclear(last);
			last = result;
			if (copy)
				break;
		}
	}
	PG_CATCH();
	{
		PQclear(last);
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (last == NULL)
		move_link_lost(link);
	return last;
}

static PGresult *
run(MoveLink *link, const char *sql)
{
	if (!PQsendQuery(link->pg, sql))
		move_link_lost(link);
	return await_result(link, false);
}

#define FORMAT_SQL(sql, fmt) \
	do { \
		initStringInfo(&(sql)); \
		for (;;) \
		{ \
			va_list		args_; \
			int			needed_; \
			\
			va_start(args_, fmt); \
			needed_ = appendStringInfoVA(&(sql), fmt, args_); \
			va_end(args_); \
			if (needed_ == 0) \
				break; \
			enlargeStringInfo(&(sql), needed_); \
		} \
	} while (0)

void
move_link_run(MoveLink *link, const char *fmt,...)
{
	StringInfoData sql;

	FORMAT_SQL(sql, fmt);
	PQclear(run(link, sql.data));
	pfree(sql.data);
}

void
move_link_send(MoveLink *link, const char *fmt,...)
{
	StringInfoData sql;

	FORMAT_SQL(sql, fmt);
	if (!PQsendQuery(link->pg, sql.data))
		move_link_lost(link);
	pfree(sql.data);
}

bool
move_link_is_done(MoveLink *link)
{
	if (!PQconsumeInput(link->pg))
		move_link_lost(link);
	return !PQisBusy(link->pg);
}

PGresult *
move_link_result(MoveLink *link)
{
	return await_result(link, false);
}

PGresult *
move_link_rows(MoveLink *link, const char *fmt,...)
{
	StringInfoData sql;
	PGresult   *result;

	FORMAT_SQL(sql, fmt);
	result = run(link, sql.data);
	pfree(sql.data);
	return result;
}

char *
move_link_value(MoveLink *link, const char *fmt,...)
{
	StringInfoData sql;
	PGresult   *result;
	char	   *value = NULL;

	FORMAT_SQL(sql, fmt);
	result = run(link, sql.data);
	if (PQntuples(result) > 0 && !PQgetisnull(result, 0, 0))
		value = pstrdup(PQgetvalue(result, 0, 0));
	PQclear(result);
	pfree(sql.data);
	return value;
}

void
move_link_copy_begun(MoveLink *link)
{
	PQclear(await_result(link, true));
}

void
move_link_begin_copy(MoveLink *link, const char *sql)
{
	move_link_send(link, "%s", sql);
	move_link_copy_begun(link);
}

int
move_link_copy_piece(MoveLink *link, char **piece)
{
	int			length = PQgetCopyData(link->pg, piece, 1);

	if (length == 0 && PQconsumeInput(link->pg))
		length = PQgetCopyData(link->pg, piece, 1);
	if (length > 0 || (length == 0 && PQstatus(link->pg) == CONNECTION_OK))
		return length;
	/* the error that has ended it, if any, is raised */
	if (length == -1)
		PQclear(await_result(link, true));
	if (length != -1)
		move_link_lost(link);
	return -1;
}

int64
move_link_copy_rows(MoveLink *link)
{
	PGresult   *result;
	int64		rows = 0;

	while ((result = plain_conn_next(link->pg, link->node_name)) != NULL)
	{
		rows = strtoll(PQcmdTuples(result), NULL, 10);
		PQclear(result);
	}
	return rows;
}

/* Sessions with other nodes, kept from look to look. */
typedef struct KeptLink
{
	int			node_id;
	MoveLink   *link;
} KeptLink;

static List *kept_links = NIL;	/* in TopMemoryContext */

MoveLink *
move_link_kept(int node_id)
{
	ListCell   *lc;
	MoveLink   *link;
	MemoryContext old;
	KeptLink   *kept;

	foreach(lc, kept_links)
		if (((KeptLink *) lfirst(lc))->node_id == node_id)
			return ((KeptLink *) lfirst(lc))->link;
	link = move_link_open(node_id, LINK_SQL);
	old = MemoryContextSwitchTo(TopMemoryContext);
	kept = palloc(sizeof(KeptLink));
	kept->node_id = node_id;
	kept->link = link;
	kept_links = lappend(kept_links, kept);
	MemoryContextSwitchTo(old);
	return link;
}

void
move_links_forget(void)
{
	move_links_close();
	list_free_deep(kept_links);
	kept_links = NIL;
}
