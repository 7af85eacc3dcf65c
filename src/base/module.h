/*
 * module.h
 *	  One module = one entry of the init table in shardext.c, in layer order.
 *
 * preload() runs from _PG_init while shared_preload_libraries are processed:
 * hooks, GUCs, shared memory requests, background workers. When the library is
 * loaded later than that (not preloaded), only base's settings are defined and
 * library_is_preloaded() is false: everything that needs hooks or shared
 * memory must then refuse with a clear error.
 */
#ifndef SHARDEXT_MODULE_H
#define SHARDEXT_MODULE_H

#include "postgres.h"

typedef struct Module
{
	const char *name;
	void		(*preload) (void);
} Module;

extern bool library_is_preloaded(void);

/* ERROR 55000 with the HINT to set shared_preload_libraries. */
extern void library_require_preloaded(void);

#endif
