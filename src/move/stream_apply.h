/*
 * stream_apply.h
 *	  Carries out on one node what a stream of logical decoding says: changes of
 *	  rows become statements in a pipeline; what makes a batch is one transaction,
 *	  which also moves the position (a replication origin), so that nothing is
 *	  applied twice and nothing left out, whatever breaks off.
 */
#ifndef SHARDEXT_STREAM_APPLY_H
#define SHARDEXT_STREAM_APPLY_H

#include "postgres.h"
#include "access/xlogdefs.h"
#include "lib/stringinfo.h"

typedef struct StreamApply StreamApply;

/*
 * A session of the node that has the origin for itself: ERROR 55006 while another
 * has. *position: everything before it is there. idle(arg) is called now and then
 * while something has to be waited for. Lives in CurrentMemoryContext.
 */
extern StreamApply *stream_apply_open(int node_id, const char *origin, XLogRecPtr *position,
									  void (*idle) (void *arg), void *arg);
extern void stream_apply_close(StreamApply *apply);

/*
 * One message of pgoutput about a relation or its rows: 'R', 'I', 'U', 'D' or 'T'. ERROR
 * ERRCODE_DATA_CORRUPTED for a change of a row that is not there.
 */
extern void stream_apply_message(StreamApply *apply, char kind, StringInfo message);

/* What came since the last time is all up to this position of the source: commit it. */
extern void stream_apply_commit(StreamApply *apply, XLogRecPtr position);

/* Wait until all that was committed can be seen. */
extern void stream_apply_finish(StreamApply *apply);

/* Have it on disk. True if something had to be written. */
extern void stream_apply_flush(StreamApply *apply);

/* Is there something that a crash of the node could take away? */
extern bool stream_apply_is_flushed(const StreamApply *apply);

#endif
