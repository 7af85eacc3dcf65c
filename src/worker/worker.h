/*
 * worker.h
 *	  Background workers: one launcher, one worker per database that is a node.
 */
#ifndef SHARDEXT_WORKER_H
#define SHARDEXT_WORKER_H

#include "postgres.h"

extern void worker_preload(void);

/* Entry points of the processes. */
extern PGDLLEXPORT void shardext_launcher_main(Datum arg);
extern PGDLLEXPORT void shardext_worker_main(Datum database);

#endif
