/*
 * lock_waits.h
 *	  Waits for locks in this database, from the lock manager; and the end of one.
 */
#ifndef SHARDEXT_LOCK_WAITS_H
#define SHARDEXT_LOCK_WAITS_H

#include "postgres.h"
#include "base/session_slots.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "storage/lock.h"

/* A process waits for a lock because of another, hard or only by its place in the queue. */
typedef struct LocalWait
{
	SessionName waiter;			/* node 0: clients of this node */
	SessionName blocker;
	int			waiter_process;
	int			blocker_process;	/* 0: a prepared transaction */
	TransactionId blocker_xid;	/* of that */
	LOCKTAG		lock;
	LOCKMODE	mode;
	TimestampTz since;
} LocalWait;

/* A session of this node's clients that waits for other nodes. */
typedef struct AwaySession
{
	SessionName name;
	TimestampTz since;
} AwaySession;

/* Does a process of this database wait for a lock, or for other nodes, for longer than that? Takes no locks. */
extern bool lock_waits_exist(TimestampTz since);

/* All such waits of this database: lists of LocalWait and of AwaySession. */
extern List *lock_waits_collect(void);
extern List *lock_waits_away(void);

/* "relation shard_0007.account" and the like. */
extern char *lock_waits_describe(const LOCKTAG *lock);

/*
 * End a wait of a process of this database: it gets 40P01, as if PostgreSQL
 * had found a deadlock, with that DETAIL. False if that wait is over already.
 */
extern bool lock_wait_end(int process, TimestampTz since, const char *detail);

extern void lock_waits_preload(void);

#endif
