/*
 * id_maker.c
 *	  Ids of the shards this node owns.
 *
 * Owns: the state of each shard's generator in shared memory, and the marks on
 * disk. The arithmetic is in id/id_generate.c.
 *
 * State. Nodes may be databases of one server, so shared memory has slots, one
 * per database that makes ids; a slot has one IdState per logical shard, each
 * under a spinlock of its own. A backend finds its slot once and keeps the
 * pointer until the relation of the marks changes (DROP EXTENSION). What is in
 * a slot can be rebuilt from the marks at any time, since every id made is below
 * its durable mark.
 *
 * Marks. The sequence shardext.id_mark (a sequence because VACUUM, ANALYZE,
 * TRUNCATE and pg_dump of an extension leave those alone) has, behind the one
 * page of the sequence itself, pages of our own: an array of 64-bit ticks in
 * the special area of an otherwise empty page, so that whoever looks at the
 * page as a heap finds no rows. They are written by generic WAL and flushed
 * (and, where configured, synchronously replicated) before use, so crash
 * recovery and physical replication carry them. They are not transactional.
 *
 * Locks, in this order: relation id_mark (shared), slot's mark_lock, buffer
 * lock, state's spinlock. While the mark is being written other backends
 * go on making ids below the old one.
 *
 * Not here: whether this node owns the shard. id_maker_next() trusts its caller;
 * id_maker_own.c asks the shard map.
 */
#include "postgres.h"

#include "access/generic_xlog.h"
#include "access/relation.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "replication/syncrep.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/lwlock.h"
#include "storage/spin.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "base/module.h"
#include "base/shmem.h"
#include "catalog/id_maker.h"
#include "catalog/node_map.h"
#include "id/id_generate.h"
#include "route/route.h"

#define MARK_RELATION	"id_mark"
#define MARKS_PER_PAGE	1020
#define FIRST_MARK_BLOCK 1		/* block 0 is the sequence's own */

/* A shard that made an id within this time gets its mark raised with its neighbours'. */
#define BUSY_MS			(2 * ID_MARK_LEAD_MS)

#define MAX_SLOTS		16

/* Generator of one shard. */
typedef struct ShardState
{
	slock_t		lock;
	bool		loaded;			/* the mark on disk has been taken into account */
	bool		let_go;			/* for another owner, who has its mark; until an id is made here */
	IdState		ids;
} ShardState;

/* All shards of one database. */
typedef struct DatabaseSlot
{
	Oid			database;		/* InvalidOid: free; under slots_lock */
	Oid			relation;		/* id_mark of that database; under slots_lock */
	LWLock		mark_lock;		/* held to write marks */
	ShardState	shards[ROUTE_MAX_SHARDS];
} DatabaseSlot;

typedef struct IdMemory
{
	LWLock		slots_lock;
	DatabaseSlot slots[MAX_SLOTS];
} IdMemory;

static IdMemory *id_memory = NULL;
static DatabaseSlot *my_slot = NULL;
static Oid	my_relation = InvalidOid;

/* ---- slots ---- */

static void
init_memory(void *memory)
{
	IdMemory   *ids = (IdMemory *) memory;

	LWLockInitialize(&ids->slots_lock, shmem_lwlock_tranche());
	for (int i = 0; i < MAX_SLOTS; i++)
	{
		LWLockInitialize(&ids->slots[i].mark_lock, shmem_lwlock_tranche());
		for (int shard = 0; shard < ROUTE_MAX_SHARDS; shard++)
			SpinLockInit(&ids->slots[i].shards[shard].lock);
	}
}

/* Start from what is on disk again. Ids made so far stay behind us if keep is true. */
static void
reset_slot(DatabaseSlot *slot, bool keep)
{
	for (int shard = 0; shard < ROUTE_MAX_SHARDS; shard++)
	{
		ShardState *state = &slot->shards[shard];

		SpinLockAcquire(&state->lock);
		state->loaded = false;
		state->ids.mark = 0;
		if (!keep)
			memset(&state->ids, 0, sizeof(IdState));
		SpinLockRelease(&state->lock);
	}
}

/* The slot of this database; else a free one or that of database victim, taken over. NULL if there is none. */
static DatabaseSlot *
take_slot(Oid relation, Oid victim)
{
	DatabaseSlot *slot = NULL;

	LWLockAcquire(&id_memory->slots_lock, LW_EXCLUSIVE);
	for (int i = 0; i < MAX_SLOTS; i++)
	{
		Oid			database = id_memory->slots[i].database;

		if (database == MyDatabaseId)
		{
			slot = &id_memory->slots[i];
			break;
		}
		if (slot == NULL && (!OidIsValid(database) || database == victim))
			slot = &id_memory->slots[i];
	}
	if (slot != NULL && (slot->database != MyDatabaseId || slot->relation != relation))
	{
		reset_slot(slot, slot->database == MyDatabaseId);
		slot->database = MyDatabaseId;
		slot->relation = relation;
	}
	LWLockRelease(&id_memory->slots_lock);
	return slot;
}

/* A database that has a slot but was dropped. */
static Oid
find_dropped_database(void)
{
	for (int i = 0; i < MAX_SLOTS; i++)
	{
		Oid			database = id_memory->slots[i].database;

		if (OidIsValid(database) && get_database_name(database) == NULL)
			return database;
	}
	return InvalidOid;
}

/* Find the slot of this database, or take one. */
static void
attach_slot(void)
{
	Oid			namespace = extension_schema();
	Oid			relation = OidIsValid(namespace) ? get_relname_relid(MARK_RELATION, namespace) : InvalidOid;
	DatabaseSlot *slot;

	library_require_preloaded();
	if (!OidIsValid(relation) || get_rel_relkind(relation) != RELKIND_SEQUENCE)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension shardext is not installed in this database, or its marks are missing"),
				 errhint("Run CREATE EXTENSION shardext.")));

	slot = take_slot(relation, InvalidOid);
	if (slot == NULL)
		slot = take_slot(relation, find_dropped_database());
	if (slot == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("too many databases of this server make ids"),
				 errdetail("At most %d databases of one server can be nodes.", MAX_SLOTS)));
	my_slot = slot;
	my_relation = relation;
}

static void
forget_slot(Datum arg, Oid relid)
{
	if (!OidIsValid(relid) || relid == my_relation)
		my_slot = NULL;
}

static inline ShardState *
shard_state(int shard)
{
	Assert(shard >= 0 && shard < ROUTE_MAX_SHARDS);
	if (unlikely(my_slot == NULL))
		attach_slot();
	return &my_slot->shards[shard];
}

/* ---- marks on disk ---- */

static int64 *
page_marks(Page page)
{
	return (int64 *) PageGetSpecialPointer(page);
}

static bool
page_is_ready(Page page)
{
	return !PageIsNew(page) && PageGetSpecialSize(page) == MARKS_PER_PAGE * sizeof(int64);
}

/* Make the relation long enough for the block. */
static void
extend_to(Relation relation, BlockNumber block)
{
	LockRelationForExtension(relation, ExclusiveLock);
	while (RelationGetNumberOfBlocks(relation) <= block)
	{
		Buffer		buffer = ReadBuffer(relation, P_NEW);
		GenericXLogState *xlog;

		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		xlog = GenericXLogStart(relation);
		PageInit(GenericXLogRegisterBuffer(xlog, buffer, GENERIC_XLOG_FULL_IMAGE), BLCKSZ,
				 MARKS_PER_PAGE * sizeof(int64));
		GenericXLogFinish(xlog);
		UnlockReleaseBuffer(buffer);
	}
	UnlockRelationForExtension(relation, ExclusiveLock);
}

/* Take what is on disk into the state of a shard, if that has not been done since server start. */
static void
load_mark(ShardState *state, int64 mark_on_disk)
{
	SpinLockAcquire(&state->lock);
	if (!state->loaded)
	{
		id_generate_start_from(&state->ids, mark_on_disk);
		state->loaded = true;
	}
	SpinLockRelease(&state->lock);
}

/*
 * The mark a shard shall have: at least the one asked for, if it is the shard
 * it was asked for; a fresh one if it is busy and would need it soon; otherwise
 * the one it has.
 */
static int64
wanted_mark(ShardState *state, int64 mark_on_disk, bool asked, int64 mark, int64 wall_ms)
{
	int64		wanted = asked ? Max(mark, mark_on_disk) : mark_on_disk;

	SpinLockAcquire(&state->lock);
	if (state->loaded && !state->let_go && state->ids.last > 0 &&
		(state->ids.last >> ID_SEQUENCE_BITS) + BUSY_MS > wall_ms &&
		(state->ids.mark >> ID_SEQUENCE_BITS) < wall_ms + ID_MARK_LEAD_MS / 2)
		wanted = Max(wanted, id_generate_mark_for(state->ids.last + 1, wall_ms));
	SpinLockRelease(&state->lock);
	return wanted;
}

/*
 * Write the page on which the shard's mark lies so that it is at least mark,
 * durably. Marks of busy shards on the same page are raised with it. On return
 * marks[] holds all marks of the page as they are on disk.
 */
static void
write_marks(Relation relation, int shard, int64 mark, int64 wall_ms, int64 *marks)
{
	BlockNumber block = FIRST_MARK_BLOCK + shard / MARKS_PER_PAGE;
	int			first = (shard / MARKS_PER_PAGE) * MARKS_PER_PAGE;
	int			count = Min(MARKS_PER_PAGE, ROUTE_MAX_SHARDS - first);
	Buffer		buffer;
	GenericXLogState *xlog;
	Page		page;
	XLogRecPtr	lsn;

	if (RelationGetNumberOfBlocks(relation) <= block)
		extend_to(relation, block);

	buffer = ReadBuffer(relation, block);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	xlog = GenericXLogStart(relation);
	page = GenericXLogRegisterBuffer(xlog, buffer, 0);
	if (!page_is_ready(page))
		PageInit(page, BLCKSZ, MARKS_PER_PAGE * sizeof(int64)); /* extended, then crashed */
	for (int i = 0; i < count; i++)
	{
		ShardState *state = &my_slot->shards[first + i];
		int64	   *on_disk = &page_marks(page)[i];

		if (first + i == shard)
			load_mark(state, *on_disk);
		*on_disk = wanted_mark(state, *on_disk, first + i == shard, mark, wall_ms);
		marks[i] = *on_disk;
	}
	lsn = GenericXLogFinish(xlog);
	UnlockReleaseBuffer(buffer);
	XLogFlush(lsn);
	HOLD_INTERRUPTS();
	SyncRepWaitForLSN(lsn, false);
	RESUME_INTERRUPTS();
}

/*
 * Make the shard's mark at least mark. If behind is true, ids below mark are
 * not ours to make (another owner may have made them).
 */
static void
raise_mark(int shard, int64 mark, int64 wall_ms, bool behind)
{
	int			first = (shard / MARKS_PER_PAGE) * MARKS_PER_PAGE;
	Relation	relation;
	ShardState *asked;
	DatabaseSlot *slot;
	int64		marks[MARKS_PER_PAGE];
	bool		done;

	(void) shard_state(shard);
	relation = relation_open(my_relation, AccessShareLock);
	asked = shard_state(shard); /* opening it may have thrown the slot away */
	slot = my_slot;
	if (RelationGetRelid(relation) != my_relation)
		elog(ERROR, "relation %s was replaced", MARK_RELATION);

	LWLockAcquire(&slot->mark_lock, LW_EXCLUSIVE);
	SpinLockAcquire(&asked->lock);
	done = asked->loaded && asked->ids.mark >= mark;
	SpinLockRelease(&asked->lock);
	if (!done)
	{
		write_marks(relation, shard, mark, wall_ms, marks);
		for (int i = 0; i < MARKS_PER_PAGE && first + i < ROUTE_MAX_SHARDS; i++)
		{
			ShardState *state = &slot->shards[first + i];

			SpinLockAcquire(&state->lock);
			if (state->loaded)
				state->ids.mark = Max(state->ids.mark, marks[i]);
			SpinLockRelease(&state->lock);
		}
	}
	if (behind)
	{
		SpinLockAcquire(&asked->lock);
		id_generate_start_from(&asked->ids, mark);
		SpinLockRelease(&asked->lock);
	}
	LWLockRelease(&slot->mark_lock);
	relation_close(relation, AccessShareLock);
}

/* ---- clocks ---- */

static inline int64
monotonic_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Milliseconds since the epoch; 0 before it; beyond the layout when the layout has ended. */
static inline int64
wall_ms_since(TimestampTz epoch)
{
	TimestampTz now = GetCurrentTimestamp();

	return now < epoch ? 0 : (now - epoch) / 1000;
}

static void
raise_exhausted(int shard)
{
	ereport(ERROR,
			(errcode(ERRCODE_SEQUENCE_GENERATOR_LIMIT_EXCEEDED),
			 errmsg("logical shard %d has no more ids", shard),
			 errdetail("The layout of ids ends at %s.", timestamptz_to_str(id_maker_end())),
			 errhint("Check the clock of this server.")));
}

/* ---- making ids ---- */

static int64
next_id(int shard, TimestampTz epoch)
{
	for (;;)
	{
		ShardState *state = shard_state(shard);
		int64		wall_ms = wall_ms_since(epoch);
		int64		now_us = monotonic_us();
		int64		result;
		IdStep		step;

		SpinLockAcquire(&state->lock);
		state->let_go = false;
		step = id_generate_step(&state->ids, shard, wall_ms, now_us, &result);
		SpinLockRelease(&state->lock);

		switch (step)
		{
			case ID_STEP_MADE:
				return result;
			case ID_STEP_NEED_MARK:
				raise_mark(shard, result, wall_ms, false);
				break;
			case ID_STEP_WAIT:
				CHECK_FOR_INTERRUPTS();
				pg_usleep(Min(result, 1000));
				break;
			case ID_STEP_EXHAUSTED:
				raise_exhausted(shard);
		}
	}
}

int64
id_maker_next(int shard)
{
	return next_id(shard, cluster_require()->epoch);
}

int64
id_maker_burst(int nshards, const int *shards, int64 n)
{
	TimestampTz epoch = cluster_require()->epoch;
	int64		id = ID_DEFERRED;

	for (int64 i = 0; i < n; i++)
	{
		if ((i & 1023) == 0)
			CHECK_FOR_INTERRUPTS();
		id = next_id(shards[i % nshards], epoch);
	}
	return id;
}

int64
id_maker_mark(int shard)
{
	ShardState *state = shard_state(shard);
	int64		mark;
	bool		loaded;

	SpinLockAcquire(&state->lock);
	loaded = state->loaded;
	mark = state->ids.mark;
	SpinLockRelease(&state->lock);
	if (!loaded)
	{
		raise_mark(shard, 0, 0, false);
		return id_maker_mark(shard);
	}
	/* The end of the layout itself is no id. */
	return id_layout_from_tick(Min(mark, ID_TICK_MAX), shard);
}

int64
id_maker_let_go(int shard)
{
	ShardState *state = shard_state(shard);

	/* who is raising the marks of busy shards comes to its end before */
	LWLockAcquire(&my_slot->mark_lock, LW_EXCLUSIVE);
	SpinLockAcquire(&state->lock);
	state->let_go = true;
	SpinLockRelease(&state->lock);
	LWLockRelease(&my_slot->mark_lock);
	return id_maker_mark(shard);
}

void
id_maker_raise_mark(int shard, int64 mark)
{
	raise_mark(shard, id_layout_tick(mark), 0, true);
}

TimestampTz
id_maker_end(void)
{
	return id_layout_end_us(cluster_require()->epoch);
}

void
id_maker_preload(void)
{
	shmem_register("shardext ids", sizeof(IdMemory), (void **) &id_memory, init_memory);
	CacheRegisterRelcacheCallback(forget_slot, (Datum) 0);
	id_maker_own_preload();
}
