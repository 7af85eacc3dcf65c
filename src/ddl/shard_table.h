/*
 * shard_table.h
 *	  Tables become sharded or reference tables, and ordinary again.
 */
#ifndef SHARDEXT_SHARD_TABLE_H
#define SHARDEXT_SHARD_TABLE_H

#include "postgres.h"

#include "catalog/table_map.h"

/*
 * One step for all relids; keys: one List of char * per table. strategy_name
 * and id_names (of all tables) may be NULL.
 */
extern void shard_tables(List *relids, List *keys, const char *strategy_name, List *id_names);
extern void replicate_table(Oid relid);

/* Back to ordinary tables on this node, with their rows. */
extern void unshard_tables(List *relids);

/* What the calls above have another node do. */
extern void table_register(const char *relation, TableKind kind, int nkeys, const AttrNumber *keys,
						   const char *strategy, int nids, const AttrNumber *ids);
extern void table_apply(const char *relation, List *on_shell, List *on_shards);
extern void table_forget(const char *relation);
extern void sequence_take_block(const char *sequence, int64 first, int64 size);

/* Refuses writes that reach one node only; made when the rows are there. */
#define REFERENCE_GUARD_TRIGGER \
	"CREATE TRIGGER shardext_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s" \
	" FOR EACH STATEMENT EXECUTE FUNCTION shardext.reference_guard()"

/* Statements (List of char *) that give an empty node the logical schema of this one. */
extern List *logical_schema(void);

/* For add_node: the rows of all reference tables, to a node that has run them in this transaction. */
extern void reference_tables_fill(int node_id);

/* "public"."photos" as a relation of this node; ERROR if it does not exist */
extern Oid	relation_by_qualified_name(const char *relation);

#endif
