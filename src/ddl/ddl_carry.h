/*
 * ddl_carry.h
 *	  Carries a utility statement over sharded or reference tables to every node
 *	  and shard.
 */
#ifndef SHARDEXT_DDL_CARRY_H
#define SHARDEXT_DDL_CARRY_H

#include "postgres.h"
#include "nodes/pg_list.h"

/* Runs the statement as PostgreSQL itself would, on what it names. */
typedef void (*DdlRunner) (Node *statement, void *arg);

/*
 * The whole way, on the node a client is connected to: statement is the raw
 * parse tree (modified: names are filled in), text its text. relids are the
 * tables of ours it is about, all of one kind.
 */
extern void ddl_carry(Node *statement, const char *text, List *relids, DdlRunner run, void *arg);

/* The same for a statement of our own making. */
extern void ddl_carry_text(const char *text);

/* What every other node does with the text and the names. */
extern void ddl_carry_receive(const char *text, List *names);

/* ddl_subject.c */

/* The tables of ours (OIDs) a statement is about, and in *others whether it is about others too. */
extern List *ddl_tables_of_ours(const Node *statement, bool *others);

/* The table of ours that owns the sequence or draws its defaults from it; InvalidOid if none. */
extern Oid	ddl_sequence_table(Oid sequence);

/* What setval() does, on the node in whose block the value lies; of other sequences, here. (sequence_set.c) */
extern int64 sequence_set_value(Oid sequence, int64 value, bool is_called);

/* The table itself, that of an index, or of a sequence whose rights or name change; other relations as they are. */
extern Oid	ddl_table_of(const Node *statement, Oid relid);

#endif
