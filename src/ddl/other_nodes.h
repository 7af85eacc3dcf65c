/*
 * other_nodes.h
 *	  Calls of this extension's own functions on all other nodes.
 */
#ifndef SHARDEXT_OTHER_NODES_H
#define SHARDEXT_OTHER_NODES_H

#include "postgres.h"
#include "access/attnum.h"
#include "libpq-fe.h"
#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"

/* A SQL statement with parameters built one by one; values are text. */
typedef struct RemoteCall
{
	const char *sql;
	int			n;
	Oid			types[8];
	const char *values[8];
} RemoteCall;

extern void remote_call_text(RemoteCall *call, const char *value);	/* NULL allowed */
extern void remote_call_texts(RemoteCall *call, List *values);	/* List of char *, some may be NULL: text[] */
extern void remote_call_numbers(RemoteCall *call, int n, const AttrNumber *numbers);	/* smallint[] */

/* On every other node, in the distributed transaction, as the current role. */
extern void remote_call_everywhere(const RemoteCall *call);

/* The same for a function that returns boolean, and here() on this node at the same time: have all said true? */
extern bool remote_call_agreed(const RemoteCall *call, bool (*here) (void *arg), void *arg);

/*
 * A SELECT on every other node, and here() on this node at the same time: take() gets each row, as a result of one
 * row, in the memory context of the call.
 */
extern void remote_call_rows(const RemoteCall *call, void (*here) (void *arg), void (*take)(void *arg, PGresult *row),
							 void *arg);

/* The elements of a text[] as a List of char * (NULL for null elements), and the other way round. */
extern List *text_array_to_list(Datum array);
extern Datum list_to_text_array(List *values);

/* May this session change the schema of the cluster at all? ERROR if not preloaded, no cluster, or forwarded. */
extern void coordinator_require(const char *what);

#endif
