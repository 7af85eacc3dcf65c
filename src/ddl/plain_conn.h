/*
 * plain_conn.h
 *	  Connections for statements that can be in no transaction block and no
 *	  pipeline: VACUUM, CREATE INDEX CONCURRENTLY.
 */
#ifndef SHARDEXT_PLAIN_CONN_H
#define SHARDEXT_PLAIN_CONN_H

#include "postgres.h"
#include "libpq-fe.h"
#include "nodes/pg_list.h"

#include "catalog/node_map.h"

/*
 * As this role, or as the session's user who has become it, if it cannot log in. ERROR SX002 if the node cannot be
 * reached. The caller closes it, on errors too (PG_FINALLY).
 */
extern PGconn *plain_conn_open(const NodeInfo *node, Oid role);
extern void plain_conn_close(PGconn *conn);

/*
 * Runs one statement to its end; its error becomes ours. Interruptible: the node's statement is cancelled.
 * Returns the first column of its rows, as char *.
 */
extern List *plain_conn_execute(PGconn *conn, const NodeInfo *node, const char *sql);

/*
 * For those who send by themselves. Wait until the socket is ready for what is
 * wanted (WL_SOCKET_*), the latch is set or the time is over (-1: none); interrupts are served.
 */
extern int	plain_conn_await(PGconn *conn, int wanted, long timeout_ms);

/* The same until one of two can be read. */
extern void plain_conn_await_either(PGconn *one, PGconn *other, long timeout_ms);

/* The next result of what was sent, the caller's to clear; NULL after the last. The node's error becomes ours. */
extern PGresult *plain_conn_next(PGconn *conn, const char *node);

#endif
