/*
 * snapshot_number.c
 *	  Numbers of scans that ask other nodes more than once, and want to be given
 *	  rows of one snapshot.
 *
 * The shards of this node are read with the statement's snapshot. On another node all
 * statements of a scan, which bear its number, use the snapshot of the first
 * (held_snapshot.c). If that would come too late, a statement without rows is sent before.
 *
 * Nothing is said to another node at the end of a scan. The next one brings the
 * number of the oldest scan that goes on in this session; snapshots of
 * those before it are given up then, all others with the transaction. So numbers
 * begin anew in each, which lets a node know a statement that comes again by its text.
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "storage/proc.h"
#include "utils/memutils.h"

#include "base/pg_compat.h"
#include "base/statement_note.h"
#include "catalog/node_map.h"
#include "exec/remote_run.h"
#include "exec/shard_set.h"
#include "exec/snapshot_number.h"

struct SnapshotNumber
{
	uint32		number;			/* 0: not one of those that go on */
	RemoteRun  *taking;			/* statements that nobody wants anything of but the snapshot; or NULL */
	dlist_node	link;			/* in open_scans, if it has a number */
	MemoryContextCallback on_reset;
};

/* The scans of this session that go on, oldest first. */
static dlist_head open_scans = DLIST_STATIC_INIT(open_scans);

static void
scan_freed(void *arg)
{
	snapshot_number_end((SnapshotNumber *) arg);
}

SnapshotNumber *
snapshot_number_make(EState *estate)
{
	SnapshotNumber *number = MemoryContextAllocZero(estate->es_query_cxt, sizeof(SnapshotNumber));

	number->on_reset.func = scan_freed;
	number->on_reset.arg = number;
	MemoryContextRegisterResetCallback(estate->es_query_cxt, &number->on_reset);
	return number;
}

static uint32
next_number(void)
{
	static uint32 last = 0;
	static LocalTransactionId last_transaction = InvalidLocalTransactionId;

	if (last_transaction != sx_my_lxid() && dlist_is_empty(&open_scans))
		last = 0;
	last_transaction = sx_my_lxid();
	if (++last == PG_UINT32_MAX)
		last = 1;
	return last;
}

void
snapshot_number_renew(SnapshotNumber *number)
{
	snapshot_number_end(number);
	number->number = next_number();
	dlist_push_tail(&open_scans, &number->link);
}

uint32
snapshot_number_get(const SnapshotNumber *number, uint32 *oldest)
{
	*oldest = number->number != 0 ? dlist_head_element(SnapshotNumber, link, &open_scans)->number : 0;
	return number->number;
}

void
snapshot_number_take(SnapshotNumber *number, Oid role)
{
	Bitmapset  *all = shard_set_all();
	ListCell   *lc;

	number->taking = remote_run_make("SELECT", NULL, 0, NULL, 0, NULL, false);
	foreach(lc, node_list())
	{
		int			node_id = ((NodeInfo *) lfirst(lc))->node_id;
		Bitmapset  *shards = node_id != node_self() ? shard_set_of_node(all, node_id) : NULL;
		uint32		oldest;
		uint32		own = snapshot_number_get(number, &oldest);

		if (shards != NULL)
			remote_run_start(number->taking, node_id, role,
							 statement_note_with_snapshot(statement_note_shards(shards, false), own, oldest),
							 NULL, NULL, false);
	}
}

void
snapshot_number_end(SnapshotNumber *number)
{
	if (number->taking != NULL)
		remote_run_end(number->taking);
	number->taking = NULL;
	if (number->number != 0)
		dlist_delete(&number->link);
	number->number = 0;
}
