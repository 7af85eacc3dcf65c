/*
 * route_ring.c
 *	  Consistent-hash ring with bounded loads, for the owners of logical shards.
 *
 * Each node has RING_POINTS points per unit of weight (bounded) on a ring of
 * 64-bit numbers, made by a hash of its id, which never changes and is never used
 * again. A shard of an empty cluster goes to the node of the first point at or
 * after its own place that still has room; the room of a node is exactly its share
 * of the shards (largest remainders get the odd ones), since the plain ring leaves
 * nodes 15 % and more apart. Shards that have an owner: route_balance.c.
 *
 * Knows nothing of the catalog, and not how a shard gets to its new owner.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "route/route_ring.h"

#define RING_POINTS			150
#define RING_MAX_POINTS		16384	/* of one node, whatever its weight */
#define RING_POINT_SEED		UINT64CONST(0x7368617264657874)
/* any would do; with this one, 16 shards of three nodes lie where 64 points had put them, as tests expect */
#define RING_SHARD_SEED		UINT64CONST(0x73686172700C7324)

struct Ring
{
	int			nnodes;
	int		   *npoints;		/* of each node */
	uint64	  **points;			/* of each node, sorted */
};

static uint64
place_of(uint64 number, uint64 seed)
{
	return hash_bytes_extended((const unsigned char *) &number, sizeof(number), seed);
}

static int
compare_places(const void *a, const void *b)
{
	uint64		left = *(const uint64 *) a;
	uint64		right = *(const uint64 *) b;

	return left < right ? -1 : left > right;
}

/* Weights as used: if all are 0, all count the same. */
static int64
weight_of(int nnodes, const RingNode *nodes, int index, int64 *total)
{
	*total = 0;
	for (int i = 0; i < nnodes; i++)
		*total += Max(nodes[i].weight, 0);
	if (*total > 0)
		return Max(nodes[index].weight, 0);
	*total = nnodes;
	return 1;
}

double
route_ring_share(int64 whole, int nnodes, const RingNode *nodes, int index)
{
	int64		total;
	int64		weight = weight_of(nnodes, nodes, index, &total);

	return (double) whole * weight / total;
}

void
route_ring_shares(int64 whole, int nnodes, const RingNode *nodes, int64 *shares)
{
	int64		left = whole;
	int64	   *rests = palloc(nnodes * sizeof(int64)); /* what was cut off, -1: rounded up, or no weight */

	for (int i = 0; i < nnodes; i++)
	{
		int64		total;
		int64		weight = weight_of(nnodes, nodes, i, &total);

		/* whole * weight / total, without leaving 64 bits */
		shares[i] = whole / total * weight + whole % total * weight / total;
		rests[i] = weight == 0 ? -1 : whole % total * weight % total;
		left -= shares[i];
	}
	for (; left > 0; left--)
	{
		int			best = 0;

		for (int i = 1; i < nnodes; i++)
			if (rests[i] > rests[best])
				best = i;
		rests[best] = -1;
		shares[best]++;
	}
	pfree(rests);
}

Ring *
route_ring_make(int nnodes, const RingNode *nodes)
{
	Ring	   *ring = palloc(sizeof(Ring));

	ring->nnodes = nnodes;
	ring->npoints = palloc(nnodes * sizeof(int));
	ring->points = palloc(nnodes * sizeof(uint64 *));
	for (int i = 0; i < nnodes; i++)
	{
		int64		total;
		int64		weight = weight_of(nnodes, nodes, i, &total);
		int			n = (int) Min(Max(weight, 1) * RING_POINTS, RING_MAX_POINTS);

		ring->npoints[i] = n;
		ring->points[i] = palloc(n * sizeof(uint64));
		for (int j = 0; j < n; j++)
			ring->points[i][j] = place_of(((uint64) nodes[i].node_id << 32) | (uint64) j, RING_POINT_SEED);
		qsort(ring->points[i], n, sizeof(uint64), compare_places);
	}
	return ring;
}

uint64
route_ring_distance(const Ring *ring, int shard, int index)
{
	uint64		place = place_of((uint64) shard, RING_SHARD_SEED);
	const uint64 *points = ring->points[index];
	int			low = 0;
	int			high = ring->npoints[index];

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (points[middle] < place)
			low = middle + 1;
		else
			high = middle;
	}
	/* behind the last point comes the first: the difference goes round by itself */
	return points[low == ring->npoints[index] ? 0 : low] - place;
}

void
route_ring_assign(int nshards, int nnodes, const RingNode *nodes, int *owners)
{
	int64	   *rooms = palloc(nnodes * sizeof(int64));
	Ring	   *ring = route_ring_make(nnodes, nodes);

	Assert(nnodes > 0);
	route_ring_shares(nshards, nnodes, nodes, rooms);
	for (int shard = 0; shard < nshards; shard++)
	{
		int			best = -1;

		/* There is room somewhere: rooms sum up to nshards. */
		for (int i = 0; i < nnodes; i++)
			if (rooms[i] > 0 && (best < 0 ||
								 route_ring_distance(ring, shard, i) < route_ring_distance(ring, shard, best)))
				best = i;
		rooms[best]--;
		owners[shard] = nodes[best].node_id;
	}
	pfree(rooms);
}
