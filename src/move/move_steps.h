/*
 * move_steps.h
 *	  A move as a table of states.
 */
#ifndef SHARDEXT_MOVE_STEPS_H
#define SHARDEXT_MOVE_STEPS_H

#include "move/job_store.h"

/* Do the next step of the job, or what is wished. False: it has ended, or waits for somebody. */
extern bool move_advance(Job *job, long *wait_ms);

#endif
