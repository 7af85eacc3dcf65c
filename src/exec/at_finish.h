/*
 * at_finish.h
 *	  Something to be done inside an execution's ExecutorFinish, before its
 *	  AFTER triggers fire.
 */
#ifndef SHARDEXT_AT_FINISH_H
#define SHARDEXT_AT_FINISH_H

#include "postgres.h"
#include "nodes/execnodes.h"

typedef struct AtFinish AtFinish;

/* Have act(arg) called then, unless it is removed; what was added last is done first. */
extern AtFinish *at_finish_add(EState *estate, void (*act) (void *arg), void *arg);
extern void at_finish_remove(EState *estate, AtFinish *entry);

#endif
