/*
 * shard_tables_there.h
 *	  The shard tables of a node, for statements that are in no transaction.
 */
#ifndef SHARDEXT_SHARD_TABLES_THERE_H
#define SHARDEXT_SHARD_TABLES_THERE_H

#include "postgres.h"

#include "ddl/plain_conn.h"

/* Qualified names of the tables of this name in the shards that the node owns, as it says itself, in their order. */
extern List *shard_tables_there(PGconn *conn, const NodeInfo *node, const char *table);

/* Those of them that have no index of that name, and the indexes of the others. */
extern List *shard_tables_without(PGconn *conn, const NodeInfo *node, const char *table, const char *index);
extern List *shard_indexes_there(PGconn *conn, const NodeInfo *node, const char *table, const char *index);

/*
 * Runs a statement about such a table or index, which may wait for snapshots older than it, but not for this session's.
 * False: the relation is gone, as its shard has gone to another node.
 */
extern bool shard_table_run(PGconn *conn, const NodeInfo *node, const char *relation, const char *sql);

#endif
