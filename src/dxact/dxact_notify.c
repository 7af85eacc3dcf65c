/*
 * dxact_notify.c
 *	  NOTIFY by functions and triggers that run on another node than the
 *	  client's: the notification belongs to the client's transaction, so it is
 *	  carried back and sent by the coordinator's commit, to the listeners of the
 *	  coordinator, wherever it was said. (PostgreSQL itself would tell those of
 *	  the node, and not prepare such a transaction.)
 *
 *	node:			NOTIFY and pg_notify() are diverted to a list; a
 *					subtransaction that fails takes its own with it. With PREPARE
 *					or COMMIT the list is sent, as notifications of the protocol.
 *	coordinator:	what has come with the answers is said again, before the
 *					local commit.
 *
 * pg_notify() is diverted in plans (dxact_divert_notify); what calls it in
 * another way stays with PostgreSQL.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/settings.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "dxact/dxact_internal.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

/* What PostgreSQL itself allows (async.c). */
#define MOST_PAYLOAD	8000

/* A queue as full as this may not take what a node has committed already. */
#define FULL_QUEUE		0.9

typedef struct Notification
{
	int			level;			/* of the transaction's nesting */
	const char *channel;
	const char *payload;
} Notification;

static List *notifications = NIL;	/* of this part, in TopTransactionContext */

PG_FUNCTION_INFO_V1(shardext_internal_notify);

void
dxact_notify(const char *channel, const char *payload)
{
	MemoryContext old;
	Notification *item;

	if (!session_is_forwarded())
	{
		Async_Notify(channel, payload);
		return;
	}
	if (channel[0] == '\0' || strlen(channel) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 channel[0] == '\0' ? errmsg("channel name cannot be empty") : errmsg("channel name too long")));
	if (strlen(payload) >= MOST_PAYLOAD)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("payload string too long")));
	old = MemoryContextSwitchTo(TopTransactionContext);
	item = palloc(sizeof(Notification));
	item->level = GetCurrentTransactionNestLevel();
	item->channel = pstrdup(channel);
	item->payload = pstrdup(payload);
	notifications = lappend(notifications, item);
	MemoryContextSwitchTo(old);
}

/* Stands for pg_notify(channel, payload) in forwarded sessions. */
Datum
shardext_internal_notify(PG_FUNCTION_ARGS)
{
	dxact_notify(PG_ARGISNULL(0) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(0)),
				 PG_ARGISNULL(1) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}

static bool
divert(Node *node, Oid *ours)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, divert, ours, 0);
	if (IsA(node, FuncExpr) && ((FuncExpr *) node)->funcid == F_PG_NOTIFY)
	{
		Oid			types[] = {TEXTOID, TEXTOID};

		if (!OidIsValid(*ours))
			*ours = LookupFuncName(list_make2(makeString("shardext"), makeString("internal_notify")), 2, types, true);
		if (OidIsValid(*ours))
			((FuncExpr *) node)->funcid = *ours;
	}
	return expression_tree_walker(node, divert, ours);
}

void
dxact_divert_notify(Query *query)
{
	Oid			ours = InvalidOid;

	(void) divert((Node *) query, &ours);
}

void
dxact_part_notify(void)
{
	ListCell   *lc;

	foreach(lc, notifications)
	{
		const Notification *item = lfirst(lc);

		NotifyMyFrontEnd(item->channel, item->payload, MyProcPid);
	}
	notifications = NIL;
}

void
dxact_part_notify_end(void)
{
	notifications = NIL;
}

void
dxact_part_notify_level_end(int level, bool is_commit)
{
	ListCell   *lc;

	foreach(lc, notifications)
	{
		Notification *item = lfirst(lc);

		if (item->level < level)
			continue;
		if (is_commit)
			item->level = level - 1;
		else
			notifications = foreach_delete_current(notifications, lc);
	}
}

/* What has come from one node is said here. */
static void
say_again(NodeConn *conn, void *arg)
{
	char	   *channel;
	char	   *payload;

	while (conn_next_notification(conn, &channel, &payload))
	{
		double		full = DatumGetFloat8(DirectFunctionCall1(pg_notification_queue_usage, (Datum) 0));

		if (full < FULL_QUEUE)
			Async_Notify(channel, payload);
		else
			ereport(WARNING,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("a notification from node \"%s\" is not sent", conn_node_name(conn)),
					 errdetail("The NOTIFY queue is %.0f%% full.", full * 100)));
	}
}

void
dxact_notify_again(void)
{
	conn_pool_foreach(say_again, NULL);
}
