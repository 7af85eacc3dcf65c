/*
 * conn.c
 *	  One statement at a time on a connection: start, rows, end.
 *
 * Everything that is sent goes through libpq's pipeline mode: settings that
 * changed, what dxact has queued (BEGIN, SAVEPOINT, ...), a Parse on first
 * use, the statement, a Sync; one network write. The answers are read in that
 * order by conn_read(), the only reader. A stream's connection is free for the
 * next statement as soon as its last result has been returned, since the Sync
 * behind it has then been read too.
 *
 * Errors are raised only when everything up to the Sync has been read, so that
 * whoever catches them finds the connection idle.
 *
 * Does not know transactions: what is queued in front is dxact's business.
 */
#include "postgres.h"

#include "base/fault.h"
#include "base/settings.h"
#include "catalog/shard_map.h"
#include "conn/conn_internal.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

/* A server drops a client that sends it a larger message, head included. */
#define MESSAGE_MAX		((Size) MaxAllocSize - 8192)

/* For statements whose outcome must be known: how often interrupts are looked for, how long is waited after one. */
#define DECISIVE_SLICE_MS	100
#define DECISIVE_PATIENCE_US INT64CONST(5000000)

/* A statement that has run for longer than this was not sent to a dead connection. */
#define REPEAT_WITHIN_MS 1000

static void
finish_stream(NodeConn *conn)
{
	if (conn->active)
		conn->active->conn = NULL;
	conn->active = NULL;
}

/* One answer of a command that yields no rows of interest. True: it was its last. */
static bool
take_command_result(NodeConn *conn, Pending *head, PGresult *result)
{
	if (result == NULL)
	{
		conn_pending_pop(conn);
		return true;
	}
	switch (PQresultStatus(result))
	{
		case PGRES_COMMAND_OK:
		case PGRES_TUPLES_OK:
			if (head->prepared)
				head->prepared->confirmed = true;
			conn->rolled_back = head->kind == PENDING_COMMAND && strcmp(PQcmdStatus(result), "ROLLBACK") == 0;
			break;
		case PGRES_PIPELINE_ABORTED:
			if (head->prepared)
				head->prepared->sent = false;
			if (head->kind == PENDING_SETTINGS)
				conn_settings_unknown(conn);
			break;
		default:
			if (head->kind == PENDING_SETTINGS)
				conn_settings_unknown(conn);
			if (head->prepared)
			{
				conn_prepared_forget(conn, head->prepared);
				head->prepared = NULL;
			}
			if (conn->error == NULL)
			{
				conn->error = result;
				return false;
			}
			break;
	}
	PQclear(result);
	return false;
}

/* One answer of the stream's statement. True: *row is a row for the caller. */
static bool
take_stream_result(NodeConn *conn, PGresult *result)
{
	if (result == NULL)
	{
		conn_pending_pop(conn);
		return false;
	}
	switch (PQresultStatus(result))
	{
		case PGRES_SINGLE_TUPLE:
			return true;
		case PGRES_TUPLES_OK:
		case PGRES_COMMAND_OK:
		case PGRES_EMPTY_QUERY:
			if (conn->end_result)
				PQclear(conn->end_result);
			conn->end_result = result;
			break;
		case PGRES_PIPELINE_ABORTED:
			PQclear(result);
			break;
		default:
			if (conn->error == NULL)
				conn->error = result;
			else
				PQclear(result);
			break;
	}
	return false;
}

static bool
is_fatal(const PGresult *result)
{
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	return severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0);
}

/* All that was sent has been answered. */
static ReadOutcome
finish_reading(NodeConn *conn, PGresult **result)
{
	conn->state = CONN_IDLE;
	if (conn->settings_at_risk)
	{
		if (conn->error)
			conn_settings_unknown(conn);
		else if (conn->settings_alone && PQtransactionStatus(conn->pg) == PQTRANS_IDLE)
			conn->settings_at_risk = false;
	}
	if (conn->error)
	{
		if (conn->end_result)
			PQclear(conn->end_result);
		conn->end_result = NULL;
		return READ_ERROR;
	}
	*result = conn->end_result;
	conn->end_result = NULL;
	return READ_END;
}

/*
 * The next row, or what ended the reading. timeout_ms < 0: as long as it
 * takes; 0: what has arrived only.
 */
ReadOutcome
conn_read(NodeConn *conn, long timeout_ms, bool interruptible, PGresult **result)
{
	*result = NULL;
	if (conn->stashed)
	{
		conn->stashed = false;
		*result = conn->stashed_result;
		return conn->stashed_outcome;
	}
	if (conn->state == CONN_BROKEN)
		return READ_LOST;
	if (unlikely(conn->held) && !conn_release(conn, timeout_ms, interruptible))
		return conn->state == CONN_BROKEN ? READ_LOST : READ_BLOCKED;
	while (conn->pending_count > 0)
	{
		Pending    *head = &conn->pending[conn->pending_head];
		PGresult   *res;

		while (PQisBusy(conn->pg))
		{
			if (PQstatus(conn->pg) == CONNECTION_BAD)
				break;
			if (!conn_wait_io(conn, false, timeout_ms, interruptible))
				return conn->state == CONN_BROKEN ? READ_LOST : READ_BLOCKED;
		}
		res = PQgetResult(conn->pg);
		if (PQstatus(conn->pg) == CONNECTION_BAD || (res && PQresultStatus(res) == PGRES_FATAL_ERROR && is_fatal(res)))
		{
			conn_lost(conn, res);
			return READ_LOST;
		}
		if (head->kind == PENDING_STREAM)
		{
			if (take_stream_result(conn, res))
			{
				conn->rows_seen = true;
				*result = res;
				return READ_ROW;
			}
		}
		else if (head->kind == PENDING_SYNC)
		{
			bool		as_expected = res && PQresultStatus(res) == PGRES_PIPELINE_SYNC;

			/* an error of the implicit commit at the Sync comes before the Sync itself */
			if (!as_expected && res && PQresultStatus(res) == PGRES_FATAL_ERROR && conn->error == NULL)
			{
				conn->error = res;
				continue;
			}
			PQclear(res);
			if (as_expected)
				conn_pending_pop(conn);
			else if (res != NULL)
			{
				conn_lost(conn, NULL);
				return READ_LOST;
			}
		}
		else
			take_command_result(conn, head, res);
	}
	return finish_reading(conn, result);
}

static void
stream_absorb(ConnStream *stream)
{
	stream->absorb(stream);
	if (stream->conn != NULL)
		elog(ERROR, "a result was not absorbed to its end");
}

static void
raise_error(NodeConn *conn)
{
	PGresult   *error = conn->error;
	bool		hide_values = conn->active != NULL && conn->active->hides_values;

	conn->error = NULL;
	conn_prepared_learn(conn, error);
	finish_stream(conn);
	conn_notices_pass_on(conn, false);
	conn_rethrow(conn, error, hide_values);
}

void
conn_settle(NodeConn *conn)
{
	PGresult   *result;

	if (conn->active)
		stream_absorb(conn->active);
	while (conn->state == CONN_BUSY)
	{
		switch (conn_read(conn, -1, true, &result))
		{
			case READ_ROW:
				PQclear(result);	/* of a stream that was forgotten */
				break;
			case READ_BLOCKED:
				elog(ERROR, "no answer from node \"%s\"", conn->node_name);
				break;
			case READ_END:
				PQclear(result);
				break;
			case READ_ERROR:
				raise_error(conn);
				break;
			case READ_LOST:
				break;
		}
	}
	if (conn->state == CONN_BROKEN)
		conn_raise_lost(conn);
	if (conn->state == CONN_COPY)
		elog(ERROR, "connection to node \"%s\" is in COPY", conn->node_name);
}

static void
refuse_too_large(const NodeConn *conn, const char *sql, const ConnParams *params)
{
	Size		bytes = strlen(sql);

	for (int i = 0; params != NULL && i < params->n; i++)
	{
		bool		binary = params->formats != NULL && params->formats[i] == 1;

		if (params->values[i] != NULL)
			bytes += sizeof(int32) + (binary ? params->lengths[i] : strlen(params->values[i]));
	}
	if (bytes >= MESSAGE_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("row is too large to be sent to node \"%s\"", conn->node_name),
				 errdetail("Its values take %zu bytes; a message to a server holds 1 GB.", bytes),
				 errhint("Write the largest of its values in a statement of their own.")));
}

static void
start(NodeConn *conn, ConnStream *stream, const char *sql, const ConnParams *params,
	  bool prepare, bool binary_results, bool single_row)
{
	if (conn->active || conn->state != CONN_IDLE)
		conn_settle(conn);
	if (setting_log_remote)
		ereport(LOG, (errmsg("to node \"%s\": %s", conn->node_name, sql), errhidestmt(true)));
	refuse_too_large(conn, sql, params);

	conn_forget_error(conn);
	conn_prepared_check();
	conn->single_row = single_row;
	conn->rows_seen = false;
	conn->state = CONN_BUSY;
	if (!conn_settings_send(conn) ||
		!conn_send_queue(conn) ||
		!conn_send_one(conn, sql, params, prepare, binary_results, PENDING_STREAM) ||
		!(stream->followed || conn_send_sync(conn)))
	{
		conn_lost(conn, NULL);
		conn_raise_lost(conn);
	}
	stream->conn = conn;
	stream->refused = false;
	stream->refused_too_new = false;
	stream->plan = NULL;
	conn->active = stream;
	conn->held = stream->followed;
	if (!conn->held && !conn_flush(conn, -1, true))
		conn_raise_lost(conn);
	if (unlikely(conn->autocommit_write))
		conn_cancel_hold();
}

void
conn_stream_release(ConnStream *stream)
{
	if (stream->conn != NULL && stream->conn->held && !conn_release(stream->conn, -1, true))
		conn_raise_lost(stream->conn);
}

void
conn_stream_start(NodeConn *conn, ConnStream *stream, const char *sql, const ConnParams *params,
				  bool prepare, bool binary_results)
{
	start(conn, stream, sql, params, prepare, binary_results, true);
}

/*
 * A statement that commits by itself on the node must not end without knowing
 * how. An interrupt cancels it there, but its answer is awaited for a while;
 * if it was carried out all the same, the cancel has come too late: also one
 * that comes between the answer and the end of the transaction here, or a
 * time-out of the statement that would.
 */
static ReadOutcome
read_decisive(NodeConn *conn, const ConnStream *stream, PGresult **result)
{
	TimestampTz deadline = 0;
	ReadOutcome outcome;

	while ((outcome = conn_read(conn, DECISIVE_SLICE_MS, false, result)) == READ_BLOCKED)
	{
		if (deadline != 0 && GetCurrentTimestamp() > deadline)
			conn_lost(conn, NULL);
		else if (deadline == 0 && (QueryCancelPending || ProcDiePending || conn_client_is_gone()))
		{
			deadline = GetCurrentTimestamp() + DECISIVE_PATIENCE_US;
			conn_cancel_send(conn);
		}
		else if (deadline == 0)
			CHECK_FOR_INTERRUPTS();
	}
	if (outcome == READ_ERROR || stream->refused)
	{
		conn_cancel_release(false);
		return outcome;
	}
	if (get_timeout_active(STATEMENT_TIMEOUT))
		disable_timeout(STATEMENT_TIMEOUT, false);
	QueryCancelPending = false;
	if (outcome == READ_END)
		FAULT_POINT("conn_committed_there");
	return outcome;
}

/*
 * Lost soon and without a word about the statement, on a connection that has
 * been kept from earlier ones: it may have been dying already, which no look at
 * it beforehand can exclude. True: the stream has begun again.
 */
static bool
begun_again(NodeConn *conn, ConnStream *stream)
{
	if (conn->rows_seen || conn->autocommit_write || stream->repeat == NULL ||
		TimestampDifferenceExceeds(conn->last_used, GetCurrentTimestamp(), REPEAT_WITHIN_MS))
		return false;
	finish_stream(conn);
	return stream->repeat(stream);
}

PGresult *
conn_stream_next(ConnStream *stream)
{
	NodeConn   *conn = stream->conn;
	PGresult   *result;

	if (conn == NULL)
		return NULL;
	switch (unlikely(conn->autocommit_write) ? read_decisive(conn, stream, &result) :
			conn_read(conn, -1, true, &result))
	{
		case READ_ROW:
			break;
		case READ_END:
			finish_stream(conn);
			break;
		case READ_ERROR:
			raise_error(conn);
			break;
		case READ_BLOCKED:
		case READ_LOST:
			if (begun_again(conn, stream))
				return conn_stream_next(stream);
			conn_notices_pass_on(conn, false);
			conn_raise_lost(conn);
			break;
	}
	if (result)
		conn_result_keep(result);
	if (conn->notice_count > 0)
		conn_notices_pass_on(conn, false);
	return result;
}

void
conn_stream_forget(ConnStream *stream)
{
	dlist_iter	iter;

	/* the connection may have been closed meanwhile */
	dlist_foreach(iter, &conn_all)
	{
		NodeConn   *conn = dlist_container(NodeConn, link, iter.cur);

		if (conn == stream->conn && conn->active == stream)
			conn->active = NULL;
	}
	stream->conn = NULL;
}

void
conn_stream_close(ConnStream *stream)
{
	NodeConn   *conn = stream->conn;

	if (conn == NULL)
		return;
	if (conn->state == CONN_BUSY && conn->participant == NULL)
	{
		conn_abandon_begin(conn);
		conn_abandon_finish(conn, GetCurrentTimestamp() + INT64CONST(5000000));
		stream->conn = NULL;
	}
	/* a cancel would end the remote transaction: read the rest and forget it */
	while (stream->conn != NULL)
		conn_result_free(conn_stream_next(stream));
}

static void
cannot_absorb(ConnStream *stream)
{
	elog(ERROR, "nested use of a connection during a short call");
}

PGresult *
conn_query(NodeConn *conn, const char *sql, const ConnParams *params)
{
	ConnStream	stream = {.absorb = cannot_absorb};
	PGresult   *result;

	start(conn, &stream, sql, params, false, false, false);
	result = conn_stream_next(&stream);
	if (stream.refused)
	{
		conn_result_free(result);
		shard_map_raise(stream.refused_shard, stream.refused_too_new ? SHARD_TOO_NEW : SHARD_MOVED);
	}
	return result;
}

int64
conn_execute(NodeConn *conn, const char *sql, const ConnParams *params)
{
	PGresult   *result = conn_query(conn, sql, params);
	const char *tuples = result ? PQcmdTuples(result) : "";
	int64		count = *tuples ? strtoll(tuples, NULL, 10) : 0;

	conn_result_free(result);
	return count;
}

const char *
conn_node_name(const NodeConn *conn)
{
	return conn->node_name;
}
