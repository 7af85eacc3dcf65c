/*
 * route_balance.c
 *	  Which logical shards shall move so that every node has its share.
 *
 *	1. Shards of a node that takes no part (any more) go to those that have less than their share.
 *	2. Nodes with less than 0.90 of their share are filled, from those that have most.
 *	3. Nodes with more than 1.10 of it give up what is above; first to those of step 2.
 *
 * So a new node takes its share from all others, and nothing moves between these, as
 * long as it is enough for the bounds: what N nodes have above the bounds of N + 1 is
 * never more than 1.10 of the new share. Which shards go, and where to when there is
 * a choice, is said by the ring: those go whose places lie nearest before a point of
 * the node that takes them, which is where the ring without bounds would have put them.
 *
 * By size, the same bounds hold for bytes, as far as the sizes of single shards
 * allow: from the fullest node to the emptiest goes the largest shard that makes
 * neither cross its share.
 */
#include "postgres.h"

#include "route/route_balance.h"

#define UPPER_PERCENT	110
#define LOWER_PERCENT	90

typedef struct Balance
{
	BalancePolicy policy;
	int			nshards;
	BalanceShard *shards;
	int		   *at;				/* of each shard: index of its node, -1 if none */
	int			nnodes;
	const RingNode *nodes;
	uint64	   *distances;		/* on the ring, of each shard to each node */
	/* of each node: shards, or bytes */
	int64	   *load;
	int64	   *share;			/* rounded, so that the sum is that of all loads */
	int64	   *upper;
	int64	   *lower;
	bool	   *filled;			/* had less than lower */
} Balance;

static int64
load_of(const Balance *balance, int i)
{
	return balance->policy == BALANCE_SIZE ? balance->shards[i].bytes : 1;
}

static int
find_node(const Balance *balance, int node_id)
{
	for (int i = 0; i < balance->nnodes; i++)
		if (balance->nodes[i].node_id == node_id)
			return i;
	return -1;
}

static int64
sum_of_loads(const Balance *balance)
{
	int64		sum = 0;

	for (int i = 0; i < balance->nshards; i++)
		sum += load_of(balance, i);
	return sum;
}

/* The bounds do not ask for what whole shards cannot do: the rounded share is always inside. */
static void
set_bounds(Balance *balance)
{
	int64		sum = sum_of_loads(balance);

	route_ring_shares(sum, balance->nnodes, balance->nodes, balance->share);
	for (int i = 0; i < balance->nnodes; i++)
	{
		double		exact = route_ring_share(sum, balance->nnodes, balance->nodes, i);

		balance->upper[i] = Max(balance->share[i], (int64) (exact * UPPER_PERCENT / 100));
		balance->lower[i] = Min(balance->share[i], (int64) (exact * LOWER_PERCENT / 100) + 1);
		if (balance->policy == BALANCE_COUNT || balance->share[i] == 0)
			balance->upper[i] = balance->lower[i] = balance->share[i];
	}
}

static void
set_loads(Balance *balance)
{
	for (int i = 0; i < balance->nshards; i++)
	{
		BalanceShard *shard = &balance->shards[i];

		balance->at[i] = find_node(balance, shard->owner);
		shard->new_owner = shard->owner;
		shard->reason = BALANCE_STAYS;
		if (balance->at[i] >= 0 && balance->share[balance->at[i]] == 0)
			balance->at[i] = -1;
		if (balance->at[i] >= 0)
			balance->load[balance->at[i]] += load_of(balance, i);
	}
	for (int i = 0; i < balance->nnodes; i++)
		balance->filled[i] = balance->load[i] < balance->lower[i];
}

static void
put(Balance *balance, int i, int node, BalanceReason reason)
{
	if (balance->at[i] >= 0)
		balance->load[balance->at[i]] -= load_of(balance, i);
	balance->load[node] += load_of(balance, i);
	balance->at[i] = node;
	balance->shards[i].new_owner = balance->nodes[node].node_id;
	balance->shards[i].reason = reason;
}

/* Above (below: negative) its share, in parts of it. */
static double
excess_of(const Balance *balance, int node)
{
	if (balance->share[node] == 0)
		return 0;
	return (double) (balance->load[node] - balance->share[node]) / balance->share[node];
}

/* The node with the greatest (sign 1) or smallest (-1) load for its share; -1 if nobody has more (less) than that. */
static int
extreme_node(const Balance *balance, int sign, const bool *only)
{
	int			best = -1;

	for (int i = 0; i < balance->nnodes; i++)
	{
		if ((only != NULL && !only[i]) || sign * (balance->load[i] - balance->share[i]) <= 0)
			continue;
		if (best < 0 || sign * excess_of(balance, i) > sign * excess_of(balance, best))
			best = i;
	}
	return best;
}

/* On the ring: from the shard's place to the next point of the node. */
static uint64
distance(const Balance *balance, int i, int node)
{
	return balance->distances[(Size) i * balance->nnodes + node];
}

static void
set_distances(Balance *balance)
{
	Ring	   *ring = route_ring_make(balance->nnodes, balance->nodes);

	balance->distances = palloc((Size) Max(balance->nshards, 1) * balance->nnodes * sizeof(uint64));
	for (int i = 0; i < balance->nshards; i++)
		for (int node = 0; node < balance->nnodes; node++)
			balance->distances[(Size) i * balance->nnodes + node] =
				route_ring_distance(ring, balance->shards[i].shard, node);
}

/* The first node on the ring behind the shard's place that has less than its share. */
static int
nearest_with_room(const Balance *balance, int i)
{
	int			best = -1;

	for (int node = 0; node < balance->nnodes; node++)
	{
		if (balance->load[node] >= balance->share[node])
			continue;
		if (best < 0 || distance(balance, i, node) < distance(balance, i, best))
			best = node;
	}
	return best;
}

/* Which of two shards of one node goes rather to the other? Not those that have been moved already. */
static bool
is_better(const Balance *balance, int i, int than, int to)
{
	const BalanceShard *left = &balance->shards[i];
	const BalanceShard *right;

	if (than < 0)
		return true;
	right = &balance->shards[than];
	if (balance->policy == BALANCE_COUNT && left->bytes != right->bytes)
		return left->bytes < right->bytes;
	return distance(balance, i, to) < distance(balance, than, to);
}

static int
pick_shard(const Balance *balance, int from, int to)
{
	int			best = -1;

	for (int i = 0; i < balance->nshards; i++)
		if (balance->at[i] == from && balance->shards[i].reason == BALANCE_STAYS && is_better(balance, i, best, to))
			best = i;
	return best;
}

static void
place_homeless(Balance *balance)
{
	for (int i = 0; i < balance->nshards; i++)
	{
		int			node;

		if (balance->at[i] >= 0)
			continue;
		/* by size a rounded share may be reached by all while shards without bytes are left */
		node = nearest_with_room(balance, i);
		if (node < 0)
			for (int other = 0; other < balance->nnodes; other++)
				if (balance->share[other] > 0 && (node < 0 || excess_of(balance, other) < excess_of(balance, node)))
					node = other;
		put(balance, i, Max(node, 0), BALANCE_LEAVES);
	}
}

static void
fill_nodes(Balance *balance)
{
	int			to;

	while ((to = extreme_node(balance, -1, balance->filled)) >= 0)
	{
		int			from = extreme_node(balance, 1, NULL);
		int			i = from < 0 ? -1 : pick_shard(balance, from, to);

		if (i < 0)
			break;
		put(balance, i, to, BALANCE_FILLS);
	}
}

/* Where a node's surplus goes: to one that was filled, while its bound allows, or to one with less than its share. */
static int
take_surplus(const Balance *balance)
{
	int			best = -1;

	for (int i = 0; i < balance->nnodes; i++)
		if (balance->filled[i] && balance->load[i] < balance->upper[i] &&
			(best < 0 || excess_of(balance, i) < excess_of(balance, best)))
			best = i;
	return best >= 0 ? best : extreme_node(balance, -1, NULL);
}

static void
shed_surplus(Balance *balance)
{
	for (int from = 0; from < balance->nnodes; from++)
		while (balance->load[from] > balance->upper[from])
		{
			int			to = take_surplus(balance);
			int			i = to < 0 ? -1 : pick_shard(balance, from, to);

			if (i < 0)
				break;
			put(balance, i, to, BALANCE_SHEDS);
		}
}

static bool
is_out_of_bounds(const Balance *balance)
{
	for (int i = 0; i < balance->nnodes; i++)
		if (balance->load[i] > balance->upper[i] || balance->load[i] < balance->lower[i])
			return true;
	return false;
}

/*
 * How many bytes may go from one node to another: neither shall cross its share.
 * Wide: nor its bound; and what is beyond it may go to whoever is better off with it.
 */
static int64
room_between(const Balance *balance, int from, int to, bool wide)
{
	if (wide && balance->load[from] > balance->upper[from])
		return (int64) ((double) balance->load[from] / balance->share[from] * balance->share[to]) -
			balance->load[to] - 1;
	if (wide)
		return Min(balance->load[from] - balance->lower[from], balance->upper[to] - balance->load[to]);
	return Min(balance->load[from] - balance->share[from], balance->share[to] - balance->load[to]);
}

/* The largest shard of a node with more than its share that the other one has room for. */
static int
pick_by_size(const Balance *balance, int to, bool wide)
{
	int			best = -1;

	for (int i = 0; i < balance->nshards; i++)
	{
		int64		bytes = balance->shards[i].bytes;
		int			from = balance->at[i];

		if (bytes > 0 && balance->shards[i].reason == BALANCE_STAYS && balance->load[from] > balance->share[from] &&
			bytes <= room_between(balance, from, to, wide) &&
			(best < 0 || bytes > balance->shards[best].bytes))
			best = i;
	}
	return best;
}

/* Nodes that had too little are filled; others get something only while a bound is not kept. */
static void
balance_bytes(Balance *balance)
{
	bool	   *open = palloc(balance->nnodes * sizeof(bool));	/* something may fit into it */
	int			to;

	for (int i = 0; i < balance->nnodes; i++)
		open[i] = true;
	while ((to = extreme_node(balance, -1, open)) >= 0)
	{
		int			i = -1;

		if (balance->filled[to] || is_out_of_bounds(balance))
			i = pick_by_size(balance, to, false);
		if (i < 0 && is_out_of_bounds(balance))
			i = pick_by_size(balance, to, true);
		if (i >= 0)
			put(balance, i, to, balance->filled[to] ? BALANCE_FILLS : BALANCE_SHEDS);
		else
			open[to] = false;
	}
}

static int
compare_bytes(const void *a, const void *b)
{
	const BalanceShard *left = a;
	const BalanceShard *right = b;

	if (left->bytes != right->bytes)
		return left->bytes > right->bytes ? -1 : 1;
	return left->shard - right->shard;
}

void
route_balance(BalancePolicy policy, int nshards, BalanceShard *shards, int nnodes, const RingNode *nodes)
{
	Balance		balance = {.policy = policy, .nshards = nshards, .shards = shards, .nnodes = nnodes, .nodes = nodes};

	Assert(nnodes > 0);
	balance.at = palloc(Max(nshards, 1) * sizeof(int));
	balance.load = palloc0(nnodes * sizeof(int64));
	balance.share = palloc0(nnodes * sizeof(int64));
	balance.upper = palloc0(nnodes * sizeof(int64));
	balance.lower = palloc0(nnodes * sizeof(int64));
	balance.filled = palloc0(nnodes * sizeof(bool));
	if (policy == BALANCE_SIZE)
		qsort(shards, nshards, sizeof(BalanceShard), compare_bytes);
	set_distances(&balance);
	set_bounds(&balance);
	set_loads(&balance);
	place_homeless(&balance);
	if (policy == BALANCE_SIZE)
		balance_bytes(&balance);
	else if (policy != BALANCE_LEAVE)
	{
		fill_nodes(&balance);
		shed_surplus(&balance);
	}
}
