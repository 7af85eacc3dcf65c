/*
 * route_ring_test.c
 *	  The ring gives every node exactly its share, the same everywhere, and moves
 *	  little when nodes come and go.
 */
#include "unit.h"

#include "route/route_ring.h"

#define SHARDS 8192

static int
count_of(int node_id, const int *owners, int nshards)
{
	int			n = 0;

	for (int i = 0; i < nshards; i++)
		n += owners[i] == node_id;
	return n;
}

static void
even_shares(void)
{
	static int	owners[SHARDS];
	bool		even = true;

	for (int nnodes = 1; nnodes <= 40; nnodes++)
	{
		RingNode	nodes[40];

		for (int i = 0; i < nnodes; i++)
			nodes[i] = (RingNode)
		{
			.node_id = 3 * i + 1, .weight = 5
		};
		for (int nshards = 1; nshards <= SHARDS; nshards *= 2)
		{
			route_ring_assign(nshards, nnodes, nodes, owners);
			for (int i = 0; i < nnodes; i++)
			{
				int			n = count_of(nodes[i].node_id, owners, nshards);

				even = even && n >= nshards / nnodes && n <= (nshards + nnodes - 1) / nnodes;
			}
		}
	}
	check(even, "equal weights give shares that differ by one at most");
}

static void
weights(void)
{
	static int	owners[SHARDS];
	RingNode	nodes[] = {{1, 1}, {2, 3}, {3, 0}, {4, 4}};
	RingNode	zeros[] = {{1, 0}, {2, 0}};

	route_ring_assign(SHARDS, 4, nodes, owners);
	check(count_of(1, owners, SHARDS) == SHARDS / 8 && count_of(2, owners, SHARDS) == SHARDS * 3 / 8 &&
		  count_of(4, owners, SHARDS) == SHARDS / 2, "shares are in proportion to weights");
	check(count_of(3, owners, SHARDS) == 0, "a node of weight 0 gets nothing");
	route_ring_assign(16, 2, zeros, owners);
	check(count_of(1, owners, 16) == 8, "unless all nodes have weight 0");
}

static void
movement(void)
{
	static int	before[SHARDS];
	static int	after[SHARDS];
	RingNode	nodes[] = {{1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 1}};
	int			moved = 0;

	route_ring_assign(SHARDS, 4, nodes, before);
	route_ring_assign(SHARDS, 5, nodes, after);
	for (int i = 0; i < SHARDS; i++)
		moved += before[i] != after[i];
	check(moved < SHARDS * 2 / 5, "a fifth node moves less than twice its own share");
	route_ring_assign(SHARDS, 5, nodes, before);
	check(memcmp(before, after, sizeof(before)) == 0, "the same input gives the same owners");
}

int
main(void)
{
	even_shares();
	weights();
	movement();
	return unit_done();
}
