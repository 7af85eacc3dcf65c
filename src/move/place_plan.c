/*
 * place_plan.c
 *	  Which logical shards shall go where, with the reason of each in a sentence.
 *
 * Nodes of one region label make up a group, those without a label another one:
 * shards are balanced within groups (route/route_balance.c decides), so that none
 * leaves its region. A node that is left gives its shards to its group; if it has no
 * label and is the last without one, to anybody.
 *
 * Seconds are those that moves of so many bytes have taken in this cluster so far.
 */
#include "postgres.h"

#include "base/settings.h"
#include "catalog/catalog_write.h"
#include "catalog/node_map.h"
#include "cluster/node_region.h"
#include "conn/conn.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "move/place_plan.h"
#include "utils/builtins.h"

#define SIZES_QUERY	"SELECT shard, bytes, table_bytes FROM shardext.internal_shard_sizes()"
#define FACTS_QUERY	"SELECT coalesce(bytes, 0), coalesce(seconds, 0), shardext.internal_free_bytes()" \
	" FROM shardext.internal_move_rate"

#define ASSUMED_RATE	20e6	/* bytes per second, as long as nothing was measured */
#define SECONDS_EACH	0.1		/* of a shard without bytes, among others */
#define MB(bytes)		((bytes) / 1000000.0)

typedef struct PlaceFacts
{
	int			nshards;
	ShardRow   *owners;
	int64	   *bytes;			/* of each shard */
	int64	   *table_bytes;	/* without indexes: what is copied */
	double		rate;			/* bytes per second */
} PlaceFacts;

static const struct
{
	const char *name;
	BalancePolicy policy;
}			policies[] = {
	{"ring", BALANCE_RING},
	{"size", BALANCE_SIZE},
	{"count", BALANCE_COUNT},
};

BalancePolicy
place_policy(const char *name)
{
	for (int i = 0; i < lengthof(policies); i++)
		if (strcmp(policies[i].name, name) == 0)
			return policies[i].policy;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("there is no policy \"%s\"", name),
			 errdetail("Policies are ring, size and count."),
			 errhint("Use \"ring\" if in doubt.")));
}

static NodeConn *
connect_to(const NodeInfo *node)
{
	return conn_open_private(node, GetUserNameFromId(extension_owner(), false));
}

static void
ask_node(PlaceFacts *facts, const NodeInfo *node, double *bytes, double *seconds)
{
	NodeConn   *conn = connect_to(node);
	PGresult   *result = conn_query(conn, SIZES_QUERY, NULL);

	for (int i = 0; i < PQntuples(result); i++)
	{
		int			shard = atoi(PQgetvalue(result, i, 0));

		if (shard < 0 || shard >= facts->nshards)
			continue;
		facts->bytes[shard] = strtoll(PQgetvalue(result, i, 1), NULL, 10);
		facts->table_bytes[shard] = strtoll(PQgetvalue(result, i, 2), NULL, 10);
	}
	conn_result_free(result);
	result = conn_query(conn, FACTS_QUERY, NULL);
	*bytes += strtod(PQgetvalue(result, 0, 0), NULL);
	*seconds += strtod(PQgetvalue(result, 0, 1), NULL);
	conn_result_free(result);
	conn_close_private(conn);
}

static PlaceFacts *
collect_facts(void)
{
	PlaceFacts *facts = palloc0(sizeof(PlaceFacts));
	double		bytes = 0;
	double		seconds = 0;
	ListCell   *lc;

	facts->owners = catalog_read_shards(&facts->nshards);
	facts->bytes = palloc0(facts->nshards * sizeof(int64));
	facts->table_bytes = palloc0(facts->nshards * sizeof(int64));
	foreach(lc, node_list())
		ask_node(facts, lfirst(lc), &bytes, &seconds);
	facts->rate = seconds > 0 && bytes > 0 ? bytes / seconds : ASSUMED_RATE;
	if (setting_move_rate_limit > 0)
		facts->rate = Min(facts->rate, setting_move_rate_limit * 1024.0);
	return facts;
}

/* A group whose shards are balanced among its nodes. */
typedef struct Group
{
	BalancePolicy policy;
	const NodeInfo *leaving;	/* its shards are among them, it is not among the nodes; or NULL */
	int			nnodes;
	RingNode   *nodes;
	int			nshards;
	BalanceShard *shards;
	int64		sum;
} Group;

static void
add_node(Group *group, const NodeInfo *node)
{
	group->nodes[group->nnodes++] = (RingNode)
	{
		.node_id = node->node_id, .weight = node->weight
	};
}

static bool
has_node(const Group *group, int node_id)
{
	for (int i = 0; i < group->nnodes; i++)
		if (group->nodes[i].node_id == node_id)
			return true;
	return group->leaving != NULL && group->leaving->node_id == node_id;
}

static int64
load_of(const Group *group, const BalanceShard *shard)
{
	return group->policy == BALANCE_SIZE ? shard->bytes : 1;
}

static void
take_shards(Group *group, const PlaceFacts *facts)
{
	group->shards = palloc0(Max(facts->nshards, 1) * sizeof(BalanceShard));
	for (int i = 0; i < facts->nshards; i++)
	{
		if (!has_node(group, facts->owners[i].owner))
			continue;
		group->shards[group->nshards] = (BalanceShard)
		{
			.shard = i, .owner = facts->owners[i].owner, .bytes = facts->bytes[i]
		};
		group->sum += load_of(group, &group->shards[group->nshards++]);
	}
}

static int64
present_load(const Group *group, int node_id)
{
	int64		load = 0;

	for (int i = 0; i < group->nshards; i++)
		if (group->shards[i].owner == node_id)
			load += load_of(group, &group->shards[i]);
	return load;
}

static double
share_of(const Group *group, int node_id)
{
	for (int i = 0; i < group->nnodes; i++)
		if (group->nodes[i].node_id == node_id)
			return route_ring_share(group->sum, group->nnodes, group->nodes, i);
	return 0;
}

static char *
amount(const Group *group, double load)
{
	if (group->policy == BALANCE_SIZE)
		return psprintf("%.1f MB", MB(load));
	return psprintf("%.*f", load == (int64) load ? 0 : 1, load);
}

static char *
load_sentence(const Group *group, int node_id, const char *between)
{
	return psprintf("node \"%s\" has %s%s%s%s", node_name(node_id), amount(group, present_load(group, node_id)),
					group->policy == BALANCE_SIZE ? "" : " logical shards", between,
					amount(group, share_of(group, node_id)));
}

static char *
reason_of(const Group *group, const BalanceShard *shard)
{
	char	   *text = NULL;

	switch (shard->reason)
	{
		case BALANCE_STAYS:
			break;
		case BALANCE_LEAVES:
			text = psprintf(group->leaving ? "node \"%s\" is drained" : "node \"%s\" has weight 0",
							node_name(shard->owner));
			break;
		case BALANCE_FILLS:
			text = load_sentence(group, shard->new_owner, ", its share is ");
			break;
		case BALANCE_SHEDS:
			text = load_sentence(group, shard->owner, ", its share is ");
			break;
	}
	text = psprintf("%s.", text ? text : "");
	text[0] = pg_toupper((unsigned char) text[0]);
	return text;
}

static List *
add_moves(List *moves, const Group *group, const PlaceFacts *facts)
{
	for (int i = 0; i < group->nshards; i++)
	{
		const BalanceShard *shard = &group->shards[i];
		PlacedMove *move;

		if (shard->reason == BALANCE_STAYS)
			continue;
		move = palloc(sizeof(PlacedMove));
		move->shard = shard->shard;
		move->from = shard->owner;
		move->to = shard->new_owner;
		move->bytes = shard->bytes;
		move->seconds = SECONDS_EACH + facts->table_bytes[shard->shard] / facts->rate;
		move->reason = reason_of(group, shard);
		moves = lappend(moves, move);
	}
	return moves;
}

static List *
balance_group(List *moves, Group *group, const PlaceFacts *facts)
{
	take_shards(group, facts);
	route_balance(group->policy, group->nshards, group->shards, group->nnodes, group->nodes);
	return add_moves(moves, group, facts);
}

static Group *
make_group(BalancePolicy policy, const NodeInfo *leaving)
{
	Group	   *group = palloc0(sizeof(Group));

	group->policy = policy;
	group->leaving = leaving;
	group->nodes = palloc(list_length(node_list()) * sizeof(RingNode));
	return group;
}

/* All nodes with the label of this one; NULL if that was done with an earlier one. */
static Group *
group_of(BalancePolicy policy, const NodeInfo *first)
{
	Group	   *group = make_group(policy, NULL);
	ListCell   *lc;

	foreach(lc, node_list())
	{
		const NodeInfo *node = lfirst(lc);

		if (!node_region_is_same(first, node))
			continue;
		if (node->node_id < first->node_id)
			return NULL;
		add_node(group, node);
	}
	return group;
}

static void
raise_nobody_takes(const NodeInfo *leaving)
{
	ListCell   *lc;

	if (list_length(node_list()) == 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot drain node \"%s\"", leaving->name),
				 errdetail("It is the only node of the cluster."),
				 errhint("Add another node first.")));
	foreach(lc, node_list())
		if (((NodeInfo *) lfirst(lc))->node_id != leaving->node_id)
			node_region_require(leaving, lfirst(lc));
}

/* Who takes the shards of a node that is left: its group, or everybody if it is bound to no place. */
static Group *
group_without(const NodeInfo *leaving)
{
	Group	   *group = make_group(BALANCE_LEAVE, leaving);
	ListCell   *lc;

	foreach(lc, node_list())
	{
		const NodeInfo *node = lfirst(lc);

		if (node->node_id != leaving->node_id && node_region_is_same(leaving, node))
			add_node(group, node);
	}
	if (group->nnodes > 0)
		return group;
	foreach(lc, node_list())
	{
		const NodeInfo *node = lfirst(lc);

		if (node->node_id != leaving->node_id && node_region_allows(leaving, node))
			add_node(group, node);
	}
	if (group->nnodes == 0)
		raise_nobody_takes(leaving);
	return group;
}

static int
compare_moves(const ListCell *a, const ListCell *b)
{
	return ((PlacedMove *) lfirst(a))->shard - ((PlacedMove *) lfirst(b))->shard;
}

List *
place_plan(BalancePolicy policy, const char *leaving)
{
	PlaceFacts *facts;
	List	   *moves = NIL;
	Group	   *group = leaving ? group_without(node_require(leaving)) : NULL;
	ListCell   *lc;

	facts = collect_facts();
	if (group != NULL)
		return balance_group(NIL, group, facts);
	foreach(lc, node_list())
	{
		group = group_of(policy, lfirst(lc));
		if (group != NULL)
			moves = balance_group(moves, group, facts);
	}
	list_sort(moves, compare_moves);
	return moves;
}

static void
check_room_of(const NodeInfo *node, int64 needed)
{
	NodeConn   *conn = connect_to(node);
	PGresult   *result = conn_query(conn, FACTS_QUERY, NULL);
	bool		known = !PQgetisnull(result, 0, 2);
	int64		free_bytes = strtoll(PQgetvalue(result, 0, 2), NULL, 10);

	conn_result_free(result);
	conn_close_private(conn);
	if (known && free_bytes < needed)
		ereport(ERROR,
				(errcode(ERRCODE_DISK_FULL),
				 errmsg("node \"%s\" has no room for what would come", node->name),
				 errdetail("%.1f MB would come, and its disk has %.1f MB left.", MB(needed), MB(free_bytes)),
				 errhint("Add a node, or room to that one.")));
}

void
place_check_room(List *moves)
{
	ListCell   *lc;

	foreach(lc, node_list())
	{
		const NodeInfo *node = lfirst(lc);
		int64		needed = 0;
		ListCell   *move;

		foreach(move, moves)
			if (((PlacedMove *) lfirst(move))->to == node->node_id)
				needed += ((PlacedMove *) lfirst(move))->bytes;
		if (needed > 0)
			check_room_of(node, needed);
	}
}
