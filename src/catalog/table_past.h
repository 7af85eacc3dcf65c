/*
 * table_past.h
 *	  What is kept of a table as it was before it became one of the cluster.
 */
#ifndef SHARDEXT_TABLE_PAST_H
#define SHARDEXT_TABLE_PAST_H

#include "postgres.h"

/* Text that only ddl understands; NULL if there is none. */
extern char *table_past_read(Oid relid);
extern void table_past_write(Oid relid, const char *past);
extern void table_past_delete(Oid relid);

#endif
