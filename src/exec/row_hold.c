/*
 * row_hold.c
 *	  Shards that rows are going to be inserted into, one by one.
 *
 * A row that is updated or deleted has been read and locked before, by a statement that follows its shard when that
 * moves. A row that is inserted comes to a shard where the transaction may never have been, and whose owner this node
 * may not know yet. In the middle of many rows a node cannot refuse one: others are stored. So the owner is asked to
 * lock the shard's table first, when the row can still go elsewhere; a move waits for the lock then.
 *
 * Who has locked one shard of a table on a node, and needs another one, asks for all of that node's: an INSERT of many
 * rows asks each node twice.
 */
#include "postgres.h"

#include "access/xact.h"
#include "lib/ilist.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "catalog/table_map.h"
#include "exec/fragment.h"
#include "exec/row_hold.h"
#include "exec/row_there.h"
#include "route/route.h"

/* Of one table, in a (sub)transaction; it goes with it. */
typedef struct HeldShards
{
	dlist_node	link;
	Oid			relid;
	SubTransactionId subxact;	/* where they were locked */
	MemoryContext context;
	Bitmapset  *shards;
	Bitmapset  *nodes;			/* on which there are some */
	MemoryContextCallback on_reset;
} HeldShards;

static dlist_head all_held = DLIST_STATIC_INIT(all_held);

static void
held_freed(void *arg)
{
	dlist_delete(&((HeldShards *) arg)->link);
}

static HeldShards *
held_of(Oid relid)
{
	SubTransactionId subxact = GetCurrentSubTransactionId();
	dlist_iter	iter;
	HeldShards *held;

	dlist_foreach(iter, &all_held)
	{
		held = dlist_container(HeldShards, link, iter.cur);
		if (held->relid == relid && held->subxact == subxact)
			return held;
	}
	held = MemoryContextAllocZero(CurTransactionContext, sizeof(HeldShards));
	held->relid = relid;
	held->subxact = subxact;
	held->context = CurTransactionContext;
	dlist_push_head(&all_held, &held->link);
	held->on_reset.func = held_freed;
	held->on_reset.arg = held;
	MemoryContextRegisterResetCallback(CurTransactionContext, &held->on_reset);
	return held;
}

/* On this node. */
static bool
lock_here(Oid relid, int shard)
{
	Oid			table = table_shard_relid(relid, shard);

	if (!OidIsValid(table))
		return false;
	LockRelationOid(table, RowExclusiveLock);
	return shard_map_check(shard, SHARD_WRITE, NULL) == SHARD_OK;
}

static void
keep(HeldShards *held, Bitmapset *shards, int node)
{
	MemoryContext old = MemoryContextSwitchTo(held->context);

	held->shards = bms_add_members(held->shards, shards);
	held->nodes = bms_add_member(held->nodes, node);
	MemoryContextSwitchTo(old);
}

void
row_hold_shard(Relation shell, uint32 command, int shard)
{
	HeldShards *held = held_of(RelationGetRelid(shell));

	for (int attempt = 0; !bms_is_member(shard, held->shards); attempt++)
	{
		Bitmapset  *locked = NULL;
		int			owner;

		if (attempt > 0)
			fragment_wait_for_owner(shard, attempt - 1);
		owner = shard_map_owner(shard, NULL);
		if (owner == node_self())
			locked = lock_here(RelationGetRelid(shell), shard) ? bms_make_singleton(shard) : NULL;
		else if (owner != 0)
			locked = row_there_hold(shell, command, owner, bms_is_member(owner, held->nodes) ? ROUTE_NO_SHARD : shard);
		if (locked != NULL)
			keep(held, locked, owner);
	}
}
