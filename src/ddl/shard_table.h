/*
 * shard_table.h
 *	  Tables become sharded or reference tables, and ordinary again.
 */
#ifndef SHARDEXT_SHARD_TABLE_H
#define SHARDEXT_SHARD_TABLE_H

#include "postgres.h"

#include "nodes/pg_list.h"

/*
 * One step for all relids; keys: one List of char * per table. strategy_name
 * and id_names (of all tables) may be NULL.
 */
extern void shard_tables(List *relids, List *keys, const char *strategy_name, List *id_names);
extern void replicate_table(Oid relid);

/* Back to ordinary tables on this node, with their rows. */
extern void unshard_tables(List *relids);

/* Refuses writes that reach one node only; made when the rows are there. */
#define REFERENCE_GUARD_TRIGGER \
	"CREATE TRIGGER shardext_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s" \
	" FOR EACH STATEMENT EXECUTE FUNCTION shardext.reference_guard()"

/* For add_node: give an empty node the logical schema of this one, and the rows of reference tables. */
extern void logical_schema_give(int node_id);

#endif
