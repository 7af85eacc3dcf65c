/*
 * node_work.h
 *	  What each node has done for one plan node: for EXPLAIN ANALYZE.
 */
#ifndef SHARDEXT_NODE_WORK_H
#define SHARDEXT_NODE_WORK_H

#include "postgres.h"
#include "base/pg_compat.h"
#include "commands/explain.h"
#include "nodes/bitmapset.h"
#include "nodes/execnodes.h"
#include "portability/instr_time.h"

/* One node's part. */
typedef struct NodeWork
{
	int			node_id;
	Bitmapset  *shards;			/* NULL: not known */
	uint64		rows;			/* that it gave, or wrote */
	uint64		sent;			/* bytes of parameters */
	uint64		received;		/* bytes of rows */
	instr_time	time;			/* from being asked to its last row */
	char	   *plan;			/* or NULL */
} NodeWork;

typedef struct WorkMeter WorkMeter;

/* NULL unless the statement is measured: all that is below takes that, and does nothing. */
extern WorkMeter *work_meter_make(const EState *estate);

/* A node begins, with the shards given; NULL without a meter. */
extern NodeWork *work_meter_start(WorkMeter *meter, int node_id, const Bitmapset *shards);
extern void work_meter_stop(WorkMeter *meter, NodeWork *work);

/* It has not done these. */
extern void work_meter_refused(WorkMeter *meter, int node_id, const Bitmapset *shards);

/* How this node is to tell its plan; NULL: not at all. One node does, all if the statement is VERBOSE. */
extern const char *work_meter_wish(WorkMeter *meter, const NodeWork *work);
extern void work_meter_take_plan(WorkMeter *meter, NodeWork *work, const char *plan);

extern void work_meter_explain(const WorkMeter *meter, ExplainState *es);

#endif
