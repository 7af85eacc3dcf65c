/*
 * copy_from.h
 *	  COPY FROM into a sharded or reference table.
 */
#ifndef SHARDEXT_COPY_FROM_H
#define SHARDEXT_COPY_FROM_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/* Carry it out; rows stored. The statement's table is a sharded or reference table. */
extern uint64 copy_from_table(const CopyStmt *stmt, const char *query_string);

#endif
