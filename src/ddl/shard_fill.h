/*
 * shard_fill.h
 *	  Rows between an ordinary table and the shard tables or copies of all nodes.
 */
#ifndef SHARDEXT_SHARD_FILL_H
#define SHARDEXT_SHARD_FILL_H

#include "postgres.h"

#include "ddl/table_plan.h"

/* Copy the rows of the table (still a heap) into the shard tables of all nodes, which have no indexes yet. */
extern void shard_fill(const TablePlan *plan);

/* Copy all rows of a table of this node into the table of the same name on another. */
extern void copy_table_to_node(Oid relid, int node_id);

/* The rows of all shard tables of all nodes into the table (a heap again, empty); indexes are rebuilt. */
extern void shard_collect(Oid relid);

#endif
