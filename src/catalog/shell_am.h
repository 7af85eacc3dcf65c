/*
 * shell_am.h
 *	  The table access method of shells: loud unless a statement was routed.
 */
#ifndef SHARDEXT_SHELL_AM_H
#define SHARDEXT_SHELL_AM_H

#include "postgres.h"
#include "access/htup.h"

#define SHELL_AM_NAME	"shardext_shell"

/*
 * While on, a shell reads as an empty table and rows inserted into one are
 * thrown away: for DDL that scans or rewrites (ALTER TABLE, CREATE INDEX, the
 * check of a new foreign key) and for nothing else. Returns what it was, so
 * that the caller puts that back; the end of a transaction and the abort of a
 * subtransaction turn it off. Users' functions
 * that DDL calls meanwhile find the rows: the planner sees to that.
 */
extern bool shell_am_set_reads_empty(bool on);
extern bool shell_am_reads_empty(void);

/*
 * While on, a shell may get a new file: for VACUUM FULL and CLUSTER of all tables,
 * which take the shells along, each in a transaction of its own. Nothing turns
 * it off but the caller, by the value returned.
 */
extern bool shell_am_set_rewritable(bool on);

/*
 * Until it is called again, with NULL: ANALYZE of the shell finds these rows, and is told that they stand for so
 * many. The end of a transaction and the abort of a subtransaction end it, too.
 */
typedef struct ShellSample
{
	Oid			relid;
	int			n;
	HeapTuple  *rows;
	double		tuples;
} ShellSample;

extern void shell_am_set_sample(const ShellSample *sample);

extern void shell_am_preload(void);

#endif
