/*
 * conn_copy.c
 *	  COPY ... FROM STDIN on a node.
 *
 * libpq has no COPY in pipeline mode: what dxact has queued is sent and
 * answered first, then the connection leaves that mode until the COPY is over.
 * Data is handed to libpq, which sends it in pieces; when more than
 * COPY_BUFFER_LIMIT could not be sent yet the caller waits (interruptibly).
 */
#include "postgres.h"

#include "base/settings.h"
#include "conn/conn_internal.h"
#include "utils/timestamp.h"

#define COPY_BUFFER_LIMIT (1024 * 1024)

/* Next result outside of pipeline mode; NULL when there is none. */
static PGresult *
copy_result(NodeConn *conn)
{
	while (PQisBusy(conn->pg) && PQstatus(conn->pg) == CONNECTION_OK)
		if (!conn_wait_io(conn, false, -1, true))
			conn_raise_lost(conn);
	if (PQstatus(conn->pg) == CONNECTION_BAD)
	{
		conn_lost(conn, PQgetResult(conn->pg));
		conn_raise_lost(conn);
	}
	return PQgetResult(conn->pg);
}

/* Read to the end; first error kept in *error, rows copied returned. */
static int64
read_rest(NodeConn *conn, PGresult **error)
{
	PGresult   *result;
	int64		rows = 0;

	while ((result = copy_result(conn)) != NULL)
	{
		if (PQresultStatus(result) == PGRES_COMMAND_OK)
			rows = strtoll(PQcmdTuples(result), NULL, 10);
		else if (*error == NULL && PQresultStatus(result) == PGRES_FATAL_ERROR)
		{
			*error = result;
			continue;
		}
		PQclear(result);
	}
	return rows;
}

static void
back_to_pipeline(NodeConn *conn)
{
	conn->state = CONN_IDLE;
	if (!PQenterPipelineMode(conn->pg))
	{
		conn_lost(conn, NULL);
		conn_raise_lost(conn);
	}
}

/* Settings, BEGIN, SAVEPOINT, ...: sent and answered. */
static void
send_front(NodeConn *conn)
{
	conn->state = CONN_BUSY;
	if (!conn_settings_send(conn) || !conn_send_queue(conn) || !conn_send_sync(conn))
		conn_lost(conn, NULL);
	else
		(void) conn_flush(conn, -1, true);
	if (conn->state == CONN_BROKEN)
		conn_raise_lost(conn);
	conn_settle(conn);
}

void
conn_copy_start(NodeConn *conn, const char *sql)
{
	PGresult   *result;

	conn_settle(conn);
	if (setting_log_remote)
		ereport(LOG, (errmsg("to node \"%s\": %s", conn->node_name, sql), errhidestmt(true)));
	send_front(conn);
	if (!PQexitPipelineMode(conn->pg) || !PQsendQuery(conn->pg, sql))
	{
		conn_lost(conn, NULL);
		conn_raise_lost(conn);
	}
	conn->state = CONN_COPY;
	conn->copy_unsent = 0;
	result = copy_result(conn);
	if (PQresultStatus(result) != PGRES_COPY_IN)
	{
		PGresult   *error = NULL;

		if (PQresultStatus(result) == PGRES_FATAL_ERROR)
			error = result;
		else
			PQclear(result);
		(void) read_rest(conn, &error);
		back_to_pipeline(conn);
		conn_notices_pass_on(conn, false);
		if (error)
			conn_rethrow(conn, error, false);
		elog(ERROR, "not a COPY FROM STDIN: %s", sql);
	}
	PQclear(result);
}

void
conn_copy_data(NodeConn *conn, const char *data, int length)
{
	if (conn->state != CONN_COPY)
		elog(ERROR, "connection to node \"%s\" is not in COPY", conn->node_name);
	if (PQputCopyData(conn->pg, data, length) != 1)
	{
		conn_lost(conn, NULL);
		conn_raise_lost(conn);
	}
	conn->copy_unsent += length;
	if (conn->copy_unsent > COPY_BUFFER_LIMIT)
	{
		if (!conn_flush(conn, -1, true))
			conn_raise_lost(conn);
		conn->copy_unsent = 0;
	}
}

int64
conn_copy_end(NodeConn *conn, const char *error)
{
	PGresult   *result = NULL;
	int64		rows;

	if (PQputCopyEnd(conn->pg, error) != 1 || !conn_flush(conn, -1, true))
	{
		conn_lost(conn, NULL);
		conn_raise_lost(conn);
	}
	rows = read_rest(conn, &result);
	back_to_pipeline(conn);
	conn_notices_pass_on(conn, error != NULL);
	if (result && error == NULL)
		conn_rethrow(conn, result, false);
	PQclear(result);
	return rows;
}

/* For transaction aborts: the COPY has been told to fail, read to its end. Never raises. */
void
conn_copy_abandon(NodeConn *conn, TimestampTz deadline)
{
	for (;;)
	{
		PGresult   *result;

		while (PQisBusy(conn->pg) && PQstatus(conn->pg) == CONNECTION_OK)
		{
			long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);

			if (left <= 0 || !conn_wait_io(conn, PQflush(conn->pg) > 0, left, false))
			{
				conn_lost(conn, NULL);
				return;
			}
		}
		result = PQgetResult(conn->pg);
		if (PQstatus(conn->pg) == CONNECTION_BAD)
		{
			conn_lost(conn, result);
			return;
		}
		if (result == NULL)
			break;
		if (PQresultStatus(result) == PGRES_COPY_IN)
			(void) PQputCopyEnd(conn->pg, "COPY was given up");
		PQclear(result);
	}
	conn->state = CONN_IDLE;
	conn_notices_pass_on(conn, true);
	if (!PQenterPipelineMode(conn->pg))
		conn_lost(conn, NULL);
}
