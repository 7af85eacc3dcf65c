/*
 * dxact_everywhere.c
 *	  Doing one thing on all nodes inside the distributed transaction, and the
 *	  lock that serialises changes of the cluster's catalog.
 */
#include "postgres.h"

#include "base/errors.h"
#include "catalog/node_map.h"
#include "catalog/pg_type.h"
#include "dxact/dxact_internal.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

/* Two-key advisory lock on the authority. */
#define CATALOG_LOCK_CLASS	6021
#define CATALOG_LOCK_OBJECT 1

void
dxact_lock_catalog(void)
{
	const ClusterInfo *cluster = cluster_require();

	if (cluster->authority == cluster->this_node)
		DirectFunctionCall2(pg_advisory_xact_lock_int4, Int32GetDatum(CATALOG_LOCK_CLASS),
							Int32GetDatum(CATALOG_LOCK_OBJECT));
	else
		(void) conn_execute(dxact_connection(cluster->authority, GetUserId(), DXACT_READ),
							"SELECT pg_catalog.pg_advisory_xact_lock(6021, 1)", NULL);
}

static void
cannot_absorb(ConnStream *stream)
{
	elog(ERROR, "nested use of a connection while a statement runs on all nodes");
}

static bool
says_false(PGresult *result)
{
	return result != NULL && PQntuples(result) == 1 && PQftype(result, 0) == BOOLOID &&
		strcmp(PQgetvalue(result, 0, 0), "f") == 0;
}

bool
dxact_try_lock_catalog(void)
{
	const ClusterInfo *cluster = cluster_require();
	PGresult   *result;
	bool		busy;

	if (cluster->authority == cluster->this_node)
		return DatumGetBool(DirectFunctionCall2(pg_try_advisory_xact_lock_int4, Int32GetDatum(CATALOG_LOCK_CLASS),
												Int32GetDatum(CATALOG_LOCK_OBJECT)));
	result = conn_query(dxact_connection(cluster->authority, GetUserId(), DXACT_READ),
						"SELECT pg_catalog.pg_try_advisory_xact_lock(6021, 1)", NULL);
	busy = says_false(result);
	conn_result_free(result);
	return !busy;
}

/* Every node but this one is sent the statement; returns how many. */
static int
start_everywhere(ConnStream *streams, const char *sql, const ConnParams *params)
{
	ListCell   *lc;
	int			n = 0;

	foreach(lc, node_list())
	{
		const NodeInfo *node = lfirst(lc);

		if (node->node_id == node_self())
			continue;
		streams[n].absorb = cannot_absorb;
		conn_stream_start(dxact_connection(node->node_id, GetUserId(), DXACT_WRITE), &streams[n], sql, params,
						  false, false);
		n++;
	}
	return n;
}

bool
dxact_agree_everywhere(const char *sql, const ConnParams *params, bool (*here) (void *arg), void *arg)
{
	ConnStream *streams = palloc0(sizeof(ConnStream) * Max(list_length(node_list()), 1));
	int			n = start_everywhere(streams, sql, params);
	bool		agreed = here == NULL || here(arg);

	for (int i = 0; i < n; i++)
	{
		while (streams[i].conn != NULL)
		{
			PGresult   *result = conn_stream_next(&streams[i]);

			agreed &= !says_false(result);
			conn_result_free(result);
		}
	}
	pfree(streams);
	return agreed;
}

void
dxact_select_everywhere(const char *sql, const ConnParams *params, void (*here) (void *arg),
						void (*take) (void *arg, PGresult *row), void *arg)
{
	ConnStream *streams = palloc0(sizeof(ConnStream) * Max(list_length(node_list()), 1));
	int			n = start_everywhere(streams, sql, params);

	here(arg);
	for (int i = 0; i < n; i++)
	{
		while (streams[i].conn != NULL)
		{
			PGresult   *result = conn_stream_next(&streams[i]);

			if (result != NULL && PQntuples(result) == 1)
				take(arg, result);
			conn_result_free(result);
		}
	}
	pfree(streams);
}

void
dxact_execute_everywhere(const char *sql, const ConnParams *params)
{
	(void) dxact_agree_everywhere(sql, params, NULL, NULL);
}

void
dxact_run_at_once(NodeConn **conns, int n, const char *sql, void (*here) (void))
{
	ConnStream *streams = palloc0(sizeof(ConnStream) * Max(n, 1));

	for (int i = 0; i < n; i++)
	{
		streams[i].absorb = cannot_absorb;
		conn_stream_start(conns[i], &streams[i], sql, NULL, true, false);
	}
	here();
	for (int i = 0; i < n; i++)
		while (streams[i].conn != NULL)
			conn_result_free(conn_stream_next(&streams[i]));
	pfree(streams);
}
