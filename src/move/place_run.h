/*
 * place_run.h
 *	  Rebalances and drains: jobs that start moves.
 */
#ifndef SHARDEXT_PLACE_RUN_H
#define SHARDEXT_PLACE_RUN_H

#include "postgres.h"
#include "move/job_store.h"

/* As move_advance, for jobs of other kinds than "move". */
extern bool place_advance(Job *job, long *wait_ms);

#endif
