/*
 * plain_conn.c
 *	  Connections for statements that can be in no transaction block and no
 *	  pipeline.
 *
 * Such statements are not part of any transaction of ours, so dxact has no say
 * in them. One statement at a time.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/elog.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "base/errors.h"
#include "base/pg_compat.h"
#include "conn/conn.h"
#include "ddl/plain_conn.h"
#include "dxact/dxact.h"

static PGconn *
log_in(const NodeInfo *node, Oid login)
{
	PGconn	   *conn = NULL;
	char	   *reason = conn_probe(node->host, node->port, node->dbname, GetUserNameFromId(login, false), &conn);

	if (conn == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SX_NODE_UNAVAILABLE),
				 errmsg("could not connect to node \"%s\" (%s, port %d)", node->name, node->host, node->port),
				 errdetail("%s", reason ? reason : "unknown reason"),
				 errhint("The statement can be repeated when the node is back.")));
	(void) PQexitPipelineMode(conn);
	return conn;
}

void
plain_conn_close(PGconn *conn)
{
	PQfinish(conn);
}

/* The node, or its session, has gone. The first line tells; the rest is libpq's guesses. */
pg_noreturn static void
raise_lost(PGresult *result, PGconn *conn, const char *node)
{
	char	   *words = pstrdup(result ? PQresultErrorMessage(result) : PQerrorMessage(conn));

	PQclear(result);
	words[strcspn(words, "\n")] = '\0';
	ereport(ERROR,
			(errcode(ERRCODE_CONNECTION_FAILURE),
			 errmsg("connection to node \"%s\" was lost", node),
			 errdetail("%s", words[0] != '\0' ? words : "no answer"),
			 errhint("The statement can be repeated when the node is back.")));
}

pg_noreturn static void
rethrow(PGresult *result, PGconn *conn, const char *node)
{
	const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *message;
	const char *detail;
	const char *hint;
	int			code;

	if (state == NULL || PQstatus(conn) == CONNECTION_BAD)
		raise_lost(result, conn, node);
	code = MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4]);
	message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
	message = pstrdup(message ? message : "");
	detail = detail ? pstrdup(detail) : NULL;
	hint = hint ? pstrdup(hint) : NULL;
	PQclear(result);
	ereport(ERROR,
			(errcode(code),
			 errmsg_internal("%s", message),
			 detail ? errdetail_internal("%s", detail) : 0,
			 hint ? errhint("%s", hint) : 0,
			 errcontext("node \"%s\"", node)));
}

static bool
is_failure(const PGresult *result)
{
	switch (PQresultStatus(result))
	{
		case PGRES_COMMAND_OK:
		case PGRES_TUPLES_OK:
		case PGRES_EMPTY_QUERY:
		case PGRES_COPY_IN:
		case PGRES_COPY_OUT:
		case PGRES_COPY_BOTH:
		case PGRES_PIPELINE_SYNC:
			return false;
		default:
			return true;
	}
}

int
plain_conn_await(PGconn *conn, int wanted, long timeout_ms)
{
	int			events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | wanted | (timeout_ms >= 0 ? WL_TIMEOUT : 0);
	int			rc = WaitLatchOrSocket(MyLatch, events, PQsocket(conn), timeout_ms, PG_WAIT_EXTENSION);

	if (rc & WL_LATCH_SET)
	{
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	return rc;
}

void
plain_conn_await_either(PGconn *one, PGconn *other, long timeout_ms)
{
	WaitEventSet *set = sx_create_wait_event_set(4);
	WaitEvent	event;

	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	AddWaitEventToSet(set, WL_SOCKET_READABLE, PQsocket(one), NULL, NULL);
	AddWaitEventToSet(set, WL_SOCKET_READABLE, PQsocket(other), NULL, NULL);
	(void) WaitEventSetWait(set, timeout_ms, &event, 1, PG_WAIT_EXTENSION);
	FreeWaitEventSet(set);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

static PGresult *
next_result(PGconn *conn, const char *node)
{
	while (PQisBusy(conn))
	{
		int			rc = plain_conn_await(conn, WL_SOCKET_READABLE, -1);

		if ((rc & WL_SOCKET_READABLE) && !PQconsumeInput(conn))
			rethrow(NULL, conn, node);
	}
	return PQgetResult(conn);
}

PGresult *
plain_conn_next(PGconn *conn, const char *node)
{
	PGresult   *result = next_result(conn, node);

	if (result != NULL && is_failure(result))
		rethrow(result, conn, node);
	return result;
}

static void
cancel(PGconn *conn)
{
	PGcancel   *request = PQgetCancel(conn);
	char		buffer[256];

	if (request != NULL)
	{
		(void) PQcancel(request, buffer, sizeof(buffer));
		PQfreeCancel(request);
	}
}

/* First column of the result's rows, added to the list. */
static List *
add_values(List *values, const PGresult *result)
{
	for (int i = 0; i < PQntuples(result); i++)
		values = lappend(values, pstrdup(PQgetvalue(result, i, 0)));
	return values;
}

List *
plain_conn_execute(PGconn *conn, const NodeInfo *node, const char *sql)
{
	PGresult   *result;
	PGresult   *volatile failure = NULL;
	List	   *volatile values = NIL;

	if (!PQsendQuery(conn, sql))
		rethrow(NULL, conn, node->name);
	PG_TRY();
	{
		/* to the end, so that the connection can be used again after an error */
		while ((result = next_result(conn, node->name)) != NULL)
		{
			if (failure == NULL && is_failure(result))
			{
				failure = result;
				continue;
			}
			values = add_values(values, result);
			PQclear(result);
		}
		result = failure;
		failure = NULL;
		if (result != NULL)
			rethrow(result, conn, node->name);
		if (PQstatus(conn) != CONNECTION_OK)
			rethrow(NULL, conn, node->name);
	}
	PG_CATCH();
	{
		PQclear(failure);
		if (PQtransactionStatus(conn) == PQTRANS_ACTIVE)
			cancel(conn);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return values;
}

PGconn *
plain_conn_open(const NodeInfo *node, Oid role)
{
	Oid			login = dxact_login_role(role);
	PGconn	   *conn = log_in(node, login);

	if (login == role)
		return conn;
	PG_TRY();
	{
		(void) plain_conn_execute(conn, node,
								  psprintf("SET ROLE %s", quote_identifier(GetUserNameFromId(role, false))));
	}
	PG_CATCH();
	{
		plain_conn_close(conn);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return conn;
}
