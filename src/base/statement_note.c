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

/* "1-5,9" up to the end of the comment. */
static Bitmapset *
parse_shards(const char *cursor, const char *text)
{
	Bitmapset  *shards = NULL;

	for (;;)
	{
		int			first = parse_shard(&cursor, text);
		int			last = first;

		if (*cursor == '-')
		{
			cursor++;
			last = parse_shard(&cursor, text);
		}
		if (last < first)
			malformed(text);
		shards = bms_add_range(shards, first, last);
		if (*cursor != ',')
			break;
		cursor++;
	}
	if (strncmp(cursor, NOTE_END, strlen(NOTE_END)) != 0)
		malformed(text);
	return shards;
}

StatementNote
statement_note_parse(const char *text)
{
	StatementNote note = {.kind = NOTE_NONE, .shards = NULL};
	const char *body;

	if (text == NULL || !session_is_forwarded() || strncmp(text, NOTE_START, strlen(NOTE_START)) != 0)
		return note;

	body = text + strlen(NOTE_START);
	if (strncmp(body, NOTE_SHARDS_KEY, strlen(NOTE_SHARDS_KEY)) == 0)
	{
		note.kind = NOTE_SHARDS;
		note.shards = parse_shards(body + strlen(NOTE_SHARDS_KEY), text);
	}
	else if (strncmp(text, STATEMENT_NOTE_REFERENCE, strlen(STATEMENT_NOTE_REFERENCE) - 1) == 0)
		note.kind = NOTE_REFERENCE;
	else if (strncmp(text, STATEMENT_NOTE_DDL, strlen(STATEMENT_NOTE_DDL) - 1) == 0)
		note.kind = NOTE_DDL;
	else
		malformed(text);
	return note;
}

char *
statement_note_shards(const Bitmapset *shards)
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
	appendStringInfoString(&out, NOTE_END " ");
	return out.data;
}
