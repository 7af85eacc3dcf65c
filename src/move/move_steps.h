/*
 * move_steps.h
 *	  A move as a table of states.
 */
#ifndef SHARDEXT_MOVE_STEPS_H
#define SHARDEXT_MOVE_STEPS_H

#include "move/job_store.h"

/* A process begins with the job: a step that was broken off begins again where it may. */
extern void move_resume(Job *job);

/* Do the next step of the job, or what is wished. False: it has ended, or waits for somebody. */
extern bool move_advance(Job *job, long *wait_ms);

/* For all kinds of jobs. May what has failed go well another time? What everybody may read of it in shardext.jobs. */
extern bool move_may_be_repeated(int sqlerrcode);
extern const char *move_error_text(const ErrorData *error);

#endif
