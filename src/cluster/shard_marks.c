/*
 * shard_marks.c
 *	  Hands the marks of ids over from old owners to new ones.
 *
 * One call per node: shardext.internal_release_shards(shards) on each old
 * owner, shardext.internal_accept_shards(shards, marks) on each new one, both
 * within the distributed transaction that changes the map. The lock of each
 * shard is held to its end on the old owner, so no id is made in between; if it is
 * rolled back, a mark that was raised in vain does no harm.
 */
#include "postgres.h"

#include "catalog/id_maker.h"
#include "catalog/node_map.h"
#include "catalog/pg_type.h"
#include "catalog/shard_map.h"
#include "cluster/shard_marks.h"
#include "dxact/dxact.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"

int64
shard_mark_release(int shard)
{
	shard_map_lock(shard, true);
	return id_maker_let_go(shard);
}

void
shard_mark_accept(int shard, int64 mark)
{
	id_maker_raise_mark(shard, mark);
}

/* "{1,2,3}" of the numbers that belong to the node. */
static char *
array_text(int n, const int *nodes, int node_id, const int *shards, const int64 *marks)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < n; i++)
		if (nodes[i] == node_id)
			appendStringInfo(&text, "%c" INT64_FORMAT, text.len ? ',' : '{', marks ? marks[i] : (int64) shards[i]);
	if (text.len == 0)
		return NULL;
	appendStringInfoChar(&text, '}');
	return text.data;
}

/* Ask one other node for the marks of its shards. */
static void
take_from(int node_id, const int *sources, ShardMarks *marks)
{
	char	   *shards = array_text(marks->n, sources, node_id, marks->shards, NULL);
	const Oid	types[] = {INT4ARRAYOID};
	const char *values[] = {shards};
	const int	zeros[] = {0};
	ConnParams	params = {.n = 1, .types = types, .values = values, .lengths = zeros, .formats = zeros};
	PGresult   *result;
	int			row = 0;

	if (shards == NULL)
		return;
	result = conn_query(dxact_connection(node_id, GetUserId(), DXACT_WRITE),
						"SELECT shardext.internal_release_shards($1)", &params);
	for (int i = 0; i < marks->n; i++)
	{
		if (sources[i] != node_id)
			continue;
		if (row >= PQntuples(result))
			elog(ERROR, "node %d gave too few marks", node_id);
		marks->marks[i] = pg_strtoint64(PQgetvalue(result, row++, 0));
	}
	conn_result_free(result);
}

ShardMarks *
shard_marks_take(int n, const ShardRow *changed, const ShardRow *present)
{
	ShardMarks *marks = palloc(sizeof(ShardMarks));
	int		   *sources = palloc(Max(n, 1) * sizeof(int));
	ListCell   *lc;

	marks->n = n;
	marks->shards = palloc(Max(n, 1) * sizeof(int));
	marks->owners = palloc(Max(n, 1) * sizeof(int));
	marks->marks = palloc0(Max(n, 1) * sizeof(int64));
	for (int i = 0; i < n; i++)
	{
		marks->shards[i] = changed[i].shard;
		marks->owners[i] = changed[i].owner;
		sources[i] = present[changed[i].shard].owner;
		if (sources[i] == node_self())
			marks->marks[i] = shard_mark_release(changed[i].shard);
	}
	foreach(lc, node_list())
	{
		int			node_id = ((NodeInfo *) lfirst(lc))->node_id;

		if (node_id != node_self())
			take_from(node_id, sources, marks);
	}
	return marks;
}

static void
give_to(int node_id, const ShardMarks *marks)
{
	char	   *shards = array_text(marks->n, marks->owners, node_id, marks->shards, NULL);
	char	   *numbers = array_text(marks->n, marks->owners, node_id, marks->shards, marks->marks);
	const Oid	types[] = {INT4ARRAYOID, INT8ARRAYOID};
	const char *values[] = {shards, numbers};
	const int	zeros[] = {0, 0};
	ConnParams	params = {.n = 2, .types = types, .values = values, .lengths = zeros, .formats = zeros};

	if (shards != NULL)
		(void) conn_execute(dxact_connection(node_id, GetUserId(), DXACT_WRITE),
							"SELECT shardext.internal_accept_shards($1, $2)", &params);
}

void
shard_marks_give(const ShardMarks *marks)
{
	ListCell   *lc;

	for (int i = 0; i < marks->n; i++)
		if (marks->owners[i] == node_self())
			shard_mark_accept(marks->shards[i], marks->marks[i]);
	foreach(lc, node_list())
	{
		int			node_id = ((NodeInfo *) lfirst(lc))->node_id;

		if (node_id != node_self())
			give_to(node_id, marks);
	}
}
