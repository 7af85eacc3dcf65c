/*
 * query_shape.h
 *	  Questions about a Query that several files of this folder ask.
 */
#ifndef SHARDEXT_QUERY_SHAPE_H
#define SHARDEXT_QUERY_SHAPE_H

#include "postgres.h"
#include "nodes/parsenodes.h"
#include "utils/rel.h"

#include "catalog/table_map.h"

/* What the catalog says about the sharded table that an entry of a range table is; NULL: it is something else. */
extern const TableInfo *query_sharded_table(const RangeTblEntry *rte);

/* No other Query inside, at any place: a walker that looks for relations need not look further than the range table. */
extern bool query_is_flat(const Query *query);

/* FOR UPDATE or its kin, at any level. */
extern bool query_locks_rows(Query *query);

/* Changes or locks rows, at any level. */
extern bool query_writes(Query *query);

/* Only joins and conditions: one more of these takes away rows, and nothing else. */
extern bool query_only_joins(const Query *query);

/* Conditions joined by AND, as a list; they are not copied. */
extern List *query_conditions(Node *quals);

/*
 * A system column (but tableoid) of a sharded table that the query reads, to say what it does: in each shard it would
 * mean another row. NULL: none.
 */
extern const char *query_position_column(Query *query);

/* Do these targets (of UPDATE, or of DO UPDATE) assign to columns that a foreign key could refer to? */
extern bool query_assigns_key(const List *targets, Relation table);

/* Is the ctid of a sharded table read, or shown? */
extern bool query_reads_ctid(Query *query);

#endif
