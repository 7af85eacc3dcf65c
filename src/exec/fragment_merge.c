/*
 * fragment_merge.c
 *	  The rows of a fragment in the order of its ORDER BY.
 *
 * Each node sends its rows sorted; the shards of this node give theirs one shard
 * after the other, so these are sorted here (PostgreSQL's tuplesort, which spills
 * to disk). The streams are merged by a heap of their first rows: the rows of
 * other nodes are never collected, and whoever needs the first ones only (LIMIT)
 * stops reading.
 *
 *	  first row wanted:	sort what this node has; fetch a row from each part;
 *						repeat what was refused, until nothing is
 *	  each row:			fetch the next row from where the last one came
 *
 * With a limit on each shard's rows, what comes after a node's last row is not
 * known once that row has been given: rows of other nodes may not be next.
 */
#include "postgres.h"

#include "lib/binaryheap.h"
#include "miscadmin.h"
#include "utils/sortsupport.h"
#include "utils/tuplesort.h"

#include "catalog/node_map.h"
#include "exec/fragment_merge.h"

/* One sorted stream. */
typedef struct MergeSource
{
	FragmentPart *part;			/* NULL: what this node has */
	TupleTableSlot *row;		/* its first row */
	int64		fetched;		/* rows, that one included */
} MergeSource;

struct FragmentMerge
{
	/* what is merged */
	Fragment   *fragment;
	TupleDesc	desc;
	const MergeOrder *order;
	int64		limit;			/* 0: none */

	/* state */
	bool		started;
	bool		hit_limit;
	MergeSource *last;			/* whose row was given out; to be advanced */
	List	   *sources;		/* of MergeSource *, all there ever were */
	SortSupport keys;
	binaryheap *heap;			/* of MergeSource * */
	Tuplesortstate *here;		/* rows of this node; NULL: none */

	/* memory */
	MemoryContext cxt;
};

FragmentMerge *
fragment_merge_start(Fragment *fragment, TupleDesc desc, const MergeOrder *order, int64 limit)
{
	FragmentMerge *merge = palloc0(sizeof(FragmentMerge));

	merge->fragment = fragment;
	merge->desc = desc;
	merge->order = order;
	merge->limit = limit;
	merge->cxt = CurrentMemoryContext;
	merge->keys = palloc0(sizeof(SortSupportData) * order->nkeys);
	for (int i = 0; i < order->nkeys; i++)
	{
		SortSupport key = &merge->keys[i];

		key->ssup_cxt = CurrentMemoryContext;
		key->ssup_collation = order->collations[i];
		key->ssup_nulls_first = order->nulls_first[i];
		key->ssup_attno = order->columns[i];
		PrepareSortSupportFromOrderingOp(order->operators[i], key);
	}
	return merge;
}

/* The heap has its greatest element first. */
static int
compare_sources(Datum a, Datum b, void *arg)
{
	const FragmentMerge *merge = arg;
	TupleTableSlot *left = ((MergeSource *) DatumGetPointer(a))->row;
	TupleTableSlot *right = ((MergeSource *) DatumGetPointer(b))->row;

	for (int i = 0; i < merge->order->nkeys; i++)
	{
		bool		left_null;
		bool		right_null;
		Datum		left_value = slot_getattr(left, merge->order->columns[i], &left_null);
		Datum		right_value = slot_getattr(right, merge->order->columns[i], &right_null);
		int			order = ApplySortComparator(left_value, left_null, right_value, right_null, &merge->keys[i]);

		if (order != 0)
			return order > 0 ? -1 : 1;
	}
	return 0;
}

static MergeSource *
add_source(FragmentMerge *merge, FragmentPart *part, const TupleTableSlotOps *ops)
{
	MergeSource *source = palloc0(sizeof(MergeSource));

	source->part = part;
	source->row = MakeSingleTupleTableSlot(merge->desc, ops);
	merge->sources = lappend(merge->sources, source);
	return source;
}

/* Its next row; false at its end, or where that is not known. */
static bool
advance(FragmentMerge *merge, MergeSource *source)
{
	if (merge->limit > 0 && source->fetched == merge->limit)
	{
		merge->hit_limit = true;
		return false;
	}
	source->fetched++;
	if (source->part != NULL)
		return fragment_next_of(merge->fragment, source->part, source->row);
	return tuplesort_gettupleslot(merge->here, true, false, source->row, NULL);
}

/* Take in what the shards of this node give. */
static void
take_rows_here(FragmentMerge *merge)
{
	const MergeOrder *order = merge->order;
	TupleTableSlot *slot = MakeSingleTupleTableSlot(merge->desc, &TTSOpsVirtual);

	while (fragment_next_here(merge->fragment, slot))
	{
		if (merge->here == NULL)
			merge->here = tuplesort_begin_heap(merge->desc, order->nkeys, order->columns, order->operators,
											   order->collations, order->nulls_first, work_mem, NULL, TUPLESORT_NONE);
		tuplesort_puttupleslot(merge->here, slot);
	}
	ExecDropSingleTupleTableSlot(slot);
}

/* Take in the parts that have been started since the last time. */
static void
take_parts(FragmentMerge *merge)
{
	List	   *parts = fragment_parts(merge->fragment);
	ListCell   *lc;

	foreach(lc, merge->sources)
		parts = list_delete_ptr(parts, ((MergeSource *) lfirst(lc))->part);
	foreach(lc, parts)
	{
		MergeSource *source = add_source(merge, (FragmentPart *) lfirst(lc), &TTSOpsVirtual);

		if (!advance(merge, source))
			ExecClearTuple(source->row);
	}
}

static void
start(FragmentMerge *merge)
{
	MemoryContext outer = MemoryContextSwitchTo(merge->cxt);
	ListCell   *lc;

	do
	{
		take_rows_here(merge);
		take_parts(merge);
	} while (fragment_repeat_refused(merge->fragment));

	if (merge->here != NULL)
	{
		tuplesort_performsort(merge->here);
		(void) advance(merge, add_source(merge, NULL, &TTSOpsMinimalTuple));
	}
	merge->heap = binaryheap_allocate(Max(list_length(merge->sources), 1), compare_sources, merge);
	foreach(lc, merge->sources)
	{
		if (!TupIsNull(((MergeSource *) lfirst(lc))->row))
			binaryheap_add_unordered(merge->heap, PointerGetDatum(lfirst(lc)));
	}
	binaryheap_build(merge->heap);
	merge->started = true;
	MemoryContextSwitchTo(outer);
}

/* The row stays its source's: it is good until the next one is asked for. */
static void
show_row(TupleTableSlot *row, TupleTableSlot *slot)
{
	int			natts = slot->tts_tupleDescriptor->natts;

	ExecClearTuple(slot);
	slot_getallattrs(row);
	memcpy(slot->tts_values, row->tts_values, natts * sizeof(Datum));
	memcpy(slot->tts_isnull, row->tts_isnull, natts * sizeof(bool));
	ExecStoreVirtualTuple(slot);
}

bool
fragment_merge_next(FragmentMerge *merge, TupleTableSlot *slot)
{
	if (!merge->started)
		start(merge);
	else if (merge->last != NULL)
	{
		if (advance(merge, merge->last))
			binaryheap_replace_first(merge->heap, PointerGetDatum(merge->last));
		else
			(void) binaryheap_remove_first(merge->heap);
		merge->last = NULL;
	}
	if (merge->hit_limit || binaryheap_empty(merge->heap))
	{
		ExecClearTuple(slot);
		return false;
	}
	merge->last = (MergeSource *) DatumGetPointer(binaryheap_first(merge->heap));
	show_row(merge->last->row, slot);
	return true;
}

int
fragment_merge_row_node(const FragmentMerge *merge)
{
	return merge->last->part != NULL ? fragment_part_node(merge->last->part) : node_self();
}

bool
fragment_merge_hit_limit(const FragmentMerge *merge)
{
	return merge->hit_limit;
}

void
fragment_merge_end(FragmentMerge *merge)
{
	ListCell   *lc;

	foreach(lc, merge->sources)
		ExecDropSingleTupleTableSlot(((MergeSource *) lfirst(lc))->row);
	if (merge->here != NULL)
		tuplesort_end(merge->here);
}
