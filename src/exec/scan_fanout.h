/*
 * scan_fanout.h
 *	  Custom Scan (Shard Scan): one fragment carried out in many shards, rows
 *	  concatenated.
 *
 * As a leaf (scanrelid > 0) it stands for a shell in PostgreSQL's own plan; as
 * a whole statement it is the top of the plan: on the coordinator an UPDATE or
 * DELETE over many shards, on the receiving node whatever came with a note.
 */
#ifndef SHARDEXT_SCAN_FANOUT_H
#define SHARDEXT_SCAN_FANOUT_H

#include "postgres.h"
#include "nodes/bitmapset.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"

/* What the planner decided; scan_fanout_make packs it into copyable nodes. */
typedef struct FanoutParts
{
	CmdType		command;		/* of run_query */
	Oid			shell;			/* the sharded table */
	bool		writes;			/* DML or row locks: needs ownership now, and a write connection */

	/* the leaf: the fragment's column i is column attnos[i] of the slot */
	Index		scanrelid;		/* 0: whole statement */
	List	   *attnos;			/* int list; NIL for a whole statement: 1, 2, ... */
	List	   *scan_tlist;		/* slot columns as Vars where system columns are asked for; NIL: the shell's row */
	int			place_column;	/* column of the slot whose ctid becomes a place (exec/row_place.h); 0: none */
	List	   *key_columns;	/* int list: columns of the slot with the shard key, for that */
	List	   *recheck;		/* conditions of the fragment over the slot's columns, for EvalPlanQual */
	CurrentOfExpr *current_of;	/* the one row of a cursor is meant: no fragment */

	/* a part (plan/push_part.h): scanrelid is 0, scan_tlist has a Var for each column of the fragment */
	bool		is_part;

	List	   *merge_by;		/* how the rows come sorted: see exec/merge_order.h, of scan_tlist */

	/* rows as far as they are wanted (exec/scan_batches.h): LIMIT of run_query is the size of the batch at hand */
	int64		batch_rows;		/* of each node in the first batch; 0: all rows at once */
	int			batch_param;	/* which of remote_params, .. */
	int			batch_input;	/* .. and which of inputs is that size; counted from 0 */
	LockClauseStrength skip;	/* the rows will be locked so, with SKIP LOCKED; LCS_NONE: they will not */

	/* the same scan of the rows wanted by one row of the level around it (plan/leaf_lookup.h); NULL: none */
	CustomScan *lookup;
	int			rows_of_lookup; /* what one costs, in rows fetched, beside the rows that it gives .. */
	int			rows_of_all;	/* .. and all of them: then these are fetched */

	/* the whole statement */
	List	   *target_list;	/* of its result (RETURNING for DML); NIL if it has none */

	/* the fragment */
	Query	   *run_query;		/* for local_run */
	const char *query_string;
	const char *remote_sql;		/* NULL: local shards only */
	List	   *remote_params;	/* expressions evaluated here, $1.. of remote_sql */
	List	   *inputs;			/* of Param *: what the plan computes for run_query, .. */
	List	   *input_ids;		/* .. where these are their numbers (int list) */
	Oid			role;			/* InvalidOid: the current user at execution */
	bool		redistributes;	/* reads rows that nodes send to each other */
	const char *method;			/* METHOD_*, for EXPLAIN; NULL: as the other fields say */
	bool		together;		/* in one's shards at once where that can be: see local_plan_run_together */
	bool		early;			/* functions of the statement may write before the first row is wanted */
	bool		hold;			/* the rows' places will be used again in this transaction */

	/* the shards */
	bool		local_only;		/* receiving node: exactly these, or a refusal */
	Bitmapset  *shards;			/* local_only */
	List	   *shard_keys;		/* of FanoutKey *; NIL: all shards */
} FanoutParts;

/* One way to name a shard needed: the shards of all keys together are scanned. */
typedef struct FanoutKey
{
	Oid			relid;			/* whose spec; InvalidOid: the id layout */
	List	   *exprs;
} FanoutKey;

/* Plan fields that the caller sets itself for a leaf: targetlist and qual. */
extern CustomScan *scan_fanout_make(const FanoutParts *parts);
extern void scan_fanout_preload(void);

#endif
