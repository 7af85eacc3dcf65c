/*
 * wait_rows.h
 *	  The waits of all nodes, as rows of shardext.internal_local_waits.
 */
#ifndef SHARDEXT_WAIT_ROWS_H
#define SHARDEXT_WAIT_ROWS_H

#include "postgres.h"
#include "conn/conn.h"
#include "dxact/wait_graph.h"

/* Columns of the view, in its order. */
typedef enum WaitColumn
{
	WAIT_WAITER_NODE,
	WAIT_WAITER_PID,
	WAIT_WAITER_PROCESS,
	WAIT_SINCE,
	WAIT_WAITED_MS,
	WAIT_LOCK,					/* null: the session waits for other nodes */
	WAIT_MODE,
	WAIT_BLOCKER_NODE,
	WAIT_BLOCKER_PID,
	WAIT_BLOCKER_PROCESS,
	WAIT_BLOCKER_GID,
	WAIT_XACT_START,
	WAIT_WAITER_XID,
	WAIT_WAITER_ROLE,
	WAIT_WAITER_STATEMENT,
	WAIT_BLOCKER_ROLE,
	WAIT_BLOCKER_STATEMENT,
	WAIT_COLUMNS
} WaitColumn;

typedef struct WaitRow
{
	int			place;			/* node */
	char	   *values[WAIT_COLUMNS];	/* NULL: null */
} WaitRow;

/*
 * A connection to another node. Those that have not answered in time, or with an
 * error, are marked, and of no use any more.
 */
typedef struct WaitPeer
{
	int			node_id;
	NodeConn   *conn;
	bool		failed;
	ConnStream	stream;
} WaitPeer;

/* The rows of this node (within a transaction) and of the peers, which are asked at once. */
extern List *wait_rows_collect(WaitPeer *peers, int npeers, TimestampTz deadline);

/* What they mean. Prepared transactions are those of their coordinators' sessions where these still run. */
extern WaitGraph *wait_rows_graph(List *rows);

/* A private connection as that role; NULL if the node cannot be reached. */
extern NodeConn *wait_peer_connect(int node_id, const char *role_name);

#endif
