/*
 * shard_handover.c
 *	  Locks that fence a logical shard while its owner changes (design D4).
 *
 * EXCLUSIVE conflicts with writers and row locks, not with readers. Tables are locked in the order of their shells'
 * OIDs, then the shard as such, which stops ids.
 */
#include "postgres.h"

#include "catalog/shard_map.h"
#include "catalog/table_map.h"
#include "cluster/shard_handover.h"
#include "storage/lmgr.h"

void
shard_handover_lock(int shard, ShardFence fence)
{
	List	   *shells = NIL;
	ListCell   *lc;

	foreach(lc, table_list())
	{
		TableInfo  *table = lfirst(lc);

		if (table->kind == TABLE_SHARDED)
			shells = lappend_oid(shells, table->relid);
	}
	list_sort(shells, list_oid_cmp);
	foreach(lc, shells)
	{
		Oid			relid = table_shard_relid(lfirst_oid(lc), shard);

		if (OidIsValid(relid))
			LockRelationOid(relid, fence == FENCE_EVERYONE ? AccessExclusiveLock : ExclusiveLock);
	}
	shard_map_lock(shard, true);
}
