/*
 * move_check.c
 *	  Everything that can keep two nodes from taking part in a move is looked at,
 *	  then reported at once. Nothing is changed, nothing is locked.
 *
 * What was good here may be different when the job begins: its first step looks
 * again (move_copy.c).
 */
#include "postgres.h"

#include "base/errors.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "move/job_store.h"
#include "move/move_check.h"
#include "utils/builtins.h"

#define OWN_VERSION "SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'shardext'"

typedef struct MoveCheck
{
	const char *role;
	const char *version;		/* of the extension here */
	int64		needed;			/* bytes that would come to the target, as far as it is known */
	bool		unreachable;	/* a node is */
	StringInfoData problems;	/* a line for each node */
} MoveCheck;

static void
add_problems(MoveCheck *check, const NodeInfo *node, const char *problems)
{
	appendStringInfo(&check->problems, "%sNode \"%s\": %s", check->problems.len == 0 ? "" : "\n", node->name, problems);
}

/* NULL, and a problem, if the node cannot be asked. */
static NodeConn *
connect_to(MoveCheck *check, const NodeInfo *node)
{
	char	   *reason;
	NodeConn   *conn = conn_try_private(node, check->role, &reason);

	if (conn == NULL)
	{
		check->unreachable = true;
		add_problems(check, node, psprintf("It cannot be reached: %s", reason));
	}
	return conn;
}

/* The first field, NULL if it is null. */
static char *
value_of(NodeConn *conn, const char *sql)
{
	PGresult   *result = conn_query(conn, sql, NULL);
	char	   *value = PQgetisnull(result, 0, 0) ? NULL : pstrdup(PQgetvalue(result, 0, 0));

	conn_result_free(result);
	return value;
}

/* While one job changes an owner, nobody could even ask how large the shard is. */
static void
check_not_claimed(NodeConn *conn, const char *shards)
{
	char	   *sql = psprintf("SELECT shard, job FROM shardext.catalog_claim WHERE shard = ANY (%s)"
							   " ORDER BY shard LIMIT 1", quote_literal_cstr(shards));
	PGresult   *result = conn_query(conn, sql, NULL);

	if (PQntuples(result) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("logical shard %s belongs to job %s", PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1)),
				 errdetail("That job moves it, or keeps its old copy."),
				 errhint("Wait for that job, or finish it with shardext.finish_move.")));
	conn_result_free(result);
}

static void
check_node(MoveCheck *check, const NodeInfo *node, NodeConn *conn, bool is_target)
{
	char	   *problems = value_of(conn, psprintf("SELECT shardext.internal_move_problems(%s, %s, " INT64_FORMAT ")",
												   quote_literal_cstr(check->version), is_target ? "true" : "false",
												   is_target ? check->needed : 0));

	if (problems != NULL)
		add_problems(check, node, problems);
}

/* What went there would only have to leave again. */
static void
check_not_drained(const NodeInfo *target)
{
	int			n;
	char	 ***rows;

	if (target->weight != 0)
		return;
	rows = job_rows_within(&n, "SELECT job FROM shardext.internal_cluster_jobs() WHERE kind = 'drain'"
						   " AND source = %s AND state NOT IN " JOB_ENDED, quote_literal_cstr(target->name));
	if (n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("node \"%s\" is being drained", target->name),
				 errdetail("Job %s moves all its logical shards to other nodes.", rows[0][0]),
				 errhint("Name another node, or end the drain with shardext.cancel_job(%s).", rows[0][0])));
}

static void
check_source(MoveCheck *check, const MoveSource *source)
{
	NodeConn   *conn = connect_to(check, source->node);
	char	   *bytes;

	if (conn == NULL)
		return;
	check_not_claimed(conn, source->shards);
	bytes = value_of(conn, psprintf("SELECT shardext.internal_shard_bytes(%s)", quote_literal_cstr(source->shards)));
	check->needed += bytes ? strtoll(bytes, NULL, 10) : 0;
	check_node(check, source->node, conn, false);
	conn_close_private(conn);
}

NodeConn *
move_check_nodes(List *sources, const NodeInfo *target)
{
	MoveCheck	check = {.role = GetUserNameFromId(GetUserId(), false)};
	NodeConn   *conn;
	ListCell   *lc;
	int			n;

	check_not_drained(target);
	initStringInfo(&check.problems);
	check.version = job_rows_within(&n, OWN_VERSION)[0][0];
	foreach(lc, sources)
		check_source(&check, lfirst(lc));
	conn = connect_to(&check, target);
	if (conn != NULL)
		check_node(&check, target, conn, true);
	if (check.problems.len > 0)
		ereport(ERROR,
				(errcode(check.unreachable ? ERRCODE_SX_NODE_UNAVAILABLE : ERRCODE_INSUFFICIENT_RESOURCES),
				 list_length(sources) > 1 ?
				 errmsg("logical shards cannot be moved to node \"%s\"", target->name) :
				 errmsg("logical shards cannot be moved from node \"%s\" to node \"%s\"",
						((const MoveSource *) linitial(sources))->node->name, target->name),
				 errdetail_internal("%s", check.problems.data),
				 errhint("Nothing was changed. Mend all of it and move the shards again.")));
	return conn;
}
