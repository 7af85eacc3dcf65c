/*
 * table_restore.h
 *	  What sharding changes in the definition of a table, and how it is undone.
 */
#ifndef SHARDEXT_TABLE_RESTORE_H
#define SHARDEXT_TABLE_RESTORE_H

#include "postgres.h"
#include "access/attnum.h"
#include "nodes/pg_list.h"

/* The table as it is before it becomes one of the cluster, for table_past_write on every node. */
extern char *table_restore_remember(Oid relid, int nkeys, const AttrNumber *keys);

/*
 * Statements that make it so again, once its rows are home: to be run as the
 * owner, and SELECT statements that set sequences, to be run after those. To be
 * called while the past is still in the catalog.
 */
extern List *table_restore_statements(Oid relid);
extern List *table_restore_sequences(Oid relid);

#endif
