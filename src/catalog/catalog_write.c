/*
 * catalog_write.c
 *	  The only writer of the catalog tables on this node.
 *
 * Rows are written directly, not by SQL: no privileges are asked (callers have
 * checked theirs) and a decision record costs microseconds. Nothing but the
 * constraints' own form is checked here.
 *
 * Every transaction that writes replicated rows first takes SHARE UPDATE
 * EXCLUSIVE on catalog_cluster (writers of one node go one after the other, to
 * the end of the transaction), and raises local_changes and catalog_version
 * once; so nodes that take part in the same distributed transaction stay on
 * the same catalog_version. What was taken over from the authority does not
 * count: a change that follows it is a new one. The lock order is:
 * dxact_lock_catalog, this lock.
 *
 * Does not write to other nodes, and knows nothing of what a change implies.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/stratnum.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/catalog_oids.h"
#include "catalog/catalog_write.h"
#include "catalog/indexing.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "catalog/table_past.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#define DECISION_COLUMNS 4
#define DECISION_TROUBLE 4		/* column number of catalog_decision */
#define CLUSTER_COLUMNS 10
#define CLUSTER_CATALOG_VERSION 8	/* column numbers of catalog_cluster */
#define CLUSTER_LOCAL_CHANGES 9

/* The subtransaction in which this transaction has raised the versions. */
static SubTransactionId raised_in = InvalidSubTransactionId;
static bool subxact_callback_registered = false;

void
catalog_write_end_transaction(void)
{
	raised_in = InvalidSubTransactionId;
}

static void
subtransaction_ends(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (raised_in != mine)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		raised_in = InvalidSubTransactionId;
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
		raised_in = parent;
}

/* One int4, text (collation "C") or oid key column against the first (or given) column of the primary key. */
static HeapTuple
find_row(Relation rel, Oid index, RegProcedure equal, Datum value, SysScanDesc *scan)
{
	ScanKeyData key;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, equal, value);
	if (equal == F_TEXTEQ)
		key.sk_collation = C_COLLATION_OID;
	*scan = systable_beginscan(rel, index, true, NULL, 1, &key);
	return systable_getnext(*scan);
}

/* Insert, or update the row that is there. */
static void
put_row_in(Relation rel, Oid index, RegProcedure equal, Datum key, Datum *values, bool *nulls)
{
	SysScanDesc scan;
	HeapTuple	old = find_row(rel, index, equal, key, &scan);
	HeapTuple	new = heap_form_tuple(RelationGetDescr(rel), values, nulls);

	if (HeapTupleIsValid(old))
		CatalogTupleUpdate(rel, &old->t_self, new);
	else
		CatalogTupleInsert(rel, new);
	systable_endscan(scan);
	heap_freetuple(new);
}

static void
put_row(Oid relid, Oid index, RegProcedure equal, Datum key, Datum *values, bool *nulls)
{
	Relation	rel = relation_open(relid, RowExclusiveLock);

	put_row_in(rel, index, equal, key, values, nulls);
	CacheInvalidateRelcacheByRelid(relid);
	relation_close(rel, NoLock);
	CommandCounterIncrement();
}

static bool
delete_row(Oid relid, Oid index, RegProcedure equal, Datum key)
{
	Relation	rel = relation_open(relid, RowExclusiveLock);
	SysScanDesc scan;
	HeapTuple	old = find_row(rel, index, equal, key, &scan);
	bool		found = HeapTupleIsValid(old);

	if (found)
		CatalogTupleDelete(rel, &old->t_self);
	systable_endscan(scan);
	CacheInvalidateRelcacheByRelid(relid);
	relation_close(rel, NoLock);
	CommandCounterIncrement();
	return found;
}

static void
delete_all_rows(Oid relid)
{
	Relation	rel = relation_open(relid, RowExclusiveLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		CatalogTupleDelete(rel, &tuple->t_self);
	systable_endscan(scan);
	CacheInvalidateRelcacheByRelid(relid);
	relation_close(rel, NoLock);
	CommandCounterIncrement();
}

/* The one row of catalog_cluster with some columns replaced; false if there is none. */
static bool
update_cluster_row(const CatalogOids *oids, void (*change) (Datum *values, void *arg), void *arg)
{
	Relation	rel = relation_open(oids->cluster, RowExclusiveLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	old = systable_getnext(scan);
	bool		found = HeapTupleIsValid(old);

	if (found)
	{
		Datum		values[CLUSTER_COLUMNS];
		bool		nulls[CLUSTER_COLUMNS];

		heap_deform_tuple(old, RelationGetDescr(rel), values, nulls);
		change(values, arg);
		CatalogTupleUpdate(rel, &old->t_self, heap_form_tuple(RelationGetDescr(rel), values, nulls));
	}
	systable_endscan(scan);
	CacheInvalidateRelcacheByRelid(oids->cluster);
	relation_close(rel, NoLock);
	CommandCounterIncrement();
	return found;
}

static void
raise_versions(Datum *values, void *arg)
{
	values[CLUSTER_CATALOG_VERSION - 1] = Int64GetDatum(DatumGetInt64(values[CLUSTER_CATALOG_VERSION - 1]) + 1);
	values[CLUSTER_LOCAL_CHANGES - 1] = Int64GetDatum(DatumGetInt64(values[CLUSTER_LOCAL_CHANGES - 1]) + 1);
}

void
catalog_write_lock(void)
{
	LockRelationOid(catalog_oids_require()->cluster, ShareUpdateExclusiveLock);
}

bool
catalog_write_lock_conditional(void)
{
	return ConditionalLockRelationOid(catalog_oids_require()->cluster, ShareUpdateExclusiveLock);
}

/* To be called first by everything that writes replicated rows. */
static CatalogOids
begin_change(void)
{
	CatalogOids oids = *catalog_oids_require();

	if (!subxact_callback_registered)
	{
		RegisterSubXactCallback(subtransaction_ends, NULL);
		subxact_callback_registered = true;
	}
	shard_map_changed_here();
	LockRelationOid(oids.cluster, ShareUpdateExclusiveLock);
	if (raised_in == InvalidSubTransactionId && update_cluster_row(&oids, raise_versions, NULL))
		raised_in = GetCurrentSubTransactionId();
	return oids;
}

void
catalog_write_took_over(void)
{
	raised_in = InvalidSubTransactionId;
}

void
catalog_write_cluster(const ClusterInfo *cluster)
{
	CatalogOids oids = begin_change();
	Relation	rel = relation_open(oids.cluster, RowExclusiveLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	old = systable_getnext(scan);
	HeapTuple	new;
	Datum		values[CLUSTER_COLUMNS];
	bool		nulls[CLUSTER_COLUMNS] = {0};
	int64		local_changes = 1;

	if (HeapTupleIsValid(old))
	{
		heap_deform_tuple(old, RelationGetDescr(rel), values, nulls);
		local_changes = DatumGetInt64(values[CLUSTER_LOCAL_CHANGES - 1]);
	}
	values[0] = BoolGetDatum(true);
	values[1] = DirectFunctionCall1(uuid_in, CStringGetDatum(cluster->cluster_id));
	values[2] = Int32GetDatum(cluster->this_node);
	values[3] = Int32GetDatum(cluster->authority);
	values[4] = Int32GetDatum(cluster->shard_count);
	values[5] = TimestampTzGetDatum(cluster->epoch);
	values[6] = Int32GetDatum(cluster->last_node);
	values[7] = Int64GetDatum(cluster->catalog_version);
	values[8] = Int64GetDatum(local_changes);
	values[9] = CStringGetTextDatum(cluster->secret);
	new = heap_form_tuple(RelationGetDescr(rel), values, nulls);
	if (HeapTupleIsValid(old))
		CatalogTupleUpdate(rel, &old->t_self, new);
	else
	{
		CatalogTupleInsert(rel, new);
		raised_in = GetCurrentSubTransactionId();
	}
	systable_endscan(scan);
	CacheInvalidateRelcacheByRelid(oids.cluster);
	relation_close(rel, NoLock);
	CommandCounterIncrement();
}

void
catalog_write_node(const NodeInfo *node)
{
	CatalogOids oids = begin_change();
	Datum		values[7];
	bool		nulls[7] = {0};

	values[0] = Int32GetDatum(node->node_id);
	values[1] = CStringGetTextDatum(node->name);
	values[2] = CStringGetTextDatum(node->host);
	values[3] = Int32GetDatum(node->port);
	values[4] = CStringGetTextDatum(node->dbname);
	nulls[5] = node->region == NULL;
	values[5] = node->region ? CStringGetTextDatum(node->region) : (Datum) 0;
	values[6] = Int32GetDatum(node->weight);
	put_row(oids.node, oids.node_pkey, F_INT4EQ, Int32GetDatum(node->node_id), values, nulls);
}

void
catalog_delete_node(int node_id)
{
	CatalogOids oids = begin_change();

	(void) delete_row(oids.node, oids.node_pkey, F_INT4EQ, Int32GetDatum(node_id));
}

void
catalog_write_shards(int n, const ShardRow *rows)
{
	CatalogOids oids = begin_change();
	Relation	rel = relation_open(oids.shard, RowExclusiveLock);

	for (int i = 0; i < n; i++)
	{
		Datum		values[3] = {Int32GetDatum(rows[i].shard), Int32GetDatum(rows[i].owner),
		Int64GetDatum(rows[i].version)};
		bool		nulls[3] = {0};

		put_row_in(rel, oids.shard_pkey, F_INT4EQ, values[0], values, nulls);
	}
	CacheInvalidateRelcacheByRelid(oids.shard);
	relation_close(rel, NoLock);
	CommandCounterIncrement();
}

void
catalog_write_shard(int shard, int owner, int64 version)
{
	ShardRow	row = {.shard = shard, .owner = owner, .version = version};

	catalog_write_shards(1, &row);
}

static Datum
numbers_to_array(int n, const AttrNumber *numbers)
{
	Datum	   *elements = palloc(Max(n, 1) * sizeof(Datum));

	for (int i = 0; i < n; i++)
		elements[i] = Int16GetDatum(numbers[i]);
	return PointerGetDatum(construct_array(elements, n, INT2OID, sizeof(int16), true, TYPALIGN_SHORT));
}

void
catalog_write_table(Oid relid, TableKind kind, int nkeys, const AttrNumber *keys,
					const char *strategy, const Bitmapset *id_columns)
{
	CatalogOids oids = begin_change();
	AttrNumber *ids = palloc(Max(bms_num_members(id_columns), 1) * sizeof(AttrNumber));
	Datum		values[5];
	bool		nulls[5] = {0};
	int			nids = 0;

	for (int i = bms_next_member(id_columns, -1); i >= 0; i = bms_next_member(id_columns, i))
		ids[nids++] = (AttrNumber) i;
	values[0] = ObjectIdGetDatum(relid);
	values[1] = CStringGetTextDatum(kind == TABLE_SHARDED ? "sharded" : "reference");
	values[2] = numbers_to_array(nkeys, keys);
	nulls[3] = strategy == NULL;
	values[3] = strategy ? CStringGetTextDatum(strategy) : (Datum) 0;
	values[4] = numbers_to_array(nids, ids);
	put_row(oids.table, oids.table_pkey, F_OIDEQ, ObjectIdGetDatum(relid), values, nulls);
	CacheInvalidateRelcacheByRelid(relid);
}

void
catalog_delete_table(Oid relid)
{
	CatalogOids oids = begin_change();

	(void) delete_row(oids.table, oids.table_pkey, F_OIDEQ, ObjectIdGetDatum(relid));
	table_past_delete(relid);
}

void
catalog_delete_cluster(void)
{
	CatalogOids oids = begin_change();

	delete_all_rows(oids.table);
	delete_all_rows(oids.shard);
	delete_all_rows(oids.node);
	delete_all_rows(oids.cluster);
	raised_in = InvalidSubTransactionId;
}

ItemPointerData
catalog_write_decision(const char *gid, const char *token)
{
	const CatalogOids *oids = catalog_oids_require();
	Relation	rel = relation_open(oids->decision, RowExclusiveLock);
	Datum		values[DECISION_COLUMNS] = {
		CStringGetTextDatum(gid), TimestampTzGetDatum(GetCurrentTimestamp()), CStringGetTextDatum(token), 0
	};
	bool		nulls[DECISION_COLUMNS] = {[DECISION_TROUBLE - 1] = true};
	HeapTuple	tuple = heap_form_tuple(RelationGetDescr(rel), values, nulls);

	CatalogTupleInsert(rel, tuple);
	relation_close(rel, NoLock);
	return tuple->t_self;
}

bool
catalog_read_decision(const char *gid)
{
	const CatalogOids *oids = catalog_oids_require();
	Relation	rel = relation_open(oids->decision, AccessShareLock);
	SysScanDesc scan;
	bool		found;

	found = HeapTupleIsValid(find_row(rel, oids->decision_pkey, F_TEXTEQ, CStringGetTextDatum(gid), &scan));
	systable_endscan(scan);
	relation_close(rel, AccessShareLock);
	return found;
}

/* The worker and the session that has made a record may both think of deleting it: who comes second does nothing. */
static void
delete_decision_at(Relation rel, ItemPointer tid)
{
	TM_FailureData failure;

	(void) heap_delete(rel, tid, GetCurrentCommandId(true), InvalidSnapshot, false, &failure, false);
}

void
catalog_delete_decision(const char *gid)
{
	const CatalogOids *oids = catalog_oids_require();
	Relation	rel = relation_open(oids->decision, RowExclusiveLock);
	SysScanDesc scan;
	HeapTuple	tuple = find_row(rel, oids->decision_pkey, F_TEXTEQ, CStringGetTextDatum(gid), &scan);

	if (HeapTupleIsValid(tuple))
		delete_decision_at(rel, &tuple->t_self);
	systable_endscan(scan);
	relation_close(rel, NoLock);
	CommandCounterIncrement();
}

void
catalog_delete_decision_at(ItemPointer tid, const char *gid)
{
	const CatalogOids *oids = catalog_oids_require();
	Relation	rel = relation_open(oids->decision, RowExclusiveLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);

	/* while the slot has the page pinned, nothing else can come to lie there */
	if (ItemPointerGetBlockNumber(tid) < RelationGetNumberOfBlocks(rel) &&
		table_tuple_fetch_row_version(rel, tid, SnapshotSelf, slot))
	{
		bool		isnull;
		Datum		found = slot_getattr(slot, 1, &isnull);

		if (strcmp(TextDatumGetCString(found), gid) == 0)
			delete_decision_at(rel, tid);
	}
	ExecDropSingleTupleTableSlot(slot);
	relation_close(rel, NoLock);
}

char *
catalog_decision_trouble(const char *gid)
{
	const CatalogOids *oids = catalog_oids_require();
	Relation	rel = relation_open(oids->decision, AccessShareLock);
	SysScanDesc scan;
	HeapTuple	tuple = find_row(rel, oids->decision_pkey, F_TEXTEQ, CStringGetTextDatum(gid), &scan);
	char	   *trouble = NULL;

	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, DECISION_TROUBLE, RelationGetDescr(rel), &isnull);

		if (!isnull)
			trouble = TextDatumGetCString(value);
	}
	systable_endscan(scan);
	relation_close(rel, AccessShareLock);
	return trouble;
}

void
catalog_write_decision_trouble(const char *gid, const char *trouble)
{
	const CatalogOids *oids = catalog_oids_require();
	Relation	rel = relation_open(oids->decision, RowExclusiveLock);
	SysScanDesc scan;
	HeapTuple	tuple = find_row(rel, oids->decision_pkey, F_TEXTEQ, CStringGetTextDatum(gid), &scan);
	Datum		values[DECISION_COLUMNS] = {[DECISION_TROUBLE - 1] = CStringGetTextDatum(trouble)};
	bool		nulls[DECISION_COLUMNS] = {0};
	bool		replaces[DECISION_COLUMNS] = {[DECISION_TROUBLE - 1] = true};

	if (HeapTupleIsValid(tuple))
		CatalogTupleUpdate(rel, &tuple->t_self,
						   heap_modify_tuple(tuple, RelationGetDescr(rel), values, nulls, replaces));
	systable_endscan(scan);
	relation_close(rel, NoLock);
	CommandCounterIncrement();
}
