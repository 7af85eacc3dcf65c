/*
 * reference_capture.h
 *	  What this node writes to its copy of a reference table goes to the other
 *	  copies row by row.
 */
#ifndef SHARDEXT_REFERENCE_CAPTURE_H
#define SHARDEXT_REFERENCE_CAPTURE_H

#include "postgres.h"
#include "nodes/execnodes.h"
#include "utils/reltrigger.h"

typedef struct ReferenceCapture ReferenceCapture;

/* The first of a user's triggers that would fire for the command on every copy; NULL: none does. */
extern const Trigger *reference_capture_trigger(const TriggerDesc *triggers, CmdType command);

/*
 * Take the writers' locks that a write of the table needs, on all nodes: those
 * of the table, and of reference tables that refer to it. False: not to
 * wait, and somebody has one.
 */
extern bool reference_capture_lock(Oid table, bool wait);

/*
 * Write down what the executor does to this reference table from now on; it may
 * do it, and the guard against unplanned writes is quiet. target is estate's,
 * with its triggers and indexes, and nothing has been written to it yet. Lives as
 * long as estate.
 */
extern ReferenceCapture *reference_capture_begin(ResultRelInfo *target, EState *estate);

/* Bring what has been written so far to the other nodes, and wait until it is there. */
extern void reference_capture_send(ReferenceCapture *capture);

/* The same for all of this backend, before other writes of reference tables. */
extern void reference_capture_send_all(void);

extern void reference_capture_preload(void);

#endif
