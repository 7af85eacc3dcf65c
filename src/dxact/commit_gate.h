/*
 * commit_gate.h
 *	  The gate of this node through which every commit passes that has written
 *	  something; a reader of the whole cluster closes it for a moment.
 */
#ifndef SHARDEXT_COMMIT_GATE_H
#define SHARDEXT_COMMIT_GATE_H

#include "postgres.h"

/*
 * In PRE_COMMIT, when all is prepared: marks this transaction as committing, if
 * it has written here; waits while the gate is closed. Interruptible.
 */
extern void commit_gate_enter(void);

/* The commit is done on all nodes, or has failed: takes the mark away. Never raises. */
extern void commit_gate_leave(void);

/* Some part of a decided transaction is not committed yet: the mark is kept by its decision record. */
extern void commit_gate_unfinished(void);

/*
 * Close this node's gate and wait until no commit is under way: within
 * patience, else ERROR 55P03. It opens by itself after lease (both in
 * milliseconds), with this transaction or subtransaction when that fails, and with the
 * process.
 */
extern void commit_gate_close(int patience_ms, int lease_ms);
extern void commit_gate_open(void);

/* Microseconds of a clock that only goes forward. */
extern int64 commit_gate_clock(void);

extern void commit_gate_preload(void);

#endif
