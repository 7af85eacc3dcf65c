/*
 * whole_statement.c
 *	  Is a statement the whole of its transaction?
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

#include "access/xact.h"
#include "tcop/dest.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "utils/portal.h"

#include "base/pg_compat.h"
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
statement_is_whole_transaction(const EState *estate)
{
	Portal		portal = ActivePortal;

	if (whereToSendOutput != DestRemote || IsTransactionBlock() || GetCurrentTransactionNestLevel() > 1)
		return false;
	if (portal == NULL || portal->name[0] != '\0' || portal->strategy == PORTAL_ONE_SELECT ||
		list_length(portal->stmts) != 1 || linitial(portal->stmts) != estate->es_plannedstmt)
		return false;
	return portal->cplan == NULL || sync_has_arrived();
}
