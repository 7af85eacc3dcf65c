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

#include "access/htup_details.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/datum.h"
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
	const Bitmapset *foreign_columns;
	HTAB	   *rows;
	uint32		nnew;			/* numbers given */
	TupleTableSlot *slot;
	MemoryContext cxt;
};

RowKept *
row_kept_make(const Bitmapset *foreign_columns, TupleTableSlot *slot)
{
	RowKept    *kept = palloc0(sizeof(RowKept));
	HASHCTL		ctl = {0};

	kept->foreign_columns = foreign_columns;
	kept->slot = slot;
	kept->cxt = AllocSetContextCreate(CurrentMemoryContext, "shardext rows for triggers", ALLOCSET_DEFAULT_SIZES);
	ctl.keysize = sizeof(ItemPointerData);
	ctl.entrysize = sizeof(KeptRow);
	ctl.hcxt = kept->cxt;
	kept->rows = hash_create("shardext rows for triggers", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return kept;
}

static bool
changes_foreign_columns(const RowKept *kept, MinimalTuple old, TupleTableSlot *slot)
{
	bool		result = false;
	int			attno = -1;

	ExecStoreMinimalTuple(old, kept->slot, false);
	while (!result && (attno = bms_next_member(kept->foreign_columns, attno)) >= 0)
	{
		Form_pg_attribute att = TupleDescAttr(slot->tts_tupleDescriptor, attno - 1);
		bool		was_null;
		bool		is_null;
		Datum		was = slot_getattr(kept->slot, attno, &was_null);
		Datum		is = slot_getattr(slot, attno, &is_null);

		result = was_null != is_null || (!is_null && !datumIsEqual(was, is, att->attbyval, att->attlen));
	}
	ExecClearTuple(kept->slot);
	return result;
}

bool
row_kept_takes(const RowKept *kept, MinimalTuple old, TupleTableSlot *slot)
{
	if (slot != NULL && kept->foreign_columns != NULL && (old == NULL || changes_foreign_columns(kept, old, slot)))
		return false;
	return MemoryContextMemAllocated(kept->cxt, true) < (Size) work_mem * 1024;
}

/* Shard + 1 is 0 in it. */
static void
number_as_place(uint32 number, ItemPointer place)
{
	uint32		lines = 1 << (PLACE_LINE_BITS - 1);

	ItemPointerSet(place, number / lines, number % lines + 1);
}

static KeptRow *
add_row(RowKept *kept, const ItemPointerData *place)
{
	return (KeptRow *) hash_search(kept->rows, place, HASH_ENTER, NULL);
}

void
row_kept_put(RowKept *kept, const ItemPointerData *place, MinimalTuple old, TupleTableSlot *slot)
{
	MemoryContext before = MemoryContextSwitchTo(kept->cxt);

	if (old != NULL)
		add_row(kept, place)->row = memcpy(palloc(old->t_len), old, old->t_len);
	if (slot != NULL)
	{
		number_as_place(kept->nnew++, &slot->tts_tid);
		add_row(kept, &slot->tts_tid)->row = ExecCopySlotMinimalTuple(slot);
	}
	MemoryContextSwitchTo(before);
}

MinimalTuple
row_kept_get(const RowKept *kept, const ItemPointerData *place)
{
	const KeptRow *entry = (const KeptRow *) hash_search(kept->rows, place, HASH_FIND, NULL);

	return entry != NULL ? entry->row : NULL;
}
