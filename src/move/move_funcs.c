/*
 * move_funcs.c
 *	  SQL functions of this folder: arguments in, one call, result out.
 *
 * A job belongs to no transaction: what a function asks of one is done at once, on
 * the node that runs it, over a connection of its own.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/errors.h"
#include "catalog/node_map.h"
#include "catalog/pg_type.h"
#include "catalog/shard_map.h"
#include "cluster/cluster_admin.h"
#include "cluster/node_region.h"
#include "conn/conn.h"
#include "ddl/shard_apply.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "move/job_process.h"
#include "move/job_store.h"
#include "move/move_check.h"
#include "move/shard_copy.h"
#include "move/stream_rows.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

PG_FUNCTION_INFO_V1(shardext_move_shard);
PG_FUNCTION_INFO_V1(shardext_move_shards);
PG_FUNCTION_INFO_V1(shardext_wait_job);
PG_FUNCTION_INFO_V1(shardext_cancel_job);
PG_FUNCTION_INFO_V1(shardext_pause_job);
PG_FUNCTION_INFO_V1(shardext_resume_job);
PG_FUNCTION_INFO_V1(shardext_finish_move);
PG_FUNCTION_INFO_V1(shardext_reverse_move);
PG_FUNCTION_INFO_V1(shardext_internal_begin_move);
PG_FUNCTION_INFO_V1(shardext_internal_wish);
PG_FUNCTION_INFO_V1(shardext_internal_make_copies);
PG_FUNCTION_INFO_V1(shardext_internal_drop_copy);
PG_FUNCTION_INFO_V1(shardext_internal_shard_ddl);
PG_FUNCTION_INFO_V1(shardext_internal_fence);
PG_FUNCTION_INFO_V1(shardext_internal_apply_changes);
PG_FUNCTION_INFO_V1(shardext_internal_cluster_jobs);
PG_FUNCTION_INFO_V1(shardext_internal_cluster_job_log);

#define FIRST_LOOK_MS	5
#define LOOK_MS			50
#define ANSWER_MS		5000

static NodeConn *
connect_to(int node_id)
{
	const NodeInfo *node = node_by_id(node_id);

	if (node == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no such job"),
				 errdetail("The first digits of a job's number are that of its node, and there is no node %d.",
						   node_id),
				 errhint("Look into shardext.jobs.")));
	return conn_open_private(node, GetUserNameFromId(GetUserId(), false));
}

static int *
shard_numbers(Datum array, int *n)
{
	Datum	   *values;
	bool	   *nulls;
	int		   *shards;

	deconstruct_array(DatumGetArrayTypeP(array), INT4OID, sizeof(int32), true, TYPALIGN_INT, &values, &nulls, n);
	shards = palloc(Max(*n, 1) * sizeof(int));
	for (int i = 0; i < *n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("shards must not contain nulls"),
					 errdetail("A NULL was given."),
					 errhint("Give numbers of logical shards.")));
		shards[i] = cluster_require_shard(DatumGetInt32(values[i]));
	}
	return shards;
}

/* The one node that owns all of them. */
static int
common_owner(int n, const int *shards, const NodeInfo *target)
{
	int			owner = n > 0 ? shard_map_owner(shards[0], NULL) : 0;

	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no shards were given"),
				 errdetail("The array is empty."),
				 errhint("Give numbers of logical shards.")));
	for (int i = 0; i < n; i++)
	{
		int			its = shard_map_owner(shards[i], NULL);

		if (its == target->node_id)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("logical shard %d is on node \"%s\" already", shards[i], target->name),
					 errdetail("There is nothing to move."),
					 errhint("Look into shardext.shards.")));
		if (its == 0 || its != owner)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the shards are not on one node"),
					 errdetail("Logical shard %d is on node \"%s\", %d on \"%s\".", shards[0], node_name(owner),
							   shards[i], node_name(its)),
					 errhint("Call shardext.move_shards once for each node.")));
		for (int j = 0; j < i; j++)
			if (shards[j] == shards[i])
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("logical shard %d is named twice", shards[i]),
						 errdetail("Each shard is moved once."),
						 errhint("Name each shard once.")));
	}
	return owner;
}

static int64
begin_move(Datum array, const char *to_node)
{
	const NodeInfo *target = node_require(to_node);
	int			n;
	int		   *shards = shard_numbers(array, &n);
	char		source[16];
	const Oid	types[] = {INT4ARRAYOID, INT4OID};
	const int	zeros[] = {0, 0};
	const char *values[2];
	ConnParams	params = {.n = 2, .types = types, .values = values, .lengths = zeros, .formats = zeros};
	NodeConn   *conn;
	PGresult   *result;
	int64		job;
	int			owner;

	owner = common_owner(n, shards, target);
	node_region_require(node_by_id(owner), target);
	snprintf(source, sizeof(source), "%d", owner);
	values[0] = DatumGetCString(OidFunctionCall1(F_ARRAY_OUT, array));
	conn = move_check_nodes(node_by_id(owner), target, values[0]);
	values[1] = source;
	result = conn_query(conn, "SELECT shardext.internal_begin_move($1, $2)", &params);
	job = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	conn_result_free(result);
	conn_close_private(conn);
	return job;
}

Datum
shardext_move_shard(PG_FUNCTION_ARGS)
{
	AdminScope	scope;
	Datum		shard;
	int64		job;

	argument_require(fcinfo, 0, "shard");
	argument_require(fcinfo, 1, "to_node");
	scope = cluster_admin_begin("move_shard");
	shard = PG_GETARG_DATUM(0);
	job = begin_move(PointerGetDatum(construct_array(&shard, 1, INT4OID, sizeof(int32), true, TYPALIGN_INT)),
					 argument_text(fcinfo, 1));
	cluster_admin_end(scope);
	PG_RETURN_INT64(job);
}

Datum
shardext_move_shards(PG_FUNCTION_ARGS)
{
	AdminScope	scope;
	int64		job;

	argument_require(fcinfo, 0, "shards");
	argument_require(fcinfo, 1, "to_node");
	scope = cluster_admin_begin("move_shards");
	job = begin_move(PG_GETARG_DATUM(0), argument_text(fcinfo, 1));
	cluster_admin_end(scope);
	PG_RETURN_INT64(job);
}

/* What is asked of a job, to the node that runs it. */
static void
send_wish(int64 job, const char *wish)
{
	char		number[24];
	const Oid	types[] = {INT8OID, TEXTOID};
	const int	zeros[] = {0, 0};
	const char *values[] = {number, wish};
	ConnParams	params = {.n = 2, .types = types, .values = values, .lengths = zeros, .formats = zeros};
	NodeConn   *conn = connect_to(JOB_NODE(job));

	snprintf(number, sizeof(number), INT64_FORMAT, job);
	(void) conn_execute(conn, "SELECT shardext.internal_wish($1, $2)", &params);
	conn_close_private(conn);
}

static int64
wish(FunctionCallInfo fcinfo, const char *function, const char *what)
{
	AdminScope	scope;

	argument_require(fcinfo, 0, "job");
	scope = cluster_admin_begin(function);
	send_wish(PG_GETARG_INT64(0), what);
	cluster_admin_end(scope);
	return PG_GETARG_INT64(0);
}

Datum
shardext_cancel_job(PG_FUNCTION_ARGS)
{
	(void) wish(fcinfo, "cancel_job", "cancel");
	PG_RETURN_VOID();
}

Datum
shardext_pause_job(PG_FUNCTION_ARGS)
{
	(void) wish(fcinfo, "pause_job", "pause");
	PG_RETURN_VOID();
}

Datum
shardext_resume_job(PG_FUNCTION_ARGS)
{
	(void) wish(fcinfo, "resume_job", "run");
	PG_RETURN_VOID();
}

Datum
shardext_finish_move(PG_FUNCTION_ARGS)
{
	(void) wish(fcinfo, "finish_move", "finish");
	PG_RETURN_VOID();
}

Datum
shardext_reverse_move(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(wish(fcinfo, "reverse_move", "reverse"));
}

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
	if (strcmp(*state, "cancelled") == 0)
		return *state;
	return is_there(*state, wished) ? pstrdup("done") : NULL;
}

Datum
shardext_wait_job(PG_FUNCTION_ARGS)
{
	TimestampTz begun = GetCurrentTimestamp();
	TimestampTz deadline = DT_NOEND;
	NodeConn   *conn;
	char	   *state;
	char	   *end;

	argument_require(fcinfo, 0, "job");
	if (!PG_ARGISNULL(1))
		deadline = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
														   TimestampTzGetDatum(GetCurrentTimestamp()),
														   PG_GETARG_DATUM(1)));
	(void) cluster_require();
	conn = connect_to(JOB_NODE(PG_GETARG_INT64(0)));
	while ((end = look_at_job(conn, PG_GETARG_INT64(0), &state)) == NULL && GetCurrentTimestamp() < deadline)
	{
		/* the longer it takes, the less does it matter when it is seen */
		long		waited_ms = TimestampDifferenceMilliseconds(begun, GetCurrentTimestamp());

		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 Max(FIRST_LOOK_MS, Min(waited_ms / 20, LOOK_MS)), PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	conn_close_private(conn);
	PG_RETURN_TEXT_P(cstring_to_text(end ? end : state));
}

Datum
shardext_internal_begin_move(PG_FUNCTION_ARGS)
{
	int64		job;
	char	   *shards = DatumGetCString(OidFunctionCall1(F_ARRAY_OUT, PG_GETARG_DATUM(0)));

	job = job_insert(shards, PG_GETARG_INT32(1), cluster_require()->this_node);
	job_start_at_commit(job);
	PG_RETURN_INT64(job);
}

Datum
shardext_internal_wish(PG_FUNCTION_ARGS)
{
	job_wish(PG_GETARG_INT64(0), text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}

Datum
shardext_internal_make_copies(PG_FUNCTION_ARGS)
{
	int			n;
	int		   *shards = shard_numbers(PG_GETARG_DATUM(0), &n);

	shard_copies_make(n, shards, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}

Datum
shardext_internal_drop_copy(PG_FUNCTION_ARGS)
{
	shard_copy_drop(cluster_require_shard(PG_GETARG_INT32(0)));
	PG_RETURN_VOID();
}

Datum
shardext_internal_shard_ddl(PG_FUNCTION_ARGS)
{
	ddl_run_elevated(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}

Datum
shardext_internal_fence(PG_FUNCTION_ARGS)
{
	int			n;
	int		   *shards = shard_numbers(PG_GETARG_DATUM(0), &n);

	shard_copy_fence(n, shards, PG_GETARG_INT32(1), text_to_cstring(PG_GETARG_TEXT_PP(2)));
	PG_RETURN_VOID();
}

Datum
shardext_internal_apply_changes(PG_FUNCTION_ARGS)
{
	bytea	   *changes = PG_GETARG_BYTEA_PP(0);

	stream_rows_apply(VARDATA_ANY(changes), VARSIZE_ANY_EXHDR(changes));
	PG_RETURN_VOID();
}

static void
put_rows(ReturnSetInfo *rsinfo, AttInMetadata *meta, PGresult *result)
{
	char	  **values = palloc(meta->tupdesc->natts * sizeof(char *));

	if (PQnfields(result) != meta->tupdesc->natts)
		elog(ERROR, "a node has answered with %d columns, not %d", PQnfields(result), meta->tupdesc->natts);
	for (int i = 0; i < PQntuples(result); i++)
	{
		for (int j = 0; j < meta->tupdesc->natts; j++)
			values[j] = PQgetisnull(result, i, j) ? NULL : PQgetvalue(result, i, j);
		tuplestore_puttuple(rsinfo->setResult, BuildTupleFromCStrings(meta, values));
	}
}

/* Rows of a view of every node that can be reached; a WARNING for the others. */
static Datum
rows_of_all(FunctionCallInfo fcinfo, const char *view)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const char *role = GetUserNameFromId(GetUserId(), false);
	char	   *sql = psprintf("SELECT * FROM shardext.%s", view);
	AttInMetadata *meta;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	meta = TupleDescGetAttInMetadata(rsinfo->setDesc);
	foreach(lc, node_list())
	{
		const NodeInfo *node = lfirst(lc);
		NodeConn   *conn = conn_try_private(node, role, NULL);
		char	   *reason = NULL;
		PGresult   *result = conn ? conn_ask(conn, sql, NULL, ANSWER_MS, &reason) : NULL;

		if (result != NULL)
			put_rows(rsinfo, meta, result);
		else
			ereport(WARNING,
					(errmsg("node \"%s\" cannot be asked for its jobs", node->name),
					 reason ? errdetail("%s", reason) : 0));
		if (result != NULL)
			conn_result_free(result);
		if (conn != NULL)
			conn_close_private(conn);
	}
	return (Datum) 0;
}

Datum
shardext_internal_cluster_jobs(PG_FUNCTION_ARGS)
{
	return rows_of_all(fcinfo, "internal_local_jobs");
}

Datum
shardext_internal_cluster_job_log(PG_FUNCTION_ARGS)
{
	return rows_of_all(fcinfo, "internal_local_job_log");
}
