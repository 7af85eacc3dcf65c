/*
 * stream_feed.h
 *	  A stream of changes from a slot of one node into the copies on another: read
 *	  over the replication protocol, applied by stream_apply.h, acknowledged.
 *
 * Nothing happens in between: whoever has a stream lets it go on, by running it
 * until something has come or some time is over.
 */
#ifndef SHARDEXT_STREAM_FEED_H
#define SHARDEXT_STREAM_FEED_H

#include "postgres.h"
#include "access/xlogdefs.h"
#include "move/move_link.h"

typedef struct StreamFeed StreamFeed;

/*
 * name is that of the slot and of the publication on from, and of the origin on
 * to; nothing before not_before is applied, and nothing that has come to from by the
 * stream whose origin is leave_out (or NULL). Lives in CurrentMemoryContext, and until
 * stream_feed_close; after an error it is of no other use.
 */
extern StreamFeed *stream_feed_open(int from, int to, const char *name, XLogRecPtr not_before,
									const char *leave_out);
extern void stream_feed_close(StreamFeed *feed);

/*
 * A marker is a message in the source's WAL: when the stream has brought it, all
 * that was committed before it is there, and can be seen. Its text must be unlike
 * those of all others.
 */
#define STREAM_MARKER_PREFIX	"shardext"

/* Until the marker has come, and what is before it can be seen; false: not within wait_ms. NULL: no marker. */
extern bool stream_feed_run(StreamFeed *feed, const char *marker, int wait_ms);

/* Until the link has the answer to what was sent over it; false: not within wait_ms. */
extern bool stream_feed_run_beside(StreamFeed *feed, MoveLink *link, int wait_ms);

/*
 * Until the copy is as the source was for a snapshot of it (text form of
 * pg_snapshot) that is older than the marker. What comes after it is held back until
 * stream_feed_release. False: there is no such moment, take another snapshot.
 */
extern bool stream_feed_run_to_snapshot(StreamFeed *feed, const char *snapshot, const char *marker);
extern void stream_feed_release(StreamFeed *feed);

/* A walsender that was left behind by a process that is no more has its slot for a moment: end it. */
extern void stream_slot_free(MoveLink *link, const char *name);

#endif
