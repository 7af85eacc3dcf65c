/*
 * remote_run.c
 *	  One SQL text running on one or more nodes, rows merged as they come.
 *
 *	  remote_run_start, once per node: connection from dxact, parameters encoded,
 *									   statement sent
 *	  remote_run_next:				   a row of whichever node has one
 *	  remote_run_end:				   streams with rows left are closed
 *
 * Another statement may need a connection while rows are still to come on it
 * (a function called per row, the next leaf of a join). It then calls absorb:
 * what is left of our stream goes into a tuplestore of our own, which spills to
 * disk beyond work_mem. Besides that, nothing is kept: a row is decoded into
 * per-row memory, libpq's copy is freed at once.
 *
 * After an error nobody calls remote_run_end: a reset callback of the run's
 * memory gives the streams up without raising anything.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/tuplestore.h"

#include "base/statement_note.h"
#include "catalog/shard_map.h"
#include "exec/remote_run.h"
#include "route/route.h"

/* Hashes of texts that were sent once: a power of two */
#define SENT_TEXTS 1024

/* The statement on one node. */
typedef struct RunStream
{
	ConnStream	stream;			/* must be first: absorb gets this */
	RemoteRun  *run;
	Tuplestorestate *stored;	/* rows absorbed; NULL if none were */
	bool		done;			/* nothing more comes from the connection */
	NodeWork   *work;			/* with a meter */

	/* what was started, to be started again; values only if the run is repeatable */
	int			node_id;
	Oid			role;
	NodeConn   *used;
	const char *sql;
	bool		autocommit_read;
	bool		repeated;
	const Datum *values;
	const bool *nulls;
} RunStream;

struct RemoteRun
{
	/* what runs */
	const char *sql;
	TupleDesc	slot_desc;
	const RowCodec *rows;		/* NULL: no rows come */
	ParamCodec *params;
	bool		writes;
	bool		prepare;
	bool		prepare_noted;
	bool		autocommit_write;
	Oid			acts_as;		/* not as who is connected; InvalidOid: as he */
	bool		repeatable;
	bool		followed;
	uint32		command;
	WorkMeter  *meter;			/* or NULL */

	/* where */
	int			nstreams;
	int			max_streams;
	RunStream **streams;

	/* state */
	uint64		processed;
	int			refused_shard;

	/* memory */
	MemoryContext cxt;
	MemoryContext per_row_cxt;
	TupleTableSlot *stored_slot;	/* for rows on their way into a tuplestore and out of it */
	ResourceOwner owner;		/* of the tuplestores' files */
	MemoryContextCallback on_reset;
};

/* The run's memory is about to go: no connection may point at its streams any more. */
static void
run_freed(void *arg)
{
	RemoteRun  *run = arg;

	for (int i = 0; i < run->nstreams; i++)
		if (run->streams[i]->stream.conn != NULL)
			conn_stream_forget(&run->streams[i]->stream);
}

RemoteRun *
remote_run_make_cached(const char *sql, TupleDesc slot_desc, const RowCodec *rows, ParamCodec *params, bool writes)
{
	RemoteRun  *run = palloc0(sizeof(RemoteRun));

	run->sql = sql;
	run->slot_desc = slot_desc;
	run->rows = rows;
	run->params = params;
	run->writes = writes;
	run->prepare = true;
	run->refused_shard = ROUTE_NO_SHARD;
	run->cxt = CurrentMemoryContext;
	run->owner = CurrentResourceOwner;
	run->on_reset.func = run_freed;
	run->on_reset.arg = run;
	MemoryContextRegisterResetCallback(run->cxt, &run->on_reset);
	return run;
}

RemoteRun *
remote_run_make(const char *sql, TupleDesc slot_desc, int ncols, const AttrNumber *attnos,
				int nparams, const Oid *param_types, bool writes)
{
	RowCodec   *rows = slot_desc ? row_codec_make(slot_desc, ncols, attnos) : NULL;

	return remote_run_make_cached(sql, slot_desc, rows, param_codec_make(nparams, param_types), writes);
}

void
remote_run_set_prepare(RemoteRun *run, bool prepare)
{
	run->prepare = prepare;
}

void
remote_run_set_prepare_noted(RemoteRun *run)
{
	run->prepare_noted = true;
}

void
remote_run_set_autocommit_write(RemoteRun *run)
{
	run->autocommit_write = true;
}

void
remote_run_set_acts_as(RemoteRun *run, Oid role)
{
	run->acts_as = role;
}

void
remote_run_set_repeatable(RemoteRun *run)
{
	run->repeatable = true;
}

void
remote_run_set_followed(RemoteRun *run)
{
	run->followed = true;
}

void
remote_run_release(RemoteRun *run)
{
	for (int i = 0; i < run->nstreams; i++)
		conn_stream_release(&run->streams[i]->stream);
}

void
remote_run_set_command(RemoteRun *run, uint32 command)
{
	run->command = command;
}

void
remote_run_set_meter(RemoteRun *run, WorkMeter *meter)
{
	run->meter = meter;
}

static NodeConn *
get_connection(RemoteRun *run, int node_id, Oid role, bool autocommit_read)
{
	if (autocommit_read)
		return dxact_connection_autocommit_read(node_id, role);
	if (run->autocommit_write)
		return dxact_connection_autocommit_write(node_id, role);
	return dxact_connection_acting(node_id, role, OidIsValid(run->acts_as) ? run->acts_as : role,
								   run->writes ? DXACT_WRITE : DXACT_READ);
}

/* ---------- what EXPLAIN ANALYZE tells ---------- */

static void
count_sent(NodeWork *work, const ConnParams *params)
{
	for (int i = 0; i < params->n; i++)
	{
		if (params->values[i] != NULL)
			work->sent += params->formats != NULL && params->formats[i] == 1 ? params->lengths[i] :
				strlen(params->values[i]);
	}
}

static void
count_row(RunStream *stream, const PGresult *result, int row)
{
	if (likely(stream->work == NULL))
		return;
	stream->work->rows++;
	for (int i = 0; i < PQnfields(result); i++)
		stream->work->received += PQgetlength(result, row, i);
}

/* ---------- results ---------- */

/* Not a row: the end of one stream. */
static void
note_end(RunStream *stream, const PGresult *result)
{
	RemoteRun  *run = stream->run;
	const char *count = PQcmdTuples((PGresult *) result);

	if (*count != '\0')
		run->processed += strtou64(count, NULL, 10);
	if (*count != '\0' && stream->work != NULL && run->rows == NULL)
		stream->work->rows += strtou64(count, NULL, 10);
}

static void
note_done(RunStream *stream)
{
	RemoteRun  *run = stream->run;

	stream->done = true;
	if (stream->work != NULL)
	{
		work_meter_take_plan(run->meter, stream->work, stream->stream.plan);
		work_meter_stop(run->meter, stream->work);
	}
	if (!stream->stream.refused)
		return;
	run->refused_shard = stream->stream.refused_shard;
	/* under READ COMMITTED the statement, sent again, has a newer snapshot there */
	if (stream->stream.refused_too_new && IsolationUsesXactSnapshot())
		shard_map_raise(run->refused_shard, SHARD_TOO_NEW);
}

static TupleTableSlot *
stored_slot(RemoteRun *run)
{
	if (run->stored_slot == NULL)
	{
		MemoryContext outer = MemoryContextSwitchTo(run->cxt);

		run->stored_slot = MakeSingleTupleTableSlot(run->slot_desc, &TTSOpsMinimalTuple);
		MemoryContextSwitchTo(outer);
	}
	return run->stored_slot;
}

static MemoryContext
per_row_memory(RemoteRun *run)
{
	if (run->per_row_cxt == NULL)
		run->per_row_cxt = AllocSetContextCreate(run->cxt, "shardext remote row", ALLOCSET_SMALL_SIZES);
	else
		MemoryContextReset(run->per_row_cxt);
	return run->per_row_cxt;
}

static void
decode_row(RemoteRun *run, const PGresult *result, int row, TupleTableSlot *slot)
{
	MemoryContext outer;

	/* The slot may still point at the row before. */
	ExecClearTuple(slot);
	outer = MemoryContextSwitchTo(per_row_memory(run));
	row_codec_decode(run->rows, result, row, slot);
	MemoryContextSwitchTo(outer);
}

/* Rows of one result into the tuplestore. */
static void
store_rows(RunStream *stream, const PGresult *result, TupleTableSlot *slot)
{
	RemoteRun  *run = stream->run;

	for (int i = 0; i < PQntuples(result); i++)
	{
		decode_row(run, result, i, slot);
		count_row(stream, result, i);
		tuplestore_puttupleslot(stream->stored, slot);
	}
	ExecClearTuple(slot);
}

/* Somebody else needs the connection: take away all that is still to come. */
static void
absorb(ConnStream *conn_stream)
{
	RunStream  *stream = (RunStream *) conn_stream;
	RemoteRun  *run = stream->run;
	MemoryContext outer = MemoryContextSwitchTo(run->cxt);
	ResourceOwner outer_owner = CurrentResourceOwner;
	TupleTableSlot *slot = NULL;
	PGresult   *result;

	CurrentResourceOwner = run->owner;
	if (run->rows)
	{
		/* Not the caller's slot, and per-row memory may hold the row it is looking at. */
		MemoryContext saved_row_cxt = run->per_row_cxt;

		run->per_row_cxt = NULL;
		slot = MakeSingleTupleTableSlot(run->slot_desc, &TTSOpsVirtual);
		if (stream->stored == NULL)
			stream->stored = tuplestore_begin_heap(false, false, work_mem);
		while ((result = conn_stream_next(conn_stream)) != NULL)
		{
			if (!stream->stream.refused)
				store_rows(stream, result, slot);
			if (PQresultStatus(result) != PGRES_SINGLE_TUPLE)
				note_end(stream, result);
			conn_result_free(result);
		}
		ExecDropSingleTupleTableSlot(slot);
		if (run->per_row_cxt)
			MemoryContextDelete(run->per_row_cxt);
		run->per_row_cxt = saved_row_cxt;
	}
	else
	{
		while ((result = conn_stream_next(conn_stream)) != NULL)
		{
			note_end(stream, result);
			conn_result_free(result);
		}
	}
	CurrentResourceOwner = outer_owner;
	MemoryContextSwitchTo(outer);
	note_done(stream);
}

/* --- the interface --- */

static RunStream *
add_stream(RemoteRun *run)
{
	MemoryContext outer = MemoryContextSwitchTo(run->cxt);
	RunStream  *stream = palloc0(sizeof(RunStream));

	if (run->nstreams == run->max_streams)
	{
		run->max_streams = Max(2 * run->max_streams, 1);
		run->streams = run->streams == NULL ? palloc(sizeof(RunStream *) * run->max_streams) :
			repalloc(run->streams, sizeof(RunStream *) * run->max_streams);
	}
	stream->stream.absorb = absorb;
	stream->run = run;
	run->streams[run->nstreams++] = stream;
	MemoryContextSwitchTo(outer);
	return stream;
}

/* The node may be asked for its plan, too. */
static void
start_measured(RunStream *stream, NodeConn *conn, const ConnParams *params, bool prepare)
{
	RemoteRun  *run = stream->run;
	const char *wish = work_meter_wish(run->meter, stream->work);

	count_sent(stream->work, params);
	stream->stream.plan_cxt = wish != NULL ? run->cxt : NULL;
	conn_ask_plan(wish);
	PG_TRY();
	{
		conn_stream_start(conn, &stream->stream, stream->sql, params, prepare,
						  run->rows && row_codec_is_binary(run->rows));
	}
	PG_FINALLY();
	{
		conn_ask_plan(NULL);
	}
	PG_END_TRY();
}

static void
send_statement(RunStream *stream, bool prepare, const Datum *values, const bool *nulls)
{
	RemoteRun  *run = stream->run;
	NodeConn   *conn;
	ConnParams	params;

	/* First the parameters: output functions may run statements of their own. */
	param_codec_encode(run->params, values, nulls, &params);
	conn = get_connection(run, stream->node_id, stream->role, stream->autocommit_read);
	stream->used = conn;
	stream->stream.followed = run->followed;
	stream->stream.hides_values = OidIsValid(run->acts_as) && run->acts_as != stream->role;
	if (unlikely(stream->work != NULL))
		start_measured(stream, conn, &params, prepare);
	else
		conn_stream_start(conn, &stream->stream, stream->sql, &params, prepare,
						  run->rows && row_codec_is_binary(run->rows));
}

/* The connection has died unnoticed, nothing of the statement has been heard: once more, on a new one. */
static bool
repeat(ConnStream *conn_stream)
{
	RunStream  *stream = (RunStream *) conn_stream;

	if (stream->repeated || !dxact_forget_lost(stream->used))
		return false;
	stream->repeated = true;
	send_statement(stream, false, stream->values, stream->nulls);
	return true;
}

/*
 * Texts with a note of shards that come again are prepared; most do not, and would cost the node memory. A wrong yes or
 * no does no harm.
 */
static bool
was_sent_before(const char *sql)
{
	static uint32 sent[SENT_TEXTS];
	uint32		hash = hash_bytes((const unsigned char *) sql, strlen(sql));
	bool		before = sent[hash % SENT_TEXTS] == hash;

	sent[hash % SENT_TEXTS] = hash;
	return before;
}

void
remote_run_start(RemoteRun *run, int node_id, Oid role, const char *sql_prefix,
				 const Datum *values, const bool *nulls, bool autocommit_read)
{
	RunStream  *stream = add_stream(run);

	sql_prefix = statement_note_with_command(sql_prefix, run->command);
	stream->node_id = node_id;
	stream->role = role;
	stream->sql = sql_prefix ? psprintf("%s%s", sql_prefix, run->sql) : run->sql;
	stream->autocommit_read = autocommit_read;
	stream->work = work_meter_start(run->meter, node_id, NULL);
	if (run->repeatable)
	{
		stream->stream.repeat = repeat;
		stream->values = values;
		stream->nulls = nulls;
	}
	/* the number of a command comes again in this statement only */
	send_statement(stream, run->prepare && (sql_prefix == NULL || (run->prepare_noted && run->command == 0) ||
											was_sent_before(stream->sql)), values, nulls);
}

/* A stream to read from next: one whose rows are here if there is any. NULL when all are done. */
static RunStream *
pick_stream(RemoteRun *run)
{
	ConnStream **waiting;
	int			n = 0;
	RunStream  *last = NULL;

	for (int i = 0; i < run->nstreams; i++)
	{
		RunStream  *stream = run->streams[i];

		if (stream->stored && !tuplestore_ateof(stream->stored))
			return stream;
		if (stream->done)
			continue;
		last = stream;
		n++;
	}
	if (n <= 1)
		return last;

	waiting = palloc(sizeof(ConnStream *) * n);
	n = 0;
	for (int i = 0; i < run->nstreams; i++)
		if (!run->streams[i]->done)
			waiting[n++] = &run->streams[i]->stream;
	last = (RunStream *) waiting[conn_wait_any(waiting, n)];
	pfree(waiting);
	return last;
}

/* Next absorbed row; false when there is none left. */
static bool
read_stored(RunStream *stream, TupleTableSlot *slot)
{
	RemoteRun  *run = stream->run;
	TupleTableSlot *stored = stored_slot(run);

	if (!tuplestore_gettupleslot(stream->stored, true, false, stored))
		return false;
	ExecCopySlot(slot, stored);
	return true;
}

/* Next row from the wire; false at the end of this stream. */
static bool
read_wire(RunStream *stream, TupleTableSlot *slot)
{
	RemoteRun  *run = stream->run;
	PGresult   *result;

	while ((result = conn_stream_next(&stream->stream)) != NULL)
	{
		/* a node that has refused may give a row nevertheless: a count of nothing */
		bool		is_row = run->rows != NULL && PQntuples(result) > 0 && !stream->stream.refused;

		if (PQresultStatus(result) != PGRES_SINGLE_TUPLE)
			note_end(stream, result);
		if (is_row)
		{
			decode_row(run, result, 0, slot);
			count_row(stream, result, 0);
		}
		conn_result_free(result);
		if (is_row)
			return true;
	}
	note_done(stream);
	return false;
}

bool
remote_run_next(RemoteRun *run, TupleTableSlot *slot)
{
	RunStream  *stream;

	while ((stream = pick_stream(run)) != NULL)
	{
		if (stream->stored && !tuplestore_ateof(stream->stored))
		{
			if (read_stored(stream, slot))
				return true;
			continue;
		}
		if (read_wire(stream, slot))
			return true;
	}
	if (slot)
		ExecClearTuple(slot);
	return false;
}

int
remote_run_refused(const RemoteRun *run)
{
	return run->refused_shard;
}

uint64
remote_run_processed(const RemoteRun *run)
{
	return run->processed;
}

void
remote_run_end(RemoteRun *run)
{
	for (int i = 0; i < run->nstreams; i++)
	{
		RunStream  *stream = run->streams[i];

		if (!stream->done && stream->stream.conn != NULL)
			conn_stream_close(&stream->stream);
		if (stream->stored)
			tuplestore_end(stream->stored);
	}
	run->nstreams = 0;
	if (run->stored_slot)
		ExecDropSingleTupleTableSlot(run->stored_slot);
	run->stored_slot = NULL;
}
