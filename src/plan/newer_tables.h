/*
 * newer_tables.h
 *	  Tables that have been sharded after the transaction began.
 */
#ifndef SHARDEXT_NEWER_TABLES_H
#define SHARDEXT_NEWER_TABLES_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/*
 * For a transaction that keeps one snapshot: ERROR 40001 if a table of the query became sharded after it. Its shards
 * look empty, or half full, under that snapshot. Plans made before were thrown away when the table changed, so planning
 * is the time to ask.
 */
extern void newer_tables_refuse(const Query *query);

#endif
