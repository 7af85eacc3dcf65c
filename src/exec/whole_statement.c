/*
 * whole_statement.c
 *	  Is a statement the one that the client has sent, and is it the whole of its
 *	  transaction?
 *
 * It is when all of this holds:
 *	 - no transaction block, not even the implicit one of several statements in
 *	   one string; no subtransaction
 *	 - it is the only statement of the portal at hand, and that is the unnamed
 *	   one: those of EXECUTE, of functions and of cursors have names
 *	 - the portal runs to completion before its first row is shown: it modifies
 *	 - the message is a simple query, which ends its transaction; or the
 *	   client's Sync has already arrived right behind the Execute. Without it
 *	   another Execute may follow and be part of the same transaction.
 *
 * Reads at most what is in the input buffer; never waits.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "tcop/dest.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "utils/portal.h"
#include "utils/rel.h"

#include "base/errors.h"
#include "base/pg_compat.h"
#include "catalog/node_map.h"
#include "exec/whole_statement.h"

static bool
sync_has_arrived(void)
{
	int			next;

	if (pq_is_reading_msg() || !sx_pq_buffer_has_data())
		return false;
	pq_startmsgread();
	next = pq_peekbyte();
	pq_endmsgread();
	return next == 'S';
}

bool
statement_is_clients(const EState *estate)
{
	Portal		portal = ActivePortal;

	return portal != NULL && portal->name[0] == '\0' && list_length(portal->stmts) == 1 &&
		linitial(portal->stmts) == estate->es_plannedstmt;
}

bool
statement_is_whole_transaction(const EState *estate)
{
	if (whereToSendOutput != DestRemote || IsTransactionBlock() || GetCurrentTransactionNestLevel() > 1)
		return false;
	if (!statement_is_clients(estate) || ActivePortal->strategy == PORTAL_ONE_SELECT)
		return false;
	return ActivePortal->cplan == NULL || sync_has_arrived();
}

/* Those that fire when the transaction commits, and may do anything; foreign keys' stay on the node. */
static bool
has_deferred_triggers(Oid relid)
{
	Relation	table = table_open(relid, NoLock);
	const TriggerDesc *triggers = table->trigdesc;
	bool		result = false;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		result |= triggers->triggers[i].tgdeferrable && !triggers->triggers[i].tgisinternal;
	table_close(table, NoLock);
	return result;
}

bool
statement_has_done_all(const PlanState *node, Oid table)
{
	const PlannedStmt *stmt = node->state->es_plannedstmt;

	return stmt->planTree == node->plan && !stmt->hasReturning && !stmt->hasModifyingCTE &&
		statement_is_whole_transaction(node->state) && GetCurrentCommandId(false) == FirstCommandId &&
		!has_deferred_triggers(table);
}

bool
statement_is_opening_cursor(const EState *estate)
{
	Portal		portal = ActivePortal;

	return portal != NULL && portal->status == PORTAL_DEFINED && portal->strategy == PORTAL_ONE_SELECT &&
		portal->name[0] != '\0' && linitial(portal->stmts) == estate->es_plannedstmt;
}

void
statement_refuse_shard(const EState *estate, int shard, ShardVerdict verdict)
{
	int			owner;

	if (statement_is_clients(estate))
	{
		shard_map_refuse(shard, verdict);
		return;
	}
	if (verdict == SHARD_TOO_NEW)
		shard_map_raise(shard, verdict);
	owner = shard_map_owner(shard, NULL);
	ereport(ERROR,
			(errcode(ERRCODE_SX_NOT_SUPPORTED),
			 errmsg("a function or trigger that runs on node \"%s\" for another node needs a shard of node \"%s\"",
					node_name(node_self()), owner != 0 ? node_name(owner) : "?"),
			 errdetail("It may read and write only what lies in shards of the node where it runs; logical shard %d "
					   "does not.", shard),
			 errhint("Do what it does in statements of their own, or keep the rows in one shard.")));
}
