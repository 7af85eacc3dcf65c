/*
 * lock_waits_funcs.c
 *	  SQL functions about waits for locks.
 */
#include "postgres.h"

#include "base/module.h"
#include "catalog/node_map.h"
#include "dxact/lock_waits.h"
#include "dxact/wait_rows.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define LOCAL_COLUMNS	10
#define ANSWER_MS		5000

PG_FUNCTION_INFO_V1(shardext_internal_lock_waits);
PG_FUNCTION_INFO_V1(shardext_internal_cluster_waits);
PG_FUNCTION_INFO_V1(shardext_internal_end_lock_wait);

static Datum
node_of(SessionName name)
{
	return Int32GetDatum(name.node != 0 ? name.node : node_self());
}

static void
put_wait(ReturnSetInfo *rsinfo, const LocalWait *wait)
{
	Datum		values[LOCAL_COLUMNS];
	bool		nulls[LOCAL_COLUMNS] = {false};

	values[0] = node_of(wait->waiter);
	values[1] = Int32GetDatum(wait->waiter.pid);
	values[2] = Int32GetDatum(wait->waiter_process);
	values[3] = Int64GetDatum(wait->since);
	values[4] = CStringGetTextDatum(lock_waits_describe(&wait->lock));
	values[5] = CStringGetTextDatum(GetLockmodeName(wait->lock.locktag_lockmethodid, wait->mode));
	values[6] = node_of(wait->blocker);
	nulls[6] = wait->blocker_process == 0;
	values[7] = Int32GetDatum(wait->blocker.pid);
	nulls[7] = wait->blocker_process == 0;
	values[8] = Int32GetDatum(wait->blocker_process);
	values[9] = TransactionIdGetDatum(wait->blocker_xid);
	nulls[9] = !TransactionIdIsValid(wait->blocker_xid);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static void
put_away(ReturnSetInfo *rsinfo, const AwaySession *session)
{
	Datum		values[LOCAL_COLUMNS] = {0};
	bool		nulls[LOCAL_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	memset(nulls, false, 4 * sizeof(bool));
	values[0] = node_of(session->name);
	values[1] = Int32GetDatum(session->name.pid);
	values[2] = Int32GetDatum(session->name.pid);
	values[3] = Int64GetDatum(session->since);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
shardext_internal_lock_waits(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *lc;

	library_require_preloaded();
	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, lock_waits_collect())
		put_wait(rsinfo, lfirst(lc));
	foreach(lc, lock_waits_away())
		put_away(rsinfo, lfirst(lc));
	return (Datum) 0;
}

Datum
shardext_internal_end_lock_wait(PG_FUNCTION_ARGS)
{
	library_require_preloaded();
	PG_RETURN_BOOL(lock_wait_end(PG_GETARG_INT32(0), PG_GETARG_INT64(1), text_to_cstring(PG_GETARG_TEXT_PP(2))));
}

/* Connections to all other nodes, as the current role. */
static WaitPeer *
connect_all(int *npeers)
{
	WaitPeer   *peers = palloc0(sizeof(WaitPeer) * Max(list_length(node_list()), 1));
	ListCell   *lc;

	*npeers = 0;
	foreach(lc, node_list())
	{
		const NodeInfo *node = lfirst(lc);
		WaitPeer   *peer = &peers[*npeers];

		if (node->node_id == node_self())
			continue;
		peer->node_id = node->node_id;
		peer->conn = wait_peer_connect(node->node_id, GetUserNameFromId(GetUserId(), false));
		if (peer->conn != NULL)
			(*npeers)++;
		else
			ereport(WARNING,
					(errmsg("node \"%s\" cannot be asked for its waits", node->name)));
	}
	return peers;
}

static void
put_row(ReturnSetInfo *rsinfo, AttInMetadata *meta, const WaitRow *row)
{
	char		place[16];
	char	   *values[WAIT_COLUMNS + 1];

	snprintf(place, sizeof(place), "%d", row->place);
	values[0] = place;
	memcpy(values + 1, row->values, sizeof(row->values));
	tuplestore_puttuple(rsinfo->setResult, BuildTupleFromCStrings(meta, values));
}

Datum
shardext_internal_cluster_waits(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	AttInMetadata *meta;
	WaitPeer   *peers;
	int			npeers;
	List	   *rows;
	ListCell   *lc;

	library_require_preloaded();
	InitMaterializedSRF(fcinfo, 0);
	meta = TupleDescGetAttInMetadata(rsinfo->setDesc);
	peers = connect_all(&npeers);
	rows = wait_rows_collect(peers, npeers, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ANSWER_MS));
	foreach(lc, rows)
		put_row(rsinfo, meta, lfirst(lc));
	for (int i = 0; i < npeers; i++)
	{
		if (peers[i].failed)
			ereport(WARNING,
					(errmsg("node \"%s\" has not told its waits", node_name(peers[i].node_id))));
		conn_close_private(peers[i].conn);
	}
	return (Datum) 0;
}
