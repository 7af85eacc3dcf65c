/*
 * stream_feed.c
 *	  A stream of changes from a slot of one node into the copies on another.
 *
 * Transactions come one after the other, in the order of their commits. As many as
 * have arrived are one transaction on the other side, up to a bound. When nothing
 * is left to read they are committed, so that a marker that has come can be
 * believed at once.
 *
 * What is acknowledged to the slot is on disk at the other side. While none of the
 * source's changes are for us, its WAL goes by and is acknowledged as well.
 *
 * The moment of a snapshot: a transaction becomes visible a little after its
 * record of commit, so the order in which they become visible is not quite that
 * of the stream. A snapshot is met if what it sees is all that has come up to
 * some place: everything is taken up to the first transaction that the snapshot
 * does not see, and those behind it are kept until the marker; if one of them is
 * seen, or one that came long ago is not, another snapshot is tried.
 */
#include "postgres.h"

#include "access/transam.h"
#include "base/errors.h"
#include "catalog/node_map.h"
#include "ddl/plain_conn.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "move/move_link.h"
#include "move/stream_apply.h"
#include "move/stream_feed.h"
#include "nodes/pg_list.h"
#include "port/pg_bswap.h"
#include "replication/logicalproto.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#define REPORT_EACH_MS		1000
#define TAKE_MS				20
#define BATCH_TRANSACTIONS	500
#define BATCH_BYTES			(1024 * 1024)
#define HELD_BYTES			(16 * 1024 * 1024)
#define REMEMBERED			65536	/* transactions */
#define FREE_TRIES			500
#define FREE_WAIT_MS		10

/* A snapshot of the source. */
typedef struct FeedSnapshot
{
	TransactionId xmin;
	TransactionId xmax;
	int			n;
	TransactionId *running;
} FeedSnapshot;

typedef enum FeedMode
{
	FEED_FLOWS,
	FEED_MEETS,					/* a snapshot is to be met; nothing that it does not see has come */
	FEED_HOLDS,					/* something has: it is in held, and what came after it */
	FEED_MISSED					/* one behind those is seen by the snapshot */
} FeedMode;

struct StreamFeed
{
	MoveLink   *link;
	StreamApply *apply;
	char	   *leave_out;		/* an origin, or NULL */
	/* what has come */
	XLogRecPtr	begin;			/* transactions that were committed before are not for us */
	XLogRecPtr	received;
	XLogRecPtr	flushed;		/* on disk at the other side */
	XLogRecPtr	committed;		/* the last transaction that was taken ends here */
	TimestampTz reported;
	/* the transaction that comes */
	TransactionId xid;
	bool		skips;			/* it is there already, or comes from there */
	char	   *said;			/* marker within it, or NULL */
	/* the batch */
	int			batch_transactions;
	int			batch_bytes;
	/* what is waited for */
	const char *marker;
	bool		marker_came;
	FeedMode	mode;
	FeedSnapshot snapshot;
	List	   *held;			/* StringInfo *, in held_cxt */
	int			held_bytes;
	TransactionId *past;		/* ring of the latest that were taken */
	int			past_next;
	/* memory */
	MemoryContext held_cxt;
	MemoryContext per_message_cxt;
};

static void
send_report(StreamFeed *feed)
{
	StringInfoData report;
	PGconn	   *pg = move_link_pg(feed->link);

	initStringInfo(&report);
	pq_sendbyte(&report, 'r');
	pq_sendint64(&report, feed->received);
	pq_sendint64(&report, feed->flushed);
	pq_sendint64(&report, feed->flushed);
	pq_sendint64(&report, GetCurrentTimestamp());
	pq_sendbyte(&report, 0);
	if (PQputCopyData(pg, report.data, report.len) < 0 || PQflush(pg) < 0)
		move_link_lost(feed->link);
	pfree(report.data);
	feed->reported = GetCurrentTimestamp();
}

/* While something else is waited for. */
static void
report_if_due(void *arg)
{
	StreamFeed *feed = arg;

	if (feed->link && TimestampDifferenceExceeds(feed->reported, GetCurrentTimestamp(), REPORT_EACH_MS))
		send_report(feed);
}

static void
end_batch(StreamFeed *feed)
{
	stream_apply_commit(feed->apply, feed->committed);
	feed->batch_transactions = 0;
	feed->batch_bytes = 0;
}

/* Between transactions: what was taken gets on disk, and may be forgotten by the source. */
static void
acknowledge(StreamFeed *feed)
{
	end_batch(feed);
	stream_apply_finish(feed->apply);
	stream_apply_flush(feed->apply);
	/* what is held back is received, but it is not there */
	feed->flushed = Max(feed->flushed, feed->mode == FEED_FLOWS ? feed->received : feed->committed);
	send_report(feed);
}

static bool
snapshot_sees(const FeedSnapshot *snapshot, TransactionId xid)
{
	if (TransactionIdPrecedes(xid, snapshot->xmin))
		return true;
	if (!TransactionIdPrecedes(xid, snapshot->xmax))
		return false;
	for (int i = 0; i < snapshot->n; i++)
		if (snapshot->running[i] == xid)
			return false;
	return true;
}

/* "xmin:xmax:x,x"; numbers have 64 bits there, of which the lower 32 name a transaction of the stream. */
static void
parse_snapshot(StreamFeed *feed, const char *text)
{
	FeedSnapshot *snapshot = &feed->snapshot;
	char	   *end;

	snapshot->running = MemoryContextAlloc(feed->held_cxt, (strlen(text) + 1) * sizeof(TransactionId));
	snapshot->n = 0;
	snapshot->xmin = (TransactionId) strtou64(text, &end, 10);
	if (*end != ':')
		elog(ERROR, "malformed snapshot \"%s\"", text);
	snapshot->xmax = (TransactionId) strtou64(end + 1, &end, 10);
	while (*end != '\0' && end[1] != '\0')
		snapshot->running[snapshot->n++] = (TransactionId) strtou64(end + 1, &end, 10);
}

static void
take_begin(StreamFeed *feed, StringInfo message)
{
	LogicalRepBeginData begin;

	logicalrep_read_begin(message, &begin);
	feed->xid = begin.xid;
	feed->skips = begin.final_lsn < feed->begin;
	feed->said = NULL;
}

/* Tells, after the begin, that the transaction was not the source's own. */
static void
take_origin(StreamFeed *feed, StringInfo message)
{
	XLogRecPtr	position;
	char	   *name = logicalrep_read_origin(message, &position);

	if (feed->leave_out != NULL && strcmp(name, feed->leave_out) == 0)
		feed->skips = true;
}

static void
take_commit(StreamFeed *feed, StringInfo message)
{
	LogicalRepCommitData commit;

	logicalrep_read_commit(message, &commit);
	feed->past[feed->past_next++ % REMEMBERED] = feed->xid;
	feed->xid = InvalidTransactionId;
	feed->committed = commit.end_lsn;
	if (++feed->batch_transactions >= BATCH_TRANSACTIONS || feed->batch_bytes >= BATCH_BYTES)
		end_batch(feed);
}

/* A message of somebody's in the WAL. */
static void
take_said(StreamFeed *feed, StringInfo message)
{
	bool		transactional = (pq_getmsgbyte(message) & 1) != 0;
	const char *prefix;
	const char *text;
	int			length;

	(void) pq_getmsgint64(message);
	prefix = pq_getmsgrawstring(message);
	length = pq_getmsgint(message, 4);
	text = pq_getmsgbytes(message, length);
	if (strcmp(prefix, STREAM_MARKER_PREFIX) != 0 || feed->marker == NULL || length != strlen(feed->marker) ||
		memcmp(text, feed->marker, length) != 0)
		return;
	/* within a transaction it counts when that is complete */
	if (transactional)
		feed->said = unconstify(char *, feed->marker);
	else
		feed->marker_came = true;
}

/* One message of pgoutput, of a transaction that is not held back. */
static void
take_message(StreamFeed *feed, StringInfo message)
{
	char		kind = pq_getmsgbyte(message);

	switch (kind)
	{
		case LOGICAL_REP_MSG_BEGIN:
			take_begin(feed, message);
			break;
		case LOGICAL_REP_MSG_COMMIT:
			take_commit(feed, message);
			break;
		case LOGICAL_REP_MSG_INSERT:
		case LOGICAL_REP_MSG_UPDATE:
		case LOGICAL_REP_MSG_DELETE:
		case LOGICAL_REP_MSG_TRUNCATE:
			if (feed->skips)
				break;
			feed->batch_bytes += message->len;
			stream_apply_message(feed->apply, kind, message);
			break;
		case LOGICAL_REP_MSG_RELATION:
			stream_apply_message(feed->apply, kind, message);
			break;
		case LOGICAL_REP_MSG_ORIGIN:
			take_origin(feed, message);
			break;
		default:				/* types */
			break;
	}
}

/* Keep a message for later. */
static void
hold(StreamFeed *feed, const StringInfo message)
{
	MemoryContext old = MemoryContextSwitchTo(feed->held_cxt);
	StringInfo	copy = makeStringInfo();

	appendBinaryStringInfo(copy, message->data, message->len);
	feed->held = lappend(feed->held, copy);
	feed->held_bytes += message->len;
	if (feed->held_bytes > HELD_BYTES)
		feed->mode = FEED_MISSED;
	MemoryContextSwitchTo(old);
}

/* Does the snapshot that is to be met see the transaction that begins? */
static void
look_at_begin(StreamFeed *feed, const StringInfo message)
{
	StringInfoData copy = *message;
	LogicalRepBeginData begin;

	copy.cursor++;
	logicalrep_read_begin(&copy, &begin);
	if (!snapshot_sees(&feed->snapshot, begin.xid))
		feed->mode = feed->mode == FEED_MEETS ? FEED_HOLDS : feed->mode;
	else if (feed->mode == FEED_HOLDS)
		feed->mode = FEED_MISSED;
}

static void
has_come_to(StreamFeed *feed, XLogRecPtr position)
{
	feed->received = Max(feed->received, position);
}

/* A piece of the stream: a message, or a word of the walsender's. */
static void
take_piece(StreamFeed *feed, StringInfo piece)
{
	char		kind = pq_getmsgbyte(piece);
	StringInfoData message;

	if (kind == 'k')
	{
		has_come_to(feed, pq_getmsgint64(piece));
		(void) pq_getmsgint64(piece);
		if (pq_getmsgbyte(piece))
			send_report(feed);
		return;
	}
	if (kind != 'w')
		elog(ERROR, "unknown message \"%c\" of a walsender", kind);
	has_come_to(feed, pq_getmsgint64(piece));
	has_come_to(feed, pq_getmsgint64(piece));
	(void) pq_getmsgint64(piece);
	message = *piece;
	message.data += piece->cursor;
	message.len -= piece->cursor;
	message.cursor = 0;

	if (message.data[0] == LOGICAL_REP_MSG_MESSAGE)
	{
		message.cursor++;
		take_said(feed, &message);
		return;
	}
	if (message.data[0] == LOGICAL_REP_MSG_BEGIN)
	{
		feed->said = NULL;
		if (feed->mode != FEED_FLOWS)
			look_at_begin(feed, &message);
	}
	if (message.data[0] == LOGICAL_REP_MSG_COMMIT && feed->said != NULL)
		feed->marker_came = true;
	if (feed->mode == FEED_FLOWS || feed->mode == FEED_MEETS)
		take_message(feed, &message);
	else
		hold(feed, &message);
}

/* data is libpq's, and freed. */
static void
take_data(StreamFeed *feed, char *data, int length)
{
	MemoryContext old = MemoryContextSwitchTo(feed->per_message_cxt);
	StringInfoData piece = {.data = data, .len = length, .maxlen = length};

	PG_TRY();
	{
		take_piece(feed, &piece);
	}
	PG_FINALLY();
	{
		PQfreemem(data);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	MemoryContextReset(feed->per_message_cxt);
}

/* Everything that has arrived, up to the marker; where more arrives all the time, until then or a little longer. */
static void
take_all(StreamFeed *feed, TimestampTz deadline)
{
	TimestampTz least = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), TAKE_MS);
	char	   *data;
	int			length;

	while (!feed->marker_came && (length = move_link_copy_piece(feed->link, &data)) != 0)
	{
		TimestampTz now;

		if (length < 0)
			ereport(ERROR,
					(errcode(ERRCODE_SX_NODE_UNAVAILABLE),
					 errmsg("node \"%s\" has ended the stream", move_link_node(feed->link)),
					 errdetail("The marker that ends the move's changes had not come."),
					 errhint("The move is tried again; see that node's log for the reason.")));
		take_data(feed, data, length);
		now = GetCurrentTimestamp();
		if (TimestampDifferenceExceeds(feed->reported, now, REPORT_EACH_MS))
		{
			if (TransactionIdIsValid(feed->xid))
				send_report(feed);
			else
				acknowledge(feed);
		}
		CHECK_FOR_INTERRUPTS();
		if (now >= deadline && now >= least)
			break;
	}
}

/* Until the marker has come, or beside (unless NULL) has an answer, or the time is over. */
static void
run_until(StreamFeed *feed, MoveLink *beside, TimestampTz deadline)
{
	for (;;)
	{
		long		wait_ms;

		take_all(feed, deadline);
		/* a transaction that has not come whole is in the batch: wait for the rest */
		if (!TransactionIdIsValid(feed->xid))
		{
			end_batch(feed);
			stream_apply_finish(feed->apply);
			if (TimestampDifferenceExceeds(feed->reported, GetCurrentTimestamp(), REPORT_EACH_MS))
				acknowledge(feed);
		}
		if (feed->marker_came || (beside != NULL && move_link_is_done(beside)))
			return;
		wait_ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);
		if (wait_ms <= 0)
			return;
		wait_ms = Min(wait_ms, REPORT_EACH_MS);
		if (beside != NULL)
			plain_conn_await_either(move_link_pg(feed->link), move_link_pg(beside), wait_ms);
		else
			(void) plain_conn_await(move_link_pg(feed->link), WL_SOCKET_READABLE, wait_ms);
	}
}

bool
stream_feed_run(StreamFeed *feed, const char *marker, int wait_ms)
{
	Assert(feed->mode == FEED_FLOWS);
	feed->marker = marker;
	feed->marker_came = false;
	feed->said = NULL;
	run_until(feed, NULL, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), wait_ms));
	feed->marker = NULL;
	return feed->marker_came;
}

bool
stream_feed_run_beside(StreamFeed *feed, MoveLink *link, int wait_ms)
{
	Assert(feed->mode == FEED_FLOWS && feed->marker == NULL);
	feed->marker_came = false;
	run_until(feed, link, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), wait_ms));
	return move_link_is_done(link);
}

/* One that has been taken, be it in part only, is not seen by the snapshot. */
static bool
is_past(const StreamFeed *feed, const FeedSnapshot *snapshot)
{
	if (TransactionIdIsValid(feed->xid) && !snapshot_sees(snapshot, feed->xid))
		return true;
	for (int i = 0; i < Min(feed->past_next, REMEMBERED); i++)
		if (!snapshot_sees(snapshot, feed->past[i]))
			return true;
	return false;
}

bool
stream_feed_run_to_snapshot(StreamFeed *feed, const char *snapshot, const char *marker)
{
	bool		met;

	Assert(feed->mode == FEED_FLOWS);
	parse_snapshot(feed, snapshot);
	if (is_past(feed, &feed->snapshot))
		return false;
	feed->mode = FEED_MEETS;
	feed->marker = marker;
	feed->marker_came = false;
	feed->said = NULL;
	while (!feed->marker_came && feed->mode != FEED_MISSED)
		run_until(feed, NULL, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), REPORT_EACH_MS));
	feed->marker = NULL;
	met = feed->mode != FEED_MISSED;
	if (!met)
		stream_feed_release(feed);
	return met;
}

void
stream_feed_release(StreamFeed *feed)
{
	ListCell   *lc;

	feed->mode = FEED_FLOWS;
	foreach(lc, feed->held)
	{
		StringInfo	message = lfirst(lc);

		message->cursor = 0;
		take_message(feed, message);
		report_if_due(feed);
	}
	feed->held = NIL;
	feed->held_bytes = 0;
	MemoryContextReset(feed->held_cxt);
}

void
stream_slot_free(MoveLink *link, const char *name)
{
	for (int tries = 0; tries < FREE_TRIES; tries++)
	{
		char	   *left = move_link_value(link, "SELECT count(pg_terminate_backend(active_pid))"
										   " FROM pg_replication_slots WHERE slot_name = %s AND active",
										   quote_literal_cstr(name));

		if (strcmp(left, "0") == 0)
			break;
		move_wait(FREE_WAIT_MS);
	}
}

StreamFeed *
stream_feed_open(int from, int to, const char *name, XLogRecPtr not_before, const char *leave_out)
{
	MemoryContext cxt = CurrentMemoryContext;
	StreamFeed *feed = palloc0(sizeof(StreamFeed));
	XLogRecPtr	position;
	MoveLink   *slot_link;

	feed->held_cxt = AllocSetContextCreate(cxt, "shardext held back", ALLOCSET_DEFAULT_SIZES);
	feed->per_message_cxt = AllocSetContextCreate(cxt, "shardext message", ALLOCSET_DEFAULT_SIZES);
	feed->leave_out = leave_out ? pstrdup(leave_out) : NULL;
	feed->past = palloc(REMEMBERED * sizeof(TransactionId));
	feed->apply = stream_apply_open(to, name, &position, report_if_due, feed);
	feed->begin = Max(position, not_before);
	feed->received = feed->flushed = feed->committed = feed->begin;
	slot_link = move_link_open(from, LINK_SQL);
	stream_slot_free(slot_link, name);
	move_link_close(slot_link);
	feed->link = move_link_open(from, LINK_REPLICATION);
	move_link_begin_copy(feed->link, psprintf("START_REPLICATION SLOT %s LOGICAL %X/%X (proto_version '1',"
											  " publication_names '%s', messages 'true')", name,
											  LSN_FORMAT_ARGS(feed->begin), name));
	feed->reported = GetCurrentTimestamp();
	return feed;
}

void
stream_feed_close(StreamFeed *feed)
{
	move_link_close(feed->link);
	stream_apply_close(feed->apply);
}
