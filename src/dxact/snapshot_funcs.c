/*
 * snapshot_funcs.c
 *	  SQL functions that nodes call on each other to make a cut through the
 *	  cluster (cluster_snapshot.c).
 */
#include "postgres.h"

#include "base/errors.h"
#include "base/module.h"
#include "base/settings.h"
#include "dxact/cluster_snapshot.h"
#include "dxact/commit_gate.h"
#include "fmgr.h"

#define MOST_MS 60000

PG_FUNCTION_INFO_V1(shardext_internal_gate_close);
PG_FUNCTION_INFO_V1(shardext_internal_gate_open);
PG_FUNCTION_INFO_V1(shardext_internal_snapshot_take);
PG_FUNCTION_INFO_V1(shardext_internal_snapshot_drop);

static void
require_forwarded(void)
{
	library_require_preloaded();
	if (!session_is_forwarded())
		ereport(ERROR,
				(errcode(ERRCODE_SX_NOT_SUPPORTED),
				 errmsg("this function is for nodes only"),
				 errdetail("The session is not one that another node of the cluster has opened."),
				 errhint("Use SET shardext.snapshot = 'cluster'.")));
}

Datum
shardext_internal_gate_close(PG_FUNCTION_ARGS)
{
	int			patience = PG_GETARG_INT32(0);
	int			lease = PG_GETARG_INT32(1);

	require_forwarded();
	/* that of a former cut must not hide decisions */
	cluster_snapshot_drop();
	commit_gate_close(Min(Max(patience, 1), MOST_MS), Min(Max(lease, 1), MOST_MS));
	PG_RETURN_VOID();
}

Datum
shardext_internal_gate_open(PG_FUNCTION_ARGS)
{
	require_forwarded();
	commit_gate_open();
	PG_RETURN_VOID();
}

Datum
shardext_internal_snapshot_take(PG_FUNCTION_ARGS)
{
	require_forwarded();
	cluster_snapshot_take();
	PG_RETURN_VOID();
}

Datum
shardext_internal_snapshot_drop(PG_FUNCTION_ARGS)
{
	require_forwarded();
	cluster_snapshot_drop();
	PG_RETURN_VOID();
}
