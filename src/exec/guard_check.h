/*
 * guard_check.h
 *	  CHECK constraints of shard tables, prepared more cheaply than the executor does it.
 */
#ifndef SHARDEXT_GUARD_CHECK_H
#define SHARDEXT_GUARD_CHECK_H

#include "postgres.h"
#include "nodes/execnodes.h"

/*
 * Give rel what ExecConstraints will evaluate, before it does so for the first time. The same rows pass
 * and fail with the same errors; does nothing if rel has no guards.
 */
extern void guard_check_attach(ResultRelInfo *rel, EState *estate);

/* As above, but ExecConstraints will evaluate no other CHECK constraints than guards (it looks for NULLs as always). */
extern void guard_check_attach_alone(ResultRelInfo *rel, EState *estate);

/* guard_check_attach() for all tables that a started execution is going to write. */
extern void guard_check_attach_all(EState *estate);

#endif
