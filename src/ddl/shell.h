/*
 * shell.h
 *	  A table becomes a shell, and a shell a table, with the same OID.
 */
#ifndef SHARDEXT_SHELL_H
#define SHARDEXT_SHELL_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* The table loses its rows (they lie in the shards) and becomes a shell. Caller: ACCESS EXCLUSIVE. */
extern void shell_make(Oid relid);

/* The shell becomes an empty heap. */
extern void shell_unmake(Oid relid);

/*
 * Foreign keys of a shell to reference tables must not act when a reference
 * row changes (those of the shard tables do): switch their triggers on the
 * reference tables off, or on again.
 */
extern void shell_silence_foreign_keys(Oid relid, bool silent);

/* What is planned for this node's shards of it is planned again: foreign keys take defaults of the shell. */
extern void shell_replan_shards(Oid relid);

/* Make a shell (or, kind heap, the copy of a reference table) on this node by running its definition. */
extern void shell_create(List *statements, bool heap);

#endif
