/*
 * move_objects.c
 *	  What a move makes on nodes, and how it goes away.
 *
 *	kind			name					on
 *	copy			number of a shard		a node that does not own it
 *	claim			number of a shard		the node it is moved from: there are never two jobs
 *	identity		table					where REPLICA IDENTITY FULL was set
 *	publication		its name				where a stream begins; left to the next move (publication.c)
 *	slot			its name				the same
 *	origin			its name				where it ends: how far it has come
 *
 * A row is on disk before the thing is made and deleted after it is gone, so
 * whatever breaks off, the list is never too short. Dropping what is not there
 * does nothing.
 */
#include "postgres.h"

#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "miscadmin.h"
#include "move/move_run.h"
#include "move/stream_feed.h"
#include "utils/builtins.h"

char *
move_object_name(const Job *job, const char *prefix)
{
	return psprintf("%s_" INT64_FORMAT, prefix, job->number);
}

MoveLink *
move_link_of(MoveRun *run, int node_id)
{
	return node_id == run->job->source ? run->source : run->target;
}

/* The answer, once it is there, names a job that has one of the shards. */
static void
send_claim(MoveRun *run, MoveLink *link)
{
	char	   *shards = job_shards_text(run->job);
	int64		job = run->job->number;

	move_link_send(link, "INSERT INTO shardext.catalog_claim SELECT s, " INT64_FORMAT
				   " FROM unnest('%s'::int[]) s ORDER BY s ON CONFLICT DO NOTHING;"
				   " SELECT shard, job FROM shardext.catalog_claim"
				   " WHERE shard = ANY ('%s'::int[]) AND job <> " INT64_FORMAT " ORDER BY shard LIMIT 1",
				   job, shards, shards, job);
}

static void
take_claim(MoveLink *link)
{
	PGresult   *others = move_link_result(link);

	if (PQntuples(others) > 0)
	{
		char	   *shard = pstrdup(PQgetvalue(others, 0, 0));
		char	   *other = pstrdup(PQgetvalue(others, 0, 1));

		PQclear(others);
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("logical shard %s belongs to job %s", shard, other),
				 errdetail("That job moves it, or keeps its old copy."),
				 errhint("Wait for that job, or finish it with shardext.finish_move.")));
	}
	PQclear(others);
}

/* On both nodes, since either may be that of the other job. */
void
move_claim(MoveRun *run)
{
	StringInfoData list;

	job_objects_begin(&list);
	job_objects_list_shards(&list, run->job, run->job->source, "claim");
	job_objects_list_shards(&list, run->job, run->job->target, "claim");
	job_objects_add(run->job->number, &list);
	send_claim(run, run->source);
	send_claim(run, run->target);
	take_claim(run->source);
	take_claim(run->target);
}

/*
 * All that is made after the shards are claimed is known then, and written down at once: so there is one wait for
 * the disk, and not one for each.
 */
void
move_objects_list(MoveRun *run, List *tables)
{
	const Job  *job = run->job;
	StringInfoData list;
	ListCell   *lc;

	job_objects_begin(&list);
	job_objects_list_shards(&list, job, job->target, "copy");
	foreach(lc, tables)
	{
		const MoveTable *table = lfirst(lc);

		if (table->keyed)
			continue;
		job_objects_list(&list, job->source, "identity", table->name);
		job_objects_list(&list, job->target, "identity", table->name);
	}
	job_objects_list(&list, job->source, "publication", move_object_name(job, FORWARD));
	job_objects_list(&list, job->target, "publication", move_object_name(job, BACKWARD));
	job_objects_list(&list, job->source, "slot", move_object_name(job, FORWARD));
	job_objects_list(&list, job->target, "slot", move_object_name(job, BACKWARD));
	job_objects_list(&list, job->target, "origin", move_object_name(job, FORWARD));
	job_objects_list(&list, job->source, "origin", move_object_name(job, BACKWARD));
	job_objects_add(job->number, &list);
}

/* Definitions wait for users of the table, and others behind them: not for long. */
void
move_shard_ddl(MoveLink *link, const char *sql)
{
	move_link_run(link, "SET lock_timeout = 100; SELECT shardext.internal_shard_ddl(%s)", quote_literal_cstr(sql));
	move_link_run(link, "RESET lock_timeout");
}

#define IDENTITY_QUERY \
	"SELECT CASE c.relreplident WHEN 'n' THEN 'NOTHING' WHEN 'f' THEN 'FULL' ELSE 'DEFAULT' END" \
	" FROM shardext.internal_own_tables o" \
	" JOIN pg_class c ON c.oid = o.shell WHERE o.shard_table = to_regclass(%s)"

/* As the table has it of which it is a shard. It may be gone with its schema. */
static void
drop_identity(MoveLink *link, const char *table)
{
	char	   *was = move_link_value(link, IDENTITY_QUERY, quote_literal_cstr(table));

	move_shard_ddl(link, psprintf("ALTER TABLE IF EXISTS %s REPLICA IDENTITY %s", table, was ? was : "DEFAULT"));
}

static void
drop_slot(MoveLink *link, const char *name)
{
	char	   *quoted = quote_literal_cstr(name);

	stream_slot_free(link, name);
	move_link_run(link, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s"
				  " AND database = current_database()", quoted);
}

/* A session that is just ending has the origin for a moment. */
static void
drop_origin(MoveLink *link, const char *name)
{
	char	   *quoted = quote_literal_cstr(name);

	move_link_run(link, "DO $do$ BEGIN FOR i IN 1 .. 500 LOOP BEGIN"
				  " PERFORM pg_replication_origin_drop(roname) FROM pg_replication_origin WHERE roname = %s; EXIT;"
				  " EXCEPTION WHEN object_in_use THEN IF i = 500 THEN RAISE; END IF; PERFORM pg_sleep(0.01); END;"
				  " END LOOP; END $do$", quoted);
}

static void
drop_object(MoveLink *link, int64 job, const char *kind, const char *name)
{
	if (strcmp(kind, "copy") == 0)
		move_link_run(link, "SELECT shardext.internal_drop_copy(%s)", name);
	else if (strcmp(kind, "claim") == 0)
		move_link_run(link, "DELETE FROM shardext.catalog_claim WHERE shard = %s AND job = " INT64_FORMAT, name, job);
	else if (strcmp(kind, "identity") == 0)
		drop_identity(link, name);
	else if (strcmp(kind, "publication") == 0)
		move_link_run(link, "SELECT shardext.internal_leave_publication(%s)", quote_literal_cstr(name));
	else if (strcmp(kind, "slot") == 0)
		drop_slot(link, name);
	else if (strcmp(kind, "origin") == 0)
		drop_origin(link, name);
	else
		elog(ERROR, "unknown kind of object \"%s\"", kind);
}

static void
drop_and_forget(MoveRun *run, const JobObject *object)
{
	MoveLink   *link = move_link_of(run, object->node_id);

	/* what lay on a node that has left went with it */
	if (link != NULL)
		drop_object(link, run->job->number, object->kind, object->name);
	job_object_remove(run->job->number, object);
}

void
move_objects_drop(MoveRun *run)
{
	ListCell   *lc;

	move_feed_close();
	foreach(lc, job_objects(run->job->number))
		drop_and_forget(run, lfirst(lc));
}

void
move_object_drop_kind(MoveRun *run, int node_id, const char *kind, const char *prefix)
{
	ListCell   *lc;

	foreach(lc, job_objects(run->job->number))
	{
		JobObject  *object = lfirst(lc);

		if (object->node_id == node_id && strcmp(object->kind, kind) == 0 &&
			strncmp(object->name, prefix, strlen(prefix)) == 0)
			drop_and_forget(run, object);
	}
}
