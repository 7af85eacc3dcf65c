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
#include "move/job_wait.h"
#include "move/move_check.h"
#include "move/publication.h"
#include "move/row_sums.h"
#include "move/shard_copy.h"
#include "move/stream_rows.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

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
PG_FUNCTION_INFO_V1(shardext_internal_take_publication);
PG_FUNCTION_INFO_V1(shardext_internal_leave_publication);
PG_FUNCTION_INFO_V1(shardext_internal_unpublish);
PG_FUNCTION_INFO_V1(shardext_internal_shard_ddl);
PG_FUNCTION_INFO_V1(shardext_internal_fence);
PG_FUNCTION_INFO_V1(shardext_internal_apply_changes);
PG_FUNCTION_INFO_V1(shardext_internal_row_sums);
PG_FUNCTION_INFO_V1(shardext_internal_cluster_jobs);
PG_FUNCTION_INFO_V1(shardext_internal_cluster_job_log);

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

static void
require_distinct(int n, const int *shards)
{
	Bitmapset  *seen = NULL;

	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no shards were given"),
				 errdetail("The array is empty."),
				 errhint("Give numbers of logical shards.")));
	for (int i = 0; i < n; i++)
	{
		if (bms_is_member(shards[i], seen))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("logical shard %d is named twice", shards[i]),
					 errdetail("Each shard is moved once."),
					 errhint("Name each shard once.")));
		seen = bms_add_member(seen, shards[i]);
	}
}

static int
owner_to_leave(int shard, const NodeInfo *target)
{
	int			owner = shard_map_owner(shard, NULL);

	if (owner == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("logical shard %d has no owner at the moment", shard),
				 errdetail("It is being handed over."),
				 errhint("Try again.")));
	if (owner == target->node_id)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("logical shard %d is on node \"%s\" already", shard, target->name),
				 errdetail("There is nothing to move."),
				 errhint("Look into shardext.shards.")));
	return owner;
}

/* "{1,2}" */
static char *
numbers_text(int n, const int *numbers, const int *owners, int only)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < n; i++)
		if (only == 0 || owners[i] == only)
			appendStringInfo(&text, "%c%d", text.len == 0 ? '{' : ',', numbers[i]);
	appendStringInfoChar(&text, '}');
	return text.data;
}

/* MoveSource *: the owners of the shards, each once. */
static List *
sources_of(int n, const int *shards, const int *owners)
{
	List	   *sources = NIL;
	Bitmapset  *seen = NULL;

	for (int i = 0; i < n; i++)
	{
		MoveSource *source;

		if (bms_is_member(owners[i], seen))
			continue;
		seen = bms_add_member(seen, owners[i]);
		source = palloc(sizeof(MoveSource));
		source->node = node_by_id(owners[i]);
		source->shards = numbers_text(n, shards, owners, owners[i]);
		sources = lappend(sources, source);
	}
	return sources;
}

/* On the target. Shards of one node are one move; those of several are a job that has one for each. */
static int64
begin_on(NodeConn *conn, List *sources, const char *shards, const char *owners)
{
	bool		several = list_length(sources) > 1;
	const Oid	types[] = {INT4ARRAYOID, several ? INT4ARRAYOID : INT4OID};
	const int	zeros[] = {0, 0};
	const char *values[] = {shards, owners};
	ConnParams	params = {.n = 2, .types = types, .values = values, .lengths = zeros, .formats = zeros};
	PGresult   *result;
	int64		job;

	if (!several)
		values[1] = psprintf("%d", ((const MoveSource *) linitial(sources))->node->node_id);
	result = conn_query(conn, several ? "SELECT shardext.internal_begin_moves($1, $2)" :
						"SELECT shardext.internal_begin_move($1, $2)", &params);
	job = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	conn_result_free(result);
	return job;
}

static int64
begin_move(Datum array, const char *to_node)
{
	const NodeInfo *target = node_require(to_node);
	int			n;
	int		   *shards = shard_numbers(array, &n);
	int		   *owners = palloc(Max(n, 1) * sizeof(int));
	List	   *sources;
	ListCell   *lc;
	NodeConn   *conn;
	int64		job;

	require_distinct(n, shards);
	for (int i = 0; i < n; i++)
		owners[i] = owner_to_leave(shards[i], target);
	sources = sources_of(n, shards, owners);
	foreach(lc, sources)
		node_region_require(((const MoveSource *) lfirst(lc))->node, target);
	conn = move_check_nodes(sources, target);
	job = begin_on(conn, sources, numbers_text(n, shards, NULL, 0), numbers_text(n, owners, NULL, 0));
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

Datum
shardext_wait_job(PG_FUNCTION_ARGS)
{
	TimestampTz deadline = DT_NOEND;
	NodeConn   *conn;
	char	   *state;

	argument_require(fcinfo, 0, "job");
	if (!PG_ARGISNULL(1))
		deadline = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
														   TimestampTzGetDatum(GetCurrentTimestamp()),
														   PG_GETARG_DATUM(1)));
	(void) cluster_require();
	conn = connect_to(JOB_NODE(PG_GETARG_INT64(0)));
	state = job_wait(conn, PG_GETARG_INT64(0), deadline);
	conn_close_private(conn);
	PG_RETURN_TEXT_P(cstring_to_text(state));
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
shardext_internal_take_publication(PG_FUNCTION_ARGS)
{
	publication_take(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}

Datum
shardext_internal_leave_publication(PG_FUNCTION_ARGS)
{
	publication_leave(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}

Datum
shardext_internal_unpublish(PG_FUNCTION_ARGS)
{
	publication_remove_table(PG_GETARG_OID(0), PG_GETARG_OID(1));
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

Datum
shardext_internal_row_sums(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(row_sums(PG_GETARG_OID(0))));
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
