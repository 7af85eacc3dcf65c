/*
 * table_size.h
 *	  Bytes of a table, wherever its rows lie.
 */
#ifndef SHARDEXT_TABLE_SIZE_H
#define SHARDEXT_TABLE_SIZE_H

#include "postgres.h"

/* Of a sharded table: all its shards on all nodes. */
extern int64 table_size(Oid relid);

/* Of a sharded table: its shards on this node. */
extern int64 table_size_here(Oid relid);

#endif
