/*
 * worker_funcs.c
 *	  SQL functions about the background workers.
 */
#include "postgres.h"

#include "base/module.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "worker/worker_slots.h"

PG_FUNCTION_INFO_V1(shardext_internal_worker);

Datum
shardext_internal_worker(PG_FUNCTION_ARGS)
{
	int			pid = library_is_preloaded() ? worker_slot_pid(MyDatabaseId) : 0;

	if (pid == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(pid);
}
