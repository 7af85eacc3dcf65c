/*
 * session_slots.h
 *	  One slot in shared memory per process of the server: on whose behalf it
 *	  works, and since when it waits for other nodes.
 */
#ifndef SHARDEXT_SESSION_SLOTS_H
#define SHARDEXT_SESSION_SLOTS_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "storage/proc.h"

/* A session of the cluster: the process of its coordinator. */
typedef struct SessionName
{
	int			node;			/* 0: of a client of this node */
	int			pid;
} SessionName;

/* Whom a process works for, as its connection has announced; node 0 and its leader's pid for clients of this node. */
extern SessionName session_slot_name(const PGPROC *proc);

/*
 * This process has been waiting for another node's answer since then; it waits no
 * more. Cheap, but told only of waits that take long (conn_wait.c).
 */
extern void session_slot_away(TimestampTz since);
extern void session_slot_back(void);

/* Since when has it been waiting for other nodes? 0: it does not. */
extern TimestampTz session_slot_away_since(const PGPROC *proc);

/* Assign hook of shardext.forwarded. */
extern void session_slot_announce(const char *forwarded, void *extra);

extern void session_slots_preload(void);

#endif
