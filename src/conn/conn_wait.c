/*
 * conn_wait.c
 *	  Waiting for sockets: each connection keeps one wait event set (latch,
 *	  postmaster death, socket), so that a wait costs one epoll_wait.
 *
 * The interruptible form processes interrupts (cancel, termination, timeouts)
 * and may therefore raise errors; a longer wait also looks whether the client
 * is still there, since nobody wants what a node does for one that is gone. The
 * other form never raises errors, is always bounded, and is what the ends of
 * transactions use. When the postmaster has died, the
 * former ends the process; the latter gives the connection up, since whoever
 * waits in the end of a transaction must come to that end first.
 */
#include "postgres.h"

#include "base/pg_compat.h"
#include "base/session_slots.h"
#include "base/settings.h"
#include "conn/conn_internal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

/* Of libpq/libpq.h, which cannot be included where the headers of GSSAPI are missing. */
extern bool pq_check_connection(void);

/* How often a wait looks after the client. */
#define CLIENT_CHECK_MS		250

bool
conn_client_is_gone(void)
{
	if (MyProcPort == NULL || whereToSendOutput != DestRemote || pq_check_connection())
		return false;
	ClientConnectionLost = true;
	InterruptPending = true;
	return true;
}

/* The wait event set of a fresh connection. */
void
conn_wait_prepare(NodeConn *conn)
{
	WaitEventSet *set = sx_create_wait_event_set(3);

	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(set, WL_POSTMASTER_DEATH, PGINVALID_SOCKET, NULL, NULL);
	conn->socket_pos = AddWaitEventToSet(set, WL_SOCKET_READABLE, PQsocket(conn->pg), NULL, NULL);
	conn->want_write = false;
	conn->events = set;
}

/* Have libpq read what has arrived; false: the connection is lost. */
static bool
read_arrived(NodeConn *conn)
{
	if (PQconsumeInput(conn->pg))
		return true;
	conn_lost(conn, NULL);
	return false;
}

/*
 * Wait until something was read (or, for_write, the socket takes more), then
 * have libpq read it. False when the time is over or the connection is lost.
 */
bool
conn_wait_io(NodeConn *conn, bool for_write, long timeout_ms, bool interruptible)
{
	WaitEvent	event;
	instr_time	start;
	bool		learn = false;
	TimestampTz deadline = timeout_ms > 0 ? GetCurrentTimestamp() + timeout_ms * INT64CONST(1000) : 0;

	if (timeout_ms == 0)
	{
		return read_arrived(conn) && !PQisBusy(conn->pg);
	}
	if (!for_write && setting_busy_wait > 0)
	{
		if (conn->poll.polling && conn_poll(conn))
			return read_arrived(conn);
		learn = !conn->poll.polling;
		INSTR_TIME_SET_CURRENT(start);
	}
	if (conn->want_write != for_write)
	{
		ModifyWaitEvent(conn->events, conn->socket_pos,
						for_write ? WL_SOCKET_READABLE | WL_SOCKET_WRITEABLE : WL_SOCKET_READABLE, NULL);
		conn->want_write = for_write;
	}
	for (;;)
	{
		long		slice = timeout_ms;
		int			n;

		if (interruptible && (timeout_ms < 0 || timeout_ms > CLIENT_CHECK_MS))
			slice = CLIENT_CHECK_MS;
		n = WaitEventSetWait(conn->events, slice, &event, 1, PG_WAIT_EXTENSION);
		if (n == 0)
		{
			/* the deadlock detector looks after waits that take long */
			session_slot_away(GetCurrentTimestamp() - slice * INT64CONST(1000));
			if (interruptible)
			{
				(void) conn_client_is_gone();
				CHECK_FOR_INTERRUPTS();
			}
		}
		else if (event.events & WL_LATCH_SET)
		{
			ResetLatch(MyLatch);
			if (interruptible)
				CHECK_FOR_INTERRUPTS();
		}
		else if (event.events & WL_POSTMASTER_DEATH)
		{
			if (interruptible)
				proc_exit(1);
			conn_lost(conn, NULL);
			return false;
		}
		else
			break;
		if (timeout_ms > 0)
		{
			timeout_ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);
			if (timeout_ms <= 0)
				return false;
		}
	}
	session_slot_back();
	if (learn)
		conn_poll_note_sleep(conn, start);
	return (event.events & WL_SOCKET_READABLE) == 0 || read_arrived(conn);
}

/* Push out what libpq has buffered. False: connection lost or out of time. */
bool
conn_flush(NodeConn *conn, long timeout_ms, bool interruptible)
{
	for (;;)
	{
		int			rc = PQflush(conn->pg);

		if (rc == 0)
			return true;
		if (rc < 0)
		{
			conn_lost(conn, NULL);
			return false;
		}
		if (!conn_wait_io(conn, true, timeout_ms, interruptible))
			return false;
	}
}

bool
conn_stream_ready(ConnStream *stream)
{
	NodeConn   *conn = stream->conn;

	if (conn == NULL || conn->state == CONN_BROKEN || conn->stashed)
		return true;
	conn->stashed_outcome = conn_read(conn, 0, false, &conn->stashed_result);
	conn->stashed = conn->stashed_outcome != READ_BLOCKED;
	return conn->stashed;
}

/* The set of conn_wait_any's last call; most callers ask for the same connections again and again. */
static WaitEventSet *any_set = NULL;
static uint64 *any_serials = NULL;
static int	any_count = 0;

static bool
any_set_fits(ConnStream **streams, int n)
{
	if (any_set == NULL || any_count != n)
		return false;
	for (int i = 0; i < n; i++)
		if (any_serials[i] != streams[i]->conn->serial)
			return false;
	return true;
}

static void
any_set_build(ConnStream **streams, int n)
{
	if (any_set)
		FreeWaitEventSet(any_set);
	any_set = NULL;
	if (any_serials)
		pfree(any_serials);
	any_serials = MemoryContextAlloc(TopMemoryContext, sizeof(uint64) * n);
	any_count = n;
	any_set = sx_create_wait_event_set(n + 2);
	AddWaitEventToSet(any_set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(any_set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	for (int i = 0; i < n; i++)
	{
		any_serials[i] = streams[i]->conn->serial;
		AddWaitEventToSet(any_set, WL_SOCKET_READABLE, PQsocket(streams[i]->conn->pg), NULL, NULL);
	}
}

int
conn_wait_any(ConnStream **streams, int n)
{
	return conn_wait_any_until(streams, n, DT_NOEND);
}

int
conn_wait_any_until(ConnStream **streams, int n, TimestampTz deadline)
{
	for (;;)
	{
		WaitEvent	event;
		long		slice = CLIENT_CHECK_MS;

		for (int i = 0; i < n; i++)
			if (conn_stream_ready(streams[i]))
			{
				session_slot_back();
				return i;
			}
		if (deadline != DT_NOEND)
		{
			slice = Min(slice, TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline));
			if (slice <= 0)
				return -1;
		}
		else if (n == 1)
		{
			(void) conn_wait_io(streams[0]->conn, false, -1, true);
			continue;
		}
		if (!any_set_fits(streams, n))
			any_set_build(streams, n);
		if (WaitEventSetWait(any_set, slice, &event, 1, PG_WAIT_EXTENSION) == 0)
		{
			session_slot_away(GetCurrentTimestamp() - slice * INT64CONST(1000));
			(void) conn_client_is_gone();
			CHECK_FOR_INTERRUPTS();
		}
		else if (event.events & WL_LATCH_SET)
		{
			ResetLatch(MyLatch);
			CHECK_FOR_INTERRUPTS();
		}
	}
}
