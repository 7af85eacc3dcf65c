/*
 * conn_cancel.c
 *	  Stopping what a connection is doing, within bounds and without errors.
 *
 * conn_abandon_begin asks the node to stop, conn_abandon_finish reads to the
 * end; in between the same can be begun on other connections. What does not
 * come to rest in time is broken, so that its socket gets closed; the node
 * then notices by client_connection_check_interval.
 *
 * Before libpq 17 PQcancel() blocks without a bound of its own. It then runs
 * in a thread that touches nothing of the backend and is waited for only so
 * long (all signals are blocked in it).
 */
#include "postgres.h"

#include "base/pg_compat.h"
#include "conn/conn_internal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/timestamp.h"

#define CANCEL_PATIENCE_MS 3000

static bool held = false;		/* see conn_cancel_hold */

#ifdef LIBPQ_HAS_ASYNC_CANCEL

static bool
send_cancel(PGconn *pg)
{
	PGcancelConn *cancel = PQcancelCreate(pg);
	bool		done = false;
	TimestampTz deadline = GetCurrentTimestamp() + CANCEL_PATIENCE_MS * INT64CONST(1000);

	if (cancel && PQcancelStart(cancel))
	{
		PostgresPollingStatusType status = PGRES_POLLING_WRITING;

		while (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING)
		{
			long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);

			if (left <= 0)
				break;
			if (WaitLatchOrSocket(NULL,
								  (status == PGRES_POLLING_READING ? WL_SOCKET_READABLE : WL_SOCKET_WRITEABLE) |
									  WL_TIMEOUT | WL_POSTMASTER_DEATH,
								  PQcancelSocket(cancel), left, PG_WAIT_EXTENSION) & WL_POSTMASTER_DEATH)
				break;
			status = PQcancelPoll(cancel);
		}
		done = status == PGRES_POLLING_OK;
	}
	PQcancelFinish(cancel);
	return done;
}

#else

#include <pthread.h>
#include <signal.h>
#include <time.h>

static void *
cancel_thread(void *arg)
{
	char		message[256];

	(void) PQcancel(arg, message, sizeof(message));
	PQfreeCancel(arg);
	return NULL;
}

static bool
send_cancel(PGconn *pg)
{
	PGcancel   *cancel = PQgetCancel(pg);
	pthread_t	thread;
	sigset_t	all;
	sigset_t	saved;
	int			rc;
	struct timespec until;

	if (cancel == NULL)
		return false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	rc = pthread_create(&thread, NULL, cancel_thread, cancel);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	if (rc != 0)
	{
		PQfreeCancel(cancel);
		return false;
	}
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += CANCEL_PATIENCE_MS / 1000;
	if (pthread_timedjoin_np(thread, NULL, &until) == 0)
		return true;
	pthread_detach(thread);
	return false;
}

#endif

/*
 * Ask the node to cancel what this connection is doing. If that may arrive
 * late it could hit a later statement: the connection is broken then.
 */
void
conn_cancel_send(NodeConn *conn)
{
	if (PQstatus(conn->pg) == CONNECTION_OK && !send_cancel(conn->pg))
		conn_lost(conn, NULL);
}

/* In effect to the end of the transaction, or until conn_cancel_release. */
void
conn_cancel_hold(void)
{
	if (!held)
		HOLD_CANCEL_INTERRUPTS();
	held = true;
}

void
conn_cancel_release(bool carried_out)
{
	if (!held)
		return;
	held = false;
	if (carried_out)
		QueryCancelPending = false;
	/* an error raised meanwhile has set it to 0 */
	if (QueryCancelHoldoffCount > 0)
		RESUME_CANCEL_INTERRUPTS();
}

/* The stream under way may be in memory that is gone by now: it is not touched. */
void
conn_abandon_begin(NodeConn *conn)
{
	conn->active = NULL;
	switch (conn->state)
	{
		case CONN_IDLE:
		case CONN_BROKEN:
			break;
		case CONN_BUSY:
			/* what has arrived already needs no cancelling */
			if (!conn_at_end(conn))
				conn_cancel_send(conn);
			break;
		case CONN_COPY:
			(void) PQputCopyEnd(conn->pg, "COPY was given up");
			(void) PQflush(conn->pg);
			break;
	}
}

void
conn_abandon_finish(NodeConn *conn, TimestampTz deadline)
{
	if (conn->state == CONN_COPY)
		conn_copy_abandon(conn, deadline);
	while (conn->state == CONN_BUSY)
	{
		PGresult   *result;
		long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);

		switch (conn_read(conn, Max(left, 1), false, &result))
		{
			case READ_ROW:
			case READ_END:
				PQclear(result);
				break;
			case READ_ERROR:
				PQclear(conn->error);
				conn->error = NULL;
				break;
			case READ_BLOCKED:
				conn_lost(conn, NULL);
				break;
			case READ_LOST:
				break;
		}
	}
	conn_notices_pass_on(conn, true);
}

/*
 * Wait for the answer to a command that decides (COMMIT): an interrupt cancels
 * it on the node, but only the node's answer tells whether it came in time.
 */
CommandOutcome
conn_command_finish_decisive(NodeConn *conn)
{
	TimestampTz deadline = 0;

	for (;;)
	{
		PGresult   *result;

		switch (conn_read(conn, 100, false, &result))
		{
			case READ_ROW:
				PQclear(result);
				break;
			case READ_END:
				PQclear(result);
				QueryCancelPending = false; /* too late */
				return COMMAND_DONE;
			case READ_ERROR:
				return COMMAND_FAILED;
			case READ_LOST:
				return COMMAND_LOST;
			case READ_BLOCKED:
				if (deadline == 0 && (QueryCancelPending || ProcDiePending))
				{
					deadline = GetCurrentTimestamp() + INT64CONST(5000000);
					conn_cancel_send(conn);
				}
				else if (deadline != 0 && GetCurrentTimestamp() > deadline)
					conn_lost(conn, NULL);
				break;
		}
	}
}

/* Read and forget what is still coming. Interruptible. */
void
conn_drain(NodeConn *conn)
{
	PGresult   *result;

	conn->active = NULL;
	while (conn->state == CONN_BUSY)
	{
		switch (conn_read(conn, -1, true, &result))
		{
			case READ_ROW:
			case READ_END:
				PQclear(result);
				break;
			case READ_ERROR:
				conn_command_raise(conn);
				break;
			case READ_BLOCKED:
			case READ_LOST:
				break;
		}
	}
}

/* The connection is not to be used any more; it is closed when its transaction ends. */
void
conn_break(NodeConn *conn)
{
	conn_lost(conn, NULL);
}

void
conn_raise_broken(NodeConn *conn)
{
	conn_raise_lost(conn);
}

/* Read what has arrived and forget it; true if nothing more will come. */
bool
conn_at_end(NodeConn *conn)
{
	PGresult   *result;

	for (;;)
	{
		switch (conn_read(conn, 0, false, &result))
		{
			case READ_ROW:
				PQclear(result);
				break;
			case READ_END:
				PQclear(result);
				return true;
			case READ_ERROR:
				PQclear(conn->error);
				conn->error = NULL;
				return true;
			case READ_LOST:
				return true;
			case READ_BLOCKED:
				return false;
		}
	}
}
