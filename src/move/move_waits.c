/*
 * move_waits.c
 *	  Whom a move waits for, told in the job's row (error) while it waits.
 *
 * Two things may take as long as somebody else's transaction: the slot, which waits
 * for all that have written when it is begun, and the fence. Neither is a
 * failure; the note goes with the next state.
 */
#include "postgres.h"

#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "move/move_run.h"
#include "utils/builtins.h"

#define PROCESS_TEXT "format('process %%s, whose transaction began at %%s', a.pid, a.xact_start)"

/* In any database of the server. */
#define WRITERS_QUERY \
	"SELECT t.who FROM (SELECT " PROCESS_TEXT " AS who, a.xact_start AS since FROM pg_stat_activity a" \
	"   WHERE a.backend_xid IS NOT NULL AND a.pid <> pg_backend_pid()" \
	" UNION ALL SELECT format('the prepared transaction %%s of %%s', quote_literal(p.gid), p.prepared), p.prepared" \
	"   FROM pg_prepared_xacts p) t ORDER BY t.since LIMIT 1"

/* What is prepared holds locks without a process. */
#define USERS_QUERY \
	"SELECT CASE WHEN l.pid IS NULL THEN 'a prepared transaction' ELSE " PROCESS_TEXT " END FROM pg_locks l" \
	" JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()" \
	" JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace" \
	" LEFT JOIN pg_stat_activity a ON a.pid = l.pid" \
	" WHERE l.locktype = 'relation' AND l.granted AND n.nspname = ANY ('{%s}')" \
	" AND coalesce(a.application_name, '') NOT LIKE 'shardext job%%' ORDER BY a.xact_start NULLS FIRST LIMIT 1"

/* The row is written when there is something new to tell. */
static void
tell(MoveRun *run, int node_id, const char *who, const char *why, MoveNote *noted)
{
	MoveNote	note;

	if (who == NULL)
		return;
	snprintf(note.text, sizeof(note.text), "Waits for %s, on node \"%s\": %s", who,
			 move_link_node(move_link_of(run, node_id)), why);
	if (strcmp(note.text, noted->text) == 0)
		return;
	job_note(run->job->number, "error = %s", quote_literal_cstr(note.text));
	*noted = note;
}

void
move_note_writer(MoveRun *run, int node_id, MoveNote *noted)
{
	tell(run, node_id, move_link_value(move_link_of(run, node_id), WRITERS_QUERY),
		 "a stream begins when all transactions that had written before it have ended.", noted);
}

void
move_note_user(MoveRun *run, int node_id, MoveNote *noted)
{
	StringInfoData schemas;
	char		schema[NAMEDATALEN];

	initStringInfo(&schemas);
	for (int i = 0; i < run->job->nshards; i++)
		appendStringInfo(&schemas, "%s%s", i == 0 ? "" : ",", shard_schema_name(run->job->shards[i], schema));
	tell(run, node_id, move_link_value(move_link_of(run, node_id), USERS_QUERY, schemas.data),
		 "the owner changes when nobody uses the shards.", noted);
}
