/*
 * held_snapshot.c
 *	  A snapshot held to the end of the transaction.
 *
 * A coordinator that is given ctids comes back to these rows, and their old
 * versions must still be there then: they lead to the newer ones. Its statement
 * here has ended meanwhile, and with it the snapshot that kept them. So the
 * first such snapshot of a transaction is held; it keeps what later ones see
 * as well, since nothing that one of them sees was deleted before it was taken.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "exec/held_snapshot.h"

static Snapshot held = NULL;

void
held_snapshot_take(Snapshot snapshot)
{
	if (held == NULL)
		held = RegisterSnapshotOnOwner(snapshot, TopTransactionResourceOwner);
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
			break;
		case XACT_EVENT_ABORT:
			held = NULL;		/* released with its owner */
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
