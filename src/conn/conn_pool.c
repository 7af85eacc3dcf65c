/*
 * conn_pool.c
 *	  The connections of this backend, one per node and role, kept for its life.
 *
 * A connection is given up at the end of a transaction if it broke, and when
 * it is asked for next if its node's address has changed or the other side has
 * closed it meanwhile; never inside a remote transaction.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/errors.h"
#include "conn/conn_internal.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#define IDLE_UNCHECKED_US 50000

static NodeConn *
find(int node_id, Oid role)
{
	dlist_iter	iter;

	dlist_foreach(iter, &conn_all)
	{
		NodeConn   *conn = dlist_container(NodeConn, link, iter.cur);

		if (conn->node_id == node_id && conn->role == role && !conn->private)
			return conn;
	}
	return NULL;
}

static bool
address_is_current(NodeConn *conn)
{
	const NodeInfo *node;

	if (conn->generation == catalog_generation())
		return true;
	conn->generation = catalog_generation();
	node = node_by_id(conn->node_id);
	return node && cluster_info() != NULL && strcmp(cluster_info()->cluster_id, conn->cluster_id) == 0 &&
		strcmp(node->host, conn->host) == 0 && node->port == conn->port &&
		strcmp(node->dbname, conn->dbname) == 0 && strcmp(node->name, conn->node_name) == 0;
}

/* The other side may have closed it while it was idle; not asked for within one burst of statements. */
static bool
is_alive(NodeConn *conn)
{
	TimestampTz now = GetCurrentStatementStartTimestamp();
	TimestampTz idle = now - conn->last_used;

	conn->last_used = now;
	return (idle >= 0 && idle < IDLE_UNCHECKED_US) || conn_looks_alive(conn);
}

NodeConn *
conn_pool_get(int node_id, Oid role)
{
	NodeConn   *conn = find(node_id, role);
	const NodeInfo *node;

	if (conn)
	{
		/* within its remote transaction there is no choice */
		if (conn->participant || conn->active)
		{
			if (conn->state == CONN_BROKEN)
				conn_raise_lost(conn);
			return conn;
		}
		if (conn->state == CONN_IDLE && address_is_current(conn) && is_alive(conn))
			return conn;
		conn_destroy(conn);
	}
	node = node_by_id(node_id);
	if (node == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SX_CATALOG_MISMATCH),
				 errmsg("node %d is not a member of the cluster", node_id),
				 errdetail("It has left the cluster, or this node has not heard of it yet."),
				 errhint("Run the statement again.")));
	return conn_make(node, GetUserNameFromId(role, false), role, false);
}

void
conn_pool_end_transaction(bool is_commit)
{
	dlist_mutable_iter iter;

	conn_results_free_all();
	conn_cancel_release(is_commit);
	dlist_foreach_modify(iter, &conn_all)
	{
		NodeConn   *conn = dlist_container(NodeConn, link, iter.cur);

		if (conn->private)
			continue;
		conn->participant = NULL;
		conn->autocommit_write = false;
		conn->active = NULL;	/* its memory may be gone */
		if (conn->state != CONN_IDLE)
			conn_destroy(conn);
		else if (!is_commit)
			conn_notifications_forget(conn);
	}
}

void
conn_pool_foreach(void (*visit) (NodeConn *conn, void *arg), void *arg)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &conn_all)
	{
		NodeConn   *conn = dlist_container(NodeConn, link, iter.cur);

		if (!conn->private)
			visit(conn, arg);
	}
}

void *
conn_participant(const NodeConn *conn)
{
	return conn->participant;
}

void
conn_set_participant(NodeConn *conn, void *participant)
{
	conn->participant = participant;
}

bool
conn_is_broken(const NodeConn *conn)
{
	return conn->state == CONN_BROKEN;
}

bool
conn_is_idle(const NodeConn *conn)
{
	return conn->state == CONN_IDLE && conn->active == NULL;
}

const char *
conn_lost_reason(const NodeConn *conn)
{
	return conn->lost_reason ? conn->lost_reason : "no answer";
}

int
conn_backend_pid(const NodeConn *conn)
{
	return PQbackendPID(conn->pg);
}

const char *
conn_prepare_token(const NodeConn *conn)
{
	const char *token = PQparameterStatus(conn->pg, PREPARE_TOKEN_STATUS);

	return token ? token : "";
}

void
conn_set_autocommit_write(NodeConn *conn, bool autocommit_write)
{
	conn->autocommit_write = autocommit_write;
}
