/*
 * dxact_abort.c
 *	  The end of a distributed transaction, or of a level of it, that fails.
 *
 * Runs inside transaction abort: nothing here raises errors or can be
 * interrupted, and every wait is bounded. A connection that does not come to
 * rest in time is broken and gets closed; its node then rolls back by itself.
 */
#include "postgres.h"

#include "dxact/dxact_internal.h"
#include "storage/ipc.h"
#include "utils/timestamp.h"

static TimestampTz
patience(void)
{
	int			ms = proc_exit_inprogress ? DXACT_PATIENCE_MS / 5 : DXACT_PATIENCE_MS;

	return GetCurrentTimestamp() + ms * INT64CONST(1000);
}

static void
begin_abandon(NodeConn *conn, void *arg)
{
	conn_queue_truncate(conn, 0);
	conn_abandon_begin(conn);
}

static void
finish_abandon(NodeConn *conn, void *arg)
{
	conn_abandon_finish(conn, *(TimestampTz *) arg);
}

/* Send what ends the participant's transaction; false if nothing has to be. */
static bool
send_rollback(Participant *participant)
{
	char		command[DXACT_GID_LENGTH + 32];
	NodeConn   *conn = participant->conn;

	if (conn_is_broken(conn))
		return false;
	switch (participant->state)
	{
		case PARTICIPANT_DONE:
			return false;
		case PARTICIPANT_OPEN:
			return conn_remote_state(conn) != REMOTE_NONE && conn_command_send(conn, true, "ROLLBACK");
		case PARTICIPANT_PREPARING:
			/* its PREPARE may have been cancelled, or not */
			if (conn_remote_state(conn) != REMOTE_NONE)
				return conn_command_send(conn, true, "ROLLBACK");
			/* sent behind a statement that failed */
			if (conn_command_rolled_back(conn))
				return false;
			/* FALLTHROUGH */
		case PARTICIPANT_PREPARED:
			snprintf(command, sizeof(command), "ROLLBACK PREPARED '%s'", participant->gid);
			return conn_command_send(conn, false, command);
	}
	return false;
}

void
dxact_abort(void)
{
	TimestampTz deadline;
	dlist_iter	iter;

	dxact_deleted_finished(false);
	/* cancels go out to all nodes first, then the answers are awaited */
	deadline = patience();
	conn_pool_foreach(begin_abandon, NULL);
	conn_pool_foreach(finish_abandon, &deadline);

	dlist_foreach(iter, &dxact_participants)
	{
		Participant *participant = dlist_container(Participant, link, iter.cur);

		if (!send_rollback(participant))
			participant->state = PARTICIPANT_DONE;
	}
	dlist_foreach(iter, &dxact_participants)
	{
		Participant *participant = dlist_container(Participant, link, iter.cur);

		if (participant->state != PARTICIPANT_DONE)
			(void) conn_command_finish(participant->conn, deadline, false);
		/* whatever went wrong: no connection is used again inside an old transaction */
		if (!conn_is_broken(participant->conn) && conn_remote_state(participant->conn) != REMOTE_NONE)
			conn_break(participant->conn);
		conn_settings_rolled_back(participant->conn);
		participant->state = PARTICIPANT_DONE;
	}
}

void
dxact_forget_participant(Participant *participant)
{
	dlist_delete(&participant->link);
	conn_set_participant(participant->conn, NULL);
}

/*
 * One participant's part of a failed level. A node that only this level has
 * used may have been lost: the transaction can do without what was there.
 */
static void
abort_participant_level(Participant *participant, int level, TimestampTz deadline)
{
	NodeConn   *conn = participant->conn;
	char		command[64];
	int			place;

	snprintf(command, sizeof(command), "SAVEPOINT s%d", level);
	place = conn_queue_find(conn, command);
	if (place >= 0)
		conn_queue_truncate(conn, place);
	else
	{
		conn_abandon_begin(conn);
		conn_abandon_finish(conn, deadline);
		/* releases of inner levels need not travel any more */
		conn_queue_truncate(conn, 0);
		if (conn_remote_state(conn) != REMOTE_NONE)
		{
			bool		prepare = level <= DXACT_PREPARED_LEVELS;

			conn_queue(conn, prepare, "ROLLBACK TO SAVEPOINT s%d", level);
			snprintf(command, sizeof(command), "RELEASE SAVEPOINT s%d", level);
			if (!conn_command_send(conn, prepare, command) ||
				conn_command_finish(conn, deadline, false) != COMMAND_DONE)
				conn_break(conn);
		}
	}
	conn_settings_rolled_back(conn);
	participant->acting = InvalidOid;
	participant->level = level - 1;
	if (participant->write_level >= level)
		participant->write_level = 0;
	if (conn_is_broken(conn) && participant->first_level >= level)
		dxact_forget_participant(participant);
}

void
dxact_abort_level(int level)
{
	TimestampTz deadline = patience();
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &dxact_participants)
	{
		Participant *participant = dlist_container(Participant, link, iter.cur);

		if (participant->level >= level)
			abort_participant_level(participant, level, deadline);
	}
}
