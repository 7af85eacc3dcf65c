/*
 * shell_am.c
 *	  The table access method "shardext_shell".
 *
 * A shell is a user's table whose rows lie in shard tables. Statements over it
 * are planned onto those by our planner hook; whatever reaches the shell itself
 * has got round that (library not preloaded, a forgotten code path, a plan made
 * before the table was sharded) and must not find an empty table. So this
 * access method is heap with every way to a row replaced by an ERROR.
 *
 * Storage, TOAST, slots and file handling stay heap's: ALTER TABLE .. SET ACCESS
 * METHOD converts to and fro without touching anything else of the table, and
 * pg_upgrade and pg_dump see an ordinary relation.
 *
 * The exception are single rows that the executor has found by a plan of ours
 * and now locks or writes: exec registers how they are reached (ShellRows).
 *
 * What it does not do: planning, and anything with shards. It also serves the
 * id mark's relation, whose pages are not heap pages and must never be read or
 * vacuumed as such.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/multixact.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "commands/vacuum.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/procarray.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/errors.h"
#include "base/module.h"
#include "base/pg_compat.h"
#include "base/settings.h"
#include "catalog/node_map.h"
#include "catalog/shell_am.h"

PG_FUNCTION_INFO_V1(shardext_shell_handler);

static bool reads_empty = false;
static bool rewritable = false;

/* What ANALYZE finds, and how far it has come. */
static const ShellSample *sample = NULL;
static int	sample_next = 0;

/* NULL until the layer above has registered: no row can be reached. */
static const ShellRows *rows = NULL;

/* Pages and rows the planner assumes for a shell that was never analyzed. */
#define UNKNOWN_PAGES	10
#define UNKNOWN_TUPLES	1000.0

bool
shell_am_set_reads_empty(bool on)
{
	bool		before = reads_empty;

	reads_empty = on;
	return before;
}

bool
shell_am_reads_empty(void)
{
	return reads_empty;
}

bool
shell_am_set_rewritable(bool on)
{
	bool		before = rewritable;

	rewritable = on;
	return before;
}

void
shell_am_set_sample(const ShellSample *new_sample)
{
	sample = new_sample;
}

static void
raise_not_routed(Relation rel)
{
	if (!library_is_preloaded())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("relation \"%s\" cannot be accessed because shardext is not preloaded",
						RelationGetRelationName(rel)),
				 errdetail("Its rows lie in logical shards, which only the preloaded library finds."),
				 errhint("Add shardext to shared_preload_libraries and restart the server.")));
	if (cluster_info() == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("relation \"%s\" cannot be accessed because this database is not a node",
						RelationGetRelationName(rel)),
				 errdetail("Its rows lie in logical shards of the cluster that this database has left."),
				 errhint("Use the table on a node of the cluster, and drop it here.")));
	/* the statement of a function that is planned before it knows its parameters: plan_never_to_run */
	if (session_is_forwarded())
		ereport(ERROR,
				(errcode(ERRCODE_SX_NOT_SUPPORTED),
				 errmsg("a statement sent by another node must stay inside one shard of this node"),
				 errdetail("A function that it calls needs rows of \"%s\" that are not restricted to one shard.",
						   RelationGetRelationName(rel)),
				 errhint("Do what the function does in statements of their own, or keep the rows in one shard.")));
	ereport(ERROR,
			(errcode(ERRCODE_SX_NOT_SUPPORTED),
			 errmsg("relation \"%s\" cannot be accessed directly", RelationGetRelationName(rel)),
			 errdetail("Its rows lie in logical shards, and this access to it was not routed to them."),
			 errhint("Use a SELECT, INSERT, UPDATE, DELETE, TRUNCATE or COPY statement over the table; "
					 "a plan made before the table was sharded must be made again.")));
}

/* ------------------------------------------------------------------------
 * Reading
 * ------------------------------------------------------------------------
 */

/* Is one of the relation's indexes under REINDEX? */
static bool
indexes_are_rebuilt(Relation rel)
{
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(rel))
	{
		if (ReindexIsProcessingIndex(lfirst_oid(lc)))
			return true;
	}
	return false;
}

static TableScanDesc
begin_scan(Relation rel, Snapshot snapshot, int nkeys, struct ScanKeyData *key,
		   ParallelTableScanDesc pscan, uint32 flags)
{
	/*
	 * ANALYZE may come to a shell: it gets what is served as a sample, or nothing; our own puts in the figures. Of a
	 * scan in parallel its leader has been asked.
	 */
	if (!reads_empty && pscan == NULL && ((flags & SO_TYPE_ANALYZE) == 0 || !library_is_preloaded()))
		raise_not_routed(rel);
	return heap_beginscan(rel, snapshot, nkeys, key, pscan, flags);
}

/* CREATE INDEX and REINDEX may have workers, which do not know what their leader is about. */
static Size
init_parallel_scan(Relation rel, ParallelTableScanDesc pscan)
{
	if (!reads_empty && !indexes_are_rebuilt(rel))
		raise_not_routed(rel);
	return GetHeapamTableAmRoutine()->parallelscan_initialize(rel, pscan);
}

static bool
next_slot(TableScanDesc scan, ScanDirection direction, TupleTableSlot *slot)
{
	if (!reads_empty && scan->rs_parallel == NULL)
		raise_not_routed(scan->rs_rd);
	ExecClearTuple(slot);
	return false;
}

static bool
next_slot_tidrange(TableScanDesc scan, ScanDirection direction, TupleTableSlot *slot)
{
	return next_slot(scan, direction, slot);
}

static bool
has_sample(Relation rel)
{
	return sample != NULL && sample->relid == RelationGetRelid(rel) && sample->n > 0;
}

/* A sample is one block, which ANALYZE takes as a whole. */
static bool
next_analyze_block(SX_ANALYZE_BLOCK_ARGS)
{
	sample_next = 0;
	return has_sample(scan->rs_rd) && sx_analyze_block_taken();
}

static bool
next_analyze_tuple(TableScanDesc scan, TransactionId oldest_xmin, double *liverows, double *deadrows,
				   TupleTableSlot *slot)
{
	if (!has_sample(scan->rs_rd) || sample_next >= sample->n)
	{
		ExecClearTuple(slot);
		return false;
	}
	ExecForceStoreHeapTuple(sample->rows[sample_next++], slot, false);
	*liverows += sample->tuples / sample->n;
	return true;
}

static uint64
relation_size(Relation rel, ForkNumber fork)
{
	if (has_sample(rel) && fork == MAIN_FORKNUM)
		return BLCKSZ;
	return GetHeapamTableAmRoutine()->relation_size(rel, fork);
}

static struct IndexFetchTableData *
begin_index_fetch(Relation rel)
{
	if (!reads_empty && (rows == NULL || !rows->is_checked(rel)))
		raise_not_routed(rel);
	return GetHeapamTableAmRoutine()->index_fetch_begin(rel);
}

/* The index is a double of ours, which has found the row that is in the way of an INSERT .. ON CONFLICT. */
static bool
fetch_by_index(struct IndexFetchTableData *fetch, ItemPointer tid, Snapshot snapshot, TupleTableSlot *slot,
			   bool *call_again, bool *all_dead)
{
	if (rows == NULL || !rows->is_checked(fetch->rel))
		raise_not_routed(fetch->rel);
	rows->fetch_conflict(fetch->rel, slot);
	/* it is final: nobody is to be waited for */
	snapshot->xmin = snapshot->xmax = InvalidTransactionId;
	snapshot->speculativeToken = 0;
	*call_again = false;
	if (all_dead != NULL)
		*all_dead = false;
	return true;
}

/*
 * EvalPlanQual, triggers and ModifyTable come here with the ctid of a row seen
 * before.
 */
static bool
fetch_row_version(Relation rel, ItemPointer tid, Snapshot snapshot, TupleTableSlot *slot)
{
	if (rows == NULL)
		raise_not_routed(rel);
	return rows->fetch(rel, tid, slot);
}

/* Foreign keys ask whether a row is still what it was when their check was noted. */
static bool
satisfies_snapshot(Relation rel, TupleTableSlot *slot, Snapshot snapshot)
{
	if (TTS_IS_BUFFERTUPLE(slot) && BufferIsValid(((BufferHeapTupleTableSlot *) slot)->buffer))
		return GetHeapamTableAmRoutine()->tuple_satisfies_snapshot(rel, slot, snapshot);
	if (rows == NULL)
		raise_not_routed(rel);
	return snapshot->snapshot_type == SNAPSHOT_SELF ? rows->is_current(rel, &slot->tts_tid) :
		rows->is_seen(rel, &slot->tts_tid);
}

static void
get_latest_tid(TableScanDesc scan, ItemPointer tid)
{
	raise_not_routed(scan->rs_rd);
}

/* ------------------------------------------------------------------------
 * Writing
 * ------------------------------------------------------------------------
 */

static void
insert_tuple(Relation rel, TupleTableSlot *slot, CommandId cid, int options, struct BulkInsertStateData *bistate)
{
	slot->tts_tableOid = RelationGetRelid(rel);
	if (reads_empty)
		return;
	if (rows == NULL || !rows->is_written(rel))
		raise_not_routed(rel);
	rows->insert(rel, slot, cid);
}

static void
insert_speculative(Relation rel, TupleTableSlot *slot, CommandId cid, int options,
				   struct BulkInsertStateData *bistate, uint32 token)
{
	if (rows == NULL || !rows->is_checked(rel))
		raise_not_routed(rel);
	rows->show_inserted(rel, slot);
}

static void
complete_speculative(Relation rel, TupleTableSlot *slot, uint32 token, bool succeeded)
{
	rows->insert_done(rel);
}

static void
insert_many(Relation rel, TupleTableSlot **slots, int nslots, CommandId cid, int options,
			struct BulkInsertStateData *bistate)
{
	raise_not_routed(rel);
}

static TM_Result
delete_tuple(Relation rel, ItemPointer tid, CommandId cid, Snapshot snapshot, Snapshot crosscheck,
			 bool wait, TM_FailureData *failure, bool changing_part)
{
	if (rows == NULL || !rows->is_written(rel))
		raise_not_routed(rel);
	return rows->remove(rel, tid, cid, failure);
}

static TM_Result
update_tuple(Relation rel, ItemPointer tid, TupleTableSlot *slot, CommandId cid, Snapshot snapshot,
			 Snapshot crosscheck, bool wait, TM_FailureData *failure, LockTupleMode *lockmode,
			 SX_UPDATE_INDEXES_TYPE *update_indexes)
{
	*update_indexes = (SX_UPDATE_INDEXES_TYPE) 0;
	if (rows == NULL || !rows->is_written(rel))
		raise_not_routed(rel);
	return rows->update(rel, tid, slot, cid, failure, lockmode);
}

static TM_Result
lock_tuple(Relation rel, ItemPointer tid, Snapshot snapshot, TupleTableSlot *slot, CommandId cid,
		   LockTupleMode mode, LockWaitPolicy policy, uint8 flags, TM_FailureData *failure)
{
	if (rows == NULL)
		raise_not_routed(rel);
	return rows->lock(rel, tid, slot, cid, mode, policy, flags, failure);
}

/* ------------------------------------------------------------------------
 * DDL and maintenance
 * ------------------------------------------------------------------------
 */

/* CREATE TABLE .. USING, as in a dump that names access methods. */
static void
raise_by_hand(Relation rel)
{
	ereport(ERROR,
			(errcode(ERRCODE_SX_NOT_SUPPORTED),
			 errmsg("table \"%s\" cannot be created with access method %s",
					RelationGetRelationName(rel), SHELL_AM_NAME),
			 errdetail("That is the access method of sharded tables, which shardext.shard_table() "
					   "makes of ordinary ones."),
			 errhint("Create the table with access method heap; dump or restore with --no-table-access-method.")));
}

/*
 * A new file, empty: TRUNCATE, and anything that rewrites the table. The file of
 * a shell is empty anyhow, but who asks for this means the rows.
 */
static void
set_new_filelocator(Relation rel, const RelFileLocator *newrlocator, char persistence, TransactionId *freeze_xid,
					MultiXactId *minmulti)
{
	if (!reads_empty && !rewritable && !IsBinaryUpgrade)
	{
		if (library_is_preloaded() && rel->rd_createSubid != InvalidSubTransactionId)
			raise_by_hand(rel);
		raise_not_routed(rel);
	}
	GetHeapamTableAmRoutine()->relation_set_new_filelocator(rel, newrlocator, persistence, freeze_xid, minmulti);
}

static void
truncate_now(Relation rel)
{
	if (!reads_empty)
		raise_not_routed(rel);
	GetHeapamTableAmRoutine()->relation_nontransactional_truncate(rel);
}

static void
copy_data(Relation rel, const RelFileLocator *newrlocator)
{
	if (!reads_empty)
		raise_not_routed(rel);
	GetHeapamTableAmRoutine()->relation_copy_data(rel, newrlocator);
}

static double
build_index(Relation rel, Relation index, struct IndexInfo *info, bool allow_sync, bool anyvisible, bool progress,
			BlockNumber start, BlockNumber nblocks, IndexBuildCallback callback, void *state, TableScanDesc scan)
{
	if (!reads_empty && (scan == NULL || scan->rs_parallel == NULL) && !info->ii_Concurrent &&
		!ReindexIsProcessingIndex(RelationGetRelid(index)))
		raise_not_routed(rel);
	if (scan != NULL)
		table_endscan(scan);
	return -1;					/* keeps the shell's figures in pg_class */
}

/* REINDEX SCHEMA or DATABASE CONCURRENTLY: the second look finds nothing either. */
static void
validate_no_rows(Relation rel, Relation index, struct IndexInfo *info, Snapshot snapshot,
				 struct ValidateIndexState *state)
{
}

/* CLUSTER and VACUUM FULL: nothing to copy; the horizons given by the caller stay. */
static void
copy_for_cluster(Relation old, Relation new, Relation index, bool use_sort, TransactionId oldest_xmin,
				 TransactionId *xid_cutoff, MultiXactId *multi_cutoff, double *num_tuples,
				 double *tups_vacuumed, double *tups_recently_dead)
{
	*num_tuples = old->rd_rel->reltuples;
	*tups_vacuumed = 0;
	*tups_recently_dead = 0;
}

/*
 * VACUUM: no rows, so the freeze horizons can go to the present at once. Page
 * and row counts stay: they are sums over the shards, written by our ANALYZE.
 */
static void
vacuum_shell(Relation rel, struct VacuumParams *params, BufferAccessStrategy strategy)
{
	sx_vac_update_relstats(rel, rel->rd_rel->relpages, rel->rd_rel->reltuples, rel->rd_rel->relallvisible,
						   rel->rd_rel->relhasindex, GetOldestNonRemovableTransactionId(rel),
						   GetOldestMultiXactId());
}

static Oid
toast_am(Relation rel)
{
	return HEAP_TABLE_AM_OID;
}

/* The planner's figures for a shell: the sums over the shards that ANALYZE has stored. */
static void
estimate_size(Relation rel, int32 *attr_widths, BlockNumber *pages, double *tuples, double *allvisfrac)
{
	if (rel->rd_rel->reltuples < 0)
	{
		*pages = UNKNOWN_PAGES;
		*tuples = UNKNOWN_TUPLES;
		*allvisfrac = 0;
		return;
	}
	*pages = rel->rd_rel->relpages;
	*tuples = rel->rd_rel->reltuples;
	*allvisfrac = (rel->rd_rel->relpages > 0) ?
		Min(1.0, (double) rel->rd_rel->relallvisible / rel->rd_rel->relpages) : 0;
}

/* The routine is heap's with our callbacks; made once per backend. */
static const TableAmRoutine *
shell_routine(void)
{
	static TableAmRoutine routine;

	if (routine.type == T_TableAmRoutine)
		return &routine;

	routine = *GetHeapamTableAmRoutine();
	routine.scan_begin = begin_scan;
	routine.scan_getnextslot = next_slot;
	routine.parallelscan_initialize = init_parallel_scan;
	routine.scan_getnextslot_tidrange = next_slot_tidrange;
	routine.scan_analyze_next_block = next_analyze_block;
	routine.scan_analyze_next_tuple = next_analyze_tuple;
	routine.relation_size = relation_size;
	routine.index_fetch_begin = begin_index_fetch;
	routine.index_fetch_tuple = fetch_by_index;
	routine.tuple_fetch_row_version = fetch_row_version;
	routine.tuple_satisfies_snapshot = satisfies_snapshot;
	routine.tuple_get_latest_tid = get_latest_tid;
	routine.tuple_insert = insert_tuple;
	routine.tuple_insert_speculative = insert_speculative;
	routine.tuple_complete_speculative = complete_speculative;
	routine.multi_insert = insert_many;
	routine.tuple_delete = delete_tuple;
	routine.tuple_update = update_tuple;
	routine.tuple_lock = lock_tuple;
	routine.relation_set_new_filelocator = set_new_filelocator;
	routine.relation_nontransactional_truncate = truncate_now;
	routine.relation_copy_data = copy_data;
	routine.relation_copy_for_cluster = copy_for_cluster;
	routine.relation_vacuum = vacuum_shell;
	routine.index_build_range_scan = build_index;
	routine.index_validate_scan = validate_no_rows;
	routine.relation_toast_am = toast_am;
	routine.relation_estimate_size = estimate_size;
	return &routine;
}

void
shell_am_set_rows(const ShellRows *methods)
{
	rows = methods;
}

bool
shell_am_is(Relation rel)
{
	return rel->rd_tableam == shell_routine();
}

Datum
shardext_shell_handler(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(shell_routine());
}

static void
end_of_transaction(XactEvent event, void *arg)
{
	reads_empty = false;
	sample = NULL;
}

static void
end_of_subtransaction(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		reads_empty = false;
		sample = NULL;
	}
}

void
shell_am_preload(void)
{
	RegisterXactCallback(end_of_transaction, NULL);
	RegisterSubXactCallback(end_of_subtransaction, NULL);
}
