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
 * The rows are those of one snapshot (snapshot_number.h). So a row is known
 * by its place: shard and ctid. A shard that moves meanwhile has other ctids on
 * its new node, hence the node beside it. (Rows that are locked do not move.)
 *
 * With SKIP LOCKED another node marks the rows that LockRows could not lock now
 * (fragment.c, row_here.c): they were given, but LockRows does not see them, which
 * spares it a round trip for each task that other workers are at. A row that
 * is locked later it finds locked, as any.
 */
#include "postgres.h"

#include "commands/explain.h"
#include "storage/itemptr.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "base/pg_compat.h"
#include "exec/scan_batches.h"
#include "exec/snapshot_number.h"

/* How much larger each batch is than the one before. */
#define GROWTH	8

/* Of a batch that would be larger there is no end. */
#define LARGEST_BATCH	65536

struct ScanBatches
{
	/* settings */
	int64		first;

	/* state */
	SnapshotNumber *number;
	int64		size;
	int			nbatches;
	HTAB	   *given;			/* of RowKey; NULL: nothing */

	/* memory */
	MemoryContext cxt;
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

ScanBatches *
scan_batches_make(EState *estate, int64 first)
{
	ScanBatches *batches = MemoryContextAllocZero(estate->es_query_cxt, sizeof(ScanBatches));

	batches->first = batches->size = first;
	batches->cxt = estate->es_query_cxt;
	batches->number = snapshot_number_make(estate);
	return batches;
}

void
scan_batches_restart(ScanBatches *batches)
{
	snapshot_number_renew(batches->number);
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
	return snapshot_number_get(batches->number, oldest);
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
	snapshot_number_end(batches->number);
}

void
scan_batches_explain(const ScanBatches *batches, ExplainState *es)
{
	ExplainPropertyInteger("First Batch", "rows", batches->first, es);
	if (es->analyze)
		ExplainPropertyInteger("Batches", NULL, batches->nbatches, es);
}
