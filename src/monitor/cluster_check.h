/*
 * cluster_check.h
 *	  What nodes say of themselves, and what of that is not as it should be.
 */
#ifndef SHARDEXT_CLUSTER_CHECK_H
#define SHARDEXT_CLUSTER_CHECK_H

#include "postgres.h"

#include "nodes/execnodes.h"

/* Rows of shardext.internal_cluster_facts(): those of every node, and which nodes do not answer. */
extern void cluster_facts_put(ReturnSetInfo *result);

/* Rows of shardext.check(): what several looks in turn have found. */
extern void cluster_check_put(ReturnSetInfo *result);

#endif
