/*
 * conn_pipeline.c
 *	  What is sent together, and in which order its answers will come.
 *
 * Functions that send return false when libpq cannot (the connection is then
 * to be given up); they do not wait.
 */
#include "postgres.h"

#include "conn/conn_internal.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

void
conn_pending_add(NodeConn *conn, PendingKind kind, PreparedStatement *prepared)
{
	Pending    *slot;

	if (conn->pending_head + conn->pending_count >= conn->pending_size)
	{
		if (conn->pending_head > 0)
		{
			memmove(conn->pending, conn->pending + conn->pending_head, conn->pending_count * sizeof(Pending));
			conn->pending_head = 0;
		}
		else
		{
			conn->pending_size *= 2;
			conn->pending = repalloc(conn->pending, conn->pending_size * sizeof(Pending));
		}
	}
	slot = &conn->pending[conn->pending_head + conn->pending_count];
	slot->kind = kind;
	slot->prepared = prepared;
	conn->pending_count++;
	if (conn->pending_count == 1)
		conn_pending_activate(conn);
}

/* libpq wants to be told about single-row mode when a statement's turn comes. */
void
conn_pending_activate(NodeConn *conn)
{
	if (conn->pending[conn->pending_head].kind == PENDING_STREAM && conn->single_row)
		(void) PQsetSingleRowMode(conn->pg);
}

void
conn_pending_pop(NodeConn *conn)
{
	conn->pending_head++;
	if (--conn->pending_count == 0)
		conn->pending_head = 0;
	else
		conn_pending_activate(conn);
}

/* One statement, with its Parse in front on first use when it is to be prepared. */
bool
conn_send_one(NodeConn *conn, const char *sql, const ConnParams *params, bool prepare,
			  bool binary_results, PendingKind kind)
{
	static const ConnParams none = {0};
	PreparedStatement *statement = NULL;

	if (params == NULL)
		params = &none;
	if (prepare)
	{
		if (kind == PENDING_STREAM && conn->prepared_count > CONN_MAX_PREPARED)
			conn_prepared_evict(conn);
		statement = conn_prepared_find(conn, sql, params);
		if (kind == PENDING_STREAM && !conn_prepared_renew(conn, statement))
			return false;
		if (!statement->sent)
		{
			if (!PQsendPrepare(conn->pg, statement->name, sql, params->n, params->types))
				return false;
			statement->sent = true;
			statement->confirmed = false;
			conn_pending_add(conn, PENDING_PREPARE, statement);
		}
		if (!PQsendQueryPrepared(conn->pg, statement->name, params->n, params->values,
								 params->lengths, params->formats, binary_results ? 1 : 0))
			return false;
	}
	else if (!PQsendQueryParams(conn->pg, sql, params->n, params->types, params->values,
								params->lengths, params->formats, binary_results ? 1 : 0))
		return false;
	conn_pending_add(conn, kind, NULL);
	if (kind == PENDING_STREAM)
		conn->streamed = statement;
	return true;
}

bool
conn_send_sync(NodeConn *conn)
{
	if (!PQpipelineSync(conn->pg))
		return false;
	conn->held = false;
	conn_pending_add(conn, PENDING_SYNC, NULL);
	return true;
}

/* What dxact wanted in front. */
bool
conn_send_queue(NodeConn *conn)
{
	int			n = conn->queued_count;

	conn->queued_count = 0;
	for (int i = 0; i < n; i++)
		if (!conn_send_one(conn, conn->queued[i].sql, NULL, conn->queued[i].prepare, false, PENDING_COMMAND))
			return false;
	return true;
}

void
conn_queue(NodeConn *conn, bool prepare, const char *fmt,...)
{
	Queued	   *item;
	va_list		args;

	if (conn->queued_count == conn->queued_size)
	{
		conn->queued_size *= 2;
		conn->queued = repalloc(conn->queued, conn->queued_size * sizeof(Queued));
	}
	item = &conn->queued[conn->queued_count];
	va_start(args, fmt);
	if (vsnprintf(item->sql, sizeof(item->sql), fmt, args) >= (int) sizeof(item->sql))
		elog(ERROR, "queued command is too long");
	va_end(args);
	item->prepare = prepare;
	conn->queued_count++;
}

int
conn_queue_length(const NodeConn *conn)
{
	return conn->queued_count;
}

void
conn_queue_truncate(NodeConn *conn, int length)
{
	Assert(length <= conn->queued_count);
	conn->queued_count = length;
}

int
conn_queue_find(const NodeConn *conn, const char *sql)
{
	for (int i = conn->queued_count - 1; i >= 0; i--)
		if (strcmp(conn->queued[i].sql, sql) == 0)
			return i;
	return -1;
}

RemoteState
conn_remote_state(const NodeConn *conn)
{
	switch (PQtransactionStatus(conn->pg))
	{
		case PQTRANS_INTRANS:
			return REMOTE_OPEN;
		case PQTRANS_INERROR:
			return REMOTE_FAILED;
		case PQTRANS_IDLE:
		case PQTRANS_ACTIVE:
		case PQTRANS_UNKNOWN:
			break;
	}
	return REMOTE_NONE;
}

bool
conn_command_send(NodeConn *conn, bool prepare, const char *sql)
{
	if (conn->state != CONN_IDLE)
		return false;
	conn->state = CONN_BUSY;
	conn->command_tells = false;
	if (conn_send_queue(conn) &&
		conn_send_one(conn, sql, NULL, prepare, false, PENDING_COMMAND) &&
		conn_send_sync(conn))
		return true;
	conn_lost(conn, NULL);
	return false;
}

bool
conn_command_follow(NodeConn *conn, const char *sql)
{
	bool		held = conn->held;

	if (conn->state != CONN_BUSY || conn->active == NULL)
		return false;
	if (conn_send_one(conn, sql, NULL, false, false, PENDING_COMMAND) && conn_send_sync(conn))
		return !held || conn_flush(conn, -1, true);
	conn_lost(conn, NULL);
	return false;
}

bool
conn_release(NodeConn *conn, long timeout_ms, bool interruptible)
{
	if (conn_send_sync(conn))
		return conn_flush(conn, timeout_ms, interruptible);
	conn_lost(conn, NULL);
	return false;
}

bool
conn_command_rolled_back(const NodeConn *conn)
{
	return conn->rolled_back;
}

CommandOutcome
conn_command_finish(NodeConn *conn, TimestampTz deadline, bool interruptible)
{
	PGresult   *result;
	long		timeout = -1;

	conn_forget_error(conn);
	for (;;)
	{
		if (deadline != 0)
		{
			timeout = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);
			timeout = Max(timeout, 1);
		}
		switch (conn_read(conn, timeout, interruptible, &result))
		{
			case READ_ROW:
				PQclear(result);
				break;
			case READ_END:
				PQclear(result);
				return COMMAND_DONE;
			case READ_ERROR:
				return COMMAND_FAILED;
			case READ_BLOCKED:
				conn_lost(conn, NULL);
				return COMMAND_LOST;
			case READ_LOST:
				return COMMAND_LOST;
		}
	}
}

int
conn_command_sqlstate(const NodeConn *conn)
{
	const char *state = conn->error ? PQresultErrorField(conn->error, PG_DIAG_SQLSTATE) : NULL;

	if (state == NULL || strlen(state) != 5)
		return 0;
	return MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4]);
}

const char *
conn_command_message(const NodeConn *conn)
{
	const char *message = conn->error ? PQresultErrorField(conn->error, PG_DIAG_MESSAGE_PRIMARY) : NULL;

	return message ? message : "";
}

void
conn_command_raise(NodeConn *conn)
{
	PGresult   *error = conn->error;

	conn->error = NULL;
	conn_rethrow(conn, error, false);
}
