/*
 * ddl_gate.h
 *	  Keeps clients' BEGIN waiting for a moment while DDL waits for those that
 *	  have begun.
 */
#ifndef SHARDEXT_DDL_GATE_H
#define SHARDEXT_DDL_GATE_H

#include "postgres.h"

/* Close the gate of this database for so long from now; it opens by itself, and now and then it stays open. */
extern void ddl_gate_close(int ms);

/* Returns when the gate is open; to be called before a transaction block holds anything. */
extern void ddl_gate_pass(void);

/* Sleep, interruptibly, for so long at most. */
extern void ddl_nap(long ms);

extern void ddl_gate_preload(void);

#endif
