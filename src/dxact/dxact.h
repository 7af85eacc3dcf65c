/*
 * dxact.h
 *	  The only place that begins, prepares or ends remote transactions.
 *
 * At most one participant written: one-phase commit. More (the coordinator's
 * own writes count): two-phase commit with a decision record in the local
 * commit (design D6).
 */
#ifndef SHARDEXT_DXACT_H
#define SHARDEXT_DXACT_H

#include "postgres.h"
#include "conn/conn.h"
#include "nodes/parsenodes.h"

typedef enum DxactAccess
{
	DXACT_READ,
	DXACT_WRITE
} DxactAccess;

/*
 * The backend's connection to the node as role (pass GetUserId()), with a
 * remote transaction at the present subtransaction level either open or queued
 * to be opened by the next statement sent. ERROR SX002 when the node is
 * unreachable. ERROR SX003 in a forwarded session (no second, hidden
 * distributed transaction).
 */
extern NodeConn *dxact_connection(int node_id, Oid role, DxactAccess access);

/* The same connection as of user, where the next statement sent acts as role. */
extern NodeConn *dxact_connection_acting(int node_id, Oid user, Oid role, DxactAccess access);

/*
 * As dxact_connection for a single read-only router statement that is a whole
 * autocommit READ COMMITTED statement of its own: no BEGIN is sent when the
 * backend has no remote transaction on that node yet and is not in a
 * transaction block.
 */
extern NodeConn *dxact_connection_autocommit_read(int node_id, Oid role);

/*
 * As dxact_connection for a write that is the whole of an autocommit READ
 * COMMITTED statement and touches this one node only: it commits by itself on
 * the node, in one round trip. Falls back to dxact_connection where anything
 * else has been done in this transaction. A connection lost under way gives
 * 08007.
 */
extern NodeConn *dxact_connection_autocommit_write(int node_id, Oid role);

/* Has anything been written on another node in this transaction? */
extern bool dxact_has_written(void);

/*
 * The connection was lost while the first statement of this transaction was on
 * its way to the node, if it was the first: true, and nothing of it has come to
 * stay there; dxact_connection then makes a new one.
 */
extern bool dxact_forget_lost(NodeConn *conn);

/*
 * The statements under way on other nodes are the last ones of this transaction, and nothing but its commit will come
 * after them. If that will be in two phases, and they are all that has been written on these nodes, PREPARE TRANSACTION
 * goes right behind them, or with those that are held back, and costs no trip of its own: true. A stream then ends with
 * the answer to both.
 */
extern bool dxact_prepare_ahead(void);

/* A node has not done what it was asked: all that was prepared ahead is rolled back, and may be asked for again. */
extern void dxact_prepare_take_back(void);

/*
 * A SET CONSTRAINTS statement for the nodes that take part in the transaction:
 * those that do already, and those that will. now: at once, since it may have
 * something to check. It ends with the present subtransaction, if that fails.
 */
extern void dxact_set_constraints(const char *sql, bool now);

/* Serialise changes of the cluster's catalog: lock held on the authority to the end of the transaction. */
extern void dxact_lock_catalog(void);

/* The same without waiting; false: somebody else has it. */
extern bool dxact_try_lock_catalog(void);

/* Run sql on every other node at once, inside the distributed transaction, as the current role; ERROR if any fails. */
extern void dxact_execute_everywhere(const char *sql, const ConnParams *params);

/*
 * The same for a SELECT of one boolean; meanwhile here() does this node's part,
 * and uses no other node. True if all have said true.
 */
extern bool dxact_agree_everywhere(const char *sql, const ConnParams *params, bool (*here) (void *arg), void *arg);

/* The same for any SELECT: take() gets each row that other nodes have answered with, as a result of one row. */
extern void dxact_select_everywhere(const char *sql, const ConnParams *params, void (*here) (void *arg),
									void (*take) (void *arg, PGresult *row), void *arg);

/*
 * Duty of the database's worker, each second, outside of any transaction:
 * finish what coordinators have decided, forget decisions all have followed.
 */
extern void dxact_recover_duty(void);

/*
 * The worker's own connections to other nodes, kept between its duties. want
 * (in a transaction) begins to make one; await gives all of them some time;
 * dxact_peer is the connection if it is ready, else NULL: try again in the next
 * round. Nothing here waits long or raises errors for what other nodes do.
 */
extern void dxact_peer_want(int node_id);
extern void dxact_peers_await(void);
extern NodeConn *dxact_peer(int node_id);
extern void dxact_peer_failed(int node_id, const char *reason);

/* The role that a connection for statements of this role logs in as: itself, or the session's if it cannot. */
extern Oid	dxact_login_role(Oid role);

/* Duty of the database's worker: end deadlocks over several nodes. */
extern void dxact_deadlock_duty(void);

/* In a forwarded session: what the query says by pg_notify() is for the coordinator's listeners (dxact_notify.c). */
extern void dxact_divert_notify(Query *query);

extern void dxact_preload(void);

/*
 * Is this (the name of a prepared transaction) one that this node has
 * coordinated, and that was rolled back? False if it still runs.
 */
extern bool dxact_was_rolled_back_here(const char *gid);

#endif
