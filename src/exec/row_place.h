/*
 * row_place.h
 *	  Where a row of a sharded table lies, as one ctid.
 *
 * PostgreSQL's executor knows rows by their ctid. In a statement over several
 * shards that is not enough, so the coordinator's ctid of such a row holds the
 * shard as well: shard + 1 takes the bits that no block and no line number
 * needs. A ctid as one shard shows it has no shard in it, and names no row.
 *
 * Where rows are asked for to be locked, unless somebody else has locked them, such
 * a ctid may have PLACE_LOCKED in its line number: that is so.
 *
 *	  block:  7 bits of shard + 1 | 25 bits of block
 *	  offset: 7 bits of shard + 1 | 9 bits of line number (more with larger pages)
 */
#ifndef SHARDEXT_ROW_PLACE_H
#define SHARDEXT_ROW_PLACE_H

#include "postgres.h"
#include "access/htup_details.h"
#include "storage/itemptr.h"

#include "route/route.h"

#define PLACE_LINE_BITS		(MaxHeapTuplesPerPage < 512 ? 9 : 11)
#define PLACE_LOCKED		0x8000
#define PLACE_LOW_BITS		(16 - PLACE_LINE_BITS)
#define PLACE_HIGH_BITS		(14 - PLACE_LOW_BITS)
#define PLACE_BLOCK_BITS	(32 - PLACE_HIGH_BITS)

StaticAssertDecl(MaxHeapTuplesPerPage < 2048, "line numbers must fit into 11 bits");
StaticAssertDecl(ROUTE_MAX_SHARDS < (1 << 14), "shard + 1 must fit into 14 bits");

/* The shard of a place, and the ctid there; ROUTE_NO_SHARD if it is not a place of a row. */
static inline int
row_place_read(const ItemPointerData *place, ItemPointer ctid)
{
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(place);
	OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(place);
	uint32		low = offset >> PLACE_LINE_BITS;
	uint32		high = block >> PLACE_BLOCK_BITS;
	int			shard = (int) (high << PLACE_LOW_BITS | low) - 1;

	ItemPointerSet(ctid, block & (((BlockNumber) 1 << PLACE_BLOCK_BITS) - 1),
				   offset & ((1 << PLACE_LINE_BITS) - 1));
	return shard >= 0 && shard < ROUTE_MAX_SHARDS ? shard : ROUTE_NO_SHARD;
}

static inline void
row_place_make(int shard, const ItemPointerData *ctid, ItemPointer place)
{
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(ctid);
	uint32		number = (uint32) shard + 1;

	if (block >> PLACE_BLOCK_BITS != 0)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("shard %d is too large for this statement", shard),
				 errdetail("Rows beyond block %u of a shard's table can be reached by statements that stay in the "
						   "shard only.", ((BlockNumber) 1 << PLACE_BLOCK_BITS) - 1),
				 errhint("Give the shard key in WHERE.")));
	ItemPointerSet(place, block | (number >> PLACE_LOW_BITS) << PLACE_BLOCK_BITS,
				   ItemPointerGetOffsetNumberNoCheck(ctid) |
					   (number & ((1 << PLACE_LOW_BITS) - 1)) << PLACE_LINE_BITS);
}

#endif
