/*
 * row_store.c
 *	  Rows of an INSERT stored in shard tables of this node without an executor.
 *
 * An executor in each shard, whose plan is a scan of the rows under a ModifyTable,
 * costs half as much again as storing the few rows that a shard gets of a
 * statement. Where ModifyTable would do nothing but check a row, store it and make
 * its index entries, that is done here, with the executor's own functions, row by
 * row in the same order: the same errors come first.
 *
 * Before that the shard tables are locked and it is asked whether the shards are
 * ours, as local_run.c does. The tables' root is the shell, as if they were
 * its partitions: what an error shows of a row follows the rights on the shell.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "parser/parsetree.h"
#include "storage/lmgr.h"
#include "utils/rel.h"

#include "base/pg_compat.h"
#include "catalog/table_map.h"
#include "exec/guard_check.h"
#include "exec/local_run.h"
#include "exec/row_store.h"
#include "exec/shard_scope.h"
#include "exec/statement_command.h"
#include "exec/users_code.h"
#include "route/route.h"

/* ---------- which rows ---------- */

static int
compare_by_shard(const void *a, const void *b, void *arg)
{
	const int  *shards = (const int *) arg;
	int			x = *(const int *) a;
	int			y = *(const int *) b;

	if (shards[x] != shards[y])
		return shards[x] < shards[y] ? -1 : 1;
	return x < y ? -1 : x > y;
}

int *
rows_by_shard(const List *rows, const int *shards)
{
	int		   *result = palloc(sizeof(int) * (list_length(rows) + 1));
	ListCell   *lc;

	foreach(lc, rows)
		result[foreach_current_index(lc)] = lfirst_int(lc);
	qsort_arg(result, list_length(rows), sizeof(int), compare_by_shard, unconstify(int *, shards));
	return result;
}

static int
shard_of(const StoredRows *rows, int i)
{
	return rows->shards[rows->rows[i]];
}

/* The first row of the next shard. */
static int
next_shard(const StoredRows *rows, int i)
{
	int			shard = shard_of(rows, i);

	while (i < rows->nrows && shard_of(rows, i) == shard)
		i++;
	return i;
}

/* ---------- which statements ---------- */

static Oid
table_of(const Query *query)
{
	return rt_fetch(query->resultRelation, query->rtable)->relid;
}

static bool
has_generated_columns(Oid relid)
{
	Relation	table = table_open(relid, NoLock);
	TupleDesc	desc = RelationGetDescr(table);
	bool		result = false;

	for (int i = 0; i < desc->natts; i++)
		result |= TupleDescAttr(desc, i)->attgenerated != '\0';
	table_close(table, NoLock);
	return result;
}

bool
row_store_takes(const Query *query)
{
	ListCell   *lc;

	if (query->onConflict != NULL || query->returningList != NIL || query->withCheckOptions != NIL)
		return false;
	foreach(lc, query->targetList)
	{
		const TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->resjunk || !(IsA(tle->expr, Var) || IsA(tle->expr, Const)))
			return false;
	}
	return !users_code_stores(table_of(query), query) && !has_generated_columns(table_of(query));
}

/* ---------- storing ---------- */

static void
fill_slot(TupleTableSlot *slot, const Query *query, const StoredRows *rows, int row)
{
	ListCell   *lc;

	ExecClearTuple(slot);
	memset(slot->tts_values, 0, slot->tts_tupleDescriptor->natts * sizeof(Datum));
	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts * sizeof(bool));
	foreach(lc, query->targetList)
	{
		const TargetEntry *tle = lfirst_node(TargetEntry, lc);
		int			to = tle->resno - 1;

		if (IsA(tle->expr, Var))
		{
			Size		from = (Size) row * rows->width + ((const Var *) tle->expr)->varattno - 1;

			slot->tts_values[to] = rows->values[from];
			slot->tts_isnull[to] = rows->nulls[from];
		}
		else
		{
			slot->tts_values[to] = ((const Const *) tle->expr)->constvalue;
			slot->tts_isnull[to] = ((const Const *) tle->expr)->constisnull;
		}
	}
	ExecStoreVirtualTuple(slot);
}

static void
store_row(ResultRelInfo *rel, TupleTableSlot *slot, EState *estate)
{
	slot->tts_tableOid = RelationGetRelid(rel->ri_RelationDesc);
	if (RelationGetDescr(rel->ri_RelationDesc)->constr != NULL)
		ExecConstraints(rel, slot, estate);
	table_tuple_insert(rel->ri_RelationDesc, slot, estate->es_output_cid, 0, NULL);
	if (rel->ri_NumIndices > 0)
		(void) sx_insert_index_tuples(rel, slot, estate);
	ResetPerTupleExprContext(estate);
}

/* The rows from first to end, which lie in one shard. */
static void
store_in_shard(const Query *query, const StoredRows *rows, int first, int end, ResultRelInfo *root, EState *estate)
{
	Relation	table = table_open(table_shard_relid(table_of(query), shard_of(rows, first)), NoLock);
	ResultRelInfo *rel = makeNode(ResultRelInfo);
	TupleTableSlot *slot = table_slot_create(table, NULL);

	InitResultRelInfo(rel, table, 0, root, 0);
	ExecOpenIndices(rel, false);
	guard_check_attach(rel, estate);
	for (int i = first; i < end; i++)
	{
		CHECK_FOR_INTERRUPTS();
		fill_slot(slot, query, rows, rows->rows[i]);
		store_row(rel, slot, estate);
	}
	ExecDropSingleTupleTableSlot(slot);
	ExecCloseIndices(rel);
	table_close(table, NoLock);
}

static void
store_all(const Query *query, const StoredRows *rows, Relation shell, EState *parent)
{
	EState	   *estate = CreateExecutorState();
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);
	ResultRelInfo *root = makeNode(ResultRelInfo);

	sx_exec_init_range_table(estate, query->rtable, sx_query_permissions(query));
	InitResultRelInfo(root, shell, query->resultRelation, NULL, 0);
	estate->es_output_cid = GetCurrentCommandId(true);
	statement_command_join(parent, estate);
	for (int i = 0, end; i < rows->nrows; i = end)
	{
		end = next_shard(rows, i);
		SHARD_SCOPE(shard_of(rows, i), true);
		{
			store_in_shard(query, rows, i, end, root, estate);
		}
		SHARD_SCOPE_END();
	}
	MemoryContextSwitchTo(old);
	FreeExecutorState(estate);
}

/* Lock the shard table, and ask whether the shard is ours. */
static ShardVerdict
lock_and_check(Oid shell, int shard, Snapshot snapshot)
{
	Oid			relid = table_shard_relid(shell, shard);
	ShardVerdict verdict;

	if (OidIsValid(relid))
		LockRelationOid(relid, RowExclusiveLock);
	verdict = shard_map_check(shard, SHARD_WRITE, snapshot);
	if (verdict == SHARD_OK && !OidIsValid(relid))
		local_run_raise_missing(shard);
	return verdict;
}

ShardVerdict
row_store_write(const Query *query, const StoredRows *rows, EState *estate, int *refused)
{
	Relation	shell;

	for (int i = 0; i < rows->nrows; i = next_shard(rows, i))
	{
		ShardVerdict verdict = lock_and_check(table_of(query), shard_of(rows, i), estate->es_snapshot);

		*refused = shard_of(rows, i);
		if (verdict != SHARD_OK)
			return verdict;
	}
	shell = table_open(table_of(query), NoLock);
	store_all(query, rows, shell, estate);
	table_close(shell, NoLock);
	return SHARD_OK;
}
