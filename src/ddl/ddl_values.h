/*
 * ddl_values.h
 *	  Expressions of ALTER TABLE that are computed for the rows that exist.
 */
#ifndef SHARDEXT_DDL_VALUES_H
#define SHARDEXT_DDL_VALUES_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/* Does the default of a new column (raw parse tree) give each row a value of its own? */
extern bool ddl_default_is_volatile(const ColumnDef *column, const Node *raw);

/* The value of a default that is the same for all rows, but another at another time or place; NULL for all others. */
extern char *ddl_default_value(const ColumnDef *column, const Node *raw);

/* That value as a raw expression of the column's type. */
extern Node *ddl_value_node(const ColumnDef *column, char *value);

/* May ALTER COLUMN .. TYPE .. USING give other values at another time or place? */
extern bool ddl_using_is_mutable(Oid relid, const Node *raw);

/* Is this a serial or identity column? */
extern bool ddl_column_is_numbered(const ColumnDef *column);

/*
 * In an ALTER TABLE for the shards of the table: new serial and identity columns become plain ones
 * that draw from the shell's sequence. Returns the commands (AlterTableCmd *) that end that, to be run afterwards.
 */
extern List *ddl_number_columns(AlterTableStmt *stmt, Oid shell);

#endif
