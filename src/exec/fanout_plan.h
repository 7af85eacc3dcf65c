/*
 * fanout_plan.h
 *	  What the planner decided for a Shard Scan, in its plan node and out of it.
 */
#ifndef SHARDEXT_FANOUT_PLAN_H
#define SHARDEXT_FANOUT_PLAN_H

#include "postgres.h"
#include "nodes/extensible.h"

#include "exec/fragment.h"
#include "exec/scan_fanout.h"
#include "exec/scan_place.h"

/* See FanoutParts; what is not here is in FragmentSpec or ScanPlace. */
typedef struct FanoutPlan
{
	CmdType		command;
	bool		local_only;
	bool		is_below;		/* other nodes of the plan */
	bool		early;
	Oid			shell;
	Bitmapset  *only_shards;
	List	   *key_relids;
	List	   *key_lengths;
	List	   *input_ids;
	int			nrecheck;
	int			batch_rows;
	int			batch_param;
	int			batch_input;
	int			rows_of_lookup;
	int			rows_of_all;
	List	   *merge_by;
} FanoutPlan;

/* Of scan_fanout.c. */
extern const CustomScanMethods scan_fanout_methods;

/* custom_exprs has parameters of the remote text, then inputs, key expressions and rechecks. */
extern void fanout_plan_read(const CustomScan *scan, FanoutPlan *plan, FragmentSpec *spec, ScanPlace *place);

#endif
