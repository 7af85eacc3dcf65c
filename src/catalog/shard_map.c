/*
 * shard_map.c
 *	  The shard map in shared memory: one copy per database that is a node.
 *
 * A copy ("slot") holds an entry per logical shard: a word of owner, version and
 * a hint bit, and the full transaction id that changed the row last. Entries
 * come from a pool of chunks, so that small clusters take little.
 *
 * Who fills it: a backend that has heard of a change of the catalog compares
 * local_changes of the slot with that of the catalog and, if the slot is
 * behind, reads the rows and publishes them. A backend whose own transaction
 * has changed the catalog neither publishes nor looks at the slot: it has a
 * private copy of what it sees itself ("own view") until the transaction ends.
 *
 * Readers take no lock. A writer of the map holds a lock on the shard's tables
 * that conflicts with theirs, and its invalidation is sent before that lock is
 * released; so whoever holds the shard's lock and has freshened sees the truth.
 * Hints (refusals of other nodes) may only replace entries of other nodes.
 *
 * Locks: MapHeader.lock, for slots, chunks and publishing; a leaf, held briefly,
 * never during I/O.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/transam.h"
#include "access/xact.h"
#include "base/errors.h"
#include "base/fault.h"
#include "base/module.h"
#include "base/shmem.h"
#include "catalog/catalog_oids.h"
#include "catalog/catalog_write.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "route/route.h"
#include "storage/lmgr.h"
#include "storage/lwlock.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#define MAP_SLOTS		64
#define CHUNK_ENTRIES	256
#define MAP_CHUNKS		1024
#define SLOT_CHUNKS		(ROUTE_MAX_SHARDS / CHUNK_ENTRIES)

/* An entry's word: version (47 bits), hint (1), owner (16). */
#define WORD(owner, hint, version) \
	(((uint64) (version) << 17) | ((uint64) ((hint) ? 1 : 0) << 16) | (uint64) (owner))
#define WORD_OWNER(word)	((int) ((word) & 0xFFFF))
#define WORD_HINT(word)		(((word) >> 16) & 1)
#define WORD_VERSION(word)	((int64) ((word) >> 17))

/* The advisory lock space of ours: field 4 of the tag is 1 and 2 in SQL's. */
#define SHARD_LOCK_SPACE	6
#define SHARD_LOCK_CLASS	1

typedef struct MapEntry
{
	pg_atomic_uint64 word;
	pg_atomic_uint64 xid;		/* full; 0: visible to all */
} MapEntry;

typedef struct MapSlot
{
	Oid			database;		/* InvalidOid: free */
	char		cluster_id[37];
	int			shards;			/* entries filled */
	int			chunk_count;
	int			chunks[SLOT_CHUNKS];
	pg_atomic_uint64 local_changes; /* of the catalog state published */
} MapSlot;

typedef struct MapHeader
{
	LWLock		lock;
	MapSlot		slots[MAP_SLOTS];
	bool		chunk_used[MAP_CHUNKS];
	MapEntry	entries[MAP_CHUNKS * CHUNK_ENTRIES];
} MapHeader;

/* What one reading of catalog_shard has given. */
typedef struct MapRows
{
	int			count;			/* highest shard + 1 */
	uint64	   *words;
	uint64	   *xids;
} MapRows;

static MapHeader *header = NULL;
static MapSlot *my_slot = NULL;
static bool stale = true;

/* Own view: set while this transaction has changed the catalog. */
static bool changed_here = false;
static MemoryContext own_cxt = NULL;
static MapRows own_view;

/* See shard_map_hold_snapshot. */
static bool snapshot_held = false;

static void freshen(void);

static void
init_header(void *memory)
{
	MapHeader  *map = memory;

	LWLockInitialize(&map->lock, shmem_lwlock_tranche());
	for (int i = 0; i < MAP_SLOTS; i++)
		pg_atomic_init_u64(&map->slots[i].local_changes, 0);
	for (int i = 0; i < MAP_CHUNKS * CHUNK_ENTRIES; i++)
	{
		pg_atomic_init_u64(&map->entries[i].word, 0);
		pg_atomic_init_u64(&map->entries[i].xid, 0);
	}
}

void
shard_map_preload(void)
{
	catalog_oids_preload();
	shmem_register("shardext shard map", sizeof(MapHeader), (void **) &header, init_header);
}

void
shard_map_invalidate(void)
{
	stale = true;
}

void
shard_map_changed_here(void)
{
	changed_here = true;
	stale = true;
}

void
shard_map_end_transaction(bool committed)
{
	if (!changed_here)
		return;
	changed_here = false;
	stale = true;
	if (own_cxt)
		MemoryContextDelete(own_cxt);
	own_cxt = NULL;
	memset(&own_view, 0, sizeof(own_view));
}

/* 32-bit transaction id that is not in the future, as a full one; 0 for those that everybody sees. */
static uint64
widen_xid(TransactionId xid)
{
	FullTransactionId next;
	uint32		epoch;

	if (!TransactionIdIsNormal(xid))
		return 0;
	next = ReadNextFullTransactionId();
	epoch = EpochFromFullTransactionId(next);
	if (xid > XidFromFullTransactionId(next))
		epoch--;
	return U64FromFullTransactionId(FullTransactionIdFromEpochAndXid(epoch, xid));
}

/* All rows of catalog_shard, as of now and with what this transaction has done. */
static void
read_rows(Oid relid, MapRows *rows)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	SysScanDesc scan;
	HeapTuple	tuple;

	rows->count = 0;
	rows->words = palloc0(ROUTE_MAX_SHARDS * sizeof(uint64));
	rows->xids = palloc0(ROUTE_MAX_SHARDS * sizeof(uint64));
	if (rel == NULL)
		return;
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Datum		values[3];
		bool		nulls[3];
		int			shard;

		heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
		shard = DatumGetInt32(values[0]);
		if (shard < 0 || shard >= ROUTE_MAX_SHARDS)
			elog(ERROR, "shard %d in shardext.catalog_shard is out of range", shard);
		rows->words[shard] = WORD(DatumGetInt32(values[1]), false, DatumGetInt64(values[2]));
		rows->xids[shard] = widen_xid(HeapTupleHeaderGetXmin(tuple->t_data));
		rows->count = Max(rows->count, shard + 1);
	}
	systable_endscan(scan);
	relation_close(rel, AccessShareLock);
}

ShardRow *
catalog_read_shards(int *n)
{
	ShardRow   *shards;
	MapRows		rows;

	read_rows(catalog_oids_require()->shard, &rows);
	shards = palloc(Max(rows.count, 1) * sizeof(ShardRow));
	for (int i = 0; i < rows.count; i++)
		shards[i] = (ShardRow)
	{
		.shard = i, .owner = WORD_OWNER(rows.words[i]), .version = WORD_VERSION(rows.words[i])
	};
	*n = rows.count;
	pfree(rows.words);
	pfree(rows.xids);
	return shards;
}

static MapEntry *
slot_entry(MapSlot *slot, int shard)
{
	return &header->entries[slot->chunks[shard / CHUNK_ENTRIES] * CHUNK_ENTRIES + shard % CHUNK_ENTRIES];
}

/* Caller holds the lock exclusively. */
static void
free_slot(MapSlot *slot)
{
	slot->database = InvalidOid;
	slot->shards = 0;
	for (int i = 0; i < slot->chunk_count; i++)
		header->chunk_used[slot->chunks[i]] = false;
	slot->chunk_count = 0;
	pg_atomic_write_u64(&slot->local_changes, 0);
}

/* The slot of a database (InvalidOid: a free one), or NULL. Caller holds the lock. */
static MapSlot *
find_slot(Oid database)
{
	for (int i = 0; i < MAP_SLOTS; i++)
		if (header->slots[i].database == database)
			return &header->slots[i];
	return NULL;
}

/* Free the slots of databases that are no more. */
static void
reclaim_slots(void)
{
	Oid			used[MAP_SLOTS];

	LWLockAcquire(&header->lock, LW_SHARED);
	for (int i = 0; i < MAP_SLOTS; i++)
		used[i] = header->slots[i].database;
	LWLockRelease(&header->lock);

	for (int i = 0; i < MAP_SLOTS; i++)
	{
		if (!OidIsValid(used[i]) || SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(used[i])))
			continue;
		LWLockAcquire(&header->lock, LW_EXCLUSIVE);
		if (header->slots[i].database == used[i])
			free_slot(&header->slots[i]);
		LWLockRelease(&header->lock);
	}
}

/* Room for count entries; false if the pool is empty. Caller holds the lock exclusively. */
static bool
grow_slot(MapSlot *slot, int count)
{
	int			next = 0;

	while (slot->chunk_count * CHUNK_ENTRIES < count)
	{
		while (next < MAP_CHUNKS && header->chunk_used[next])
			next++;
		if (next == MAP_CHUNKS)
			return false;
		header->chunk_used[next] = true;
		for (int i = 0; i < CHUNK_ENTRIES; i++)
		{
			pg_atomic_write_u64(&header->entries[next * CHUNK_ENTRIES + i].word, 0);
			pg_atomic_write_u64(&header->entries[next * CHUNK_ENTRIES + i].xid, 0);
		}
		slot->chunks[slot->chunk_count++] = next;
	}
	return true;
}

/* A hint stays while it is newer than the catalog and the shard is not ours. */
static bool
keep_hint(uint64 present, uint64 row, int self)
{
	return WORD_HINT(present) && WORD_VERSION(present) > WORD_VERSION(row) && WORD_OWNER(row) != self;
}

/* Put rows into this database's slot unless it has newer ones; false if there is no room. */
static bool
publish(const MapRows *rows, const ClusterInfo *cluster, int64 local_changes)
{
	MapSlot    *slot;
	bool		done = true;

	LWLockAcquire(&header->lock, LW_EXCLUSIVE);
	slot = find_slot(MyDatabaseId);
	if (slot != NULL && strcmp(slot->cluster_id, cluster->cluster_id) != 0)
		free_slot(slot);
	if (slot == NULL || !OidIsValid(slot->database))
	{
		slot = find_slot(InvalidOid);
		if (slot != NULL)
		{
			slot->database = MyDatabaseId;
			strlcpy(slot->cluster_id, cluster->cluster_id, sizeof(slot->cluster_id));
		}
	}
	if (slot == NULL || !grow_slot(slot, rows->count))
		done = false;
	else if (pg_atomic_read_u64(&slot->local_changes) < local_changes)
	{
		for (int i = 0; i < rows->count; i++)
		{
			MapEntry   *entry = slot_entry(slot, i);

			if (keep_hint(pg_atomic_read_u64(&entry->word), rows->words[i], cluster->this_node))
				continue;
			pg_atomic_write_u64(&entry->xid, rows->xids[i]);
			pg_write_barrier();
			pg_atomic_write_u64(&entry->word, rows->words[i]);
		}
		slot->shards = rows->count;
		pg_write_barrier();
		pg_atomic_write_u64(&slot->local_changes, local_changes);
	}
	LWLockRelease(&header->lock);
	if (done)
		my_slot = slot;
	return done;
}

/* The slot is up to date, or cannot be; true when my_slot may be used. */
static bool
slot_is_current(const ClusterInfo *cluster, int64 local_changes)
{
	MapSlot    *slot;

	LWLockAcquire(&header->lock, LW_SHARED);
	slot = find_slot(MyDatabaseId);
	if (slot != NULL &&
		(strcmp(slot->cluster_id, cluster->cluster_id) != 0 ||
		 pg_atomic_read_u64(&slot->local_changes) < local_changes))
		slot = NULL;
	LWLockRelease(&header->lock);
	if (slot != NULL)
		my_slot = slot;
	return slot != NULL;
}

static void
forget_slot(void)
{
	MapSlot    *slot;

	my_slot = NULL;
	LWLockAcquire(&header->lock, LW_EXCLUSIVE);
	slot = find_slot(MyDatabaseId);
	if (slot != NULL)
		free_slot(slot);
	LWLockRelease(&header->lock);
}

static void
load_own_view(void)
{
	MemoryContext old;

	if (own_cxt)
		MemoryContextReset(own_cxt);
	else
		own_cxt = catalog_context_make("shardext own shard map");
	memset(&own_view, 0, sizeof(own_view));
	old = MemoryContextSwitchTo(own_cxt);
	read_rows(catalog_oids_require()->shard, &own_view);
	MemoryContextSwitchTo(old);
}

static void
load_slot(const ClusterInfo *cluster)
{
	int64		local_changes = node_map_local_changes();
	MemoryContext read_cxt;
	MemoryContext old;
	MapRows		rows;

	if (slot_is_current(cluster, local_changes))
		return;

	FAULT_POINT("shard_map_reload");
	read_cxt = AllocSetContextCreate(CurrentMemoryContext, "shardext shard rows", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(read_cxt);
	read_rows(catalog_oids_require()->shard, &rows);
	if (!publish(&rows, cluster, local_changes))
	{
		reclaim_slots();
		if (!publish(&rows, cluster, local_changes))
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY),
					 errmsg("no room left for the shard map of this database"),
					 errdetail("A server can hold the maps of %d databases with %d logical shards in all.",
							   MAP_SLOTS, MAP_CHUNKS * CHUNK_ENTRIES)));
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(read_cxt);
}

/* Bring what lookup() uses up to what this backend has heard of. */
static void
freshen(void)
{
	const ClusterInfo *cluster;

	library_require_preloaded();
	if (!catalog_can_read())
		return;
	do
	{
		stale = false;
		PG_TRY();
		{
			cluster = cluster_info();
			if (cluster == NULL)
				forget_slot();
			else if (changed_here)
				load_own_view();
			else
				load_slot(cluster);
		}
		PG_CATCH();
		{
			stale = true;
			PG_RE_THROW();
		}
		PG_END_TRY();
	} while (stale);
}

/* The entry of a shard; false if there is none. */
static inline bool
lookup(int shard, uint64 *word, uint64 *xid)
{
	MapEntry   *entry;

	if (unlikely(stale || (!changed_here && my_slot != NULL && my_slot->database != MyDatabaseId)))
		freshen();
	if (unlikely(changed_here))
	{
		if (shard < 0 || shard >= own_view.count)
			return false;
		*word = own_view.words[shard];
		*xid = own_view.xids[shard];
		return true;
	}
	if (my_slot == NULL || my_slot->database != MyDatabaseId || shard < 0 || shard >= my_slot->shards)
		return false;
	entry = slot_entry(my_slot, shard);
	*word = pg_atomic_read_u64(&entry->word);
	*xid = pg_atomic_read_u64(&entry->xid);
	return true;
}

int
shard_map_count(void)
{
	const ClusterInfo *cluster = cluster_info();

	return cluster ? cluster->shard_count : 0;
}

int
shard_map_owner(int shard, int64 *version)
{
	uint64		word = 0;
	uint64		xid;

	(void) lookup(shard, &word, &xid);
	if (version)
		*version = WORD_VERSION(word);
	return WORD_OWNER(word);
}

Bitmapset *
shard_map_owned_by(int node_id)
{
	Bitmapset  *owned = NULL;
	int			count = shard_map_count();

	for (int shard = 0; shard < count; shard++)
		if (shard_map_owner(shard, NULL) == node_id)
			owned = bms_add_member(owned, shard);
	return owned;
}

/* Snapshot.xmin as a full transaction id; asks the transaction manager once per xmin. */
static uint64
snapshot_full_xmin(Snapshot snapshot)
{
	static TransactionId last = InvalidTransactionId;
	static uint64 last_full = 0;

	if (snapshot->xmin != last)
	{
		last_full = widen_xid(snapshot->xmin);
		last = snapshot->xmin;
	}
	return last_full;
}

/* Does the snapshot see what this transaction, which is known to have committed or to be ours, did? */
static bool
snapshot_sees(Snapshot snapshot, uint64 xid)
{
	TransactionId short_xid = (TransactionId) xid;

	if (xid == 0 || snapshot == NULL || snapshot->snapshot_type != SNAPSHOT_MVCC)
		return true;
	if (xid < snapshot_full_xmin(snapshot))
		return true;
	if (changed_here && TransactionIdIsCurrentTransactionId(short_xid))
		return true;
	return !XidInMVCCSnapshot(short_xid, snapshot);
}

/* Owner in the row that the snapshot sees; 0 if it sees none. */
static int
owner_under_snapshot(int shard, Snapshot snapshot)
{
	const CatalogOids *oids = catalog_oids_require();
	Relation	rel = relation_open(oids->shard, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	int			owner = 0;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(shard));
	scan = systable_beginscan(rel, oids->shard_pkey, true, snapshot, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Datum		values[3];
		bool		nulls[3];

		heap_deform_tuple(tuple, RelationGetDescr(rel), values, nulls);
		owner = DatumGetInt32(values[1]);
	}
	systable_endscan(scan);
	relation_close(rel, AccessShareLock);
	return owner;
}

void
shard_map_hold_snapshot(bool held)
{
	snapshot_held = held;
}

ShardVerdict
shard_map_check(int shard, ShardAccess access, Snapshot snapshot)
{
	int			self = node_self();
	uint64		word;
	uint64		xid;
	bool		owned_now;

	if (!lookup(shard, &word, &xid) || self == 0)
		return SHARD_MOVED;
	owned_now = WORD_OWNER(word) == self && !WORD_HINT(word);
	if (access == SHARD_WRITE && !owned_now)
		return SHARD_MOVED;
	if (likely(snapshot_sees(snapshot, xid)))
		return owned_now ? SHARD_OK : SHARD_MOVED;

	/* The newest change is not for this snapshot: go by the row that is, if the snapshot is to be kept. */
	if (!owned_now && !snapshot_held && !IsolationUsesXactSnapshot())
		return SHARD_MOVED;
	if (owner_under_snapshot(shard, snapshot) == self)
		return SHARD_OK;
	return owned_now ? SHARD_TOO_NEW : SHARD_MOVED;
}

void
shard_map_raise(int shard, ShardVerdict verdict)
{
	int			owner = shard_map_owner(shard, NULL);

	if (verdict == SHARD_TOO_NEW)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to a move of shard %d", shard),
				 errdetail("The shard came to this node after the transaction's snapshot was taken."),
				 errhint("Repeat the transaction.")));
	ereport(ERROR,
			(errcode(ERRCODE_SX_SHARD_MOVED),
			 errmsg("shard %d is not served by node \"%s\"", shard, node_name(node_self())),
			 owner == 0 ? errdetail("It is being handed over.") :
			 errdetail("It is served by node \"%s\".", node_name(owner)),
			 errhint("Repeat the transaction.")));
}

void
shard_map_refuse(int shard, ShardVerdict verdict)
{
	int64		version;
	int			owner = shard_map_owner(shard, &version);

	ereport(INFO,
			(errcode(ERRCODE_SX_SHARD_MOVED),
			 errmsg("shard %d is refused by node \"%s\"", shard, node_name(node_self())),
			 errdetail("shard=%d owner=%d version=" INT64_FORMAT "%s",
					   shard, owner, version, verdict == SHARD_TOO_NEW ? " too_new" : "")));
}

/* The word after the hint, or the same if it tells nothing new. */
static uint64
apply_hint(uint64 present, int owner, int64 version, int self)
{
	bool		ours = WORD_OWNER(present) == self && !WORD_HINT(present);

	if (ours || owner == self || version <= WORD_VERSION(present))
		return present;
	return WORD(owner, true, version);
}

void
shard_map_hint(int shard, int owner, int64 version)
{
	int			self = node_self();
	MapEntry   *entry;
	uint64		present;
	uint64		xid;

	if (owner < 0 || owner > 0xFFFF || version < 0 || !lookup(shard, &present, &xid))
		return;
	if (changed_here)
	{
		own_view.words[shard] = apply_hint(present, owner, version, self);
		return;
	}
	entry = slot_entry(my_slot, shard);
	present = pg_atomic_read_u64(&entry->word);
	while (!pg_atomic_compare_exchange_u64(&entry->word, &present, apply_hint(present, owner, version, self)))
		;
}

void
shard_map_lock(int shard, bool exclusive)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, SHARD_LOCK_CLASS, shard, SHARD_LOCK_SPACE);
	(void) LockAcquire(&tag, exclusive ? ExclusiveLock : ShareLock, false, false);
	AcceptInvalidationMessages();
}
