/*
 * retarget.h
 *	  From a statement over sharded tables to the same statement over the shard
 *	  tables of one logical shard.
 */
#ifndef SHARDEXT_RETARGET_H
#define SHARDEXT_RETARGET_H

#include "postgres.h"
#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"

/*
 * A copy of a utility statement's parse tree in which every name of a sharded
 * table, or of an index of one, is marked. Must be made before the statement
 * runs on the shells, as it may drop or rename what it names.
 */
extern Node *retarget_mark(const Node *statement);

/* A copy of a marked tree with the marks replaced by the schema of the shard. */
extern Node *retarget_to_shard(const Node *marked, int shard);

/* OIDs of all existing relations a utility statement names, in order; kinds unknown to retarget_mark name none. */
extern List *statement_relations(const Node *statement);

#endif
