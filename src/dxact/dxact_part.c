/*
 * dxact_part.c
 *	  This node's own part in a transaction that another node coordinates:
 *	  making it durable, and what became of it.
 *
 * Durable means here: an answer "prepared", "decided" or "committed" outlives
 * the node, also when it is replaced by a synchronous standby. So whatever
 * synchronous_commit says, PREPARE TRANSACTION, the commit that decides and
 * COMMIT PREPARED wait like one with synchronous_commit = on.
 *
 * A PREPARE answers with a token, which the coordinator keeps in its decision
 * record and only this node reads:
 *
 *	<full transaction id>.<timeline>.<start of the PREPARE record>
 *
 * Later, when the part is prepared no more, the token tells whether it was
 * committed: the transaction's status says so, provided that the PREPARE record
 * is in this server's history. If not (the server was replaced by one that had
 * not received it, or set back), the transaction id may have been used again
 * for something else, and the part is lost.
 */
#include "postgres.h"

#include "access/timeline.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "base/errors.h"
#include "base/fault.h"
#include "base/settings.h"
#include "dxact/dxact_internal.h"
#include "libpq/pqformat.h"
#include "nodes/parsenodes.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/xid8.h"

static ProcessUtility_hook_type previous_utility = NULL;

void
dxact_force_durable(void)
{
	if (synchronous_commit < SYNCHRONOUS_COMMIT_REMOTE_FLUSH)
		(void) set_config_option("synchronous_commit", "on", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0,
								 false);
	ForceSyncCommit();
}

/*
 * After PREPARE TRANSACTION: may not raise errors. As the status of a parameter
 * the token travels in one packet with the answer; a notice would be flushed.
 */
static void
tell_token(void)
{
	char		token[DXACT_TOKEN_LENGTH];
	StringInfoData message;

	snprintf(token, sizeof(token), "%llu.%u.%X/%X",
			 (unsigned long long) U64FromFullTransactionId(GetTopFullTransactionIdIfAny()),
			 GetWALInsertionTimeLine(), LSN_FORMAT_ARGS(ProcLastRecPtr));
	if (whereToSendOutput != DestRemote)
		return;
	pq_beginmessage(&message, 'S');
	pq_sendstring(&message, PREPARE_TOKEN_STATUS);
	pq_sendstring(&message, token);
	pq_endmessage(&message);
}

void
dxact_part_event(XactEvent event)
{
	if (!session_is_forwarded())
		return;
	if (event == XACT_EVENT_PRE_PREPARE)
	{
		FAULT_POINT("dxact_part_before_prepare");
		dxact_force_durable();
	}
	else if (event == XACT_EVENT_PREPARE)
	{
		FAULT_POINT("dxact_part_prepared");
		tell_token();
	}
}

static void
process_utility(PlannedStmt *pstmt, const char *query_string, bool read_only_tree, ProcessUtilityContext context,
				ParamListInfo params, QueryEnvironment *query_env, DestReceiver *dest, QueryCompletion *qc)
{
	bool		is_notify = IsA(pstmt->utilityStmt, NotifyStmt) && session_is_forwarded();
	bool		is_end = IsA(pstmt->utilityStmt, TransactionStmt) && session_is_forwarded();
	bool		is_part = is_end &&
		castNode(TransactionStmt, pstmt->utilityStmt)->kind == TRANS_STMT_COMMIT_PREPARED;

	/* what is left to be done belongs to the role that has logged in, and so does what is prepared */
	if (is_end && (castNode(TransactionStmt, pstmt->utilityStmt)->kind == TRANS_STMT_COMMIT ||
				   castNode(TransactionStmt, pstmt->utilityStmt)->kind == TRANS_STMT_PREPARE))
		dxact_part_act_as_login();
	if (is_notify)
	{
		const NotifyStmt *notify = castNode(NotifyStmt, pstmt->utilityStmt);

		dxact_notify(notify->conditionname, notify->payload ? notify->payload : "");
		return;
	}
	if (is_part)
	{
		FAULT_POINT("dxact_part_before_commit_prepared");
		dxact_force_durable();
	}
	(previous_utility ? previous_utility : standard_ProcessUtility)
		(pstmt, query_string, read_only_tree, context, params, query_env, dest, qc);
	if (is_part)
		FAULT_POINT("dxact_part_committed");
}

void
dxact_part_preload(void)
{
	previous_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}

/* Is the WAL record in the history of this server? */
static bool
record_is_ours(TimeLineID timeline, XLogRecPtr record)
{
	List	   *history = readTimeLineHistory(GetWALInsertionTimeLine());
	TimeLineID	next;
	XLogRecPtr	end;

	if (!tliInHistory(timeline, history))
		return false;
	end = tliSwitchPoint(timeline, history, &next);
	return XLogRecPtrIsInvalid(end) || record < end;
}

PartOutcome
dxact_part_outcome(const char *token)
{
	unsigned long long number;
	unsigned int timeline;
	unsigned int high;
	unsigned int low;
	FullTransactionId xid;
	char	   *status;
	LOCAL_FCINFO(call, 1);
	Datum		result;

	if (sscanf(token, "%llu.%u.%X/%X", &number, &timeline, &high, &low) != 4)
		return PART_UNKNOWN;
	xid = FullTransactionIdFromU64(number);
	if (!record_is_ours(timeline, ((XLogRecPtr) high) << 32 | low) ||
		FullTransactionIdFollowsOrEquals(xid, ReadNextFullTransactionId()))
		return PART_LOST;

	InitFunctionCallInfoData(*call, NULL, 1, InvalidOid, NULL, NULL);
	call->args[0].value = FullTransactionIdGetDatum(xid);
	call->args[0].isnull = false;
	result = pg_xact_status(call);
	if (call->isnull)
		return PART_UNKNOWN;	/* too long ago */
	status = TextDatumGetCString(result);
	return strcmp(status, "committed") == 0 ? PART_COMMITTED :
		strcmp(status, "aborted") == 0 ? PART_LOST : PART_RUNNING;
}
