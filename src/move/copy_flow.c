/*
 * copy_flow.c
 *	  COPY from a link to another, byte by byte; several of them at the same time.
 *
 * One process carries all of them: a flow takes what has come from its source
 * until there is no more or the target's connection is full, then it is
 * another's turn. A source gives each row as a message; a target that gets many in
 * one has less to do. What is kept in memory is a message of those, and what libpq
 * has of it, for each.
 *
 * What it does not do: begin or end transactions, or choose what is copied.
 */
#include "postgres.h"

#include "base/pg_compat.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "move/copy_flow.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#define PIECE_BYTES		(256 * 1024)
#define MESSAGE_BYTES	(32 * 1024)
#define LOOK_MS			500

struct CopyFlow
{
	MoveLink   *from;
	MoveLink   *to;
	bool		full;			/* the target takes no more at the moment */
	bool		all_read;		/* the target knows that this was all */
	StringInfoData rows;		/* for the next message */
};

CopyFlow *
copy_flow_begin(MoveLink *from, const char *copy_out, MoveLink *to, const char *copy_in)
{
	CopyFlow   *flow = palloc0(sizeof(CopyFlow));

	flow->from = from;
	flow->to = to;
	initStringInfo(&flow->rows);
	move_link_send(to, "%s", copy_in);
	move_link_send(from, "%s", copy_out);
	move_link_copy_begun(to);
	move_link_copy_begun(from);
	(void) PQsetnonblocking(move_link_pg(to), 1);
	return flow;
}

static void
push_out(CopyFlow *flow)
{
	int			left = PQflush(move_link_pg(flow->to));

	if (left < 0)
		move_link_lost(flow->to);
	flow->full = left > 0;
}

/* An error of the target is told when it is asked for its answer; until then it swallows what comes. */
static void
put_message(CopyFlow *flow, const char *data, int length)
{
	if (length > 0 && PQputCopyData(move_link_pg(flow->to), data, length) <= 0)
		move_link_lost(flow->to);
}

static void
put_rows(CopyFlow *flow)
{
	put_message(flow, flow->rows.data, flow->rows.len);
	resetStringInfo(&flow->rows);
}

/* libpq's piece is freed. */
static void
put_piece(CopyFlow *flow, char *piece, int length)
{
	if (flow->rows.len + length > MESSAGE_BYTES)
		put_rows(flow);
	if (length > MESSAGE_BYTES)
		put_message(flow, piece, length);
	else
		appendBinaryStringInfo(&flow->rows, piece, length);
	PQfreemem(piece);
}

/* What can be done without waiting, or a good piece of it. Returns bytes. */
static int
carry(CopyFlow *flow)
{
	int			bytes = 0;

	push_out(flow);
	while (!flow->full && !flow->all_read && bytes < PIECE_BYTES)
	{
		char	   *piece;
		int			length = move_link_copy_piece(flow->from, &piece);

		if (length == 0)
			break;
		if (length > 0)
		{
			put_piece(flow, piece, length);
			bytes += length;
			continue;
		}
		flow->all_read = true;
		put_rows(flow);
		if (PQputCopyEnd(move_link_pg(flow->to), NULL) <= 0)
			move_link_lost(flow->to);
	}
	/* no more at the moment: the target may have what there is */
	if (!flow->all_read && !flow->full)
		put_rows(flow);
	push_out(flow);
	return bytes;
}

static bool
has_ended(CopyFlow *flow)
{
	return flow->all_read && !flow->full && move_link_is_done(flow->to);
}

/* Sleep until one of the flows can go on, or the caller wants to look after something else. */
static void
wait_for_any(List *flows)
{
	WaitEventSet *set = sx_create_wait_event_set(2 + list_length(flows));
	WaitEvent	event;
	ListCell   *lc;

	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	foreach(lc, flows)
	{
		CopyFlow   *flow = lfirst(lc);
		MoveLink   *link = flow->full || flow->all_read ? flow->to : flow->from;

		AddWaitEventToSet(set, flow->full ? WL_SOCKET_WRITEABLE : WL_SOCKET_READABLE, PQsocket(move_link_pg(link)),
						  NULL, NULL);
	}
	(void) WaitEventSetWait(set, LOOK_MS, &event, 1, PG_WAIT_EXTENSION);
	FreeWaitEventSet(set);
	ResetLatch(MyLatch);
}

CopyFlow *
copy_flows_run(List *flows, void (*passed) (void *arg, int bytes), void *arg)
{
	for (;;)
	{
		int			bytes = 0;
		ListCell   *lc;

		CHECK_FOR_INTERRUPTS();
		foreach(lc, flows)
			bytes += carry(lfirst(lc));
		passed(arg, bytes);
		foreach(lc, flows)
		{
			if (has_ended(lfirst(lc)))
				return lfirst(lc);
		}
		if (bytes == 0)
			wait_for_any(flows);
	}
}

int64
copy_flow_end(CopyFlow *flow)
{
	int64		rows;

	(void) PQsetnonblocking(move_link_pg(flow->to), 0);
	(void) move_link_copy_rows(flow->from);
	rows = move_link_copy_rows(flow->to);
	pfree(flow->rows.data);
	pfree(flow);
	return rows;
}
