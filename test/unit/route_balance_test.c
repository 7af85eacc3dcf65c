/*
 * route_balance_test.c
 *	  Growing, shrinking and weighing a cluster: no node above 1.10 of its share, and
 *	  nothing moves that a bound does not force to move. Over 1,000 random sets of nodes.
 */
#include "unit.h"

#include "route/route_balance.h"

#define SHARDS		256
#define MAX_NODES	10
#define SETS		1000

/* What a number of changes came to. */
typedef struct Tally
{
	double		worst;			/* load over share */
	double		least;
	int			changes;
	double		moved;			/* sum of moved / fair share of what came or went */
	double		most_moved;
	int			between_old;
} Tally;

static RingNode set[MAX_NODES];
static BalanceShard shards[8192];

static int
count_of(int node_id, int nshards)
{
	int			n = 0;

	for (int i = 0; i < nshards; i++)
		n += shards[i].new_owner == node_id;
	return n;
}

/* Node ids at random, as names would be: the ring sees nothing else of a node. */
static void
draw_set(bool weighted)
{
	for (int i = 0; i < MAX_NODES; i++)
		set[i] = (RingNode)
	{
		.node_id = (int) (unit_random() & 0x7FFFFFFF) | 1, .weight = weighted ? (int) unit_between(1, 4) : 1
	};
}

static void
start_with(int nshards, int nnodes)
{
	int		   *owners = malloc(nshards * sizeof(int));

	route_ring_assign(nshards, nnodes, set, owners);
	for (int i = 0; i < nshards; i++)
		shards[i] = (BalanceShard)
	{
		.shard = i, .owner = owners[i], .new_owner = owners[i]
	};
	free(owners);
}

static void
look_at_loads(Tally *tally, int nshards, int nnodes)
{
	for (int i = 0; i < nnodes; i++)
	{
		double		share = route_ring_share(nshards, nnodes, set, i);
		int			n = count_of(set[i].node_id, nshards);

		/* a bound below the next whole number cannot be kept */
		if (share * 1.10 < (int) share + 1 && n <= (int) share + 1)
			continue;
		tally->worst = Max(tally->worst, n / share);
		tally->least = Min(tally->least, n / share);
	}
}

/* After a change by which the node came or went. */
static void
look_at_moves(Tally *tally, int nshards, int changed, double fair)
{
	int			moved = 0;

	for (int i = 0; i < nshards; i++)
	{
		if (shards[i].new_owner == shards[i].owner)
			continue;
		moved++;
		tally->between_old += shards[i].new_owner != changed && shards[i].owner != changed;
		shards[i].owner = shards[i].new_owner;
	}
	tally->changes++;
	tally->moved += moved / fair;
	tally->most_moved = Max(tally->most_moved, moved / fair);
}

static void
tell(const char *what, const Tally *tally)
{
	printf("# %s: load between %.3f and %.3f of the share; moved %.3f of the fair share in the mean, %.3f at most;"
		   " %d shards between old nodes in %d changes\n", what, tally->least, tally->worst,
		   tally->moved / tally->changes, tally->most_moved, tally->between_old, tally->changes);
}

/* From one node to ten, one at a time; a quarter of the sets also goes back. */
static void
grow_and_shrink(BalancePolicy policy, int sets, bool weighted, Tally *grown, Tally *shrunk)
{
	*grown = *shrunk = (Tally)
	{
		.least = 1
	};
	for (int i = 0; i < sets; i++)
	{
		draw_set(weighted);
		start_with(SHARDS, 1);
		for (int n = 2; n <= MAX_NODES; n++)
		{
			route_balance(policy, SHARDS, shards, n, set);
			look_at_loads(grown, SHARDS, n);
			look_at_moves(grown, SHARDS, set[n - 1].node_id, route_ring_share(SHARDS, n, set, n - 1));
		}
		for (int n = MAX_NODES - 1; n >= 1 && i < sets / 4; n--)
		{
			int			gone = set[n].node_id;
			double		fair = count_of(gone, SHARDS);

			route_balance(policy, SHARDS, shards, n, set);
			look_at_loads(shrunk, SHARDS, n);
			look_at_moves(shrunk, SHARDS, gone, fair);
		}
	}
}

static void
growth(void)
{
	Tally		grown;
	Tally		shrunk;

	grow_and_shrink(BALANCE_RING, SETS, false, &grown, &shrunk);
	tell("ring, equal nodes come", &grown);
	tell("ring, equal nodes go", &shrunk);
	check(grown.worst <= 1.10 && shrunk.worst <= 1.10, "no node has more than 1.10 of its share");
	check(grown.moved / grown.changes <= 1.02 && grown.most_moved <= 1.10, "a new node takes its share, and no more moves");
	check(grown.between_old == 0, "when nodes come, nothing moves between old ones");
	check(shrunk.between_old == 0 && shrunk.most_moved <= 1, "when they go, only what they had moves");
	grow_and_shrink(BALANCE_RING, SETS, true, &grown, &shrunk);
	tell("ring, weights 1 to 4, nodes come", &grown);
	tell("ring, weights 1 to 4, nodes go", &shrunk);
	check(grown.worst <= 1.10 && shrunk.worst <= 1.10, "weights are kept to");
	check(grown.moved / grown.changes <= 1.02, "a new node of any weight takes its share");
	check(grown.between_old <= grown.changes / 100, "nothing moves between old ones, but for what rounding forces");
	grow_and_shrink(BALANCE_COUNT, SETS / 10, false, &grown, &shrunk);
	tell("count, equal nodes come", &grown);
	check(grown.between_old <= grown.changes && grown.worst < 1.06, "by count, shares differ by one");
}

/* Anything at all, and then a plan: it is in its bounds, and a second one has nothing to do. */
static void
any_state(void)
{
	Tally		tally = {.least = 1};
	bool		stable = true;
	bool		needed = true;

	for (int round = 0; round < SETS / 2; round++)
	{
		int			nnodes = (int) unit_between(1, MAX_NODES);

		draw_set(round % 2 == 0);
		for (int i = 0; i < SHARDS; i++)
			shards[i] = (BalanceShard)
		{
			.shard = i, .owner = unit_random() % 8 == 0 ? 0 : set[unit_random() % MAX_NODES].node_id
		};
		route_balance(BALANCE_RING, SHARDS, shards, nnodes, set);
		look_at_loads(&tally, SHARDS, nnodes);
		for (int i = 0; i < SHARDS; i++)
		{
			needed = needed && (shards[i].new_owner == shards[i].owner) == (shards[i].reason == BALANCE_STAYS);
			shards[i].owner = shards[i].new_owner;
		}
		route_balance(BALANCE_RING, SHARDS, shards, nnodes, set);
		for (int i = 0; i < SHARDS; i++)
			stable = stable && shards[i].reason == BALANCE_STAYS;
	}
	check(tally.worst <= 1.10, "from any state into the bounds");
	check(stable, "and there is nothing to do then");
	check(needed, "what moves has a reason");
}

static void
zero_weights(void)
{
	draw_set(false);
	start_with(SHARDS, 4);
	set[1].weight = 0;
	route_balance(BALANCE_RING, SHARDS, shards, 4, set);
	check(count_of(set[1].node_id, SHARDS) == 0, "a node of weight 0 gives all away");
	check(count_of(set[0].node_id, SHARDS) >= 85 && count_of(set[0].node_id, SHARDS) <= 86, "to the others");
}

/* Sizes by a power law: bytes are even as far as single shards allow. */
static void
sizes(void)
{
	double		worst = 0;
	double		moved = 0;
	int64		all = 0;

	for (int round = 0; round < 100; round++)
	{
		int			nnodes = (int) unit_between(2, MAX_NODES);
		int64		largest = 0;
		int64		total = 0;

		draw_set(false);
		start_with(SHARDS, nnodes - 1);
		for (int i = 0; i < SHARDS; i++)
		{
			shards[i].bytes = INT64CONST(1) << unit_between(10, 30);
			largest = Max(largest, shards[i].bytes);
			total += shards[i].bytes;
		}
		route_balance(BALANCE_SIZE, SHARDS, shards, nnodes, set);
		for (int n = 0; n < nnodes; n++)
		{
			int64		load = 0;

			for (int i = 0; i < SHARDS; i++)
				load += shards[i].new_owner == set[n].node_id ? shards[i].bytes : 0;
			worst = Max(worst, load / Max((double) total / nnodes * 1.10, (double) total / nnodes + largest));
		}
		for (int i = 0; i < SHARDS; i++)
			moved += shards[i].new_owner != shards[i].owner ? shards[i].bytes : 0;
		all += total / nnodes;
	}
	printf("# size: at most %.3f of the bound (1.10, or the largest shard above); moved %.3f of the new node's share\n",
		   worst, moved / all);
	check(worst <= 1.0, "by size, bytes are within the bound, as far as single shards allow");
	for (int i = 0; i < SHARDS; i++)
	{
		shards[i].owner = set[0].node_id;
		shards[i].bytes = 0;
	}
	route_balance(BALANCE_SIZE, SHARDS, shards, 4, set);
	check(count_of(set[0].node_id, SHARDS) == SHARDS, "what has no bytes stays");
}

/* Only what must leave leaves. */
static void
leaving(void)
{
	bool		others_stay = true;

	draw_set(false);
	start_with(SHARDS, 4);
	for (int i = 0; i < SHARDS; i++)
		if (shards[i].owner == set[2].node_id)
			shards[i].owner = set[0].node_id;
	route_balance(BALANCE_LEAVE, SHARDS, shards, 3, set);
	for (int i = 0; i < SHARDS; i++)
		others_stay = others_stay && (shards[i].owner == set[3].node_id) == (shards[i].new_owner != shards[i].owner);
	check(others_stay && count_of(set[3].node_id, SHARDS) == 0, "a node is left by all its shards, and by no others");
	check(count_of(set[0].node_id, SHARDS) == 128 && count_of(set[1].node_id, SHARDS) <= 86 &&
		  count_of(set[2].node_id, SHARDS) <= 86, "they go where there is room");
}

int
main(void)
{
	growth();
	any_state();
	zero_weights();
	sizes();
	leaving();
	return unit_done();
}
