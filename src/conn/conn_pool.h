/*
 * conn_pool.h
 *	  What dxact needs of connections beside conn.h: getting and dropping them,
 *	  putting commands in front of the next statement, and transaction commands
 *	  that must not raise errors.
 */
#ifndef SHARDEXT_CONN_POOL_H
#define SHARDEXT_CONN_POOL_H

#include "postgres.h"
#include "base/pg_compat.h"
#include "conn/conn.h"
#include "datatype/timestamp.h"

/* The connection to the node as role, made if there is none. ERROR SX002 if that fails. */
extern NodeConn *conn_pool_get(int node_id, Oid role);

/* End of a transaction: forget rows nobody freed, close broken connections and those whose node has moved. */
extern void conn_pool_end_transaction(bool is_commit);

/* dxact's record about this connection in the present transaction. */
extern void *conn_participant(const NodeConn *conn);
extern void conn_set_participant(NodeConn *conn, void *participant);

/* Commands that travel in front of the next statement. */
extern void conn_queue(NodeConn *conn, bool prepare, const char *fmt,...) pg_attribute_printf(3, 4);
extern int	conn_queue_length(const NodeConn *conn);
extern void conn_queue_truncate(NodeConn *conn, int length);

/* Is this text queued and not sent yet? Its place (the last one), or -1. */
extern int	conn_queue_find(const NodeConn *conn, const char *sql);

typedef enum RemoteState
{
	REMOTE_NONE,				/* no transaction on the node */
	REMOTE_OPEN,
	REMOTE_FAILED				/* only a rollback is possible */
} RemoteState;

/* Valid while the connection is idle. */
extern RemoteState conn_remote_state(const NodeConn *conn);

extern bool conn_is_broken(const NodeConn *conn);
extern bool conn_is_idle(const NodeConn *conn);
extern const char *conn_lost_reason(const NodeConn *conn);
/* A node reports under this name, as a parameter's status, what it calls the part it has just prepared. */
#define PREPARE_TOKEN_STATUS "shardext.prepared"

/* What the node has said about the latest PREPARE TRANSACTION, "" if nothing ever. */
extern const char *conn_prepare_token(const NodeConn *conn);
/* Process of the node that serves the connection. */
extern int	conn_backend_pid(const NodeConn *conn);
extern void conn_set_autocommit_write(NodeConn *conn, bool autocommit_write);

/* Make the stream under way, if any, take its rows away; wait for all answers. Interruptible. */
extern void conn_settle(NodeConn *conn);

/*
 * Send one command (and the queue in front of it); read its answer later with
 * conn_command_finish. Neither raises errors nor can be interrupted unless
 * said so.
 */
extern bool conn_command_send(NodeConn *conn, bool prepare, const char *sql);

/*
 * Send one command behind the statement under way. Its stream is at its end when both have been answered; an error of
 * either is raised there. If the statement fails, PREPARE TRANSACTION and COMMIT become ROLLBACK; or, where the stream
 * has waited for the command (ConnStream.followed; this can be interrupted), they are not carried out at all: the
 * transaction has failed then, and is open.
 */
extern bool conn_command_follow(NodeConn *conn, const char *sql);

/* Has the node answered the latest command by ROLLBACK? */
extern bool conn_command_rolled_back(const NodeConn *conn);

/*
 * The command that has just been sent may run users' code (triggers): what that
 * says is for the client, who gets it by conn_command_notices() when the
 * command has been answered. Of other commands nobody wants to hear.
 */
extern void conn_command_tells(NodeConn *conn);
extern void conn_command_notices(NodeConn *conn);

typedef enum CommandOutcome
{
	COMMAND_DONE,
	COMMAND_FAILED,				/* the node said no; conn_command_raise tells why */
	COMMAND_LOST				/* no answer in time, or the connection died: it is broken now */
} CommandOutcome;

extern CommandOutcome conn_command_finish(NodeConn *conn, TimestampTz deadline, bool interruptible);

/* The same without a bound, for commands whose answer decides: an interrupt is passed on to the node. */
extern CommandOutcome conn_command_finish_decisive(NodeConn *conn);

/*
 * What the client's statement is about has been, or may be, committed on a
 * node: to the end of the transaction no cancel may tell the client otherwise.
 * Released before that if it was not carried out.
 */
extern void conn_cancel_hold(void);
extern void conn_cancel_release(bool carried_out);

/* SQLSTATE and text of the last COMMAND_FAILED. */
extern int	conn_command_sqlstate(const NodeConn *conn);
extern const char *conn_command_message(const NodeConn *conn);
pg_noreturn extern void conn_command_raise(NodeConn *conn);

/* Give up what is under way: cancel it on the node and read to the end, or break the connection. Never raises. */
extern void conn_drain(NodeConn *conn); /* interruptible, raises */
extern void conn_break(NodeConn *conn);
pg_noreturn extern void conn_raise_broken(NodeConn *conn);
extern void conn_abandon_begin(NodeConn *conn);
extern void conn_abandon_finish(NodeConn *conn, TimestampTz deadline);

/* A remote transaction or savepoint was rolled back: settings sent inside may have been undone. */
extern void conn_settings_rolled_back(NodeConn *conn);

/* Settings sent so far have been committed. */
extern void conn_settings_committed(NodeConn *conn);

/* Walk over all connections of this backend. */
extern void conn_pool_foreach(void (*visit) (NodeConn *conn, void *arg), void *arg);

/* The next notification that has come with the node's answers (palloc'd); false: none. */
extern bool conn_next_notification(NodeConn *conn, char **channel, char **payload);

#endif
