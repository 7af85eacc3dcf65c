/*
 * row_keys.c
 *	  Foreign keys of rows that are written one by one, looked after where the
 *	  rows lie when all of their statement are written.
 *
 * Each node notes which rows of its shards a command has written. At the end it
 * is told so, and the triggers of foreign keys fire for all rows of a shard as if one
 * statement had written them there: PostgreSQL's own queue has them in its
 * order, with what they bring about behind them. All that they look at lies in the
 * shard or in reference tables, so what happens in other shards makes no difference.
 *
 * On the coordinator a command is the statement's own, elsewhere what bears its number
 * (statement_command.h). What a subtransaction has written goes with it.
 *
 * Rows are written as the table's owner, but this runs as the user of the statement: what goes with a row
 * fires triggers of users, whose functions run as he.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/pg_compat.h"
#include "exec/reference_change.h"
#include "exec/row_keys.h"
#include "exec/row_triggers.h"
#include "exec/shard_scope.h"
#include "route/route.h"

/* Invalid: there is no such version. */
typedef struct WrittenRow
{
	ItemPointerData before;
	ItemPointerData after;
} WrittenRow;

/* Rows of a shard's table, or of a copy (shard ROUTE_NO_SHARD), that a command has written at a level of nesting. */
typedef struct WrittenRows
{
	CommandId	command;
	Oid			relid;
	int			shard;
	int			level;
	uint64		n;
	uint64		space;
	WrittenRow *rows;
} WrittenRows;

/* Of this transaction; in its memory. */
static List *written = NIL;
static LocalTransactionId written_in = InvalidLocalTransactionId;

static void
forget_other_transactions(void)
{
	if (written_in != sx_my_lxid())
		written = NIL;
	written_in = sx_my_lxid();
}

static WrittenRows *
make_rows(CommandId command, Oid relid, int shard)
{
	WrittenRows *result = palloc0(sizeof(WrittenRows));

	result->command = command;
	result->relid = relid;
	result->shard = shard;
	result->level = GetCurrentTransactionNestLevel();
	result->space = 8;
	result->rows = palloc(sizeof(WrittenRow) * result->space);
	written = lappend(written, result);
	return result;
}

static WrittenRows *
find_rows(CommandId command, Oid relid, int shard)
{
	ListCell   *lc;

	foreach(lc, written)
	{
		WrittenRows *rows = (WrittenRows *) lfirst(lc);

		if (rows->command == command && rows->relid == relid && rows->level == GetCurrentTransactionNestLevel())
			return rows;
	}
	return make_rows(command, relid, shard);
}

static ItemPointerData
copy_of(const ItemPointerData *ctid)
{
	ItemPointerData result;

	if (ctid != NULL)
		return *ctid;
	ItemPointerSetInvalid(&result);
	return result;
}

void
row_keys_note(Relation table, int shard, CommandId command, const ItemPointerData *before,
			  const ItemPointerData *after)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	WrittenRows *rows;

	forget_other_transactions();
	rows = find_rows(command, RelationGetRelid(table), shard);
	if (rows->n == rows->space)
	{
		rows->space *= 2;
		rows->rows = repalloc_huge(rows->rows, sizeof(WrittenRow) * rows->space);
	}
	rows->rows[rows->n].before = copy_of(before);
	rows->rows[rows->n++].after = copy_of(after);
	MemoryContextSwitchTo(old);
}

/* ---------- at the end ---------- */

/* Put the row's triggers into the queue. slot is for its new version. */
static void
queue_row(EState *estate, ResultRelInfo *target, WrittenRow *row, TupleTableSlot *slot)
{
	bool		has_before = ItemPointerIsValid(&row->before);
	bool		has_after = ItemPointerIsValid(&row->after);

	if (has_after && !table_tuple_fetch_row_version(target->ri_RelationDesc, &row->after, SnapshotAny, slot))
		elog(ERROR, "a row that was written to relation %u is not there", RelationGetRelid(target->ri_RelationDesc));
	if (!has_before)
		ExecARInsertTriggers(estate, target, slot, NIL, NULL);
	else if (has_after)
		ExecARUpdateTriggers(estate, target, NULL, NULL, &row->before, NULL, slot, NIL, NULL, false);
	else
		ExecARDeleteTriggers(estate, target, &row->before, NULL, NULL, false);
}

static TriggerDesc *
triggers_of(TriggerDesc *triggers, int shard)
{
	return shard == ROUTE_NO_SHARD ? reference_change_triggers(triggers) : row_triggers_of_shard(triggers, true);
}

/* Fire the triggers of all rows of the table in the list; it is not asked for them again. */
static void
fire_for_table(List *list, Oid relid, int shard)
{
	Relation	table = table_open(relid, NoLock);	/* locked by who has written */
	TupleTableSlot *slot = table_slot_create(table, NULL);
	EState	   *estate = CreateExecutorState();
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);
	ResultRelInfo *target = makeNode(ResultRelInfo);
	ListCell   *lc;

	InitResultRelInfo(target, table, 0, NULL, 0);
	target->ri_TrigDesc = triggers_of(target->ri_TrigDesc, shard);
	AfterTriggerBeginQuery();
	foreach(lc, list)
	{
		WrittenRows *rows = (WrittenRows *) lfirst(lc);

		for (uint64 i = 0; rows->relid == relid && i < rows->n; i++)
		{
			CHECK_FOR_INTERRUPTS();
			queue_row(estate, target, &rows->rows[i], slot);
		}
		if (rows->relid == relid)
			rows->n = 0;
	}
	AfterTriggerEndQuery(estate);
	MemoryContextSwitchTo(old);
	ExecCloseResultRelations(estate);	/* that triggers have opened */
	ExecResetTupleTable(estate->es_tupleTable, false);
	FreeExecutorState(estate);
	ExecDropSingleTupleTableSlot(slot);
	table_close(table, NoLock);
}

/* Take out what the command has written. */
static List *
rows_of_command(CommandId command)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, written)
	{
		WrittenRows *rows = (WrittenRows *) lfirst(lc);

		if (rows->command != command)
			continue;
		result = lappend(result, rows);
		written = foreach_delete_current(written, lc);
	}
	return result;
}

void
row_keys_look(CommandId command)
{
	List	   *list;
	ListCell   *lc;

	forget_other_transactions();
	list = rows_of_command(command);
	foreach(lc, list)
	{
		const WrittenRows *rows = (const WrittenRows *) lfirst(lc);

		if (rows->n == 0)
			continue;
		SHARD_SCOPE(rows->shard, rows->shard != ROUTE_NO_SHARD);
		{
			fire_for_table(list, rows->relid, rows->shard);
		}
		SHARD_SCOPE_END();
	}
	foreach(lc, list)
		pfree(((WrittenRows *) lfirst(lc))->rows);
	list_free_deep(list);
}

static void
at_subtransaction(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();
	ListCell   *lc;

	if ((event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB) || written_in != sx_my_lxid())
		return;
	foreach(lc, written)
	{
		WrittenRows *rows = (WrittenRows *) lfirst(lc);

		if (rows->level < level)
			continue;
		if (event == SUBXACT_EVENT_COMMIT_SUB)
			rows->level = level - 1;
		else
			written = foreach_delete_current(written, lc);
	}
}

void
row_keys_preload(void)
{
	RegisterSubXactCallback(at_subtransaction, NULL);
}
