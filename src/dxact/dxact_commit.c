/*
 * dxact_commit.c
 *	  The end of a distributed transaction that goes well.
 *
 *	1. Participants that only read COMMIT. Under SERIALIZABLE that may fail, so
 *	   their answers are awaited first; else it travels together with step 2 or 3.
 *	2. No writer: nothing more. One writer and nothing to commit here: COMMIT
 *	   there; its answer decides.
 *	3. Otherwise: mark the transaction as running (a lock), PREPARE TRANSACTION
 *	   on all writers at once, write one decision record per participant in the
 *	   local transaction and have its commit durable whatever
 *	   synchronous_commit says (dxact_part.c).
 *	   If it is known beforehand that a statement is the last one, PREPARE
 *	   travels with it, or right behind it (dxact_prepare_ahead).
 *	4. The local commit decides.
 *	5. COMMIT PREPARED on all writers at once, within bounds and without
 *	   errors. What could not be reached is left to the recovery duty there.
 *
 * Steps 1-3 run before the local commit, are interruptible and raise errors;
 * the abort then undoes what was prepared. Step 5 runs after it.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "base/errors.h"
#include "base/fault.h"
#include "catalog/catalog_write.h"
#include "catalog/node_map.h"
#include "commands/async.h"
#include "dxact/commit_gate.h"
#include "dxact/dxact_internal.h"
#include "miscadmin.h"
#include "storage/predicate.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* Rows still under way belong to nobody any more: have them read. Then the remote transaction must be sound. */
static void
bring_to_rest(Participant *participant)
{
	NodeConn   *conn = participant->conn;

	conn_drain(conn);
	if (conn_is_broken(conn))
		conn_raise_broken(conn);
	if (conn_remote_state(conn) == REMOTE_FAILED)
		ereport(ERROR,
				(errcode(ERRCODE_IN_FAILED_SQL_TRANSACTION),
				 errmsg("the transaction on node \"%s\" has failed", conn_node_name(conn))));
}

static void
raise_outcome_unknown(Participant *participant)
{
	ereport(ERROR,
			(errcode(ERRCODE_TRANSACTION_RESOLUTION_UNKNOWN),
			 errmsg("connection to node \"%s\" was lost while it was committing", conn_node_name(participant->conn)),
			 errdetail("%s", conn_lost_reason(participant->conn)),
			 errhint("The transaction may or may not have been committed; look before you repeat it.")));
}

/* Send COMMIT (what is only queued need not be sent); false if there is nothing to commit on the node. */
static bool
send_commit(Participant *participant)
{
	NodeConn   *conn = participant->conn;

	conn_queue_truncate(conn, 0);
	if (conn_remote_state(conn) == REMOTE_NONE)
	{
		participant->state = PARTICIPANT_DONE;
		return false;
	}
	if (conn_command_send(conn, true, "COMMIT"))
		conn_command_tells(conn);
	return true;
}

/* A reader's COMMIT has no reason to fail (under SERIALIZABLE it has); the writer may have committed already. */
static void
raise_commit_failed(Participant *participant)
{
	if (participant->write_level > 0 || XactIsoLevel == XACT_SERIALIZABLE)
		conn_command_raise(participant->conn);
	ereport(WARNING,
			(errcode(conn_command_sqlstate(participant->conn)),
			 errmsg("node \"%s\" could not commit what was read there", conn_node_name(participant->conn)),
			 errdetail_internal("%s", conn_command_message(participant->conn))));
}

static void
finish_commit(Participant *participant)
{
	switch (conn_command_finish_decisive(participant->conn))
	{
		case COMMAND_DONE:
			participant->state = PARTICIPANT_DONE;
			conn_settings_committed(participant->conn);
			if (participant->write_level > 0)
			{
				conn_cancel_hold();
				FAULT_POINT("dxact_committed_there");
			}
			conn_command_notices(participant->conn);
			break;
		case COMMAND_FAILED:
			participant->state = PARTICIPANT_DONE;
			conn_command_notices(participant->conn);
			raise_commit_failed(participant);
			break;
		case COMMAND_LOST:
			/* a reader's COMMIT decides nothing, but its reads may have been invalid */
			if (participant->write_level > 0)
				raise_outcome_unknown(participant);
			if (XactIsoLevel == XACT_SERIALIZABLE)
				conn_raise_broken(participant->conn);
			participant->state = PARTICIPANT_DONE;
			break;
	}
}

/* COMMIT goes out to all participants that have written, or to all that have not, at once. */
static void
send_commits(bool writers)
{
	dlist_iter	iter;

	dlist_foreach(iter, &dxact_participants)
	{
		Participant *participant = dlist_container(Participant, link, iter.cur);

		if ((participant->write_level > 0) == writers)
			(void) send_commit(participant);
	}
}

static void
finish_commits(bool writers)
{
	dlist_iter	iter;

	dlist_foreach(iter, &dxact_participants)
	{
		Participant *participant = dlist_container(Participant, link, iter.cur);

		if ((participant->write_level > 0) == writers && participant->state == PARTICIPANT_OPEN)
			finish_commit(participant);
	}
}

static void
send_prepare(Participant *participant)
{
	char		command[DXACT_GID_LENGTH + 32];

	conn_queue_truncate(participant->conn, 0);
	if (conn_is_idle(participant->conn) && conn_remote_state(participant->conn) == REMOTE_NONE)
	{
		participant->state = PARTICIPANT_DONE;
		return;
	}
	snprintf(command, sizeof(command), "PREPARE TRANSACTION '%s'", participant->gid);
	participant->state = PARTICIPANT_PREPARING;
	if (!conn_is_idle(participant->conn))
		(void) conn_command_follow(participant->conn, command);
	else if (conn_command_send(participant->conn, false, command))
		conn_command_tells(participant->conn);
}

/* The answer may have been read already, with that of the statement before. */
static void
finish_prepare(Participant *participant)
{
	switch (conn_command_finish(participant->conn, 0, true))
	{
		case COMMAND_DONE:
			if (conn_command_rolled_back(participant->conn))
				elog(ERROR, "node \"%s\" has rolled back what it was to prepare", conn_node_name(participant->conn));
			participant->state = PARTICIPANT_PREPARED;
			strlcpy(participant->token, conn_prepare_token(participant->conn), sizeof(participant->token));
			conn_settings_committed(participant->conn);
			FAULT_POINT("dxact_after_one_prepare");
			conn_command_notices(participant->conn);
			break;
		case COMMAND_FAILED:
			participant->state = PARTICIPANT_DONE;
			conn_settings_rolled_back(participant->conn);
			conn_command_notices(participant->conn);
			conn_command_raise(participant->conn);
			break;
		case COMMAND_LOST:
			conn_raise_broken(participant->conn);
			break;
	}
}

/* The nodes that have a part, as a gid lists them. */
static void
list_parts(char *text, size_t size)
{
	dlist_iter	iter;
	size_t		length = 0;

	text[0] = '\0';
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		length = snprintf(text, size, "%d", node_self());
	dlist_foreach(iter, &dxact_participants)
	{
		const Participant *participant = dlist_container(Participant, link, iter.cur);

		if (participant->state != PARTICIPANT_OPEN || participant->write_level == 0)
			continue;
		if (length + 14 > size)
		{
			strlcpy(text + length, "+", size - length);
			return;
		}
		length += snprintf(text + length, size - length, "%s%d", length > 0 ? "," : "", participant->node_id);
	}
}

static void
name_transaction(void)
{
	char		parts[DXACT_PARTS_LENGTH];
	const ClusterInfo *cluster = cluster_last_known();	/* drop_cluster is committed, too */
	DxactGid	gid = {0};
	dlist_iter	iter;

	if (cluster == NULL)
		elog(ERROR, "distributed transaction without a cluster");
	strlcpy(gid.cluster_id, cluster->cluster_id, sizeof(gid.cluster_id));
	gid.coordinator = cluster->this_node;
	list_parts(parts, sizeof(parts));
	gid.number = U64FromFullTransactionId(GetTopFullTransactionId());
	gid.moment = (uint64) GetCurrentTimestamp();
	dxact_mark_running(gid.number);
	dlist_foreach(iter, &dxact_participants)
	{
		Participant *participant = dlist_container(Participant, link, iter.cur);

		gid.participant = participant->node_id;
		gid.moment++;			/* the same node may take part with two roles */
		dxact_gid_format(&gid, parts, participant->gid);
	}
}

static void
write_decisions(void)
{
	dlist_iter	iter;

	PushActiveSnapshot(GetTransactionSnapshot());
	dlist_foreach(iter, &dxact_participants)
	{
		Participant *participant = dlist_container(Participant, link, iter.cur);

		if (participant->state == PARTICIPANT_PREPARED)
			participant->record = catalog_write_decision(participant->gid, participant->token);
	}
	dxact_delete_finished();
	PopActiveSnapshot();
	dxact_force_durable();
}

static void
send_prepares(void)
{
	dlist_iter	iter;

	name_transaction();
	FAULT_POINT("dxact_before_prepare");
	dlist_foreach(iter, &dxact_participants)
	{
		Participant *participant = dlist_container(Participant, link, iter.cur);

		if (participant->state == PARTICIPANT_OPEN && participant->write_level > 0)
			send_prepare(participant);
	}
}

/* Has a PREPARE been sent behind a statement? */
static bool
is_ahead(void)
{
	dlist_iter	iter;

	dlist_foreach(iter, &dxact_participants)
	{
		if (dlist_container(Participant, link, iter.cur)->state == PARTICIPANT_PREPARING)
			return true;
	}
	return false;
}

bool
dxact_prepare_ahead(void)
{
	int			writers = TransactionIdIsValid(GetTopTransactionIdIfAny()) ? 1 : 0;
	dlist_iter	iter;

	dlist_foreach(iter, &dxact_participants)
	{
		const Participant *participant = dlist_container(Participant, link, iter.cur);

		/* what is taken back must be this statement alone */
		if (conn_is_broken(participant->conn) || (participant->write_level > 0 && participant->uses > 1))
			return false;
		if (participant->write_level > 0)
			writers++;
	}
	/* a reader's COMMIT, which may fail then, would come after the PREPARE */
	if (writers < 2 || XactIsoLevel == XACT_SERIALIZABLE || is_ahead())
		return false;
	send_prepares();
	return true;
}

void
dxact_prepare_take_back(void)
{
	char		command[DXACT_GID_LENGTH + 32];
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &dxact_participants)
	{
		Participant *participant = dlist_container(Participant, link, iter.cur);

		if (participant->state != PARTICIPANT_PREPARING)
			continue;
		bring_to_rest(participant);
		snprintf(command, sizeof(command), "ROLLBACK PREPARED '%s'", participant->gid);
		if (!conn_command_send(participant->conn, false, command))
			conn_raise_broken(participant->conn);
		switch (conn_command_finish(participant->conn, 0, true))
		{
			case COMMAND_DONE:
				break;
			case COMMAND_FAILED:
				conn_command_raise(participant->conn);
				break;
			case COMMAND_LOST:
				conn_raise_broken(participant->conn);
				break;
		}
		conn_settings_rolled_back(participant->conn);
		dxact_forget_participant(participant);
	}
}

static void
prepare_all(void)
{
	dlist_iter	iter;

	if (!is_ahead())
		send_prepares();
	dlist_foreach(iter, &dxact_participants)
	{
		Participant *participant = dlist_container(Participant, link, iter.cur);

		if (participant->state == PARTICIPANT_PREPARING)
			finish_prepare(participant);
	}
	finish_commits(false);
	FAULT_POINT("dxact_after_all_prepares");
	write_decisions();
	FAULT_POINT("dxact_after_decision");
}

/* Has NOTIFY been said here? It is sent by a commit that has a transaction id, and may yet fail. */
static bool
has_notified(void)
{
	MemoryContext old = CurrentMemoryContext;
	volatile bool notified = false;

	PG_TRY();
	{
		AtPrepare_Notify();		/* complains if so, and does nothing else */
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		FlushErrorState();
		notified = true;
	}
	PG_END_TRY();
	return notified;
}

/* One participant has written: may its COMMIT decide? What is left to do here must not be able to fail. */
static bool
one_phase_is_enough(void)
{
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()) || has_notified())
		return false;
	if (XactIsoLevel == XACT_SERIALIZABLE)
		PreCommit_CheckForSerializationFailure();
	return true;
}

void
dxact_pre_commit(void)
{
	int			writers = 0;
	dlist_iter	iter;

	dlist_foreach(iter, &dxact_participants)
	{
		Participant *participant = dlist_container(Participant, link, iter.cur);

		bring_to_rest(participant);
		if (participant->write_level > 0 && (participant->state == PARTICIPANT_PREPARING ||
											 conn_remote_state(participant->conn) != REMOTE_NONE))
			writers++;
	}
	send_commits(false);
	if (writers == 0 || XactIsoLevel == XACT_SERIALIZABLE)
		finish_commits(false);
	if (writers == 0)
		return;
	if (writers == 1 && !is_ahead() && one_phase_is_enough())
	{
		send_commits(true);
		finish_commits(true);
		finish_commits(false);
	}
	else
		prepare_all();
}

void
dxact_post_commit(void)
{
	TimestampTz deadline = GetCurrentTimestamp() + DXACT_PATIENCE_MS * INT64CONST(1000);
	char		command[DXACT_GID_LENGTH + 32];
	dlist_iter	iter;

	if (dlist_is_empty(&dxact_participants))
		return;
	FAULT_POINT("dxact_after_local_commit");
	dxact_deleted_finished(true);
	dlist_foreach(iter, &dxact_participants)
	{
		Participant *participant = dlist_container(Participant, link, iter.cur);

		if (participant->state != PARTICIPANT_PREPARED)
			continue;
		snprintf(command, sizeof(command), "COMMIT PREPARED '%s'", participant->gid);
		if (!conn_command_send(participant->conn, false, command))
		{
			participant->state = PARTICIPANT_DONE;
			commit_gate_unfinished();
		}
		FAULT_POINT("dxact_between_commit_prepared");
	}
	dlist_foreach(iter, &dxact_participants)
	{
		Participant *participant = dlist_container(Participant, link, iter.cur);

		if (participant->state != PARTICIPANT_PREPARED)
			continue;
		if (conn_command_finish(participant->conn, deadline, false) == COMMAND_DONE)
			dxact_record_finished(participant->record, participant->gid);
		else
		{
			commit_gate_unfinished();
			ereport(LOG,
					(errmsg("transaction \"%s\" is committed but not yet finished on node \"%s\"",
							participant->gid, conn_node_name(participant->conn)),
					 errdetail("The worker of that node will finish it.")));
		}
		participant->state = PARTICIPANT_DONE;
	}
	FAULT_POINT("dxact_after_commit_prepared");
}
