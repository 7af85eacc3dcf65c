/*
 * job_process.h
 *	  The processes that run jobs: one for each, in the database of the node it
 *	  moves shards to.
 */
#ifndef SHARDEXT_JOB_PROCESS_H
#define SHARDEXT_JOB_PROCESS_H

#include "postgres.h"

/* When the current transaction commits, start a process for the job. */
extern void job_start_at_commit(int64 job);

/* Duty of the database's worker: jobs that have not ended have a process. */
extern void jobs_duty(void);

extern void job_process_preload(void);

/* In PG_CATCH: the error, in cxt, which becomes the current context; it is in the log, and its transaction over. */
extern ErrorData *job_error_take(MemoryContext cxt);

#endif
