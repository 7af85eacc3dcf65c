/*
 * shardext.c
 *	  Entry point of the library: runs the modules' preload functions in layer
 *	  order. Nothing else belongs here.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "base/module.h"
#include "base/session_slots.h"
#include "base/settings.h"
#include "catalog/id_maker.h"
#include "catalog/shard_map.h"
#include "catalog/shard_rights.h"
#include "catalog/shell_am.h"
#include "catalog/write_guard.h"
#include "cluster/remote_id.h"
#include "conn/conn_failures.h"
#include "copy/copy_hook.h"
#include "ddl/ddl_hook.h"
#include "dxact/cluster_snapshot.h"
#include "dxact/dxact.h"
#include "exec/at_start.h"
#include "exec/each_shard.h"
#include "exec/exact_text.h"
#include "exec/exchange.h"
#include "exec/held_snapshot.h"
#include "exec/insert_shards.h"
#include "exec/modify_rows.h"
#include "exec/modify_reference.h"
#include "exec/plan_report.h"
#include "exec/reference_capture.h"
#include "exec/reference_row_locks.h"
#include "exec/reference_rows.h"
#include "exec/route_shortcut.h"
#include "exec/row_access.h"
#include "exec/row_ahead.h"
#include "exec/row_keys.h"
#include "exec/row_queue.h"
#include "exec/scan_fanout.h"
#include "exec/scan_route.h"
#include "exec/statement_command.h"
#include "exec/with_steps.h"
#include "move/job_process.h"
#include "move/place_funcs.h"
#include "plan/insert_shape.h"
#include "plan/plan_pull.h"
#include "plan/planner_hook.h"
#include "worker/worker.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

/* In layer order: a module may use those above it only. */
static const Module modules[] = {
	{"settings", settings_preload},
	{"session_slots", session_slots_preload},
	{"shard_map", shard_map_preload},
	{"shell access method", shell_am_preload},
	{"write_guard", write_guard_preload},
	{"shard_rights", shard_rights_preload},
	{"id_maker", id_maker_preload},
	{"conn_failures", conn_failures_preload},
	{"dxact", dxact_preload},
	{"remote_id", remote_id_preload},
	{"exact_text", exact_text_preload},
	{"scan_route", scan_route_preload},
	{"route_shortcut", route_shortcut_preload},
	{"statement_command", statement_command_preload},
	{"at_start", at_start_preload},
	{"plan_report", plan_report_preload},
	{"each_shard", each_shard_preload},
	{"scan_fanout", scan_fanout_preload},
	{"insert_shards", insert_shards_preload},
	{"modify_rows", modify_rows_preload},
	{"row_access", row_access_preload},
	{"row_ahead", row_ahead_preload},
	{"row_queue", row_queue_preload},
	{"row_keys", row_keys_preload},
	{"held_snapshot", held_snapshot_preload},
	{"exchange", exchange_preload},
	{"modify_reference", modify_reference_preload},
	{"reference_capture", reference_capture_preload},
	{"reference_rows", reference_rows_preload},
	{"reference_row_locks", reference_row_locks_preload},
	{"with_steps", with_steps_preload},
	{"plan_pull", plan_pull_preload},
	{"insert_shape", insert_shape_preload},
	{"planner", planner_hook_preload},
	{"copy", copy_hook_preload},
	{"ddl", ddl_hook_preload},
	{"job_process", job_process_preload},
	{"place_funcs", place_funcs_preload},
	{"worker", worker_preload},
	/* the last, so that its hooks of the executor are the first to be called */
	{"cluster_snapshot", cluster_snapshot_preload},
};

static bool preloaded = false;

bool
library_is_preloaded(void)
{
	return preloaded;
}

void
library_require_preloaded(void)
{
	if (!preloaded)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("shardext is not preloaded"),
				 errhint("Add shardext to shared_preload_libraries and restart the server.")));
}

void
_PG_init(void)
{
	preloaded = process_shared_preload_libraries_in_progress;
	if (!preloaded)
	{
		settings_preload();
		return;
	}
	for (int i = 0; i < (int) lengthof(modules); i++)
		modules[i].preload();
}
