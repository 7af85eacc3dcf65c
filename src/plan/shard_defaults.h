/*
 * shard_defaults.h
 *	  Defaults of columns, where a statement changes a shard table.
 */
#ifndef SHARDEXT_SHARD_DEFAULTS_H
#define SHARDEXT_SHARD_DEFAULTS_H

#include "postgres.h"

#include "nodes/parsenodes.h"

/* query, not rewritten yet: DEFAULT in an UPDATE of a shard table becomes the default of the table's column. */
extern void shard_defaults_fill(Query *query);

#endif /* SHARDEXT_SHARD_DEFAULTS_H */
