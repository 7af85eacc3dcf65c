/*
 * conn_failures.c
 *	  Which nodes could not be connected to lately, for all backends of the server
 *	  to see: shardext.status tells it to the operator.
 *
 * One entry per database and node whose latest attempt has failed; the next one
 * that succeeds, of whatever role and backend, takes it away. Nothing decides by
 * this: whoever needs a node tries it.
 *
 * Locks: FailureMemory.lock, a leaf.
 */
#include "postgres.h"

#include "base/module.h"
#include "base/shmem.h"
#include "conn/conn_failures.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/lwlock.h"
#include "utils/timestamp.h"

#define MAX_FAILURES	128

typedef struct FailureEntry
{
	Oid			database;		/* InvalidOid: free */
	TimestampTz latest;
	ConnFailure failure;
} FailureEntry;

typedef struct FailureMemory
{
	LWLock		lock;
	pg_atomic_uint32 used;		/* entries that are not free: usually none */
	FailureEntry entries[MAX_FAILURES];
} FailureMemory;

static FailureMemory *failures = NULL;

static void
init_memory(void *memory)
{
	LWLockInitialize(&((FailureMemory *) memory)->lock, shmem_lwlock_tranche());
	pg_atomic_init_u32(&((FailureMemory *) memory)->used, 0);
}

void
conn_failures_preload(void)
{
	shmem_register("shardext connection failures", sizeof(FailureMemory), (void **) &failures, init_memory);
}

/* This database's entry for the node, or NULL. Lock held. */
static FailureEntry *
find_entry(int node_id)
{
	for (int i = 0; i < MAX_FAILURES; i++)
	{
		FailureEntry *entry = &failures->entries[i];

		if (entry->database == MyDatabaseId && entry->failure.node_id == node_id)
			return entry;
	}
	return NULL;
}

/* A free entry, or the one that nobody has met for the longest time. Lock held. */
static FailureEntry *
take_entry(void)
{
	FailureEntry *oldest = &failures->entries[0];

	for (int i = 0; i < MAX_FAILURES; i++)
	{
		FailureEntry *entry = &failures->entries[i];

		if (!OidIsValid(entry->database))
		{
			pg_atomic_fetch_add_u32(&failures->used, 1);
			return entry;
		}
		if (entry->latest < oldest->latest)
			oldest = entry;
	}
	return oldest;
}

/* A copy that fits, in the database's encoding whatever the other side has sent. */
static void
copy_reason(char *copy, const char *reason)
{
	int			length = strlen(reason);

	/* a character that is cut off at the end counts in full there */
	length = Min(length, pg_mbcliplen(reason, length, sizeof(((ConnFailure *) NULL)->reason) - 1));
	memcpy(copy, reason, length);
	copy[length] = '\0';
	if (pg_verify_mbstr(GetDatabaseEncoding(), copy, length, true))
		return;
	for (; *copy; copy++)
		if (IS_HIGHBIT_SET(*copy))
			*copy = '?';
}

void
conn_failure_note(int node_id, const char *reason)
{
	TimestampTz now = GetCurrentTimestamp();
	FailureEntry *entry;

	if (!library_is_preloaded())
		return;
	LWLockAcquire(&failures->lock, LW_EXCLUSIVE);
	entry = find_entry(node_id);
	if (entry == NULL)
	{
		entry = take_entry();
		entry->database = MyDatabaseId;
		entry->failure.node_id = node_id;
		entry->failure.since = now;
	}
	entry->latest = now;
	copy_reason(entry->failure.reason, reason);
	LWLockRelease(&failures->lock);
}

void
conn_failure_clear(int node_id)
{
	FailureEntry *entry;

	if (!library_is_preloaded() || pg_atomic_read_u32(&failures->used) == 0)
		return;
	LWLockAcquire(&failures->lock, LW_EXCLUSIVE);
	entry = find_entry(node_id);
	if (entry != NULL)
	{
		entry->database = InvalidOid;
		pg_atomic_fetch_sub_u32(&failures->used, 1);
	}
	LWLockRelease(&failures->lock);
}

ConnFailure *
conn_failures_get(int *n)
{
	ConnFailure *list = palloc(sizeof(ConnFailure) * MAX_FAILURES);

	*n = 0;
	if (!library_is_preloaded())
		return list;
	LWLockAcquire(&failures->lock, LW_SHARED);
	for (int i = 0; i < MAX_FAILURES; i++)
	{
		if (failures->entries[i].database == MyDatabaseId)
			list[(*n)++] = failures->entries[i].failure;
	}
	LWLockRelease(&failures->lock);
	return list;
}
