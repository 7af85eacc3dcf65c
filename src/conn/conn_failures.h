/*
 * conn_failures.h
 *	  Nodes that could not be connected to lately.
 */
#ifndef SHARDEXT_CONN_FAILURES_H
#define SHARDEXT_CONN_FAILURES_H

#include "postgres.h"

#include "datatype/timestamp.h"

typedef struct ConnFailure
{
	int			node_id;
	TimestampTz since;			/* the first failure after the last success */
	char		reason[256];	/* of the latest one */
} ConnFailure;

extern void conn_failures_preload(void);

/* An attempt to connect to the node from this database has failed; has succeeded. */
extern void conn_failure_note(int node_id, const char *reason);
extern void conn_failure_clear(int node_id);

/* The nodes whose latest attempt from this database has failed; palloc'd. */
extern ConnFailure *conn_failures_get(int *n);

#endif
