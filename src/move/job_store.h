/*
 * job_store.h
 *	  Jobs as rows: read and written by the process that runs one, each call in a
 *	  transaction of its own unless it says otherwise.
 */
#ifndef SHARDEXT_JOB_STORE_H
#define SHARDEXT_JOB_STORE_H

#include "postgres.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

/* A job's number tells the node that runs it. */
#define JOB_NODE_FACTOR		INT64CONST(1000000000)
#define JOB_NODE(job)		((int) ((job) / JOB_NODE_FACTOR))

#define JOB_ENDED		"('done', 'failed', 'cancelled')"

/* What is wished of a job now: who pauses it does not take back what was asked before. */
#define JOB_WISH		"CASE WHEN paused THEN 'pause' ELSE wish END"

typedef struct Job
{
	int64		number;
	char	   *kind;			/* move, moves, rebalance, drain */
	char	   *policy;			/* of a rebalance; or NULL */
	char	   *state;
	char	   *wish;
	int			nshards;
	int		   *shards;
	int			source;			/* node_id */
	int			target;
	char	   *back_lsn;		/* or NULL */
	char	   *shape;			/* see move_run.h; or NULL */
	bool		may_clean;		/* clean_at has passed */
} Job;

/* In CurrentMemoryContext; NULL if there is none. */
extern Job *job_load(int64 number);

/* Someone has paused or cancelled the job since it was loaded, or it is gone. */
extern bool job_has_new_wish(const Job *job);

/* "{1,2}" */
extern char *job_shards_text(const Job *job);

/* UPDATE .. SET; fmt is text of ours, values quoted by quote_literal_cstr. */
extern void job_set(int64 number, const char *fmt,...) pg_attribute_printf(2, 3);

/*
 * The same where a loss is harmless: a crash of this server may take the last of what was noted with it, in the
 * order of time; job_set, and what is made on this server, keep all that was noted before.
 */
extern void job_note(int64 number, const char *fmt,...) pg_attribute_printf(2, 3);

/* The same within the transaction of the caller. */
extern void job_set_within(int64 number, const char *fmt,...) pg_attribute_printf(2, 3);

/* Any statement of ours, within the transaction of the caller. */
extern void job_run_within(const char *sql);

/* The same in a transaction of its own, or in the caller's: its rows, in CurrentMemoryContext; NULL for null. */
extern char ***job_rows(int *n, const char *fmt,...) pg_attribute_printf(2, 3);
extern char ***job_rows_within(int *n, const char *fmt,...) pg_attribute_printf(2, 3);

/* Into the log; noted only. */
extern void job_say(int64 number, const char *fmt,...) pg_attribute_printf(2, 3);

typedef struct JobObject
{
	int			node_id;
	char	   *kind;
	char	   *name;
} JobObject;

/*
 * Before it is made, and after it is gone. What is begun is a list of values that one statement will write, in
 * the order of what is to be dropped last; job_objects_add has it on disk when it returns.
 */
extern void job_objects_begin(StringInfo list);
extern void job_objects_list(StringInfo list, int node_id, const char *kind, const char *name);
extern void job_objects_list_shards(StringInfo list, const Job *job, int node_id, const char *kind);
extern void job_objects_add(int64 number, StringInfo list);
extern void job_object_remove(int64 number, const JobObject *object);
extern List *job_objects(int64 number); /* JobObject *, the latest first */

/* Numbers of the jobs of this node that have not ended (int64 *), for those who start their processes. */
extern List *jobs_to_run(void);

/* Somebody asks something of a job of this node, within the caller's transaction; ERROR if too early or late. */
extern void job_wish(int64 number, const char *wish);

/* ERROR 55006 while a job has to do with shards of this node; within the caller's transaction. */
extern void jobs_require_none(void);

/* A new move of this node, within the caller's transaction. */
extern int64 job_insert(const char *shards, int source, int target);

/* A new job that starts moves; source: the node that is drained, or 0; policy may be NULL. */
extern int64 job_insert_placement(const char *kind, int source, const char *policy);

#endif
