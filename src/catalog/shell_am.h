/*
 * shell_am.h
 *	  The table access method of shells: loud unless a statement was routed.
 */
#ifndef SHARDEXT_SHELL_AM_H
#define SHARDEXT_SHELL_AM_H

#include "postgres.h"

#define SHELL_AM_NAME	"shardext_shell"

/*
 * While on, a shell reads as an empty table and rows inserted into one are
 * thrown away: for DDL that scans or rewrites (ALTER TABLE, CREATE INDEX, the
 * check of a new foreign key) and for nothing else. Returns what it was, so
 * that the caller puts that back; the end of a transaction and the abort of a
 * subtransaction turn it off. The planner leaves statements alone while it is on.
 */
extern bool shell_am_set_reads_empty(bool on);
extern bool shell_am_reads_empty(void);

extern void shell_am_preload(void);

#endif
