/*
 * copy_flow.h
 *	  COPY from a link to another, byte by byte; several of them at the same time.
 */
#ifndef SHARDEXT_COPY_FLOW_H
#define SHARDEXT_COPY_FLOW_H

#include "postgres.h"
#include "move/move_link.h"
#include "nodes/pg_list.h"

typedef struct CopyFlow CopyFlow;

/* Both statements are begun; what was open before on the links stays open. In CurrentMemoryContext. */
extern CopyFlow *copy_flow_begin(MoveLink *from, const char *copy_out, MoveLink *to, const char *copy_in);

/*
 * Let data flow in all of them (CopyFlow *) until one has come to its end, and return that.
 * passed(arg, bytes) is called for each piece, and now and then while there is none; it may wait and raise errors.
 */
extern CopyFlow *copy_flows_run(List *flows, void (*passed) (void *arg, int bytes), void *arg);

/* After it has ended: rows that were copied. The links can be used again. */
extern int64 copy_flow_end(CopyFlow *flow);

#endif
