/*
 * remote_id.c
 *	  next_id(shard) for a shard of another node: the owner makes the id.
 *
 * Runs over the transaction's own connection to the owner, as the current
 * user. The id is not transactional there any more than here, but the lock of the
 * shard is: the shard cannot be handed over before this transaction ends.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "catalog/id_maker.h"
#include "cluster/remote_id.h"
#include "dxact/dxact.h"

static int64
next_id_at_owner(int shard, int owner)
{
	NodeConn   *conn = dxact_connection(owner, GetUserId(), DXACT_READ);
	char		number[12];
	const Oid	types[] = {INT4OID};
	const char *values[] = {number};
	const ConnParams params = {.n = 1, .types = types, .values = values};
	PGresult   *result;
	int64		id;

	snprintf(number, sizeof(number), "%d", shard);
	result = conn_query(conn, "SELECT shardext.next_id($1)", &params);
	if (PQntuples(result) != 1 || PQgetisnull(result, 0, 0))
		elog(ERROR, "node \"%s\" answered no id", conn_node_name(conn));
	id = pg_strtoint64(PQgetvalue(result, 0, 0));
	conn_result_free(result);
	return id;
}

void
remote_id_preload(void)
{
	id_remote_next = next_id_at_owner;
}
