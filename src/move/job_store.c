/*
 * job_store.c
 *	  Jobs as rows of shardext.catalog_job and its kin, by SPI.
 *
 * The rows are this node's own: a job is run, and looked after, by the node it
 * moves shards to. Other nodes ask for them.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/settings.h"
#include "catalog/node_map.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "move/job_store.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

#define FORMAT_TEXT(text, fmt) \
	do { \
		for (;;) \
		{ \
			va_list		args_; \
			int			needed_; \
			\
			va_start(args_, fmt); \
			needed_ = appendStringInfoVA(&(text), fmt, args_); \
			va_end(args_); \
			if (needed_ == 0) \
				break; \
			enlargeStringInfo(&(text), needed_); \
		} \
	} while (0)

/* Rows of one statement: strings in the memory of who asked. */
typedef struct Rows
{
	int			n;
	int			columns;
	char	 ***values;
} Rows;

/* Within a transaction, as the extension's owner. Statements are of ours, and qualified. */
static void
execute(const char *sql, Rows *rows)
{
	MemoryContext caller_cxt = CurrentMemoryContext;
	Oid			user;
	int			sec_context;
	int			nestlevel = NewGUCNestLevel();

	GetUserIdAndSecContext(&user, &sec_context);
	SetUserIdAndSecContext(extension_owner(), sec_context | SECURITY_LOCAL_USERID_CHANGE);
	setting_save("search_path", "pg_catalog");
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute(sql, false, 0) < 0)
		elog(ERROR, "could not run: %s", sql);
	if (rows != NULL)
	{
		MemoryContext spi_cxt = MemoryContextSwitchTo(caller_cxt);

		rows->n = SPI_tuptable ? (int) SPI_processed : 0;
		rows->columns = rows->n > 0 ? SPI_tuptable->tupdesc->natts : 0;
		rows->values = palloc(Max(rows->n, 1) * sizeof(char **));
		for (int i = 0; i < rows->n; i++)
		{
			rows->values[i] = palloc(rows->columns * sizeof(char *));
			for (int j = 0; j < rows->columns; j++)
				rows->values[i][j] = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, j + 1);
		}
		MemoryContextSwitchTo(spi_cxt);
	}
	SPI_finish();
	AtEOXact_GUC(true, nestlevel);
	SetUserIdAndSecContext(user, sec_context);
	MemoryContextSwitchTo(caller_cxt);
}

typedef enum Lasting
{
	ON_DISK,
	NOTED						/* see job_note */
} Lasting;

/* In a transaction of its own. */
static void
execute_lasting(const char *sql, Rows *rows, Lasting lasting)
{
	MemoryContext caller_cxt = CurrentMemoryContext;

	StartTransactionCommand();
	if (lasting == NOTED)
		(void) set_config_option("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0,
								 false);
	PushActiveSnapshot(GetTransactionSnapshot());
	MemoryContextSwitchTo(caller_cxt);
	execute(sql, rows);
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller_cxt);
}

static void
execute_alone(const char *sql, Rows *rows)
{
	execute_lasting(sql, rows, ON_DISK);
}

/* "1,2,3" */
static int *
parse_shards(char *text, int *n)
{
	int			room = 1;
	int		   *shards;

	for (char *p = text; *p; p++)
		if (*p == ',')
			room++;
	shards = palloc(room * sizeof(int));
	*n = 0;
	for (char *item = strtok(text, ","); item != NULL; item = strtok(NULL, ","))
		shards[(*n)++] = atoi(item);
	return shards;
}

Job *
job_load(int64 number)
{
	Rows		rows;
	Job		   *job;
	char	  **row;

	execute_alone(psprintf("SELECT state, " JOB_WISH ", array_to_string(shards, ','), source, target, back_lsn,"
						   " coalesce(clean_at <= clock_timestamp(), false), shape, kind, policy"
						   " FROM shardext.catalog_job WHERE job = " INT64_FORMAT, number), &rows);
	if (rows.n == 0)
		return NULL;
	row = rows.values[0];
	job = palloc0(sizeof(Job));
	job->number = number;
	job->state = row[0];
	job->wish = row[1];
	job->shards = parse_shards(row[2], &job->nshards);
	job->source = atoi(row[3]);
	job->target = atoi(row[4]);
	job->back_lsn = row[5];
	job->may_clean = row[6][0] == 't';
	job->shape = row[7];
	job->kind = row[8];
	job->policy = row[9];
	return job;
}

bool
job_has_new_wish(const Job *job)
{
	int			n;
	char	 ***rows = job_rows(&n, "SELECT " JOB_WISH " FROM shardext.catalog_job WHERE job = " INT64_FORMAT,
								 job->number);

	return n == 0 || strcmp(rows[0][0], job->wish) != 0;
}

char *
job_shards_text(const Job *job)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < job->nshards; i++)
		appendStringInfo(&text, "%c%d", i == 0 ? '{' : ',', job->shards[i]);
	appendStringInfoChar(&text, '}');
	return text.data;
}

static void
begin_update(StringInfo sql)
{
	initStringInfo(sql);
	appendStringInfoString(sql, "UPDATE shardext.catalog_job SET changed = clock_timestamp(), ");
}

void
job_set(int64 number, const char *fmt,...)
{
	StringInfoData sql;

	begin_update(&sql);
	FORMAT_TEXT(sql, fmt);
	appendStringInfo(&sql, " WHERE job = " INT64_FORMAT, number);
	execute_alone(sql.data, NULL);
}

void
job_note(int64 number, const char *fmt,...)
{
	StringInfoData sql;

	begin_update(&sql);
	FORMAT_TEXT(sql, fmt);
	appendStringInfo(&sql, " WHERE job = " INT64_FORMAT, number);
	execute_lasting(sql.data, NULL, NOTED);
}

void
job_set_within(int64 number, const char *fmt,...)
{
	StringInfoData sql;

	begin_update(&sql);
	FORMAT_TEXT(sql, fmt);
	appendStringInfo(&sql, " WHERE job = " INT64_FORMAT, number);
	execute(sql.data, NULL);
}

void
job_run_within(const char *sql)
{
	execute(sql, NULL);
}

char ***
job_rows(int *n, const char *fmt,...)
{
	StringInfoData sql;
	Rows		rows;

	initStringInfo(&sql);
	FORMAT_TEXT(sql, fmt);
	execute_alone(sql.data, &rows);
	*n = rows.n;
	return rows.values;
}

char ***
job_rows_within(int *n, const char *fmt,...)
{
	StringInfoData sql;
	Rows		rows;

	initStringInfo(&sql);
	FORMAT_TEXT(sql, fmt);
	execute(sql.data, &rows);
	*n = rows.n;
	return rows.values;
}

void
job_say(int64 number, const char *fmt,...)
{
	StringInfoData sentence;

	initStringInfo(&sentence);
	FORMAT_TEXT(sentence, fmt);
	execute_lasting(psprintf("INSERT INTO shardext.catalog_job_log (job, sentence) VALUES (" INT64_FORMAT ", %s)",
							 number, quote_literal_cstr(sentence.data)), NULL, NOTED);
}

void
job_objects_begin(StringInfo list)
{
	initStringInfo(list);
}

void
job_objects_list(StringInfo list, int node_id, const char *kind, const char *name)
{
	appendStringInfo(list, "%s(%d, %s, %s)", list->len > 0 ? ", " : "", node_id, quote_literal_cstr(kind),
					 quote_literal_cstr(name));
}

void
job_objects_list_shards(StringInfo list, const Job *job, int node_id, const char *kind)
{
	for (int i = 0; i < job->nshards; i++)
		job_objects_list(list, node_id, kind, psprintf("%d", job->shards[i]));
}

void
job_objects_add(int64 number, StringInfo list)
{
	if (list->len > 0)
		execute_alone(psprintf("INSERT INTO shardext.catalog_job_object (job, node, kind, name) SELECT " INT64_FORMAT
							   ", v.* FROM (VALUES %s) v ON CONFLICT DO NOTHING", number, list->data), NULL);
}

void
job_object_remove(int64 number, const JobObject *object)
{
	execute_lasting(psprintf("DELETE FROM shardext.catalog_job_object WHERE job = " INT64_FORMAT
							 " AND node = %d AND kind = %s AND name = %s", number, object->node_id,
							 quote_literal_cstr(object->kind), quote_literal_cstr(object->name)), NULL, NOTED);
}

List *
job_objects(int64 number)
{
	List	   *objects = NIL;
	Rows		rows;

	execute_alone(psprintf("SELECT node, kind, name FROM shardext.catalog_job_object WHERE job = " INT64_FORMAT
						   " ORDER BY number DESC", number), &rows);
	for (int i = 0; i < rows.n; i++)
	{
		JobObject  *object = palloc(sizeof(JobObject));

		object->node_id = atoi(rows.values[i][0]);
		object->kind = rows.values[i][1];
		object->name = rows.values[i][2];
		objects = lappend(objects, object);
	}
	return objects;
}

List *
jobs_to_run(void)
{
	List	   *numbers = NIL;
	Rows		rows;

	execute_alone(psprintf("SELECT job FROM shardext.catalog_job WHERE state NOT IN " JOB_ENDED
						   " AND job / " INT64_FORMAT " = (SELECT this_node FROM shardext.catalog_cluster)"
						   " ORDER BY job", JOB_NODE_FACTOR), &rows);
	for (int i = 0; i < rows.n; i++)
	{
		int64	   *number = palloc(sizeof(int64));

		*number = strtoll(rows.values[i][0], NULL, 10);
		numbers = lappend(numbers, number);
	}
	return numbers;
}

int64
job_insert(const char *shards, int source, int target)
{
	Rows		rows;

	execute(psprintf("INSERT INTO shardext.catalog_job (job, kind, state, shards, source, target)"
					 " SELECT " INT64_FORMAT " + nextval('shardext.job_number'), 'move', 'prepare', %s::int[], %d, %d"
					 " RETURNING job", target * JOB_NODE_FACTOR, quote_literal_cstr(shards), source, target), &rows);
	return strtoll(rows.values[0][0], NULL, 10);
}

int64
job_insert_placement(const char *kind, int source, const char *policy)
{
	Rows		rows;

	execute(psprintf("INSERT INTO shardext.catalog_job (job, kind, state, shards, source, target, policy)"
					 " SELECT " INT64_FORMAT " + nextval('shardext.job_number'), %s, 'plan', '{}', %d, 0, %s"
					 " RETURNING job", node_self() * JOB_NODE_FACTOR, quote_literal_cstr(kind), source,
					 policy ? quote_literal_cstr(policy) : "NULL"), &rows);
	return strtoll(rows.values[0][0], NULL, 10);
}

/* In which states a wish has a meaning; what it means otherwise. */
static const struct
{
	const char *wish;
	const char *states;			/* separated by blanks */
	const char *detail;
}			wishes[] = {
	{"run", " prepare backfill build stream verify cutover turn keep back clean plan moving ", "It has ended."},
	{"pause", " prepare backfill build stream verify cutover turn keep back clean plan moving ", "It has ended."},
	{"cancel", " prepare backfill build stream verify cutover plan moving ", "The owner has changed, or it has ended."},
	{"finish", " turn keep back ",
	"Only a move that has changed the owner, and keeps the old copies, can be finished."},
	{"reverse", " turn keep ", "Only a move that has changed the owner, and keeps the old copies, can be taken back."},
};

/* Nobody shall wait for what cannot be. A move of a job that has several hears of it when it looks. */
static void
require_way_back(int64 number)
{
	Rows		rows;

	execute(psprintf("SELECT 1 FROM shardext.internal_lost_ways_back() l JOIN shardext.catalog_job j USING (job)"
					 " WHERE job = " INT64_FORMAT " AND j.parent IS NULL", number), &rows);
	if (rows.n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("job " INT64_FORMAT " cannot be taken back any more", number),
				 errdetail("Tables were changed since they were moved; the old copies do not have the change."),
				 errhint("Move the shards there again when the job has ended.")));
}

void
job_wish(int64 number, const char *wish)
{
	Rows		rows;
	char	   *state;

	execute(psprintf("SELECT state FROM shardext.catalog_job WHERE job = " INT64_FORMAT " FOR UPDATE", number), &rows);
	if (rows.n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no job " INT64_FORMAT, number),
				 errdetail("Node \"%s\" knows none of this number.", node_name(node_self())),
				 errhint("Look into shardext.jobs.")));
	state = rows.values[0][0];
	for (int i = 0; i < lengthof(wishes); i++)
	{
		if (strcmp(wishes[i].wish, wish) != 0)
			continue;
		if (strstr(wishes[i].states, psprintf(" %s ", state)) == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("job " INT64_FORMAT " is in state \"%s\"", number, state),
					 errdetail("%s", wishes[i].detail),
					 errhint("Look into shardext.jobs.")));
		if (strcmp(wish, "reverse") == 0)
			require_way_back(number);
		if (strcmp(wish, "pause") == 0 || strcmp(wish, "run") == 0)
			job_set_within(number, "paused = %s", strcmp(wish, "pause") == 0 ? "true" : "false");
		else
			job_set_within(number, "wish = %s, paused = false", quote_literal_cstr(wish));
		return;
	}
	elog(ERROR, "unknown wish \"%s\"", wish);
}

/* Slots and copies of a job would stay, and its process would look for a cluster that is no more. */
void
jobs_require_none(void)
{
	Rows		rows;

	execute("SELECT min(job) FROM shardext.catalog_claim HAVING count(*) > 0", &rows);
	if (rows.n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("node \"%s\" cannot leave the cluster while job %s lasts", node_name(node_self()),
						rows.values[0][0]),
				 errdetail("It moves a logical shard, or keeps its old copy."),
				 errhint("Call shardext.finish_move() or shardext.cancel_job(), and try again when it has ended.")));
}
