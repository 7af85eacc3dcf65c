/*
 * view_policies.h
 *	  Policies of sharded tables that are read through a view over many shards.
 */
#ifndef SHARDEXT_VIEW_POLICIES_H
#define SHARDEXT_VIEW_POLICIES_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/* SX003 if a policy asks who reads and the rows are fetched as somebody else. */
extern void view_policies_check(Query *query);

#endif
