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
#include "catalog/shard_map.h"
#include "exec/node_work.h"

struct ExplainState;

typedef struct LocalPlan LocalPlan; /* lives in the context it was made in; reusable across executions */
typedef struct LocalRun LocalRun;	/* one execution over a set of shards */

/*
 * query: rewritten, shells not yet replaced; not modified. Both pointers are
 * kept: they must live as long as the LocalPlan. Cheap (nothing is planned yet).
 */
extern LocalPlan *local_plan_make(const Query *query, const char *query_string, int cursor_options);

/*
 * What the Query gives is combined with what other shards give, so it may be
 * carried out over the rows of several shards at once, where each_shard.h can.
 * To be said before the first run.
 */
extern void local_plan_run_together(LocalPlan *plan);

/*
 * Locks, checks ownership (shard_map_check) and starts. In a client's own
 * session a shard that is not ours raises SX001; if refused != NULL, *refused
 * is set to that shard instead (else to ROUTE_NO_SHARD) and the run yields
 * nothing (coordinators and forwarded sessions). eflags as for ExecutorStart.
 * The run has memory of its own below the parent's; shards must live as long.
 */
extern LocalRun *local_run_start(LocalPlan *plan, const Bitmapset *shards, ParamListInfo params,
								 EState *parent, int eflags, int *refused);

/* Rows that the Query takes from a named tuplestore: others in each shard. */
typedef struct LocalSource
{
	QueryEnvironment *environment;
	void		(*enter_shard) (void *arg, int shard);	/* the executor is about to start there */
	void	   *arg;
} LocalSource;

/* As local_run_start; source lives as long as the run. */
extern LocalRun *local_run_start_from(LocalPlan *plan, const Bitmapset *shards, ParamListInfo params,
									  EState *parent, int *refused, const LocalSource *source);

/* The same for one shard, or for none (ROUTE_NO_SHARD: the Query names no shell). */
extern LocalRun *local_run_start_shard(LocalPlan *plan, int shard, ParamListInfo params,
									   EState *parent, int eflags, int *refused);

/* Why *refused was set: SHARD_MOVED or SHARD_TOO_NEW. */
extern ShardVerdict local_run_verdict(const LocalRun *run);

/*
 * After SHARD_TOO_NEW: the shard has come to this node after the statement's
 * snapshot was taken. Nothing of it has been read under that snapshot, so READ
 * COMMITTED may go on with the state of now. The caller begins again.
 */
extern void local_run_newer_snapshot(EState *estate);

/* Next row, shard after shard; NULL at the end. The slot belongs to the run. */
extern TupleTableSlot *local_run_next(LocalRun *run);

/* The shard that has given the last row, if it runs in one at a time. */
extern int	local_run_shard(const LocalRun *run);

/* No more rows will be asked for: workers go. */
extern void local_run_shutdown(LocalRun *run);

extern uint64 local_run_processed(const LocalRun *run); /* rows written so far, for es_processed */
extern void local_run_end(LocalRun *run);	/* frees it, the slot included */

/*
 * For functions inside of a run's statement, which know its EState: what they share over all shards of the run, and
 * the shards (*shards, palloc'd) whose rows the executor gives now: one, or all if the Query names no shell: it is
 * executed once then. NULL: the executor is not that of a run.
 */
typedef struct LocalRunGuest
{
	MemoryContext cxt;			/* the run's */
	void	   *state;
	void		(*at_end) (void *state);	/* all shards are done; not called after an error */
} LocalRunGuest;

extern LocalRunGuest *local_run_guest(const EState *estate, Bitmapset **shards);

/* The plan of the last shard (with its counts, if it ran), as a child of the node being explained. */
extern void local_run_explain(LocalRun *run, struct ExplainState *es);

/* Before local_run_end: so many rows, and the plan of the last shard if it is wanted. */
extern void local_run_note_work(LocalRun *run, WorkMeter *meter, const Bitmapset *shards, uint64 rows);

/*
 * The relation swap (see local_swap.c): in a copy of query every shell becomes the
 * shard table of shard, which is locked; ON CONSTRAINT names, tableoid and
 * permission entries included. A shard table that is not here: ERROR, or NULL if
 * missing_ok.
 */
extern Query *local_query_swap(const Query *query, int shard, bool missing_ok);

/* A shard is ours, but its tables are not there. */
pg_noreturn extern void local_run_raise_missing(int shard);

#endif
