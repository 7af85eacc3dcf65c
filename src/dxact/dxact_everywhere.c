/*
 * dxact_everywhere.c
 *	  Doing one thing on all nodes inside the distributed transaction, and the
 *	  lock that serialises changes of the cluster's catalog.
 */
#include "postgres.h"

#include "base/errors.h"
#include "catalog/node_map.h"
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

void
dxact_execute_everywhere(const char *sql, const ConnParams *params)
{
	List	   *nodes = node_list();
	ConnStream *streams = palloc0(sizeof(ConnStream) * Max(list_length(nodes), 1));
	ListCell   *lc;
	int			n = 0;

	foreach(lc, nodes)
	{
		const NodeInfo *node = lfirst(lc);

		if (node->node_id == node_self())
			continue;
		streams[n].absorb = cannot_absorb;
		conn_stream_start(dxact_connection(node->node_id, GetUserId(), DXACT_WRITE), &streams[n], sql, params,
						  false, false);
		n++;
	}
	for (int i = 0; i < n; i++)
		while (streams[i].conn != NULL)
			conn_result_free(conn_stream_next(&streams[i]));
	pfree(streams);
}
