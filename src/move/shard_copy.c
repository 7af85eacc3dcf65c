/*
 * shard_copy.c
 *	  The tables of a logical shard on a node that does not own it: what a move
 *	  fills, and what it leaves behind.
 *
 * A copy is made by the statements that make shard tables (ddl/table_definition.h)
 * over the shells of this node. Nobody is led to it: the fence refuses
 * statements for shards that this node does not own.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "base/pg_compat.h"
#include "base/settings.h"
#include "catalog/namespace.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "catalog/table_map.h"
#include "cluster/shard_handover.h"
#include "ddl/shard_apply.h"
#include "ddl/table_definition.h"
#include "move/shard_copy.h"
#include "move/stream_feed.h"
#include "replication/message.h"
#include "storage/lmgr.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

static void
check_not_ours(int shard)
{
	if (shard_map_owner(shard, NULL) == node_self())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("logical shard %d belongs to this node", shard),
				 errdetail("Only a copy that a move has made, or left behind, can be made or dropped."),
				 errhint("This function is for moves.")));
}

static List *
statements_of(const TableInfo *table, const char *part)
{
	if (strcmp(part, "tables") == 0)
		return table_definition_parts(table->relid, DEFINE_TABLE, DEFINE_CHECKS);
	if (strcmp(part, "indexes") == 0)
		return table_definition(table->relid, DEFINE_INDEXES);
	if (strcmp(part, "rest") == 0)
		return table_definition_parts(table->relid, DEFINE_FOREIGN_KEYS, DEFINE_TRIGGERS);
	elog(ERROR, "unknown part \"%s\" of a copy", part);
}

/*
 * Those that are prepared here come first, as the source may have committed them already. Their locks are of many
 * strengths; this one conflicts with all of them, and with no statement over rows.
 */
static void
await_definitions(Oid shell)
{
	LockRelationOid(shell, ShareUpdateExclusiveLock);
	UnlockRelationOid(shell, ShareUpdateExclusiveLock);
}

void
shard_copies_make(int n, const int *shards, const char *part)
{
	Bitmapset  *only = NULL;
	ListCell   *lc;

	for (int i = 0; i < n; i++)
	{
		check_not_ours(shards[i]);
		only = bms_add_member(only, shards[i]);
	}
	foreach(lc, table_list())
	{
		const TableInfo *table = lfirst(lc);
		Oid			shell = table->relid;
		List	   *statements;

		if (table->kind != TABLE_SHARDED)
			continue;
		await_definitions(shell);
		LockRelationOid(shell, AccessShareLock);
		statements = statements_of(table, part);
		if (strcmp(part, "tables") == 0)
			shard_tables_create(shell, statements, only);
		else if (strcmp(part, "rest") == 0)
			shard_tables_apply_elevated(statements, only);
		else
			shard_tables_apply(shell, statements, only);
	}
}

void
shard_copy_drop(int shard)
{
	char		name[NAMEDATALEN];
	Oid			schema;

	check_not_ours(shard);
	schema = get_namespace_oid(shard_schema_name(shard, name), true);
	if (!OidIsValid(schema) || !shard_schema_is_ours(schema, shard))
		return;
	ddl_run_elevated(psprintf("DROP SCHEMA %s CASCADE", name));
}

/* The time is for all of them together; one that nobody uses needs none. */
static void
lock_within(int shard, TimestampTz deadline)
{
	int			nestlevel = NewGUCNestLevel();
	char		timeout[16];

	snprintf(timeout, sizeof(timeout), "%ld", Max(1, TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline)));
	setting_save("lock_timeout", timeout);
	shard_handover_lock(shard, FENCE_EVERYONE);
	AtEOXact_GUC(true, nestlevel);
}

void
shard_copy_fence(int n, const int *shards, int wait_ms, const char *marker)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), wait_ms);

	for (int i = 0; i < n; i++)
		lock_within(shards[i], deadline);
	/* the stream has what is flushed only */
	XLogFlush(sx_log_message(STREAM_MARKER_PREFIX, marker));
}
