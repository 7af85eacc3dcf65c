/*
 * move_run.h
 *	  What the steps of a move share. Every step may be begun again after it was
 *	  broken off at any point.
 */
#ifndef SHARDEXT_MOVE_RUN_H
#define SHARDEXT_MOVE_RUN_H

#include "postgres.h"
#include "move/job_store.h"
#include "move/move_link.h"
#include "move/stream_feed.h"
#include "nodes/pg_list.h"

typedef struct MoveRun
{
	Job		   *job;
	MoveLink   *source;			/* sessions for what has no state */
	MoveLink   *target;
} MoveRun;

/* Raised as an error by which a step says: what was copied is of no use any more, begin anew. */
#define ERRCODE_MOVE_AGAIN	MAKE_SQLSTATE('S', 'X', '9', '0', '1')

/* The steps, in their order. */
extern void move_prepare(MoveRun *run);
extern void move_backfill(MoveRun *run);
extern void move_build(MoveRun *run);
extern void move_stream(MoveRun *run);
extern void move_verify(MoveRun *run);
extern void move_cutover(MoveRun *run);
extern void move_turn_stream(MoveRun *run);
extern void move_take_back(MoveRun *run);

/* ERROR if the job shall be cancelled; called where a step may take long. */
extern void move_check_wish(MoveRun *run);

/* ERROR if that is what the wish means for a job in this state. */
extern void move_obey(const char *wish, const char *state);

/* A shard table on the source. */
typedef struct MoveTable
{
	char	   *name;			/* qualified and quoted */
	int			shard;
	char	   *columns;		/* "(a, b)": those that are not generated */
	bool		binary;			/* its types mean the same on every node */
	bool		hashable;
	bool		keyed;			/* has a replica identity */
	int64		bytes;
} MoveTable;

/* In the order of shards. */
extern List *move_tables(MoveRun *run, MoveLink *link);

/* ERROR if a row to be moved has the number of a large object. */
extern void move_refuse_large_objects(MoveRun *run, MoveLink *link);

/* Tables that lack a replica identity get one on the node. */
extern void move_set_identities(MoveRun *run, int node_id, List *tables);

/* The source's tables as they were when the step prepare looked. */
extern void move_keep_tables(List *tables);
extern List *move_kept_tables(void);

/* The answer to what was sent over the link; ERROR if the job shall be cancelled meanwhile. */
extern PGresult *move_answer(MoveRun *run, MoveLink *link);

/* What people have been told last while a job waits; empty when it begins to wait. */
typedef struct MoveNote
{
	char		text[512];
} MoveNote;

/* Tell people whose transaction the job waits for: one that has written there, one that uses the shards. */
extern void move_note_writer(MoveRun *run, int node_id, MoveNote *noted);
extern void move_note_user(MoveRun *run, int node_id, MoveNote *noted);

/* Names of what a job makes. */
extern char *move_object_name(const Job *job, const char *prefix);	/* "shardext_move_2000000007" */

#define FORWARD	"shardext_move"
#define BACKWARD "shardext_back"

/* The job's stream, opened where there is none; it goes on while it is run. Gone after an error, or move_feed_close. */
extern StreamFeed *move_feed(MoveRun *run, const char *prefix);
extern void move_feed_close(void);

/* Write a marker (stream_feed.h) on a node, so that the stream will bring it; its text. */
extern char *move_marker_write(MoveRun *run, MoveLink *from);

/* Text for one that somebody else writes. */
extern char *move_marker_text(MoveRun *run);

/* A value that changes with every definition of the shards' tables; Job.shape is the owner's when it was copied. */
extern char *move_shape(MoveRun *run, MoveLink *link);
extern void move_shape_send(MoveRun *run, MoveLink *link);	/* asks for it; */
extern char *move_shape_received(MoveLink *link);	/* the answer */
extern bool move_same_shape(const char *a, const char *b);
extern bool move_shape_is(MoveRun *run, MoveLink *link, const char *shape);

/* ERROR ERRCODE_MOVE_AGAIN if the source's tables are not as they were copied. */
extern void move_check_shape(MoveRun *run);
extern void move_shape_differs(MoveRun *run);	/* that error */

/* ERROR if another job has to do with one of the shards. */
extern void move_claim(MoveRun *run);

typedef enum SlotState
{
	SLOT_IS_GOOD,
	SLOT_IS_LOST,
	SLOT_KEEPS_TOO_MUCH			/* WAL, see shardext.move_wal_limit */
} SlotState;

/* Also writes down how far the stream is behind. */
extern SlotState move_slot_state(MoveRun *run, MoveLink *link, const char *prefix);

/* ERROR if the stream into the copies cannot go on. */
extern void move_check_slot(MoveRun *run);

/* Write down what a move of these tables makes, claims apart: they come before. */
extern void move_objects_list(MoveRun *run, List *tables);

/* Drop what the job has made, the latest first. */
extern void move_objects_drop(MoveRun *run);
extern void move_object_drop_kind(MoveRun *run, int node_id, const char *kind, const char *prefix);
extern void move_shard_ddl(MoveLink *link, const char *sql);
extern MoveLink *move_link_of(MoveRun *run, int node_id);

#endif
