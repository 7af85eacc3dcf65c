/*
 * shell_stats.c
 *	  What the planner is told of a shell.
 *
 *	1. All nodes tell at the same time how large their shards of the table are.
 *	2. All nodes give at the same time a sample of their rows, each in
 *	   proportion to its pages (shard_sample.c).
 *	3. On every node the sample is served to PostgreSQL's own ANALYZE of the shell
 *	   as the rows of the table (catalog/shell_am.c), with the number of rows it
 *	   stands for. So all that ANALYZE knows comes out as on one server: numbers of
 *	   distinct values, most common ones, histograms, types' own statistics,
 *	   those of expression indexes and extended ones.
 *	4. pg_class gets the sums over the shards.
 *
 * The node that was asked for it does 1 and 2 and sends what it got to the
 * others: the statistics of all nodes are the same.
 */
#include "postgres.h"

#include "access/multixact.h"
#include "access/table.h"
#include "access/xact.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "optimizer/plancat.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/pg_compat.h"
#include "catalog/shard_map.h"
#include "catalog/shell_am.h"
#include "catalog/table_map.h"
#include "ddl/other_nodes.h"
#include "ddl/shell_stats.h"
#include "ddl/table_definition.h"
#include "dxact/dxact.h"

ShardStats
shard_stats_local(Oid shell)
{
	ShardStats	stats = {0};
	Bitmapset  *shards = shard_map_owned_by(node_self());
	int			shard = -1;

	while ((shard = bms_next_member(shards, shard)) >= 0)
	{
		Oid			relid = table_shard_relid(shell, shard);
		Relation	rel;
		BlockNumber pages = 0;
		double		tuples = 0;
		double		all_visible = 0;

		if (!OidIsValid(relid))
			continue;
		rel = table_open(relid, AccessShareLock);
		/* what was never filled is empty, not what the planner takes it for */
		if (RelationGetNumberOfBlocks(rel) > 0)
			estimate_rel_size(rel, NULL, &pages, &tuples, &all_visible);
		stats.pages += pages;
		stats.tuples += tuples;
		stats.all_visible += pages * all_visible;
		table_close(rel, NoLock);
	}
	return stats;
}

/* PostgreSQL's ANALYZE of the shell, over the sample. */
static void
analyze_sample(Relation rel, double tuples, List *texts, List *columns)
{
	MemoryContext sample_cxt = AllocSetContextCreate(CurrentMemoryContext, "sample of a table", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller_cxt = MemoryContextSwitchTo(sample_cxt);
	VacuumParams params = {.options = VACOPT_ANALYZE, .log_min_duration = -1};
	ShellSample *sample = palloc0(sizeof(ShellSample));

	sample->relid = RelationGetRelid(rel);
	sample->n = list_length(texts);
	sample->rows = shard_sample_tuples(RelationGetDescr(rel), texts);
	sample->tuples = Max(tuples, sample->n);
	shell_am_set_sample(sample);
	PG_TRY();
	{
		analyze_rel(sample->relid, NULL, &params, columns, true, GetAccessStrategy(BAS_VACUUM));
	}
	PG_FINALLY();
	{
		shell_am_set_sample(NULL);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller_cxt);
	MemoryContextDelete(sample_cxt);
	CommandCounterIncrement();
}

void
shell_stats_set(Oid shell, ShardStats stats, List *sample, List *columns)
{
	Relation	rel = table_open(shell, ShareUpdateExclusiveLock);

	/* ANALYZE may come without a snapshot */
	PushActiveSnapshot(GetTransactionSnapshot());
	if (sample != NIL)
		analyze_sample(rel, stats.tuples, sample, columns);
	PopActiveSnapshot();
	sx_vac_update_relstats(rel, (BlockNumber) Min(stats.pages, MaxBlockNumber), stats.tuples,
						   (BlockNumber) Min(stats.all_visible, MaxBlockNumber),
						   rel->rd_rel->relhasindex, InvalidTransactionId, InvalidMultiXactId);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

/* ------------------------------------------------------------------------
 * On all nodes
 * ------------------------------------------------------------------------
 */

/* What is gathered from all nodes. */
typedef struct Gathered
{
	Oid			shell;
	ShardStats	stats;
	double		wanted;
	List	   *rows;			/* SampledRow * */
} Gathered;

static void
add_stats(ShardStats *sum, ShardStats stats)
{
	sum->pages += stats.pages;
	sum->tuples += stats.tuples;
	sum->all_visible += stats.all_visible;
}

static void
own_stats(void *arg)
{
	Gathered   *gathered = arg;

	add_stats(&gathered->stats, shard_stats_local(gathered->shell));
}

static void
take_stats(void *arg, PGresult *result)
{
	Gathered   *gathered = arg;
	ShardStats	stats = {strtod(PQgetvalue(result, 0, 0), NULL), strtod(PQgetvalue(result, 0, 1), NULL),
	strtod(PQgetvalue(result, 0, 2), NULL)};

	add_stats(&gathered->stats, stats);
}

static void
own_rows(void *arg)
{
	Gathered   *gathered = arg;

	gathered->rows = list_concat(gathered->rows,
								 shard_sample_local(gathered->shell, gathered->wanted, gathered->stats.pages));
}

static void
take_row(void *arg, PGresult *result)
{
	Gathered   *gathered = arg;
	SampledRow *row = palloc(sizeof(SampledRow));

	row->place = strtod(PQgetvalue(result, 0, 0), NULL);
	row->values = pstrdup(PQgetvalue(result, 0, 1));
	gathered->rows = lappend(gathered->rows, row);
}

static void
gather(Gathered *gathered, const char *name)
{
	RemoteCall	sizes = {"SELECT pages, tuples, all_visible FROM shardext.internal_shard_stats($1)"};
	RemoteCall	rows = {"SELECT place, row_values FROM shardext.internal_sample($1, $2, $3)"};

	remote_call_text(&sizes, name);
	remote_call_rows(&sizes, own_stats, take_stats, gathered);
	gathered->wanted = shard_sample_wanted(gathered->shell, gathered->stats.pages, gathered->stats.tuples);
	remote_call_text(&rows, name);
	remote_call_text(&rows, psprintf("%.0f", gathered->wanted));
	remote_call_text(&rows, psprintf("%.0f", gathered->stats.pages));
	remote_call_rows(&rows, own_rows, take_row, gathered);
}

void
shell_stats_refresh(Oid shell, List *columns)
{
	MemoryContext gather_cxt = AllocSetContextCreate(CurrentMemoryContext, "statistics of a shell",
													 ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller_cxt = MemoryContextSwitchTo(gather_cxt);
	RemoteCall	call = {"SELECT shardext.internal_set_stats($1, $2, $3, $4, $5, $6)"};
	Gathered	gathered = {.shell = shell};
	char	   *name = relation_qualified_name(shell);
	List	   *names = NIL;
	List	   *sample;
	ListCell   *lc;

	PushActiveSnapshot(GetTransactionSnapshot());
	gather(&gathered, name);
	PopActiveSnapshot();
	sample = shard_sample_order(gathered.rows);
	shell_stats_set(shell, gathered.stats, sample, columns);
	foreach(lc, columns)
		names = lappend(names, strVal(lfirst(lc)));
	remote_call_text(&call, name);
	remote_call_text(&call, psprintf("%.0f", gathered.stats.pages));
	remote_call_text(&call, psprintf("%.0f", gathered.stats.tuples));
	remote_call_text(&call, psprintf("%.0f", gathered.stats.all_visible));
	remote_call_texts(&call, sample);
	remote_call_texts(&call, names);
	remote_call_everywhere(&call);
	MemoryContextSwitchTo(caller_cxt);
	MemoryContextDelete(gather_cxt);
}
