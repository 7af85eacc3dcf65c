/*
 * shard_sample.c
 *	  A sample of a sharded table's rows, for statistics of its shell.
 *
 * Each node takes rows out of its shard tables as PostgreSQL's ANALYZE does: a
 * number of blocks chosen at random, and of the rows found in these a number
 * chosen at random; each shard table in proportion to its pages. Rows travel as
 * arrays of text, domains as their base types (what is in a table need not
 * satisfy a domain's present constraints).
 *
 * Values too wide to be looked at by ANALYZE do not travel: texts are cut to a
 * length that still is too wide, other values beyond WIDEST become null.
 *
 * Rows are put in the order of their places in their shard tables, relative to
 * the length of these: when all shards have grown alike, that is how they would
 * lie in one table, and their correlation with the order of values comes out as
 * it would there.
 *
 * What it does not do: statistics (shell_stats.c).
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "commands/vacuum.h"
#include "common/pg_prng.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/sampling.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "catalog/table_map.h"
#include "ddl/other_nodes.h"
#include "ddl/shard_sample.h"

#define ROWS_PER_TARGET	300		/* of ANALYZE */
#define LONGEST_TEXT	1040	/* ANALYZE ignores what is wider than 1024 */
#define WIDEST			8192
#define MOST_BYTES		(128.0 * 1024 * 1024)

/* Rows chosen from one shard table: each row seen so far is among them with the same probability. */
typedef struct Reservoir
{
	int			wanted;
	double		seen;
	int			n;
	HeapTuple  *rows;
	double	   *places;
	ReservoirStateData random;
} Reservoir;

/* ------------------------------------------------------------------------
 * Rows to text and back
 * ------------------------------------------------------------------------
 */

/* Narrow enough to travel; false: null instead. *value may be replaced. */
static bool
narrow(Form_pg_attribute att, Oid base, Datum *value)
{
	struct varlena *piece;
	Size		width;

	if (att->attlen != -1)
		return true;
	width = toast_raw_datum_size(*value) - VARHDRSZ;
	if (width <= LONGEST_TEXT)
		return true;
	if (base != TEXTOID && base != VARCHAROID && base != BPCHAROID && base != BYTEAOID)
		return width <= WIDEST;
	piece = (struct varlena *) PG_DETOAST_DATUM_SLICE(*value, 0, LONGEST_TEXT);
	if (base != BYTEAOID)
		SET_VARSIZE(piece, VARHDRSZ + pg_mbcliplen(VARDATA(piece), VARSIZE(piece) - VARHDRSZ, LONGEST_TEXT));
	*value = PointerGetDatum(piece);
	return true;
}

static char *
row_to_text(TupleDesc desc, HeapTuple row)
{
	List	   *texts = NIL;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		Oid			base;
		Oid			output;
		bool		varlena;
		bool		isnull;
		Datum		value;

		if (att->attisdropped)
			continue;
		base = getBaseType(att->atttypid);
		value = heap_getattr(row, i + 1, desc, &isnull);
		if (isnull || !narrow(att, base, &value))
		{
			texts = lappend(texts, NULL);
			continue;
		}
		getTypeOutputInfo(base, &output, &varlena);
		texts = lappend(texts, OidOutputFunctionCall(output, value));
	}
	return DatumGetCString(OidFunctionCall1(F_ARRAY_OUT, list_to_text_array(texts)));
}

/* What reads the values of one column. */
typedef struct ColumnInput
{
	FmgrInfo	function;
	Oid			parameter;
	int32		typmod;
} ColumnInput;

static ColumnInput *
column_inputs(TupleDesc desc)
{
	ColumnInput *inputs = palloc0(sizeof(ColumnInput) * Max(desc->natts, 1));

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		Oid			function;

		if (att->attisdropped)
			continue;
		inputs[i].typmod = att->atttypmod;
		getTypeInputInfo(getBaseTypeAndTypmod(att->atttypid, &inputs[i].typmod), &function, &inputs[i].parameter);
		fmgr_info(function, &inputs[i].function);
	}
	return inputs;
}

static HeapTuple
text_to_row(TupleDesc desc, ColumnInput *inputs, char *text)
{
	List	   *texts = text_array_to_list(OidInputFunctionCall(F_ARRAY_IN, text, TEXTOID, -1));
	Datum	   *values = palloc0(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * desc->natts);
	int			next = 0;

	for (int i = 0; i < desc->natts; i++)
	{
		char	   *value = NULL;

		if (!TupleDescAttr(desc, i)->attisdropped)
		{
			if (next >= list_length(texts))
				elog(ERROR, "a row of a sample has only %d columns", next);
			value = list_nth(texts, next++);
		}
		nulls[i] = value == NULL;
		if (value != NULL)
			values[i] = InputFunctionCall(&inputs[i].function, value, inputs[i].parameter, inputs[i].typmod);
	}
	return heap_form_tuple(desc, values, nulls);
}

HeapTuple *
shard_sample_tuples(TupleDesc desc, List *texts)
{
	HeapTuple  *tuples = palloc(sizeof(HeapTuple) * Max(list_length(texts), 1));
	ColumnInput *inputs = column_inputs(desc);
	MemoryContext cxt = CurrentMemoryContext;
	MemoryContext per_row_cxt = AllocSetContextCreate(cxt, "row of a sample", ALLOCSET_DEFAULT_SIZES);
	ListCell   *lc;

	foreach(lc, texts)
	{
		int			i = foreach_current_index(lc);
		HeapTuple	tuple;

		MemoryContextSwitchTo(per_row_cxt);
		tuple = text_to_row(desc, inputs, lfirst(lc));
		MemoryContextSwitchTo(cxt);
		tuples[i] = heap_copytuple(tuple);
		ItemPointerSet(&tuples[i]->t_self, i / MaxHeapTuplesPerPage, i % MaxHeapTuplesPerPage + 1);
		MemoryContextReset(per_row_cxt);
	}
	MemoryContextDelete(per_row_cxt);
	return tuples;
}

/* ------------------------------------------------------------------------
 * Taking a sample
 * ------------------------------------------------------------------------
 */

double
shard_sample_wanted(Oid shell, double pages, double tuples)
{
	Relation	rel = table_open(shell, AccessShareLock);
	int			target = default_statistics_target;

	for (AttrNumber attnum = 1; attnum <= RelationGetDescr(rel)->natts; attnum++)
	{
		HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(shell), Int16GetDatum(attnum));
		Datum		own;
		bool		isnull;

		if (!HeapTupleIsValid(tuple))
			continue;
		own = SysCacheGetAttr(ATTNUM, tuple, Anum_pg_attribute_attstattarget, &isnull);
		if (!isnull)
			target = Max(target, (int) DatumGetInt16(own));
		ReleaseSysCache(tuple);
	}
	table_close(rel, NoLock);
	return Min((double) ROWS_PER_TARGET * target, MOST_BYTES / Max(pages * BLCKSZ / Max(tuples, 1), 100));
}

/* The row takes a place among those chosen, or not. */
static void
offer(Reservoir *reservoir, TupleTableSlot *slot, BlockNumber nblocks)
{
	int			i = reservoir->n;

	reservoir->seen++;
	if (i < reservoir->wanted)
		reservoir->n++;
	else
	{
		double		lot = sampler_random_fract(&reservoir->random.randstate) * reservoir->seen;

		if (lot >= reservoir->wanted)
			return;
		i = (int) lot;
		heap_freetuple(reservoir->rows[i]);
	}
	reservoir->rows[i] = ExecCopySlotHeapTuple(slot);
	reservoir->places[i] = (ItemPointerGetBlockNumber(&slot->tts_tid) +
							(double) ItemPointerGetOffsetNumber(&slot->tts_tid) / (MaxHeapTuplesPerPage + 1)) / nblocks;
}

/* All rows of the blocks first .. last. */
static void
offer_blocks(Reservoir *reservoir, TableScanDesc scan, TupleTableSlot *slot, BlockNumber first, BlockNumber last)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(scan->rs_rd);
	ItemPointerData from;
	ItemPointerData to;

	ItemPointerSet(&from, first, FirstOffsetNumber);
	ItemPointerSet(&to, last, MaxOffsetNumber);
	table_rescan_tidrange(scan, &from, &to);
	while (table_scan_getnextslot_tidrange(scan, ForwardScanDirection, slot))
		offer(reservoir, slot, Max(nblocks, 1));
}

/* As many blocks as rows are wanted, or all. */
static void
sample_blocks(Reservoir *reservoir, Relation rel, BlockNumber nblocks)
{
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	BlockSamplerData sampler;
	ItemPointerData from;
	ItemPointerData to;
	TableScanDesc scan;

	ItemPointerSet(&from, 0, FirstOffsetNumber);
	ItemPointerSet(&to, nblocks - 1, MaxOffsetNumber);
	scan = table_beginscan_tidrange(rel, GetActiveSnapshot(), &from, &to);
	if (nblocks <= reservoir->wanted)
		offer_blocks(reservoir, scan, slot, 0, nblocks - 1);
	else
	{
		BlockSampler_Init(&sampler, nblocks, reservoir->wanted, pg_prng_uint32(&pg_global_prng_state));
		while (BlockSampler_HasMore(&sampler))
		{
			BlockNumber block = BlockSampler_Next(&sampler);

			CHECK_FOR_INTERRUPTS();
			offer_blocks(reservoir, scan, slot, block, block);
		}
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
}

/* About rows_per_page of each page of the shard table, appended to *sample. */
static void
sample_shard_table(Oid relid, double rows_per_page, List **sample)
{
	Relation	rel = table_open(relid, AccessShareLock);
	BlockNumber nblocks = RelationGetNumberOfBlocks(rel);
	double		share = nblocks * rows_per_page;
	Reservoir	reservoir = {0};

	reservoir_init_selection_state(&reservoir.random, 1);
	/* a part of a row is a row with that probability */
	reservoir.wanted = (int) Min(share + sampler_random_fract(&reservoir.random.randstate), PG_INT16_MAX * 1024.0);
	if (reservoir.wanted > 0)
	{
		MemoryContext cxt = CurrentMemoryContext;
		MemoryContext shard_cxt = AllocSetContextCreate(cxt, "sample of a shard", ALLOCSET_DEFAULT_SIZES);

		MemoryContextSwitchTo(shard_cxt);
		reservoir.rows = palloc_extended(sizeof(HeapTuple) * reservoir.wanted, MCXT_ALLOC_HUGE);
		reservoir.places = palloc_extended(sizeof(double) * reservoir.wanted, MCXT_ALLOC_HUGE);
		sample_blocks(&reservoir, rel, nblocks);
		for (int i = 0; i < reservoir.n; i++)
		{
			char	   *text = row_to_text(RelationGetDescr(rel), reservoir.rows[i]);
			SampledRow *row;

			MemoryContextSwitchTo(cxt);
			row = palloc(sizeof(SampledRow));
			row->place = reservoir.places[i];
			row->values = pstrdup(text);
			*sample = lappend(*sample, row);
			MemoryContextSwitchTo(shard_cxt);
		}
		MemoryContextSwitchTo(cxt);
		MemoryContextDelete(shard_cxt);
	}
	table_close(rel, NoLock);
}

List *
shard_sample_local(Oid shell, double wanted, double all_pages)
{
	Bitmapset  *shards = shard_map_owned_by(node_self());
	List	   *sample = NIL;
	int			shard = -1;

	while (all_pages > 0 && (shard = bms_next_member(shards, shard)) >= 0)
	{
		Oid			relid = table_shard_relid(shell, shard);

		if (OidIsValid(relid))
			sample_shard_table(relid, wanted / all_pages, &sample);
	}
	return sample;
}

static int
compare_places(const ListCell *a, const ListCell *b)
{
	double		one = ((SampledRow *) lfirst(a))->place;
	double		other = ((SampledRow *) lfirst(b))->place;

	return one < other ? -1 : one > other;
}

List *
shard_sample_order(List *rows)
{
	List	   *texts = NIL;
	ListCell   *lc;

	list_sort(rows, compare_places);
	foreach(lc, rows)
		texts = lappend(texts, ((SampledRow *) lfirst(lc))->values);
	return texts;
}
