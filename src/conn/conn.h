/*
 * conn.h
 *	  One libpq connection of this backend to one node as one role: kept and
 *	  reused, settings in step, statements pipelined, results streamed.
 *
 * Only dxact hands out connections (dxact_connection); exec, copy, ddl and
 * cluster use what is below on them.
 *
 * One statement stream is active on a connection at a time. Who sends while
 * another stream still has rows to come makes that stream absorb them first
 * (its absorb callback reads all that is left into a tuplestore of its own).
 */
#ifndef SHARDEXT_CONN_H
#define SHARDEXT_CONN_H

#include "postgres.h"
#include "libpq-fe.h"
#include "catalog/node_map.h"
#include "datatype/timestamp.h"

typedef struct NodeConn NodeConn;

/* A statement whose results are still being read from a connection. Embedded in its user's own struct. */
typedef struct ConnStream
{
	NodeConn   *conn;			/* NULL when not active */
	void		(*absorb) (struct ConnStream *stream);

	/*
	 * The connection turns out to have been dead before it was used: begin again
	 * on another one, or say no. May be NULL.
	 */
	bool		(*repeat) (struct ConnStream *stream);
	bool		refused;		/* the node answered with an SX001 refusal: rows so far are none */
	int			refused_shard;
	bool		refused_too_new;	/* refusal that only a newer snapshot cures: raise 40001 */
	bool		followed;		/* kept back until a command follows it (conn_command_follow): they go as one */
	bool		hides_values;	/* it has another role's rights: which values broke a constraint is not told */
	MemoryContext plan_cxt;		/* where to keep the plan that the node reports; NULL: nobody wants it */
	char	   *plan;
} ConnStream;

/* Parameters of one statement. values[i] NULL = SQL NULL; formats 0 text, 1 binary. */
typedef struct ConnParams
{
	int			n;
	const Oid  *types;			/* InvalidOid: let the node infer */
	const char *const *values;
	const int  *lengths;
	const int  *formats;
} ConnParams;

/*
 * Queue and flush one statement (with the BEGIN or SAVEPOINT that dxact has
 * put in front, in the same network write). sql is prepared once per
 * connection when prepare is true (key: text and parameter types; LRU-bounded)
 * and only executed after that. Rows then come by conn_stream_next.
 */
extern void conn_stream_start(NodeConn *conn, ConnStream *stream, const char *sql, const ConnParams *params,
							  bool prepare, bool binary_results);

/*
 * Statements sent from now on, on any connection, report their plans: options
 * as exec/plan_report.h has them, a constant. NULL: no longer.
 */
extern void conn_ask_plan(const char *options);

/*
 * Next result of the stream: a PGresult with status PGRES_SINGLE_TUPLE (one
 * row), or PGRES_TUPLES_OK / PGRES_COMMAND_OK (end; its PQcmdTuples counts),
 * or NULL after that. Errors of the node are rethrown here as local errors
 * (SQLSTATE, message, detail, hint, constraint and column fields kept, schema
 * name mapped back from the shard schema, CONTEXT "node paris"). Waits are
 * interruptible. The PGresult is owned by CurrentMemoryContext (reset callback)
 * until PQclear'd by conn_result_free.
 */
extern PGresult *conn_stream_next(ConnStream *stream);
extern void conn_result_free(PGresult *result);

/* Nothing follows a stream that waits for it: send it. Otherwise conn_stream_next would, or nobody. */
extern void conn_stream_release(ConnStream *stream);

/* Would conn_stream_next return without waiting? */
extern bool conn_stream_ready(ConnStream *stream);

/* Wait until at least one of the active streams is ready; index of one that is. */
extern int	conn_wait_any(ConnStream **streams, int n);

/* The same, or -1 when the time has come. */
extern int	conn_wait_any_until(ConnStream **streams, int n, TimestampTz deadline);

/* Give the rest up (cursor closed, LIMIT reached): cancel or drain, connection usable afterwards. */
extern void conn_stream_close(ConnStream *stream);

/*
 * The stream's memory is about to go, after an error or in the middle of its
 * rows: the connection forgets it, what is still to come is thrown away by the
 * connection's next user. Never raises, sends or waits.
 */
extern void conn_stream_forget(ConnStream *stream);

/* Send, read to the end, forget rows: for utility statements and short calls. Number of rows affected. */
extern int64 conn_execute(NodeConn *conn, const char *sql, const ConnParams *params);

/* The same, whole result kept (owned by CurrentMemoryContext). */
extern PGresult *conn_query(NodeConn *conn, const char *sql, const ConnParams *params);

/* COPY ... FROM STDIN on the node: start, data (buffered within bounds, sent without blocking for long), end. */
extern void conn_copy_start(NodeConn *conn, const char *sql);
extern void conn_copy_data(NodeConn *conn, const char *data, int length);
extern int64 conn_copy_end(NodeConn *conn, const char *error);	/* error NULL: success; rows copied */

extern const char *conn_node_name(const NodeConn *conn);

/* A connection outside any transaction of ours, for checks and workers: autocommit. ERROR SX002; close it. */
extern NodeConn *conn_open_private(const NodeInfo *node, const char *role_name);
extern void conn_close_private(NodeConn *conn);

/* The same for those who go on without it: NULL if the node cannot be reached, and why (reason may be NULL). */
extern NodeConn *conn_try_private(const NodeInfo *node, const char *role_name, char **reason);

/*
 * For workers: a connection being made, which is waited for as little as its
 * owner likes (number: how often it has been tried; other hosts of the node
 * come first then). NULL: no file descriptor left. Neither these nor conn_ask
 * raise errors for what other nodes do. Take or drop what was started.
 */
typedef struct ConnAttempt ConnAttempt;

typedef enum ConnProgress
{
	CONN_PROGRESS_PENDING,
	CONN_PROGRESS_DONE,
	CONN_PROGRESS_FAILED
} ConnProgress;

extern ConnAttempt *conn_attempt_start(const NodeInfo *node, const char *role_name, int number);
extern ConnProgress conn_attempt_poll(ConnAttempt *attempt, long timeout_ms);
extern bool conn_attempt_is_heard(const ConnAttempt *attempt);	/* has the host answered at all? */
extern char *conn_attempt_reason(const ConnAttempt *attempt);
extern void conn_attempt_drop(ConnAttempt *attempt);
extern NodeConn *conn_attempt_take(ConnAttempt *attempt);
extern bool conn_taken_is_usable(NodeConn *conn);
extern void conn_taken_drop(NodeConn *conn);

/* One question, answered within the time, or NULL and why not (palloc'd). */
extern PGresult *conn_ask(NodeConn *conn, const char *sql, const ConnParams *params, long timeout_ms, char **reason);

/* The libpq reason if the node cannot be reached, else NULL; never raises. */
extern char *conn_probe(const char *host, int port, const char *dbname, const char *role_name, PGconn **conn);

#endif
