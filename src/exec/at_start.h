/*
 * at_start.h
 *	  Something to be done when an execution's ExecutorStart is through.
 */
#ifndef SHARDEXT_AT_START_H
#define SHARDEXT_AT_START_H

#include "postgres.h"
#include "nodes/execnodes.h"

/* Have act(arg) called then, in the memory of the execution; what was added first is done first. */
extern void at_start_add(EState *estate, void (*act) (void *arg), void *arg);
extern void at_start_preload(void);

#endif
