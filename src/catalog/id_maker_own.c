/*
 * id_maker_own.c
 *	  In which shard, and by which node, is an id made? Ids of a shard come only
 *	  from its owner.
 *
 * Before the first id of a shard in a transaction the shard's lock is taken in
 * shared mode and ownership is checked under it; the lock lives to the end of
 * the transaction, so that for further ids a bit test is enough. A hand-over
 * takes the lock exclusively. Bits are dropped at the end of every transaction
 * and when any subtransaction aborts (it may have held the locks).
 *
 * Also here: the meaning of next_id() while a row is being written (id_context).
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/pg_prng.h"
#include "utils/memutils.h"

#include "base/settings.h"
#include "catalog/id_maker.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "route/route.h"

/* next_id() alone goes round this many of the node's shards in one transaction. */
#define MAX_TURN_SHARDS 16

IdContext	id_context = {.shard = ROUTE_NO_SHARD, .defer = false};
IdRemoteNext id_remote_next = NULL;

/* Of the current transaction */
static uint8 checked_shards[ROUTE_MAX_SHARDS / 8];	/* locked and ours */
static bool any_checked = false;
static int	turn_shards[MAX_TURN_SHARDS];
static int	nturn_shards = 0;
static int	next_turn = 0;

/* id_context at the start of each open subtransaction, by nesting level */
static IdContext *contexts = NULL;
static int	ncontexts = 0;

static void
forget_transaction(void)
{
	if (any_checked)
		memset(checked_shards, 0, sizeof(checked_shards));
	any_checked = false;
	nturn_shards = 0;
}

static void
end_transaction(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PARALLEL_ABORT:
			id_context.shard = ROUTE_NO_SHARD;
			id_context.defer = false;
			forget_transaction();
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PREPARE:
			forget_transaction();
			break;
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			break;
	}
}

/* An exception block inside of a trigger: what next_id() means before it is what it means behind it. */
static void
remember_context(int level)
{
	if (level >= ncontexts)
	{
		int			n = Max(2 * level, 8);

		contexts = contexts ? repalloc(contexts, sizeof(IdContext) * n) :
			MemoryContextAlloc(TopMemoryContext, sizeof(IdContext) * n);
		ncontexts = n;
	}
	contexts[level] = id_context;
}

static void
recall_context(int level)
{
	if (level < ncontexts)		/* else it has not quite begun */
		id_context = contexts[level];
}

static void
at_subtransaction(SubXactEvent event, SubTransactionId subxact, SubTransactionId parent, void *arg)
{
	switch (event)
	{
		case SUBXACT_EVENT_START_SUB:
			remember_context(GetCurrentTransactionNestLevel());
			break;
		case SUBXACT_EVENT_ABORT_SUB:
			recall_context(GetCurrentTransactionNestLevel());
			forget_transaction();
			break;
		case SUBXACT_EVENT_PRE_COMMIT_SUB:
		case SUBXACT_EVENT_COMMIT_SUB:
			break;
	}
}

static inline bool
is_checked(int shard)
{
	return (checked_shards[shard / 8] & (1 << (shard % 8))) != 0;
}

/* Lock the shard and see whether it is ours. */
static ShardVerdict
lock_and_check(int shard)
{
	ShardVerdict verdict;

	shard_map_lock(shard, false);
	verdict = shard_map_check(shard, SHARD_WRITE, NULL);
	if (verdict == SHARD_OK)
	{
		checked_shards[shard / 8] |= 1 << (shard % 8);
		any_checked = true;
	}
	return verdict;
}

int64
id_maker_next_of(int shard)
{
	ShardVerdict verdict;
	int			owner;

	if (likely(is_checked(shard)))
		return id_maker_next(shard);

	owner = shard_map_owner(shard, NULL);
	if (owner == node_self())
	{
		verdict = lock_and_check(shard);
		if (verdict == SHARD_OK)
			return id_maker_next(shard);
		if (verdict == SHARD_TOO_NEW)
			shard_map_raise(shard, verdict);
		owner = shard_map_owner(shard, NULL);
	}
	if (owner == 0 || owner == node_self() || session_is_forwarded() || id_remote_next == NULL)
		shard_map_raise(shard, SHARD_MOVED);
	return id_remote_next(shard, owner);
}

/* Choose the shards that next_id() goes round in this transaction: neighbours from a random one on. */
static void
choose_turn(void)
{
	Bitmapset  *owned = shard_map_owned_by(node_self());
	int			nowned = bms_num_members(owned);
	int			shard = -1;

	if (nowned == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this node owns no logical shard"),
				 errdetail("shardext.next_id() called alone makes an id in a shard of this node."),
				 errhint("Name the shard, as in shardext.next_id(0), or call it on another node.")));

	for (int skip = pg_prng_uint32(&pg_global_prng_state) % nowned; skip >= 0; skip--)
		shard = bms_next_member(owned, shard);
	while (nturn_shards < Min(nowned, MAX_TURN_SHARDS))
	{
		turn_shards[nturn_shards++] = shard;
		shard = bms_next_member(owned, shard);
		if (shard < 0)
			shard = bms_next_member(owned, -1);
	}
	next_turn = 0;
	bms_free(owned);
}

int64
id_maker_next_anywhere(void)
{
	for (int tries = 0;; tries++)
	{
		ShardVerdict verdict;
		int			shard;

		if (nturn_shards == 0)
			choose_turn();
		shard = turn_shards[next_turn];
		next_turn = (next_turn + 1) % nturn_shards;
		if (likely(is_checked(shard)))
			return id_maker_next(shard);

		verdict = lock_and_check(shard);
		if (verdict == SHARD_OK)
			return id_maker_next(shard);
		if (tries == 3)
			shard_map_raise(shard, verdict);
		nturn_shards = 0;		/* it was just moved away: choose again */
	}
}

void
id_maker_own_preload(void)
{
	RegisterXactCallback(end_transaction, NULL);
	RegisterSubXactCallback(at_subtransaction, NULL);
}
