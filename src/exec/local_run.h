/*
 * local_run.h
 *	  Runs a Query over shells in local shards: the one piece of code for local
 *	  clients and for what other nodes send.
 *
 * The Query is planned once for one shard (the template: shells replaced by the
 * shard tables of that shard) and run in each shard with the OIDs replaced in
 * place. If the template cannot be retargeted (an index that one shard lacks,
 * ...) that shard is planned by itself.
 */
#ifndef SHARDEXT_LOCAL_RUN_H
#define SHARDEXT_LOCAL_RUN_H

#include "postgres.h"
#include "executor/executor.h"
#include "nodes/parsenodes.h"
#include "nodes/bitmapset.h"

typedef struct LocalPlan LocalPlan; /* lives in the context it was made in; reusable across executions */
typedef struct LocalRun LocalRun;	/* one execution over a set of shards */

/* query: rewritten, shells not yet replaced; not modified. */
extern LocalPlan *local_plan_make(Query *query, const char *query_string, int cursor_options);

/*
 * Locks, checks ownership (shard_map_check) and starts. In a client's own
 * session a shard that is not ours raises SX001; if refused != NULL, *refused
 * is set to that shard instead and the run yields nothing (coordinators and
 * forwarded sessions). eflags as for ExecutorStart.
 */
extern LocalRun *local_run_start(LocalPlan *plan, const Bitmapset *shards, ParamListInfo params,
								 EState *parent, int eflags, int *refused);

/* Next row, shard after shard; NULL at the end. The slot belongs to the run. */
extern TupleTableSlot *local_run_next(LocalRun *run);

extern uint64 local_run_processed(const LocalRun *run); /* rows written so far, for es_processed */
extern void local_run_end(LocalRun *run);

/*
 * The relation swap (pitfalls 1): in a copy of query every shell becomes the
 * shard table of shard, ON CONSTRAINT names, tableoid and permission entries
 * included. Exposed for plan/ and copy/.
 */
extern Query *local_query_swap(const Query *query, int shard);

#endif
