/*
 * leaf_lookup.h
 *	  Leaf scans of which each reading wants few rows.
 */
#ifndef SHARDEXT_LEAF_LOOKUP_H
#define SHARDEXT_LEAF_LOOKUP_H

#include "postgres.h"
#include "nodes/pathnodes.h"

#include "exec/scan_fanout.h"

/*
 * Those of the conditions kept here that look at values of the level around. *params: the parameters of
 * the plan that these values are. NIL also if the statement is none whose scans may ask twice.
 */
extern List *leaf_lookup_conditions(const PlannerInfo *root, const List *kept, Bitmapset **params);

/*
 * Does it pay to fetch rows by these conditions instead of all that meet the others (bare clauses)? Sets what it may
 * cost in parts; by_key: shards follow from them.
 */
extern bool leaf_lookup_pays(PlannerInfo *root, RelOptInfo *rel, List *conditions, List *others, bool by_key,
							 FanoutParts *parts);

/* The scan for it; desc: of the shell. */
extern CustomScan *leaf_lookup_plan(FanoutParts *lookup, TupleDesc desc);

#endif
