/*
 * push_ctes.h
 *	  WITH queries that are read once become sub-SELECTs of FROM.
 */
#ifndef SHARDEXT_PUSH_CTES_H
#define SHARDEXT_PUSH_CTES_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/* At all levels of the query, which is changed; also those that are said to be MATERIALIZED? */
extern void push_inline_ctes(Query *query, bool materialized);

#endif
