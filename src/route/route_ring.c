/*
 * route_ring.c
 *	  Consistent-hash ring with bounded loads, for the owners of logical shards.
 *
 * Each node has RING_POINTS points per unit of weight (bounded) on a ring of
 * 64-bit numbers, made from its id alone. A shard goes to the node of the first
 * point at or after its own place that still has room; the room of a node is
 * exactly its share of the shards (largest remainders get the odd ones), since
 * the plain ring leaves nodes 15 % and more apart.
 *
 * Knows nothing of the catalog, and not how a shard gets to its new owner.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "route/route_ring.h"

#define RING_POINTS			64
#define RING_MAX_POINTS		4096	/* of one node, whatever its weight */
#define RING_POINT_SEED		UINT64CONST(0x7368617264657874)
#define RING_SHARD_SEED		UINT64CONST(0x6C6F676963616C73)

typedef struct RingPoint
{
	uint64		place;
	int			index;			/* of the node */
} RingPoint;

static uint64
place_of(uint64 number, uint64 seed)
{
	return hash_bytes_extended((const unsigned char *) &number, sizeof(number), seed);
}

static int
compare_points(const void *a, const void *b)
{
	const RingPoint *left = a;
	const RingPoint *right = b;

	if (left->place != right->place)
		return left->place < right->place ? -1 : 1;
	return left->index - right->index;
}

/* Weights as used: if all are 0, all count the same. */
static int64
effective_weights(int nnodes, const RingNode *nodes, int64 *weights)
{
	int64		total = 0;

	for (int i = 0; i < nnodes; i++)
		total += weights[i] = Max(nodes[i].weight, 0);
	if (total > 0)
		return total;
	for (int i = 0; i < nnodes; i++)
		weights[i] = 1;
	return nnodes;
}

/* rooms[i]: number of shards node i gets; their sum is nshards. */
static void
share_out(int nshards, int nnodes, const int64 *weights, int64 total, int *rooms)
{
	int			left = nshards;
	bool	   *rounded_up = palloc0(nnodes * sizeof(bool));

	for (int i = 0; i < nnodes; i++)
		left -= rooms[i] = (int) (nshards * weights[i] / total);
	while (left > 0)
	{
		int			best = -1;

		for (int i = 0; i < nnodes; i++)
			if (!rounded_up[i] && weights[i] > 0 &&
				(best < 0 || nshards * weights[i] % total > nshards * weights[best] % total))
				best = i;
		rounded_up[best] = true;
		rooms[best]++;
		left--;
	}
	pfree(rounded_up);
}

static RingPoint *
make_ring(int nnodes, const RingNode *nodes, const int64 *weights, int *npoints)
{
	RingPoint  *ring;
	int			n = 0;

	for (int i = 0; i < nnodes; i++)
		n += (int) Min(weights[i] * RING_POINTS, RING_MAX_POINTS);
	ring = palloc(n * sizeof(RingPoint));
	*npoints = n;
	n = 0;
	for (int i = 0; i < nnodes; i++)
		for (int64 j = 0; j < Min(weights[i] * RING_POINTS, RING_MAX_POINTS); j++)
			ring[n++] = (RingPoint)
		{
			.place = place_of(((uint64) nodes[i].node_id << 32) | (uint64) j, RING_POINT_SEED), .index = i
		};
	qsort(ring, n, sizeof(RingPoint), compare_points);
	return ring;
}

/* First point at or after the place; npoints if there is none. */
static int
find_point(const RingPoint *ring, int npoints, uint64 place)
{
	int			low = 0;
	int			high = npoints;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (ring[middle].place < place)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void
route_ring_assign(int nshards, int nnodes, const RingNode *nodes, int *owners)
{
	int64	   *weights = palloc(nnodes * sizeof(int64));
	int		   *rooms = palloc(nnodes * sizeof(int));
	int64		total = effective_weights(nnodes, nodes, weights);
	int			npoints;
	RingPoint  *ring;

	Assert(nnodes > 0);
	share_out(nshards, nnodes, weights, total, rooms);
	ring = make_ring(nnodes, nodes, weights, &npoints);
	for (int shard = 0; shard < nshards; shard++)
	{
		int			at = find_point(ring, npoints, place_of((uint64) shard, RING_SHARD_SEED));

		/* There is room somewhere: rooms sum up to nshards. */
		while (rooms[ring[at % npoints].index] == 0)
			at++;
		rooms[ring[at % npoints].index]--;
		owners[shard] = nodes[ring[at % npoints].index].node_id;
	}
	pfree(ring);
	pfree(rooms);
	pfree(weights);
}
