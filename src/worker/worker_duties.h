/*
 * worker_duties.h
 *	  What the worker of a database does, and how often.
 */
#ifndef SHARDEXT_WORKER_DUTIES_H
#define SHARDEXT_WORKER_DUTIES_H

#include "postgres.h"

typedef struct Duty
{
	const char *name;			/* for the log: "could not <name>" */
	int			interval_ms;
	void		(*run) (void);	/* outside of any transaction; may raise errors */
} Duty;

extern const Duty worker_duties[];
extern const int worker_duty_count;

#endif
