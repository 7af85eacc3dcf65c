/*
 * remote_run.h
 *	  Runs one SQL text on one or more nodes and yields the rows in the column
 *	  types the coordinator expects. Owns parameters' and rows' conversion
 *	  (text or binary) and the tuplestore into which a stream is absorbed.
 */
#ifndef SHARDEXT_REMOTE_RUN_H
#define SHARDEXT_REMOTE_RUN_H

#include "postgres.h"
#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "nodes/params.h"
#include "dxact/dxact.h"
#include "exec/node_work.h"
#include "exec/tuple_codec.h"

typedef struct RemoteRun RemoteRun;

/*
 * result: NULL when the statement returns no rows. attnos: column i of the
 * result goes to attnos[i]-1 of the slot. The run serves one execution and
 * lives, with all it needs, in CurrentMemoryContext; when that goes away the
 * nodes' rows not yet read are given up.
 */
extern RemoteRun *remote_run_make(const char *sql, TupleDesc slot_desc, int ncols, const AttrNumber *attnos,
								  int nparams, const Oid *param_types, bool writes);

/* The same with codecs that outlive executions. rows NULL: no rows come. sql must stay where it is. */
extern RemoteRun *remote_run_make_cached(const char *sql, TupleDesc slot_desc, const RowCodec *rows,
										 ParamCodec *params, bool writes);

/* Is the text worth a prepared statement on the node? Default: yes without sql_prefix. */
extern void remote_run_set_prepare(RemoteRun *run, bool prepare);

/* The same note goes in front of the text each time: with it, it is worth a prepared statement. */
extern void remote_run_set_prepare_noted(RemoteRun *run);

/*
 * values and nulls stay good as long as the run: a statement whose connection
 * turns out to have been dead, when nothing of the transaction was there, may be
 * sent once more.
 */
extern void remote_run_set_repeatable(RemoteRun *run);

/* It waits for what follows it (dxact_prepare_ahead), or for remote_run_release. */
extern void remote_run_set_followed(RemoteRun *run);
extern void remote_run_release(RemoteRun *run);

/* The number of the command that it is a piece of (exec/statement_command.h); 0: none. */
extern void remote_run_set_command(RemoteRun *run, uint32 command);

/* The statement is the whole of its transaction: the node may commit it by itself, in the same round trip. */
extern void remote_run_set_autocommit_write(RemoteRun *run);

/* The nodes act as this role, in connections of the one that the run is started for. */
extern void remote_run_set_acts_as(RemoteRun *run, Oid role);

/* What the nodes do is counted there (NULL: nowhere). */
extern void remote_run_set_meter(RemoteRun *run, WorkMeter *meter);

/* Start on one node; sql_prefix (a statement note) may be NULL. Params are Datums of param_types. */
extern void remote_run_start(RemoteRun *run, int node_id, Oid role, const char *sql_prefix,
							 const Datum *values, const bool *nulls, bool autocommit_read);

/*
 * Fill slot (virtual) with the next row of any started node; false at the end
 * of all. The row's values are good until the next call. slot may be NULL if
 * the statement returns no rows.
 */
extern bool remote_run_next(RemoteRun *run, TupleTableSlot *slot);

/*
 * Shard a node has refused, ROUTE_NO_SHARD if none (known once remote_run_next
 * has returned false). A refusal that only a newer snapshot cures has raised
 * 40001 by then.
 */
extern int	remote_run_refused(const RemoteRun *run);
extern uint64 remote_run_processed(const RemoteRun *run);	/* rows affected, over all nodes */
extern void remote_run_end(RemoteRun *run);

#endif
