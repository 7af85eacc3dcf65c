/*
 * ddl_locks.h
 *	  The locks of a DDL statement, on all nodes before it does anything.
 */
#ifndef SHARDEXT_DDL_LOCKS_H
#define SHARDEXT_DDL_LOCKS_H

#include "postgres.h"
#include "nodes/nodes.h"
#include "nodes/pg_list.h"
#include "storage/lockdefs.h"

#include "base/pg_compat.h"

/* One table of ours that is to be locked. */
typedef struct LockWish
{
	Oid			relid;
	LOCKMODE	mode;
	bool		shards;			/* the shard tables too */
} LockWish;

/* The list with another wish, the stronger mode if the table is in it. */
extern List *lock_wish_add(List *wishes, Oid relid, LOCKMODE mode, bool shards);

/* What the statement over these tables will lock; NIL where there is nothing to wait for. */
extern List *ddl_lock_wishes(const Node *statement, List *relids, bool shards);

/*
 * Hold them on every node to the end of the transaction. Nothing is done (the
 * statement takes its locks as it comes to them) unless the current role may act
 * as the owner of each table. ERROR 55P03 when it takes too long, if nowait at
 * once.
 */
extern void ddl_locks_take(List *wishes, bool nowait);

/* The error of LOCK TABLE .. NOWAIT; detail says who is in the way. */
pg_noreturn extern void ddl_locks_not_at_once(Oid relid, const char *detail);

/* One attempt on this node, as the current role, which must own the tables: false, and no lock, after wait_ms. */
extern bool ddl_locks_try_here(List *wishes, int wait_ms, bool close_gate);

#endif
