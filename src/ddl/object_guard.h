/*
 * object_guard.h
 *	  What DDL may never do to the tables of the cluster, whichever way it comes.
 */
#ifndef SHARDEXT_OBJECT_GUARD_H
#define SHARDEXT_OBJECT_GUARD_H

#include "postgres.h"
#include "nodes/nodes.h"

/* Is this the name of a logical shard's schema (shard_0000 to shard_9999)? NULL is not. */
extern bool shard_schema_is_name(const char *name);

/* ERROR 42939: only shardext makes things in this schema. */
extern void shard_schema_refuse(const char *schema);

/* A shard table, or an index of one, that the statement is about; InvalidOid if none. */
extern Oid	statement_shard_table(const Node *statement);

/* ERROR SX003: a shard table, or an index of one, is not changed by itself. */
extern void shard_table_refuse_ddl(Oid relid);

/*
 * For the event trigger that sees DDL in sessions without the preloaded library:
 * ERROR 55000 if the statement concerns, or might by CASCADE, tables of the cluster.
 */
extern void object_guard_check_unloaded(const Node *statement);

extern void object_guard_preload(void);

#endif
