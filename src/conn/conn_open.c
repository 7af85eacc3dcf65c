/*
 * conn_open.c
 *	  Making and closing connections.
 *
 * Connecting is non-blocking (name resolution apart, which libpq does in
 * place) and bounded by shardext.connect_timeout. A host list is tried from
 * left to right, each host with its part of the time; with more than one host
 * libpq is asked for the one that accepts writes.
 *
 * The session is marked by shardext.forwarded in the startup packet, and
 * shardext.proof proves that a node has done so. The role logs in itself; how
 * it proves who it is (passfile, certificate, trust) is libpq's and
 * pg_hba.conf's business.
 */
#include "postgres.h"

#include <sys/socket.h>

#include "base/errors.h"
#include "base/settings.h"
#include "catalog/cluster_secret.h"
#include "conn/conn_failures.h"
#include "conn/conn_internal.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

dlist_head	conn_all = DLIST_STATIC_INIT(conn_all);

/*
 * Settings of every connection that never change. The keep-alives are the
 * node's: it shall not hold locks for a coordinator that has gone without a
 * word.
 */
#define FIXED_OPTIONS \
	"-c idle_in_transaction_session_timeout=0 -c idle_session_timeout=0" \
	" -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3" \
	" -c client_connection_check_interval=2000 -c standard_conforming_strings=on" \
	" -c default_transaction_isolation=read\\ committed -c default_transaction_read_only=off" \
	" -c default_transaction_deferrable=off" SX_NO_TRANSACTION_TIMEOUT

static int
count_hosts(const char *host)
{
	int			n = 1;

	for (; *host; host++)
		if (*host == ',')
			n++;
	return n;
}

static char *
trimmed_message(PGconn *pg)
{
	char	   *message = pchomp(PQerrorMessage(pg));

	for (char *p = message; *p; p++)
		if (*p == '\n' || *p == '\t')
			*p = ' ';
	return message;
}

PGconn *
conn_begin_connecting(const char *host, int port, const char *dbname, const char *role_name)
{
	const char *keywords[24];
	const char *values[24];
	char		port_text[12];
	char		forwarded[32];
	char		options[768];
	char		application[64];
	char		user_timeout[12];
	int			n = 0;

#define PARAMETER(k, v) (keywords[n] = (k), values[n++] = (v))
	snprintf(port_text, sizeof(port_text), "%d", port);
	snprintf(forwarded, sizeof(forwarded), "%d/%d", node_self(), MyProcPid);
	snprintf(options, sizeof(options), "-c shardext.forwarded=%s -c shardext.proof=%s %s", forwarded,
			 session_proof(forwarded, role_name), FIXED_OPTIONS);
	snprintf(application, sizeof(application), "shardext %d/%d", node_self(), MyProcPid);
	snprintf(user_timeout, sizeof(user_timeout), "%d", Max(setting_connect_timeout, 10000));
	PARAMETER("host", host);
	PARAMETER("port", port_text);
	PARAMETER("dbname", dbname);
	PARAMETER("user", role_name);
	PARAMETER("client_encoding", GetDatabaseEncodingName());
	PARAMETER("application_name", application);
	PARAMETER("options", options);
	PARAMETER("keepalives_idle", "15");
	PARAMETER("keepalives_interval", "5");
	PARAMETER("keepalives_count", "3");
	PARAMETER("tcp_user_timeout", user_timeout);
	if (count_hosts(host) > 1)
		PARAMETER("target_session_attrs", "read-write");
	keywords[n] = values[n] = NULL;
#undef PARAMETER
	return PQconnectStartParams(keywords, values, false);
}

/* Poll until connected. NULL, or why not (palloc'd). */
static char *
finish_connecting(PGconn *pg, long timeout_ms)
{
	TimestampTz deadline = GetCurrentTimestamp() + timeout_ms * INT64CONST(1000);
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	if (pg == NULL)
		return pstrdup("out of memory");
	if (PQstatus(pg) == CONNECTION_BAD)
		return trimmed_message(pg);
	while (status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED)
	{
		int			events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | WL_TIMEOUT;
		int			rc;
		long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);

		if (left <= 0)
			return psprintf("timeout expired after %ld ms", timeout_ms);
		events |= status == PGRES_POLLING_READING ? WL_SOCKET_READABLE : WL_SOCKET_WRITEABLE;
		rc = WaitLatchOrSocket(MyLatch, events, PQsocket(pg), left, PG_WAIT_EXTENSION);
		if (rc & WL_LATCH_SET)
		{
			ResetLatch(MyLatch);
			CHECK_FOR_INTERRUPTS();
		}
		if (rc & (WL_SOCKET_READABLE | WL_SOCKET_WRITEABLE))
			status = PQconnectPoll(pg);
	}
	return status == PGRES_POLLING_OK ? NULL : trimmed_message(pg);
}

/*
 * A connection in pipeline mode, or NULL and the reason (palloc'd). Raises
 * errors for interrupts only. The caller has reserved the file descriptor.
 */
PGconn *
conn_establish(const char *host, int port, const char *dbname, const char *role_name, long timeout_ms, char **reason)
{
	int			left = count_hosts(host);
	long		timeout = timeout_ms / left;

	*reason = NULL;
	for (;; left--)
	{
		PGconn	   *volatile pg = conn_begin_connecting(host, port, dbname, role_name);

		PG_TRY();
		{
			*reason = finish_connecting(pg, timeout);
		}
		PG_CATCH();
		{
			PQfinish(pg);
			PG_RE_THROW();
		}
		PG_END_TRY();
		if (*reason == NULL)
		{
			(void) PQsetnonblocking(pg, 1);
			return pg;
		}
		PQfinish(pg);
		/* libpq stays with a host that does not answer; go on with those after it */
		if (left <= 1 || strncmp(*reason, "timeout expired", 15) != 0)
			return NULL;
		host = strchr(host, ',') + 1;
	}
}

static void
raise_unavailable(const NodeInfo *node, const char *role_name, const char *reason)
{
	ereport(ERROR,
			(errcode(ERRCODE_SX_NODE_UNAVAILABLE),
			 errmsg("node \"%s\" is unavailable", node->name),
			 errdetail("Could not connect to host \"%s\" port %d database \"%s\" as role \"%s\": %s",
					   node->host, node->port, node->dbname, role_name, reason),
			 errhint("Check that the server runs and accepts the role's connections from this node, "
					 "or correct the address with shardext.alter_node().")));
}

static NodeConn *
allocate(const NodeInfo *node, Oid role, bool private)
{
	static uint64 next_serial = 0;
	MemoryContext cxt = AllocSetContextCreate(TopMemoryContext, "shardext connection", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	NodeConn   *conn = palloc0(sizeof(NodeConn));

	conn->cxt = cxt;
	conn->serial = ++next_serial;
	conn->node_id = node->node_id;
	conn->role = role;
	conn->private = private;
	conn->node_name = pstrdup(node->name);
	conn->host = pstrdup(node->host);
	conn->port = node->port;
	conn->dbname = pstrdup(node->dbname);
	conn->generation = catalog_generation();
	conn->cluster_id = pstrdup(cluster_last_known() ? cluster_last_known()->cluster_id : "");
	conn->pending_size = 16;
	conn->pending = palloc(conn->pending_size * sizeof(Pending));
	conn->queued_size = 8;
	conn->queued = palloc(conn->queued_size * sizeof(Queued));
	conn->prepared = palloc0(CONN_PREPARED_BUCKETS * sizeof(PreparedStatement *));
	dlist_init(&conn->prepared_lru);
	MemoryContextSwitchTo(old);
	return conn;
}

/* pg, which is connected, as a NodeConn in the list of all. The caller has reserved the file descriptor. */
NodeConn *
conn_adopt(const NodeInfo *node, Oid role, bool private, PGconn *pg)
{
	NodeConn   *conn = allocate(node, role, private);

	conn->pg = pg;
	dlist_push_tail(&conn_all, &conn->link);
	PQsetNoticeReceiver(pg, conn_notice_receive, conn);
	if (!PQenterPipelineMode(pg))
		elog(ERROR, "could not enter pipeline mode");
	conn_wait_prepare(conn);
	return conn;
}

/* A connected NodeConn in the list of all. ERROR SX002 if the node cannot be reached. */
NodeConn *
conn_make(const NodeInfo *node, const char *role_name, Oid role, bool private)
{
	char	   *reason;
	PGconn	   *pg;

	if (!AcquireExternalFD())
		ereport(ERROR,
				(errcode(ERRCODE_SX_NODE_UNAVAILABLE),
				 errmsg("node \"%s\" is unavailable", node->name),
				 errdetail("There are too many open files on this server."),
				 errhint("Raise the server's max_files_per_process and/or \"ulimit -n\" limits.")));
	PG_TRY();
	{
		pg = conn_establish(node->host, node->port, node->dbname, role_name, setting_connect_timeout, &reason);
		if (pg == NULL)
		{
			conn_failure_note(node->node_id, reason);
			raise_unavailable(node, role_name, reason);
		}
	}
	PG_CATCH();
	{
		ReleaseExternalFD();
		PG_RE_THROW();
	}
	PG_END_TRY();

	conn_failure_clear(node->node_id);
	return conn_adopt(node, role, private, pg);
}

void
conn_destroy(NodeConn *conn)
{
	dlist_delete(&conn->link);
	if (conn->events)
		FreeWaitEventSet(conn->events);
	PQclear(conn->end_result);
	PQclear(conn->error);
	if (conn->stashed)
		PQclear(conn->stashed_result);
	PQfinish(conn->pg);
	ReleaseExternalFD();
	MemoryContextDelete(conn->cxt);
}

/* Has an idle connection been closed by the other side meanwhile? One cheap system call. */
bool
conn_looks_alive(NodeConn *conn)
{
	char		c;
	ssize_t		n = recv(PQsocket(conn->pg), &c, 1, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
	if (n == 0)
		return false;
	/* a parameter status or notice is fine, the last words of a dying server (which come as a notice) are not */
	if (!PQconsumeInput(conn->pg))
		return false;
	(void) PQisBusy(conn->pg);
	return PQstatus(conn->pg) == CONNECTION_OK && !conn->dying;
}

/* Closes a private connection together with the memory context it was opened in. */
typedef struct PrivateHolder
{
	NodeConn   *conn;
	MemoryContextCallback callback;
} PrivateHolder;

static void
close_held(void *arg)
{
	PrivateHolder *holder = arg;

	if (holder->conn)
		conn_destroy(holder->conn);
}

NodeConn *
conn_open_private(const NodeInfo *node, const char *role_name)
{
	PrivateHolder *holder = palloc0(sizeof(PrivateHolder));

	holder->callback.func = close_held;
	holder->callback.arg = holder;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &holder->callback);
	holder->conn = conn_make(node, role_name, InvalidOid, true);
	holder->conn->holder = holder;
	return holder->conn;
}

NodeConn *
conn_try_private(const NodeInfo *node, const char *role_name, char **reason)
{
	MemoryContext caller_cxt = CurrentMemoryContext;
	NodeConn   *volatile conn = NULL;

	PG_TRY();
	{
		conn = conn_open_private(node, role_name);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		if (geterrcode() != ERRCODE_SX_NODE_UNAVAILABLE)
			PG_RE_THROW();
		MemoryContextSwitchTo(caller_cxt);
		error = CopyErrorData();
		FlushErrorState();
		if (reason != NULL)
			*reason = error->detail ? error->detail : error->message;
	}
	PG_END_TRY();
	return conn;
}

void
conn_close_private(NodeConn *conn)
{
	conn->holder->conn = NULL;
	conn_destroy(conn);
}

char *
conn_probe(const char *host, int port, const char *dbname, const char *role_name, PGconn **conn)
{
	char	   *reason;
	PGconn	   *pg = conn_establish(host, port, dbname, role_name, setting_connect_timeout, &reason);

	if (pg)
		(void) PQsetnonblocking(pg, 0);
	if (conn)
		*conn = pg;
	else if (pg)
		PQfinish(pg);
	return reason;
}
