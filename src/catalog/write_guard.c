/*
 * write_guard.c
 *	  Whether this backend may write reference tables at this moment: one flag
 *	  (see the header), closed by whatever ends the work that opened it.
 */
#include "postgres.h"

#include "access/xact.h"

#include "catalog/write_guard.h"

static bool guard_open = false;

bool
write_guard_set_open(bool open)
{
	bool		was = guard_open;

	guard_open = open;
	return was;
}

bool
write_guard_is_open(void)
{
	return guard_open;
}

bool
write_guard_is_trigger(const char *name)
{
	return strcmp(name, "shardext_guard") == 0;
}

static void
close_at_xact_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		guard_open = false;
}

/* An error inside a guarded write leaves the flag up: the handler of that error must find it down. */
static void
close_at_subxact_abort(SubXactEvent event, SubTransactionId mySubid, SubTransactionId parentSubid, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		guard_open = false;
}

void
write_guard_preload(void)
{
	RegisterXactCallback(close_at_xact_end, NULL);
	RegisterSubXactCallback(close_at_subxact_abort, NULL);
}
