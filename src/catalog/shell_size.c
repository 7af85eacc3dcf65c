/*
 * shell_size.c
 *	  How large a sharded table is, by the looks of some of its shards.
 *
 * PostgreSQL's planner takes the size of a table from its file, so it knows
 * what has been loaded before anybody runs ANALYZE. The file of a shell is
 * empty. In its place some shards on this node are looked at, and the middle one
 * of them stands for all: one shard that is much larger or smaller than the
 * others says nothing about these. A table most of whose rows lie in few shards
 * is taken for smaller than it is, then, until ANALYZE has added them up.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_am.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/rel.h"

#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "catalog/shell_size.h"
#include "catalog/table_map.h"

/* Each costs a few microseconds of every plan. */
#define LOOKED_AT	5

typedef struct ShardSize
{
	double		pages;
	double		tuples;
} ShardSize;

/* Rows of the first page, dead ones among them. */
static int
rows_of_first_page(Relation rel)
{
	Buffer		buffer = ReadBuffer(rel, 0);
	Page		page = BufferGetPage(buffer);
	OffsetNumber last;
	int			rows = 0;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	last = PageIsNew(page) ? InvalidOffsetNumber : PageGetMaxOffsetNumber(page);
	for (OffsetNumber offset = FirstOffsetNumber; offset <= last; offset++)
		rows += ItemIdIsNormal(PageGetItemId(page, offset));
	UnlockReleaseBuffer(buffer);
	return rows;
}

/* Rows of a page as VACUUM or ANALYZE has found them, else as the first one shows. */
static void
measure(Relation rel, ShardSize *size)
{
	size->pages = RelationGetNumberOfBlocks(rel);
	size->tuples = 0;
	if (size->pages == 0)
		return;
	if (rel->rd_rel->relpages > 0 && rel->rd_rel->reltuples >= 0)
		size->tuples = size->pages * rel->rd_rel->reltuples / rel->rd_rel->relpages;
	else
		size->tuples = (size->pages == 1 ? 1 : size->pages - 0.5) * rows_of_first_page(rel);
}

/* False: somebody is changing it, or it has gone. */
static bool
look_at(Oid relid, ShardSize *size)
{
	Relation	rel;
	bool		is_heap = false;

	if (!OidIsValid(relid) || !ConditionalLockRelationOid(relid, AccessShareLock))
		return false;
	rel = try_relation_open(relid, NoLock);
	if (rel != NULL)
	{
		is_heap = rel->rd_rel->relam == HEAP_TABLE_AM_OID;
		if (is_heap)
			measure(rel, size);
		relation_close(rel, NoLock);
	}
	UnlockRelationOid(relid, AccessShareLock);
	return is_heap;
}

static int
compare_sizes(const void *a, const void *b)
{
	double		one = ((const ShardSize *) a)->tuples;
	double		other = ((const ShardSize *) b)->tuples;

	return one < other ? -1 : one > other;
}

bool
shell_size_guess(Oid shell, double *pages, double *tuples)
{
	Bitmapset  *shards = shard_map_owned_by(node_self());
	int			here = bms_num_members(shards);
	ShardSize	sizes[LOOKED_AT];
	int			n = 0;
	int			seen = 0;
	int			shard = -1;

	/* every (here / LOOKED_AT)th, as neighbours are often made and moved together */
	while ((shard = bms_next_member(shards, shard)) >= 0 && n < LOOKED_AT)
	{
		if (seen++ % Max(here / LOOKED_AT, 1) == 0 &&
			look_at(table_shard_relid(shell, shard), &sizes[n]))
			n++;
	}
	bms_free(shards);
	if (n == 0)
		return false;

	qsort(sizes, n, sizeof(ShardSize), compare_sizes);
	*pages = sizes[n / 2].pages * shard_map_count();
	*tuples = sizes[n / 2].tuples * shard_map_count();
	return true;
}
