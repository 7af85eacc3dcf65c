/*
 * held_snapshot.c
 *	  Snapshots that outlive their statements.
 *
 * Held to the end of the transaction: a coordinator that is given
 * ctids comes back to these rows, and their old versions must still be there
 * then: they lead to the newer ones. Its statement here has ended meanwhile, and
 * with it the snapshot that kept them. So the first such snapshot of a transaction
 * is held; it keeps what later ones see as well, since nothing that one of them
 * sees was deleted before it was taken.
 *
 * Kept by number: a coordinator that asks for the rows of one scan by several
 * statements (scan_batches.c) wants to be given what the first of them saw.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "exec/held_snapshot.h"

/* A snapshot with a number. */
typedef struct NumberedSnapshot
{
	uint32		number;
	Snapshot	snapshot;
} NumberedSnapshot;

static Snapshot held = NULL;
static List *numbered = NIL;	/* of NumberedSnapshot *, in TopTransactionContext */

void
held_snapshot_take(Snapshot snapshot)
{
	if (held == NULL)
		held = RegisterSnapshotOnOwner(snapshot, TopTransactionResourceOwner);
}

static void
forget_before(uint32 oldest)
{
	ListCell   *lc;

	foreach(lc, numbered)
	{
		NumberedSnapshot *entry = (NumberedSnapshot *) lfirst(lc);

		if (entry->number >= oldest)
			continue;
		UnregisterSnapshotFromOwner(entry->snapshot, TopTransactionResourceOwner);
		numbered = foreach_delete_current(numbered, lc);
		pfree(entry);
	}
}

Snapshot
held_snapshot_of_number(uint32 number, uint32 oldest, Snapshot snapshot)
{
	MemoryContext old;
	NumberedSnapshot *entry;
	ListCell   *lc;

	forget_before(oldest);
	foreach(lc, numbered)
	{
		entry = (NumberedSnapshot *) lfirst(lc);
		if (entry->number == number)
			return entry->snapshot;
	}
	old = MemoryContextSwitchTo(TopTransactionContext);
	entry = palloc(sizeof(NumberedSnapshot));
	entry->number = number;
	entry->snapshot = RegisterSnapshotOnOwner(snapshot, TopTransactionResourceOwner);
	numbered = lappend(numbered, entry);
	MemoryContextSwitchTo(old);
	return entry->snapshot;
}

static void
end_of_transaction(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			if (held != NULL)
				UnregisterSnapshotFromOwner(held, TopTransactionResourceOwner);
			held = NULL;
			forget_before(PG_UINT32_MAX);
			break;
		case XACT_EVENT_ABORT:
			held = NULL;		/* released with its owner, and the list with its memory */
			numbered = NIL;
			break;
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PREPARE:
			break;
	}
}

void
held_snapshot_preload(void)
{
	RegisterXactCallback(end_of_transaction, NULL);
}
