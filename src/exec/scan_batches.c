/*
 * scan_batches.c
 *	  A scan whose rows are fetched in batches, as far as they are wanted.
 *
 * SELECT .. ORDER BY .. LIMIT 1 FOR UPDATE SKIP LOCKED needs the first row, or the
 * next if somebody has locked that, and so on: nobody knows how many of them
 * before. So each node is asked for some rows, in the order of the statement
 * (fragment_merge.c). If one of them has no more to give, though it has more,
 * all are asked again, for eight times as many; what was given before is left
 * out. The work of all batches together is that of the last one, nearly. After a
 * large one all rows are asked for, so that those given, which have to be
 * known, are not too many.
 *
 * The rows are those of one snapshot. The shards of this node are read with the
 * statement's; on another node the scan has a number, and all statements with
 * that number use the snapshot of the first (held_snapshot.c). So a row is known
 * by its place: shard and ctid. A shard that moves meanwhile has other ctids on
 * its new node, hence the node beside it. (Rows that are locked do not move.)
 *
 * With SKIP LOCKED another node marks the rows that LockRows could not lock now
 * (fragment.c, row_here.c): they were given, but LockRows does not see them, which
 * spares it a round trip for each task that other workers are at. A row that
 * is locked later it finds locked, as any.
 *
 * Nothing is said to another node at the end of a scan. The next one brings the
 * number of the oldest scan that goes on in this session; snapshots of
 * those before it are given up then, all others with the transaction.
 */
#include "postgres.h"

#include "commands/explain.h"
#include "lib/ilist.h"
#include "storage/itemptr.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "base/pg_compat.h"
#include "exec/scan_batches.h"

/* How much larger each batch is than the one before. */
#define GROWTH	8

/* Of a batch that would be larger there is no end. */
#define LARGEST_BATCH	65536

struct ScanBatches
{
	/* settings */
	int64		first;

	/* state */
	uint32		number;			/* 0: not one of those that go on */
	int64		size;
	int			nbatches;
	HTAB	   *given;			/* of RowKey; NULL: nothing */

	/* memory */
	dlist_node	link;			/* in open_scans, if it has a number */
	MemoryContext cxt;
	MemoryContextCallback on_reset;
};

/* A row that was given. No padding: it is hashed as it is. */
typedef struct RowKey
{
	uint16		block_high;
	uint16		block_low;
	uint16		offset;
	uint16		unused;
	int32		node_id;
} RowKey;

/* The scans of this session that go on, oldest first. */
static dlist_head open_scans = DLIST_STATIC_INIT(open_scans);

static void
scan_freed(void *arg)
{
	scan_batches_end((ScanBatches *) arg);
}

ScanBatches *
scan_batches_make(EState *estate, int64 first)
{
	ScanBatches *batches = MemoryContextAllocZero(estate->es_query_cxt, sizeof(ScanBatches));

	batches->first = batches->size = first;
	batches->cxt = estate->es_query_cxt;
	batches->on_reset.func = scan_freed;
	batches->on_reset.arg = batches;
	MemoryContextRegisterResetCallback(estate->es_query_cxt, &batches->on_reset);
	return batches;
}

void
scan_batches_restart(ScanBatches *batches)
{
	static uint32 last_number = 0;

	scan_batches_end(batches);
	if (++last_number == PG_UINT32_MAX)
		last_number = 1;
	batches->number = last_number;
	dlist_push_tail(&open_scans, &batches->link);
	batches->size = batches->first;
	batches->nbatches++;
	if (batches->given != NULL)
		hash_destroy(batches->given);
	batches->given = NULL;
}

int64
scan_batches_size(const ScanBatches *batches)
{
	return batches->size;
}

uint32
scan_batches_snapshot(const ScanBatches *batches, uint32 *oldest)
{
	*oldest = dlist_head_element(ScanBatches, link, &open_scans)->number;
	return batches->number;
}

static HTAB *
make_given(MemoryContext cxt)
{
	HASHCTL		ctl = {.keysize = sizeof(RowKey), .entrysize = sizeof(RowKey), .hcxt = cxt};

	return hash_create("shardext rows given", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

bool
scan_batches_take(ScanBatches *batches, int node_id, const ItemPointerData *place)
{
	RowKey		key = {place->ip_blkid.bi_hi, place->ip_blkid.bi_lo, place->ip_posid, 0, node_id};
	bool		is_last = batches->size == PG_INT64_MAX;
	bool		found;

	if (batches->given == NULL)
		batches->given = make_given(batches->cxt);
	(void) hash_search(batches->given, &key, is_last ? HASH_FIND : HASH_ENTER, &found);
	return !found;
}

void
scan_batches_next(ScanBatches *batches)
{
	batches->size = batches->size > LARGEST_BATCH / GROWTH ? PG_INT64_MAX : batches->size * GROWTH;
	batches->nbatches++;
}

void
scan_batches_end(ScanBatches *batches)
{
	if (batches->number != 0)
		dlist_delete(&batches->link);
	batches->number = 0;
}

void
scan_batches_explain(const ScanBatches *batches, ExplainState *es)
{
	ExplainPropertyInteger("First Batch", "rows", batches->first, es);
	if (es->analyze)
		ExplainPropertyInteger("Batches", NULL, batches->nbatches, es);
}
