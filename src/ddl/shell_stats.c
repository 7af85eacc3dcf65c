/*
 * shell_stats.c
 *	  What the planner is told of a shell: sums over the shards and column
 *	  statistics of this node's largest shard table.
 */
#include "postgres.h"

#include "access/multixact.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "commands/vacuum.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "base/pg_compat.h"
#include "catalog/shard_map.h"
#include "catalog/table_map.h"
#include "ddl/shell_stats.h"
#include "dxact/dxact.h"

ShardStats
shard_stats_local(Oid shell)
{
	ShardStats	stats = {0};
	Bitmapset  *shards = shard_map_owned_by(node_self());
	int			shard = -1;

	while ((shard = bms_next_member(shards, shard)) >= 0)
	{
		HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table_shard_relid(shell, shard)));
		Form_pg_class class;

		if (!HeapTupleIsValid(tuple))
			continue;
		class = (Form_pg_class) GETSTRUCT(tuple);
		stats.pages += class->relpages;
		stats.tuples += Max(class->reltuples, 0);
		stats.all_visible += class->relallvisible;
		ReleaseSysCache(tuple);
	}
	return stats;
}

/* The shard table of this node with the most rows. */
static Oid
largest_shard_table(Oid shell)
{
	Bitmapset  *shards = shard_map_owned_by(node_self());
	int			shard = -1;
	Oid			largest = InvalidOid;
	float4		most = 0;

	while ((shard = bms_next_member(shards, shard)) >= 0)
	{
		Oid			relid = table_shard_relid(shell, shard);
		HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));

		if (!HeapTupleIsValid(tuple))
			continue;
		if (((Form_pg_class) GETSTRUCT(tuple))->reltuples > most)
		{
			most = ((Form_pg_class) GETSTRUCT(tuple))->reltuples;
			largest = relid;
		}
		ReleaseSysCache(tuple);
	}
	return largest;
}

/* Values of a placing column differ from shard to shard: their number grows with the shards. */
static bool
is_placing_column(const TableInfo *table, AttrNumber attnum)
{
	for (int i = 0; i < table->nkeys; i++)
	{
		if (table->keys[i] == attnum)
			return true;
	}
	return bms_is_member(attnum, table->id_columns);
}

static void
copy_column_statistics(const TableInfo *table, Oid source, AttrNumber attnum, Relation statistics)
{
	HeapTuple	from = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(source), Int16GetDatum(attnum),
									   BoolGetDatum(false));
	HeapTuple	to = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(table->relid), Int16GetDatum(attnum),
									 BoolGetDatum(false));
	Datum		values[Natts_pg_statistic] = {0};
	bool		nulls[Natts_pg_statistic] = {0};
	bool		replace[Natts_pg_statistic] = {0};
	HeapTuple	changed;

	if (HeapTupleIsValid(from))
	{
		float4		distinct = ((Form_pg_statistic) GETSTRUCT(from))->stadistinct;

		values[Anum_pg_statistic_starelid - 1] = ObjectIdGetDatum(table->relid);
		replace[Anum_pg_statistic_starelid - 1] = true;
		if (distinct > 0 && is_placing_column(table, attnum))
			distinct *= shard_map_count();
		values[Anum_pg_statistic_stadistinct - 1] = Float4GetDatum(distinct);
		replace[Anum_pg_statistic_stadistinct - 1] = true;
		changed = heap_modify_tuple(from, RelationGetDescr(statistics), values, nulls, replace);
		if (HeapTupleIsValid(to))
			CatalogTupleUpdate(statistics, &to->t_self, changed);
		else
			CatalogTupleInsert(statistics, changed);
		ReleaseSysCache(from);
	}
	if (HeapTupleIsValid(to))
		ReleaseSysCache(to);
}

void
shell_stats_set(Oid shell, ShardStats stats)
{
	Relation	rel = table_open(shell, ShareUpdateExclusiveLock);
	const TableInfo *table = table_info(shell);
	Oid			source = largest_shard_table(shell);

	if (OidIsValid(source))
	{
		Relation	statistics = table_open(StatisticRelationId, RowExclusiveLock);

		/* statistics may be toasted; ANALYZE comes without a snapshot */
		PushActiveSnapshot(GetTransactionSnapshot());
		for (AttrNumber attnum = 1; attnum <= RelationGetDescr(rel)->natts; attnum++)
			copy_column_statistics(table, source, attnum, statistics);
		PopActiveSnapshot();
		table_close(statistics, RowExclusiveLock);
	}
	sx_vac_update_relstats(rel, (BlockNumber) Min(stats.pages, MaxBlockNumber), stats.tuples,
						   (BlockNumber) Min(stats.all_visible, MaxBlockNumber),
						   rel->rd_rel->relhasindex, InvalidTransactionId, InvalidMultiXactId);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}
