/*
 * dxact.c
 *	  Remote transactions that live and die with the local one.
 *
 * A connection is handed out by dxact_connection() with whatever is needed to
 * bring its remote transaction to the local nesting level queued in front of
 * the next statement: BEGIN (isolation level and access mode of the local
 * transaction), one SAVEPOINT per open subtransaction. So a participant costs
 * nothing until it is used and no round trip of its own then.
 *
 * Savepoint sN is the start of local nesting level N. A level that ends well
 * queues its RELEASE (merged with the next write); one that fails is rolled
 * back on the node at once, unless its SAVEPOINT has not been sent yet.
 *
 * A transaction that never asks for a connection pays one test per callback.
 * Commit is in dxact_commit.c, abort in dxact_abort.c.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/transam.h"
#include "access/xact.h"
#include "base/errors.h"
#include "base/session_slots.h"
#include "base/settings.h"
#include "catalog/node_map.h"
#include "dxact/cluster_snapshot.h"
#include "dxact/commit_gate.h"
#include "dxact/dxact_internal.h"
#include "dxact/lock_waits.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

dlist_head	dxact_participants = DLIST_STATIC_INIT(dxact_participants);

/* Has this transaction been given any connection, or said anything that connections will have to know? */
static bool engaged = false;

/* SET CONSTRAINTS statements of this transaction, in TopTransactionContext. */
typedef struct Constraints
{
	int			level;			/* of the local transaction */
	const char *sql;
} Constraints;

static List *constraints = NIL;

static void
refuse_where_hidden(void)
{
	if (session_is_forwarded())
		ereport(ERROR,
				(errcode(ERRCODE_SX_NOT_SUPPORTED),
				 errmsg("a statement that another node has sent cannot use further nodes"),
				 errdetail("It would be a second distributed transaction that its coordinator knows nothing of."),
				 errhint("Functions and triggers that run on a shard's owner may use only what lies on that node.")));
	if (IsParallelWorker())
		elog(ERROR, "parallel workers cannot use other nodes");
}

static const char *
begin_command(void)
{
	static char command[96];
	const char *level = XactIsoLevel == XACT_SERIALIZABLE ? "SERIALIZABLE" :
		XactIsoLevel == XACT_REPEATABLE_READ ? "REPEATABLE READ" : "READ COMMITTED";

	/* what connections are opened with (conn_open.c); to say so would cost the node an assignment and its undoing */
	if (XactIsoLevel == XACT_READ_COMMITTED && !XactReadOnly)
		return "BEGIN";
	snprintf(command, sizeof(command), "BEGIN ISOLATION LEVEL %s%s%s", level,
			 XactReadOnly ? " READ ONLY" : "",
			 XactDeferrable && XactIsoLevel == XACT_SERIALIZABLE ? " DEFERRABLE" : "");
	return command;
}

/* What has been said about constraints at one level. */
static void
queue_constraints(NodeConn *conn, int level)
{
	ListCell   *lc;

	foreach(lc, constraints)
	{
		const Constraints *item = lfirst(lc);

		if (item->level == level)
			conn_queue(conn, false, "%s", item->sql);
	}
}

static Participant *
enlist(NodeConn *conn, int node_id, Oid role)
{
	Participant *participant;

	cluster_snapshot_check_new(conn_node_name(conn));
	participant = MemoryContextAllocZero(TopTransactionContext, sizeof(Participant));

	participant->conn = conn;
	participant->node_id = node_id;
	participant->role = role;
	participant->acting = role;
	participant->first_level = GetCurrentTransactionNestLevel();
	conn_queue(conn, true, "%s", begin_command());
	participant->level = 1;
	if (constraints != NIL)
		queue_constraints(conn, 1);
	dlist_push_tail(&dxact_participants, &participant->link);
	conn_set_participant(conn, participant);
	return participant;
}

static void
raise_level(Participant *participant, int level)
{
	while (participant->level < level)
	{
		participant->level++;
		conn_queue(participant->conn, participant->level <= DXACT_PREPARED_LEVELS, "SAVEPOINT s%d", participant->level);
		if (constraints != NIL)
			queue_constraints(participant->conn, participant->level);
	}
}

void
dxact_set_constraints(const char *sql, bool now)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	Constraints *item = palloc(sizeof(Constraints));
	int			level = GetCurrentTransactionNestLevel();
	dlist_iter	iter;

	item->level = level;
	item->sql = pstrdup(sql);
	MemoryContextSwitchTo(old);
	/* participants get here first, by statements that come before this one */
	dlist_foreach(iter, &dxact_participants)
		raise_level(dlist_container(Participant, link, iter.cur), level);
	old = MemoryContextSwitchTo(TopTransactionContext);
	constraints = lappend(constraints, item);
	MemoryContextSwitchTo(old);
	engaged = true;
	dlist_foreach(iter, &dxact_participants)
	{
		Participant *participant = dlist_container(Participant, link, iter.cur);

		if (now && participant->write_level > 0)
		{
			dxact_act_as(participant, GetUserId());
			(void) conn_execute(participant->conn, sql, NULL);
		}
		else
			conn_queue(participant->conn, false, "%s", sql);
	}
}

NodeConn *
dxact_connection_acting(int node_id, Oid user, Oid role, DxactAccess access)
{
	int			level = GetCurrentTransactionNestLevel();
	Oid			login = dxact_login_role(user);
	NodeConn   *conn;
	Participant *participant;

	refuse_where_hidden();
	engaged = true;
	participant = dxact_participant_for(node_id, login);
	if (participant != NULL)
		login = participant->role;
	conn = conn_pool_get(node_id, login);
	participant = conn_participant(conn);
	if (participant == NULL)
	{
		/* an autocommit read may still be under way on it */
		if (!conn_is_idle(conn))
			conn_settle(conn);
		participant = enlist(conn, node_id, login);
	}
	else if (conn_is_idle(conn) && conn_queue_length(conn) == 0 && conn_remote_state(conn) == REMOTE_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("the transaction on node \"%s\" was lost", conn_node_name(conn))));
	if (participant->state != PARTICIPANT_OPEN)
		elog(ERROR, "the transaction on node \"%s\" is being prepared", conn_node_name(conn));
	participant->uses++;
	if (participant->level < level)
		raise_level(participant, level);
	dxact_act_as(participant, role);
	if (access == DXACT_WRITE && (participant->write_level == 0 || participant->write_level > level))
		participant->write_level = level;
	return conn;
}

NodeConn *
dxact_connection(int node_id, Oid role, DxactAccess access)
{
	return dxact_connection_acting(node_id, role, role, access);
}

bool
dxact_forget_lost(NodeConn *conn)
{
	Participant *participant = conn_participant(conn);

	if (participant != NULL && participant->uses > 1)
		return false;
	if (participant != NULL)
		dxact_forget_participant(participant);
	return true;
}

/* A statement that is its own transaction on the node, if nothing of ours is open there. NULL: it cannot be. */
static NodeConn *
autocommit_connection(int node_id, Oid role)
{
	NodeConn   *conn;

	refuse_where_hidden();
	if (IsTransactionBlock() || GetCurrentTransactionNestLevel() > 1 || XactIsoLevel != XACT_READ_COMMITTED ||
		cluster_snapshot_is_held())
		return NULL;
	if (dxact_login_role(role) != role)
		return NULL;
	engaged = true;
	if (dxact_participant_for(node_id, role) != NULL)
		return NULL;
	conn = conn_pool_get(node_id, role);
	return conn_participant(conn) == NULL ? conn : NULL;
}

NodeConn *
dxact_connection_autocommit_read(int node_id, Oid role)
{
	NodeConn   *conn = autocommit_connection(node_id, role);

	return conn ? conn : dxact_connection(node_id, role, DXACT_READ);
}

NodeConn *
dxact_connection_autocommit_write(int node_id, Oid role)
{
	NodeConn   *conn = NULL;

	/* with other writes of this transaction, here or elsewhere, it must be part of it */
	if (dlist_is_empty(&dxact_participants) && !TransactionIdIsValid(GetTopTransactionIdIfAny()))
		conn = autocommit_connection(node_id, role);
	if (conn == NULL)
		return dxact_connection(node_id, role, DXACT_WRITE);
	if (!conn_is_idle(conn))
		conn_settle(conn);
	conn_set_autocommit_write(conn, true);
	return conn;
}

bool
dxact_has_written(void)
{
	dlist_iter	iter;

	dlist_foreach(iter, &dxact_participants)
	{
		if (dlist_container(Participant, link, iter.cur)->write_level > 0)
			return true;
	}
	return false;
}

static void
forget_transaction(bool is_commit)
{
	dlist_init(&dxact_participants);
	constraints = NIL;
	engaged = false;
	conn_pool_end_transaction(is_commit);
}

static void
refuse_prepare(void)
{
	if (!dlist_is_empty(&dxact_participants))
		ereport(ERROR,
				(errcode(ERRCODE_SX_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that has used other nodes"),
				 errdetail("shardext prepares and commits the parts of a distributed transaction itself."),
				 errhint("Use COMMIT.")));
}

/* The same for a transaction that has used no other node. */
static void
end_at_gate(XactEvent event)
{
	if (event == XACT_EVENT_PRE_COMMIT)
		commit_gate_enter();
	else if (event == XACT_EVENT_COMMIT)
		commit_gate_leave();
	else if (event == XACT_EVENT_ABORT)
	{
		commit_gate_leave();
		cluster_snapshot_after_abort();
	}
}

static void
at_transaction_event(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_PREPARE || event == XACT_EVENT_PREPARE)
		dxact_part_event(event);
	if (event == XACT_EVENT_PRE_PREPARE || event == XACT_EVENT_PRE_COMMIT)
		dxact_part_notify();
	else if (event == XACT_EVENT_ABORT)
		dxact_part_notify_end();
	if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE)
		cluster_snapshot_before_end();
	if (!engaged)
	{
		end_at_gate(event);
		return;
	}
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			dxact_pre_commit();
			dxact_notify_again();
			commit_gate_enter();
			break;
		case XACT_EVENT_PRE_PREPARE:
			refuse_prepare();
			break;
		case XACT_EVENT_COMMIT:
			dxact_post_commit();
			commit_gate_leave();
			forget_transaction(true);
			break;
		case XACT_EVENT_ABORT:
			session_slot_back();
			commit_gate_leave();
			cluster_snapshot_after_abort();
			dxact_abort();
			forget_transaction(false);
			break;
		case XACT_EVENT_PREPARE:
			forget_transaction(true);
			break;
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
			break;
	}
}

/* What was said at a level that ends: now at the one above, or not at all. */
static void
end_constraints_level(int level, bool is_commit)
{
	ListCell   *lc;

	foreach(lc, constraints)
	{
		Constraints *item = lfirst(lc);

		if (item->level < level)
			continue;
		if (is_commit)
			item->level = level - 1;
		else
			constraints = foreach_delete_current(constraints, lc);
	}
}

/*
 * Queue the release of the level's savepoint. It releases those above, too, so
 * theirs need not travel; and none that has not been sent itself has to.
 */
static void
queue_release(NodeConn *conn, int level)
{
	char		command[64];
	int			last = conn_queue_length(conn) - 1;

	snprintf(command, sizeof(command), "RELEASE SAVEPOINT s%d", level + 1);
	if (last >= 0 && conn_queue_find(conn, command) == last)
		conn_queue_truncate(conn, last--);
	snprintf(command, sizeof(command), "SAVEPOINT s%d", level);
	if (last >= 0 && conn_queue_find(conn, command) == last)
		conn_queue_truncate(conn, last);
	else
		conn_queue(conn, level <= DXACT_PREPARED_LEVELS, "RELEASE SAVEPOINT s%d", level);
}

/* A level has ended well: its savepoint is released with the next write. */
static void
commit_level(int level)
{
	dlist_iter	iter;

	dlist_foreach(iter, &dxact_participants)
	{
		Participant *participant = dlist_container(Participant, link, iter.cur);

		if (participant->level < level)
			continue;
		queue_release(participant->conn, level);
		participant->first_level = Min(participant->first_level, level - 1);
		participant->level = level - 1;
		if (participant->write_level >= level)
			participant->write_level = level - 1;
	}
}

static void
at_subtransaction_event(SubXactEvent event, SubTransactionId my_id, SubTransactionId parent_id, void *arg)
{
	if (event == SUBXACT_EVENT_PRE_COMMIT_SUB || event == SUBXACT_EVENT_ABORT_SUB)
		dxact_part_notify_level_end(GetCurrentTransactionNestLevel(), event == SUBXACT_EVENT_PRE_COMMIT_SUB);
	if (!engaged)
	{
		if (event == SUBXACT_EVENT_ABORT_SUB)
			cluster_snapshot_after_level_abort();
		return;
	}
	switch (event)
	{
		case SUBXACT_EVENT_PRE_COMMIT_SUB:
			end_constraints_level(GetCurrentTransactionNestLevel(), true);
			commit_level(GetCurrentTransactionNestLevel());
			break;
		case SUBXACT_EVENT_ABORT_SUB:
			session_slot_back();
			end_constraints_level(GetCurrentTransactionNestLevel(), false);
			dxact_abort_level(GetCurrentTransactionNestLevel());
			cluster_snapshot_after_level_abort();
			break;
		case SUBXACT_EVENT_START_SUB:
		case SUBXACT_EVENT_COMMIT_SUB:
			break;
	}
}

void
dxact_preload(void)
{
	dxact_part_preload();
	RegisterXactCallback(at_transaction_event, NULL);
	RegisterSubXactCallback(at_subtransaction_event, NULL);
	lock_waits_preload();
	commit_gate_preload();
}
