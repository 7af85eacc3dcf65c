/*
 * place_funcs.c
 *	  SQL functions about where shards shall be: arguments in, one call, result out.
 *
 * A rebalance or drain is a job of the authority, one at a time.
 */
#include "postgres.h"

#include <math.h>
#include <sys/statvfs.h>

#include "base/arguments.h"
#include "catalog/node_map.h"
#include "catalog/pg_type.h"
#include "cluster/cluster.h"
#include "cluster/cluster_admin.h"
#include "conn/conn.h"
#include "dxact/dxact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "move/job_process.h"
#include "move/job_store.h"
#include "move/place_funcs.h"
#include "move/place_plan.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

PG_FUNCTION_INFO_V1(shardext_plan_rebalance);
PG_FUNCTION_INFO_V1(shardext_rebalance);
PG_FUNCTION_INFO_V1(shardext_drain_node);
PG_FUNCTION_INFO_V1(shardext_internal_begin_placement);
PG_FUNCTION_INFO_V1(shardext_internal_begin_moves);
PG_FUNCTION_INFO_V1(shardext_internal_begin_part);
PG_FUNCTION_INFO_V1(shardext_internal_free_bytes);

/* On the authority, within the caller's transaction. */
static int64
begin_here(const char *kind, int source, const char *policy)
{
	int			n;
	char	 ***rows;
	int64		job;

	job_run_within("LOCK TABLE shardext.catalog_job IN SHARE ROW EXCLUSIVE MODE");
	rows = job_rows_within(&n, "SELECT job, kind FROM shardext.catalog_job WHERE kind IN ('rebalance', 'drain')"
						   " AND state NOT IN " JOB_ENDED);
	if (n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("job %s has not ended", rows[0][0]),
				 errdetail("It is a %s; there is one rebalance or drain at a time.", rows[0][1]),
				 errhint("Wait for it, or end it with shardext.cancel_job(%s).", rows[0][0])));
	job = job_insert_placement(kind, source, policy);
	job_start_at_commit(job);
	return job;
}

static int64
begin_with(NodeConn *conn, const char *kind, int source, const char *policy)
{
	char		number[16];
	const Oid	types[] = {TEXTOID, INT4OID, TEXTOID};
	const int	zeros[] = {0, 0, 0};
	const char *values[] = {kind, number, policy};
	ConnParams	params = {.n = 3, .types = types, .values = values, .lengths = zeros, .formats = zeros};
	PGresult   *result;
	int64		job;

	snprintf(number, sizeof(number), "%d", source);
	result = conn_query(conn, "SELECT shardext.internal_begin_placement($1, $2, $3)", &params);
	job = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	conn_result_free(result);
	return job;
}

/* At once, whatever becomes of the caller's transaction. */
static int64
begin_now(const char *kind, int source, const char *policy)
{
	NodeConn   *conn = conn_open_private(node_by_id(cluster_require()->authority),
										 GetUserNameFromId(GetUserId(), false));
	int64		job = begin_with(conn, kind, source, policy);

	conn_close_private(conn);
	return job;
}

/* For add_node: when its transaction commits. */
static void
begin_at_commit(void)
{
	int			authority = cluster_require()->authority;
	int64		job;

	if (authority == node_self())
		job = begin_here("rebalance", 0, "ring");
	else
		job = begin_with(dxact_connection(authority, GetUserId(), DXACT_WRITE), "rebalance", 0, "ring");
	ereport(NOTICE,
			(errmsg("job " INT64_FORMAT " rebalances the cluster", job),
			 errhint("See shardext.jobs, or call shardext.wait_job(" INT64_FORMAT ").", job)));
}

void
place_funcs_preload(void)
{
	cluster_rebalance_hook = begin_at_commit;
}

Datum
shardext_plan_rebalance(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	AdminScope	scope;
	List	   *moves;
	ListCell   *lc;

	argument_require(fcinfo, 0, "policy");
	scope = cluster_admin_begin("plan_rebalance");
	(void) cluster_require();
	moves = place_plan(place_policy(argument_text(fcinfo, 0)), NULL);
	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, moves)
	{
		const PlacedMove *move = lfirst(lc);
		Datum		values[] = {
			Int32GetDatum(move->shard),
			CStringGetTextDatum(node_name(move->from)),
			CStringGetTextDatum(node_name(move->to)),
			Int64GetDatum(move->bytes),
			Float8GetDatum(rint(move->seconds * 10) / 10),
			CStringGetTextDatum(move->reason)
		};
		bool		nulls[lengthof(values)] = {0};

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	cluster_admin_end(scope);
	return (Datum) 0;
}

Datum
shardext_rebalance(PG_FUNCTION_ARGS)
{
	AdminScope	scope;
	char	   *policy;
	int64		job;

	argument_require(fcinfo, 0, "policy");
	scope = cluster_admin_begin("rebalance");
	(void) cluster_require();
	policy = argument_text(fcinfo, 0);
	place_check_room(place_plan(place_policy(policy), NULL));
	job = begin_now("rebalance", 0, policy);
	cluster_admin_end(scope);
	PG_RETURN_INT64(job);
}

Datum
shardext_drain_node(PG_FUNCTION_ARGS)
{
	AdminScope	scope;
	const NodeInfo *node;
	int64		job;

	argument_require(fcinfo, 0, "node_name");
	scope = cluster_admin_begin("drain_node");
	(void) cluster_require();
	node = node_require(argument_text(fcinfo, 0));
	place_check_room(place_plan(BALANCE_LEAVE, node->name));
	job = begin_now("drain", node->node_id, "ring");
	cluster_admin_end(scope);
	PG_RETURN_INT64(job);
}

Datum
shardext_internal_begin_placement(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(begin_here(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_INT32(1),
							   text_to_cstring(PG_GETARG_TEXT_PP(2))));
}

/* Shards of several nodes come to this one: each with the node that it comes from. */
Datum
shardext_internal_begin_moves(PG_FUNCTION_ARGS)
{
	char	   *shards = DatumGetCString(OidFunctionCall1(F_ARRAY_OUT, PG_GETARG_DATUM(0)));
	char	   *sources = DatumGetCString(OidFunctionCall1(F_ARRAY_OUT, PG_GETARG_DATUM(1)));
	int			target = cluster_require()->this_node;
	int64		job = job_insert_placement("moves", 0, NULL);

	job_set_within(job, "state = 'moving', target = %d, shards = '%s'", target, shards);
	job_run_within(psprintf("INSERT INTO shardext.catalog_job_move (job, shard, from_node, to_node, bytes, reason)"
							" SELECT " INT64_FORMAT ", u.shard, u.source, %d, 0, 'It was asked for.'"
							" FROM unnest('%s'::int[], '%s'::int[]) u (shard, source)", job, target, shards, sources));
	job_start_at_commit(job);
	PG_RETURN_INT64(job);
}

/* A move that belongs to a job, on the node that gets the shards; asked twice, it is the same move. */
Datum
shardext_internal_begin_part(PG_FUNCTION_ARGS)
{
	int64		parent = PG_GETARG_INT64(0);
	char	   *shards = DatumGetCString(OidFunctionCall1(F_ARRAY_OUT, PG_GETARG_DATUM(1)));
	int			n;
	char	 ***rows;
	int64		job;

	(void) cluster_require();
	rows = job_rows_within(&n, "SELECT job FROM shardext.catalog_job WHERE parent = " INT64_FORMAT
						   " AND shards = '%s' AND state NOT IN " JOB_ENDED, parent, shards);
	if (n > 0)
		PG_RETURN_INT64(strtoll(rows[0][0], NULL, 10));
	job = job_insert(shards, PG_GETARG_INT32(2), node_self());
	job_set_within(job, "parent = " INT64_FORMAT ", keeps = %s", parent, PG_GETARG_BOOL(3) ? "true" : "false");
	job_start_at_commit(job);
	PG_RETURN_INT64(job);
}

/* What is free where the database's files are (other tablespaces apart); NULL if the system does not tell. */
Datum
shardext_internal_free_bytes(PG_FUNCTION_ARGS)
{
	struct statvfs info;

	if (statvfs(DataDir, &info) != 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64((int64) info.f_bavail * (int64) info.f_frsize);
}
