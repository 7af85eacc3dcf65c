/*
 * statement_note.h
 *	  What a coordinator tells the receiving node about one statement: a comment
 *	  at the very start of its text.
 *
 *	  / *shardext shards=1-5,9* / SELECT ...	run over exactly these shards, rows concatenated
 *	  / *shardext shards=1-5,9 hold* / SELECT ...	.. and hold its snapshot to the end of the transaction
 *	  / *shardext shards=1-5,9 hold snapshot=7/5* / SELECT ...	.. which is number 7; those before 5 are done with
 *	  / *shardext shards=1-5,9 hold skip=4* / SELECT ...	.. and mark what others have locked (exec/row_place.h)
 *	  / *shardext rows* / INSERT ...			each row names its shard, see exec/insert_rows.h
 *	  / *shardext reference* / UPDATE ...		apply to this node's copy of the reference table only
 *	  / *shardext ddl* / ALTER TABLE ...		apply to this node's shell and shard tables only
 *
 * " command=7" at the end of any of them, or alone (/ *shardext command=7* /): what
 * bears the same number in one transaction is one command, see
 * exec/statement_command.h.
 *
 * The text (not a setting) carries it because a cached statement may be
 * replanned at any time. A note is obeyed in forwarded sessions only; it can
 * widen nobody's rights, since the session runs as the client's own role.
 */
#ifndef SHARDEXT_STATEMENT_NOTE_H
#define SHARDEXT_STATEMENT_NOTE_H

#include "postgres.h"
#include "base/pg_compat.h"
#include "nodes/bitmapset.h"

typedef enum NoteKind
{
	NOTE_NONE,					/* no note: the statement must route by itself */
	NOTE_SHARDS,
	NOTE_ROWS,
	NOTE_REFERENCE,
	NOTE_DDL
} NoteKind;

typedef struct StatementNote
{
	NoteKind	kind;
	Bitmapset  *shards;			/* NOTE_SHARDS */
	uint32		command;		/* 0: a command of its own */
	bool		hold;			/* NOTE_SHARDS: what its rows' ctids name must not be pruned away */
	uint32		snapshot;		/* NOTE_SHARDS: number of its snapshot; 0: it has one of its own */
	uint32		oldest_snapshot;	/* of those that are still needed */
	int			skip;			/* NOTE_SHARDS: the lock (a LockClauseStrength); 0: nothing is marked */
} StatementNote;

/* NOTE_NONE unless the session is forwarded and text starts with a note. A malformed note is an ERROR. */
extern StatementNote statement_note_parse(const char *text);

/* "/ *shardext shards=...* / " (palloc'd), ranges compressed. */
extern char *statement_note_shards(const Bitmapset *shards, bool hold);

/* A note of shards with the number of a snapshot, and that of the oldest still needed; 0: as it is. */
extern const char *statement_note_with_snapshot(const char *note, uint32 number, uint32 oldest);

/* A note of shards with the strength of a lock; 0: as it is. */
extern const char *statement_note_with_skip(const char *note, int strength);

/* The note (NULL: none) with the number of a command; 0: as it is. */
extern const char *statement_note_with_command(const char *note, uint32 command);

#define STATEMENT_NOTE_ROWS			"/*shardext rows*/ "
#define STATEMENT_NOTE_REFERENCE	"/*shardext reference*/ "
#define STATEMENT_NOTE_DDL			"/*shardext ddl*/ "

#endif
