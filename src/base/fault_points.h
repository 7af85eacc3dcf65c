/*
 * fault_points.h
 *	  Every fault point of the code, by the folder that has it. A point that is
 *	  not listed here is an error when it is reached.
 */
#ifndef SHARDEXT_FAULT_POINTS_H
#define SHARDEXT_FAULT_POINTS_H

/* Of each state of a move (move_steps.c): before its step, after it, and after the next state is written down. */
#define MOVE_STATE_POINTS(state) \
	"move_" state "_begins", \
	"move_" state "_done", \
	"move_" state "_written"

#define FAULT_POINTS \
	/* catalog */ \
	"shard_map_reload", \
	/* cluster */ \
	"add_node_before_catalog", \
	"add_node_before_commit", \
	/* conn */ \
	"conn_committed_there", \
	/* dxact */ \
	"dxact_committed_there", \
	"dxact_before_prepare", \
	"dxact_after_one_prepare", \
	"dxact_after_all_prepares", \
	"dxact_after_decision", \
	"dxact_after_local_commit", \
	"dxact_between_commit_prepared", \
	"dxact_after_commit_prepared", \
	"dxact_part_before_prepare", \
	"dxact_part_prepared", \
	"dxact_part_before_commit_prepared", \
	"dxact_part_committed", \
	"dxact_recover_finish", \
	"dxact_recover_forget", \
	"cluster_snapshot_closed", \
	"cluster_snapshot_taken", \
	/* exec */ \
	"exchange_laid_out", \
	"exchange_to_read", \
	"exchange_fetched", \
	"exchange_read_here", \
	/* ddl */ \
	"index_built_in_shard", \
	"index_dropped", \
	/* move */ \
	MOVE_STATE_POINTS("prepare"), \
	MOVE_STATE_POINTS("backfill"), \
	MOVE_STATE_POINTS("build"), \
	MOVE_STATE_POINTS("stream"), \
	MOVE_STATE_POINTS("verify"), \
	MOVE_STATE_POINTS("cutover"), \
	MOVE_STATE_POINTS("turn"), \
	MOVE_STATE_POINTS("back"), \
	MOVE_STATE_POINTS("clean"), \
	"move_between_tables", \
	"move_fenced", \
	"move_before_commit", \
	"move_after_commit", \
	"move_before_back_stream", \
	"place_step", \
	"place_move_begun", \
	/* worker */ \
	"worker_duty",

#endif
