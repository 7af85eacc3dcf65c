/*
 * conn_bounded.c
 *	  Connections and questions that wait no longer than they are told: for
 *	  workers, whom one node that does not answer must not keep from the others.
 *
 * A ConnAttempt is a connection being made, looked at as often as its owner
 * likes; what becomes of it is a private connection or a reason. A node with
 * several hosts is tried with the list beginning at another host each time,
 * since libpq stays with a host that does not answer.
 *
 * Neither raises errors for what other nodes do.
 */
#include "postgres.h"

#include "conn/conn_internal.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

struct ConnAttempt
{
	MemoryContext cxt;			/* this and what node points to */
	NodeInfo	node;
	PGconn	   *pg;
	PostgresPollingStatusType status;
};

/* The list of hosts without its first ones; all of it again when none would be left. */
static const char *
skip_hosts(const char *host, int skip)
{
	const char *from = host;

	while (skip-- > 0)
	{
		from = strchr(from, ',');
		from = from ? from + 1 : host;
	}
	return from;
}

ConnAttempt *
conn_attempt_start(const NodeInfo *node, const char *role_name, int number)
{
	ConnAttempt *attempt;
	MemoryContext cxt;
	MemoryContext old;

	if (!AcquireExternalFD())
		return NULL;
	cxt = AllocSetContextCreate(TopMemoryContext, "shardext attempt", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(cxt);
	attempt = palloc0(sizeof(ConnAttempt));
	attempt->cxt = cxt;
	attempt->node = *node;
	attempt->node.name = pstrdup(node->name);
	attempt->node.host = pstrdup(node->host);
	attempt->node.dbname = pstrdup(node->dbname);
	MemoryContextSwitchTo(old);
	attempt->pg = conn_begin_connecting(skip_hosts(node->host, number), node->port, node->dbname, role_name);
	attempt->status = attempt->pg == NULL || PQstatus(attempt->pg) == CONNECTION_BAD ?
		PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
	return attempt;
}

/* Go on as far as possible within the time. */
static void
go_on(ConnAttempt *attempt, long timeout_ms)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timeout_ms);

	while (attempt->status == PGRES_POLLING_READING || attempt->status == PGRES_POLLING_WRITING)
	{
		int			wanted = attempt->status == PGRES_POLLING_READING ? WL_SOCKET_READABLE : WL_SOCKET_WRITEABLE;
		long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);
		int			rc = WaitLatchOrSocket(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | WL_TIMEOUT | wanted,
										   PQsocket(attempt->pg), left, PG_WAIT_EXTENSION);

		if (rc & WL_LATCH_SET)
		{
			ResetLatch(MyLatch);
			CHECK_FOR_INTERRUPTS();
		}
		if (rc & (WL_SOCKET_READABLE | WL_SOCKET_WRITEABLE))
			attempt->status = PQconnectPoll(attempt->pg);
		else if (rc & WL_TIMEOUT)
			return;
	}
}

ConnProgress
conn_attempt_poll(ConnAttempt *attempt, long timeout_ms)
{
	go_on(attempt, timeout_ms);
	switch (attempt->status)
	{
		case PGRES_POLLING_OK:
			return CONN_PROGRESS_DONE;
		case PGRES_POLLING_FAILED:
			return CONN_PROGRESS_FAILED;
		default:
			break;
	}
	return CONN_PROGRESS_PENDING;
}

bool
conn_attempt_is_heard(const ConnAttempt *attempt)
{
	return attempt->pg != NULL && PQstatus(attempt->pg) != CONNECTION_STARTED;
}

char *
conn_attempt_reason(const ConnAttempt *attempt)
{
	char	   *message;

	if (attempt->pg == NULL)
		return pstrdup("out of memory");
	if (attempt->status != PGRES_POLLING_FAILED)
		return pstrdup("no answer");
	message = pchomp(PQerrorMessage(attempt->pg));
	for (char *p = message; *p; p++)
		if (*p == '\n' || *p == '\t')
			*p = ' ';
	return message;
}

void
conn_attempt_drop(ConnAttempt *attempt)
{
	PQfinish(attempt->pg);
	ReleaseExternalFD();
	MemoryContextDelete(attempt->cxt);
}

NodeConn *
conn_attempt_take(ConnAttempt *attempt)
{
	NodeConn   *conn;

	Assert(attempt->status == PGRES_POLLING_OK);
	(void) PQsetnonblocking(attempt->pg, 1);
	conn = conn_adopt(&attempt->node, InvalidOid, true, attempt->pg);
	MemoryContextDelete(attempt->cxt);
	return conn;
}

bool
conn_taken_is_usable(NodeConn *conn)
{
	return conn->state == CONN_IDLE && conn_looks_alive(conn);
}

void
conn_taken_drop(NodeConn *conn)
{
	conn_destroy(conn);
}

static bool
send_question(NodeConn *conn, const char *sql, const ConnParams *params, long timeout_ms)
{
	conn_forget_error(conn);
	conn->single_row = false;
	conn->state = CONN_BUSY;
	if (conn_settings_send(conn) &&
		conn_send_one(conn, sql, params, false, false, PENDING_STREAM) &&
		conn_send_sync(conn) &&
		conn_flush(conn, timeout_ms, true))
		return true;
	conn_lost(conn, NULL);
	return false;
}

PGresult *
conn_ask(NodeConn *conn, const char *sql, const ConnParams *params, long timeout_ms, char **reason)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timeout_ms);
	PGresult   *result = NULL;

	if (conn->state == CONN_IDLE && send_question(conn, sql, params, timeout_ms))
	{
		for (;;)
		{
			long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);

			switch (conn_read(conn, Max(left, 1), true, &result))
			{
				case READ_ROW:
					PQclear(result);
					continue;
				case READ_END:
					if (result)
						conn_result_keep(result);
					return result;
				case READ_ERROR:
					*reason = pstrdup(conn_command_message(conn));
					conn_forget_error(conn);
					return NULL;
				case READ_BLOCKED:
					conn_lost(conn, NULL);
					break;
				case READ_LOST:
					break;
			}
			break;
		}
	}
	*reason = pstrdup(conn_lost_reason(conn));
	return NULL;
}
