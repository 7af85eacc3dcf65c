/*
 * row_kept.c
 *	  Rows that a statement has written on other nodes, kept here for its AFTER
 *	  triggers.
 *
 * An AFTER trigger is noted with the ctids of the row's old and new version, and
 * when it fires, at the end of the statement, both are fetched. From other nodes that
 * would be two round trips for each row, and no write could wait for others,
 * since it is the write that says where the new version is. Both are known here when
 * the row is written; so they are kept, the new one under a number that looks like
 * a ctid, and is no place (row_place.h).
 *
 * Rows are kept up to work_mem. Those that come later are written at once, and fetched.
 */
#include "postgres.h"

#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "exec/row_kept.h"
#include "exec/row_place.h"

typedef struct KeptRow
{
	ItemPointerData place;		/* key */
	MinimalTuple row;
} KeptRow;

struct RowKept
{
	HTAB	   *rows;
	uint32		nnew;			/* numbers given */
	MemoryContext cxt;
};

RowKept *
row_kept_make(void)
{
	RowKept    *kept = palloc0(sizeof(RowKept));
	HASHCTL		ctl = {0};

	kept->cxt = AllocSetContextCreate(CurrentMemoryContext, "shardext rows for triggers", ALLOCSET_DEFAULT_SIZES);
	ctl.keysize = sizeof(ItemPointerData);
	ctl.entrysize = sizeof(KeptRow);
	ctl.hcxt = kept->cxt;
	kept->rows = hash_create("shardext rows for triggers", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return kept;
}

bool
row_kept_has_room(const RowKept *kept)
{
	return MemoryContextMemAllocated(kept->cxt, true) < (Size) work_mem * 1024;
}

void
row_kept_put_old(RowKept *kept, const ItemPointerData *place, TupleTableSlot *slot)
{
	MemoryContext old = MemoryContextSwitchTo(kept->cxt);
	KeptRow    *entry = (KeptRow *) hash_search(kept->rows, place, HASH_ENTER, NULL);

	entry->row = ExecCopySlotMinimalTuple(slot);
	MemoryContextSwitchTo(old);
}

/* Shard + 1 is 0 in it. */
static void
number_as_place(uint32 number, ItemPointer place)
{
	uint32		lines = 1 << (PLACE_LINE_BITS - 1);

	ItemPointerSet(place, number / lines, number % lines + 1);
}

void
row_kept_put_new(RowKept *kept, TupleTableSlot *slot)
{
	ItemPointerData place;

	number_as_place(kept->nnew++, &place);
	row_kept_put_old(kept, &place, slot);
	slot->tts_tid = place;
}

MinimalTuple
row_kept_get(const RowKept *kept, const ItemPointerData *place)
{
	const KeptRow *entry = (const KeptRow *) hash_search(kept->rows, place, HASH_FIND, NULL);

	return entry != NULL ? entry->row : NULL;
}
