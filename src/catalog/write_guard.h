/*
 * write_guard.h
 *	  Whether this backend may write reference tables at this moment.
 *
 * The statement trigger shardext_guard of reference tables raises an error
 * while write_guard_open is false. exec opens it around the local part of a
 * write that goes to every node; the end of a transaction and the abort of a
 * subtransaction close it. DDL that fills a copy opens it too.
 */
#ifndef SHARDEXT_WRITE_GUARD_H
#define SHARDEXT_WRITE_GUARD_H

#include "postgres.h"

/* Returns what it was, so that the caller puts that back. */
extern bool write_guard_set_open(bool open);
extern bool write_guard_is_open(void);

/* Is this the name of that trigger? */
extern bool write_guard_is_trigger(const char *name);

extern void write_guard_preload(void);

#endif
