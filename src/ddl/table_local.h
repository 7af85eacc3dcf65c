/*
 * table_local.h
 *	  What each node does for itself when a table becomes sharded, or ordinary.
 */
#ifndef SHARDEXT_TABLE_LOCAL_H
#define SHARDEXT_TABLE_LOCAL_H

#include "postgres.h"

#include "catalog/table_map.h"

/* "public"."photos" as a relation of this node; ERROR if it does not exist */
extern Oid	relation_by_qualified_name(const char *relation);

/* The table's row in this node's catalog. */
extern void table_register(const char *relation, TableKind kind, int nkeys, const AttrNumber *keys,
						   const char *strategy, int nids, const AttrNumber *ids);

/* What the table was before: table_restore.h. */
extern void table_remember(const char *relation, const char *past);

/* Statements on the shell (or copy), and statements in the shards of this node. */
extern void table_apply(const char *relation, List *on_shell, List *on_shards);

/* Another node takes the table back: this node's shell or copy goes, with the shard tables. */
extern void table_forget(const char *relation);

/* This node's block of the values first, first + 1, ...: size of them for each node. */
extern void sequence_take_block(const char *sequence, int64 first, int64 size);

/* Sequences that the table has got besides these (new serial and identity columns) draw from this node's blocks. */
extern void sequences_cut_new(Oid relid, List *before);

#endif
