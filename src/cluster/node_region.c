/*
 * node_region.c
 *	  Where rows may go.
 *
 * A node with a region label promises that its rows stay in places of that label.
 * What lies on a node without one has been promised nothing. While no table is
 * sharded there are no rows, and owners are spread over all nodes.
 */
#include "postgres.h"

#include "base/errors.h"
#include "cluster/node_region.h"

bool
node_region_is_same(const NodeInfo *a, const NodeInfo *b)
{
	if (a->region == NULL || b->region == NULL)
		return a->region == b->region;
	return strcmp(a->region, b->region) == 0;
}

bool
node_region_allows(const NodeInfo *from, const NodeInfo *to)
{
	return from->region == NULL || node_region_is_same(from, to);
}

void
node_region_require(const NodeInfo *from, const NodeInfo *to)
{
	if (node_region_allows(from, to))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_SX_RESIDENCY),
			 errmsg("logical shards of node \"%s\" cannot go to node \"%s\"", from->name, to->name),
			 to->region ? errdetail("Their region is \"%s\", and that node's is \"%s\".", from->region, to->region) :
			 errdetail("Their region is \"%s\", and that node has none.", from->region),
			 errhint("Labels are changed by shardext.alter_node(.., region => ..); '' takes a label away.")));
}
