/*
 * with_unread.h
 *	  WITH clauses that nothing reads.
 */
#ifndef SHARDEXT_WITH_UNREAD_H
#define SHARDEXT_WITH_UNREAD_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/*
 * Take out of the query, at all levels, the WITH clauses that only read and that
 * nothing reads: PostgreSQL drops them before it looks into them, so neither
 * their errors nor their tables count. Says whether there were any.
 */
extern bool with_unread_drop(Query *query);

#endif
