/*
 * job_wait.c
 *	  Waiting for a job of whatever node.
 *
 * The job's node is looked at again and again. A move has changed the owner when
 * that is committed there; other nodes hear of it with the second half of that
 * commit, or within a second. So whoever waits is told when his own node knows,
 * too.
 */
#include "postgres.h"

#include "base/errors.h"
#include "catalog/shard_map.h"
#include "miscadmin.h"
#include "move/job_wait.h"
#include "storage/latch.h"
#include "utils/inval.h"
#include "utils/wait_event.h"

#define FIRST_LOOK_MS	5
#define LOOK_MS			50
#define HEARD_MS		5000

/* Has the job done what it is for? */
static bool
is_there(const char *state, const char *wished)
{
	if (strcmp(state, "done") == 0)
		return true;
	if (strcmp(wished, "reverse") == 0)
		return strcmp(state, "clean") == 0;
	return strcmp(state, "turn") == 0 || strcmp(state, "keep") == 0 || strcmp(state, "clean") == 0;
}

/* One look: the state to return, or NULL to go on waiting; *state is what it is in. */
static char *
look_at_job(NodeConn *conn, int64 job, char **state)
{
	PGresult   *result = conn_query(conn, psprintf("SELECT state, wish, error FROM shardext.internal_local_jobs"
												   " WHERE job = " INT64_FORMAT, job), NULL);
	char	   *wished;
	char	   *error;

	if (PQntuples(result) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no job " INT64_FORMAT, job),
				 errdetail("Node \"%s\" knows none of this number.", conn_node_name(conn)),
				 errhint("Look into shardext.jobs.")));
	*state = pstrdup(PQgetvalue(result, 0, 0));
	wished = pstrdup(PQgetvalue(result, 0, 1));
	error = pstrdup(PQgetvalue(result, 0, 2));
	conn_result_free(result);
	if (strcmp(*state, "failed") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("job " INT64_FORMAT " has failed", job),
				 errdetail("%s", error),
				 errhint("Look into shardext.job_log.")));
	if (strcmp(wished, "lost") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("job " INT64_FORMAT " was not taken back", job),
				 errdetail("The way back has ended before; the shards are where they were moved to."),
				 errhint("Look into shardext.job_log.")));
	if (strcmp(*state, "cancelled") == 0)
		return *state;
	return is_there(*state, wished) ? pstrdup("done") : NULL;
}

/* Does this node know what has become of the job's shards? Other nodes than the job's hear of it a moment later. */
static bool
is_heard_of(NodeConn *conn, int64 job)
{
	PGresult   *result = conn_query(conn, psprintf("SELECT s.shard, s.version"
												   " FROM shardext.internal_local_jobs j, shardext.shards s"
												   " WHERE j.job = " INT64_FORMAT
												   " AND (s.shard = ANY (j.shards) OR j.kind <> 'move')", job), NULL);
	bool		heard = true;

	AcceptInvalidationMessages();
	for (int i = 0; i < PQntuples(result); i++)
	{
		int64		known = 0;

		(void) shard_map_owner(atoi(PQgetvalue(result, i, 0)), &known);
		heard &= known >= strtoll(PQgetvalue(result, i, 1), NULL, 10);
	}
	conn_result_free(result);
	return heard;
}

static void
rest(long ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

char *
job_wait(NodeConn *conn, int64 job, TimestampTz deadline)
{
	TimestampTz begun = GetCurrentTimestamp();
	TimestampTz patience;
	char	   *state;
	char	   *end;

	while ((end = look_at_job(conn, job, &state)) == NULL && GetCurrentTimestamp() < deadline)
	{
		/* the longer it takes, the less does it matter when it is seen */
		long		waited_ms = TimestampDifferenceMilliseconds(begun, GetCurrentTimestamp());

		rest(Max(FIRST_LOOK_MS, Min(waited_ms / 20, LOOK_MS)));
	}
	if (end == NULL || strcmp(end, "done") != 0)
		return end != NULL ? end : state;
	patience = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), HEARD_MS);
	while (!is_heard_of(conn, job) && GetCurrentTimestamp() < Min(deadline, patience))
		rest(FIRST_LOOK_MS);
	return end;
}
