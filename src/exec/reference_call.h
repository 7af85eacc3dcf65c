/*
 * reference_call.h
 *	  What the node of a statement asks of the others when it alone writes a
 *	  reference table.
 */
#ifndef SHARDEXT_REFERENCE_CALL_H
#define SHARDEXT_REFERENCE_CALL_H

#include "postgres.h"
#include "nodes/execnodes.h"

/*
 * The writers' locks, on all nodes, of a table and of the reference tables that refer to it. False: not to wait,
 * and somebody has one.
 */
extern bool reference_call_lock(Oid table, bool wait);

/* Keeps writers of a table waiting, but not others who do the same: the lock of the first node, where writers begin. */
extern bool reference_call_lock_shared(Oid table, bool wait);

/* Packed rows (exec/reference_change.h) that estate's statement has written here, on all other copies. */
extern void reference_call_write(Oid table, const EState *estate, bytea *packed);

#endif
