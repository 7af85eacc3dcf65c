/*
 * statement_note.c
 *	  Reads and writes the note in front of a forwarded statement.
 *
 * Pure text work; what a note means is the business of plan and ddl.
 */
#include "postgres.h"

#include "base/settings.h"
#include "base/statement_note.h"
#include "lib/stringinfo.h"

/* As ROUTE_MAX_SHARDS, which lies in a layer above. */
#define NOTE_MAX_SHARD 8191

#define NOTE_START		"/*shardext "
#define NOTE_SHARDS_KEY "shards="
#define NOTE_ROWS_WORD "rows"
#define NOTE_REFERENCE_WORD "reference"
#define NOTE_DDL_WORD "ddl"
#define NOTE_COMMAND_KEY "command="
#define NOTE_HOLD		" hold"
#define NOTE_SNAPSHOT_KEY " snapshot="
#define NOTE_SKIP_KEY	" skip="
#define NOTE_END		"*/"

pg_noreturn static void malformed(const char *text);

static void
malformed(const char *text)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROTOCOL_VIOLATION),
			 errmsg("malformed statement note"),
			 errdetail("The statement begins with \"%.60s\".", text)));
}

static int
parse_shard(const char **cursor, const char *text)
{
	int			shard = 0;

	if (**cursor < '0' || **cursor > '9')
		malformed(text);
	while (**cursor >= '0' && **cursor <= '9' && shard <= NOTE_MAX_SHARD)
		shard = shard * 10 + (*(*cursor)++ - '0');
	if (shard > NOTE_MAX_SHARD)
		malformed(text);
	return shard;
}

/* "1-5,9" */
static Bitmapset *
parse_shards(const char **cursor, const char *text)
{
	Bitmapset  *shards = NULL;

	for (;;)
	{
		int			first = parse_shard(cursor, text);
		int			last = first;

		if (**cursor == '-')
		{
			(*cursor)++;
			last = parse_shard(cursor, text);
		}
		if (last < first)
			malformed(text);
		shards = bms_add_range(shards, first, last);
		if (**cursor != ',')
			break;
		(*cursor)++;
	}
	return shards;
}

/* Is this what comes next? Then go behind it. */
static bool
skip(const char **cursor, const char *word)
{
	if (strncmp(*cursor, word, strlen(word)) != 0)
		return false;
	*cursor += strlen(word);
	return true;
}

static uint32
parse_number(const char **cursor, const char *text)
{
	char	   *end;
	unsigned long number = strtoul(*cursor, &end, 10);

	if (end == *cursor || number == 0 || number > PG_UINT32_MAX)
		malformed(text);
	*cursor = end;
	return (uint32) number;
}

/* "7/5" */
static void
parse_snapshot(StatementNote *note, const char **cursor, const char *text)
{
	note->snapshot = parse_number(cursor, text);
	if (!skip(cursor, "/"))
		malformed(text);
	note->oldest_snapshot = parse_number(cursor, text);
}

StatementNote
statement_note_parse(const char *text)
{
	StatementNote note = {.kind = NOTE_NONE};
	const char *cursor = text;

	if (text == NULL || !session_is_forwarded() || !skip(&cursor, NOTE_START))
		return note;

	if (skip(&cursor, NOTE_SHARDS_KEY))
	{
		note.kind = NOTE_SHARDS;
		note.shards = parse_shards(&cursor, text);
		note.hold = skip(&cursor, NOTE_HOLD);
		if (skip(&cursor, NOTE_SNAPSHOT_KEY))
			parse_snapshot(&note, &cursor, text);
		if (skip(&cursor, NOTE_SKIP_KEY))
			note.skip = (int) parse_number(&cursor, text);
	}
	else if (skip(&cursor, NOTE_ROWS_WORD))
		note.kind = NOTE_ROWS;
	else if (skip(&cursor, NOTE_REFERENCE_WORD))
		note.kind = NOTE_REFERENCE;
	else if (skip(&cursor, NOTE_DDL_WORD))
		note.kind = NOTE_DDL;
	if (note.kind != NOTE_NONE)
		(void) skip(&cursor, " ");
	if (skip(&cursor, NOTE_COMMAND_KEY))
		note.command = parse_number(&cursor, text);
	else if (note.kind == NOTE_NONE)
		malformed(text);
	if (!skip(&cursor, NOTE_END))
		malformed(text);
	return note;
}

char *
statement_note_shards(const Bitmapset *shards, bool hold)
{
	StringInfoData out;
	int			first = -1;
	bool		any = false;

	initStringInfo(&out);
	appendStringInfoString(&out, NOTE_START NOTE_SHARDS_KEY);
	while ((first = bms_next_member(shards, first)) >= 0)
	{
		int			last = first;

		while (bms_is_member(last + 1, shards))
			last++;
		appendStringInfo(&out, any ? ",%d" : "%d", first);
		if (last > first)
			appendStringInfo(&out, "-%d", last);
		any = true;
		first = last;
	}
	Assert(any);
	appendStringInfoString(&out, hold ? NOTE_HOLD NOTE_END " " : NOTE_END " ");
	return out.data;
}

/* Its length up to where more may be said. */
static int
open_length(const char *note)
{
	return (int) (strlen(note) - strlen(NOTE_END " "));
}

const char *
statement_note_with_snapshot(const char *note, uint32 number, uint32 oldest)
{
	if (number == 0)
		return note;
	return psprintf("%.*s" NOTE_SNAPSHOT_KEY "%u/%u" NOTE_END " ", open_length(note), note, number, oldest);
}

const char *
statement_note_with_skip(const char *note, int strength)
{
	if (strength == 0)
		return note;
	return psprintf("%.*s" NOTE_SKIP_KEY "%d" NOTE_END " ", open_length(note), note, strength);
}

const char *
statement_note_with_command(const char *note, uint32 command)
{
	if (command == 0)
		return note;
	if (note == NULL)
		return psprintf(NOTE_START NOTE_COMMAND_KEY "%u" NOTE_END " ", command);
	return psprintf("%.*s " NOTE_COMMAND_KEY "%u" NOTE_END " ", open_length(note), note, command);
}
