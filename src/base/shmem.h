/*
 * shmem.h
 *	  Shared memory of the modules: each one registers its piece at preload.
 */
#ifndef SHARDEXT_SHMEM_H
#define SHARDEXT_SHMEM_H

#include "postgres.h"

/*
 * Ask for size bytes, zeroed at server start; *pointer is set in every process
 * before it can be used. init (may be NULL) runs once on the zeroed memory.
 */
extern void shmem_register(const char *name, Size size, void **pointer, void (*init) (void *memory));

/* The same for an array with size bytes for each of MaxBackends. */
extern void shmem_register_per_backend(const char *name, Size size, void **pointer);

/* The extension's own LWLock tranche id, for LWLockInitialize on locks inside registered memory. */
extern int	shmem_lwlock_tranche(void);

#endif
