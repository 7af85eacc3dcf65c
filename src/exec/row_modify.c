/*
 * row_modify.c
 *	  What a ModifyTable over a shell does with its rows.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_trigger.h"
#include "executor/executor.h"
#include "nodes/primnodes.h"
#include "optimizer/optimizer.h"
#include "utils/rel.h"

#include "base/pg_compat.h"
#include "catalog/table_map.h"
#include "exec/row_modify.h"

static int
event_of(CmdType command)
{
	switch (command)
	{
		case CMD_INSERT:
			return TRIGGER_TYPE_INSERT;
		case CMD_UPDATE:
			return TRIGGER_TYPE_UPDATE;
		case CMD_DELETE:
			return TRIGGER_TYPE_DELETE;
		default:
			return 0;
	}
}

int
row_modify_events(const ModifyTable *plan)
{
	int			result = event_of(plan->operation);
	ListCell   *lc;

	if (plan->onConflictAction == ONCONFLICT_UPDATE)
		result |= TRIGGER_TYPE_UPDATE;
	if (plan->operation != CMD_MERGE)
		return result;
	foreach(lc, (List *) linitial(plan->mergeActionLists))
		result |= event_of(lfirst_node(MergeAction, lc)->commandType);
	return result;
}

/* A shell is no foreign table: what PostgreSQL keeps here for those is free. */
void
row_modify_keep_actions(ModifyTable *plan)
{
	linitial(plan->fdwPrivLists) = list_make1(makeString(pstrdup("keep actions")));
}

bool
row_modify_keeps_actions(const ModifyTable *plan)
{
	return linitial(plan->fdwPrivLists) != NIL;
}

/* The first WHEN MATCHED of MERGE; NULL: none, or rows of the table without a match are looked at as well. */
static const MergeAction *
first_matched(const ModifyTable *plan)
{
	const MergeAction *result = NULL;
	ListCell   *lc;

	foreach(lc, (List *) linitial(plan->mergeActionLists))
	{
		const MergeAction *action = lfirst_node(MergeAction, lc);

		if (sx_merge_sees_unmatched_target(action))
			return NULL;
		if (result == NULL && !sx_merge_sees_unmatched_source(action))
			result = action;
	}
	return result;
}

bool
row_modify_writes_all(const ModifyTable *plan)
{
	const MergeAction *action;

	if (plan->operation != CMD_MERGE)
		return true;
	action = first_matched(plan);
	return action != NULL && action->qual == NULL && action->commandType != CMD_NOTHING;
}

bool
row_modify_reads_old(const ModifyTable *plan)
{
	switch (plan->operation)
	{
		case CMD_UPDATE:
			return true;
		case CMD_DELETE:
			return plan->returningLists != NIL;
		case CMD_MERGE:
			return first_matched(plan) != NULL;
		default:
			return false;
	}
}

bool
row_modify_may_move(EState *estate, ResultRelInfo *target)
{
	const TableInfo *table = table_info(RelationGetRelid(target->ri_RelationDesc));
	Bitmapset  *updated = ExecGetAllUpdatedCols(target, estate);

	for (int i = 0; i < table->nkeys; i++)
	{
		if (bms_is_member(table->keys[i] - FirstLowInvalidHeapAttributeNumber, updated))
			return true;
	}
	return false;
}

LockTupleMode
row_modify_lock_mode(const ModifyTable *plan, EState *estate, ResultRelInfo *target)
{
	ListCell   *lc;

	if (plan->operation == CMD_DELETE)
		return LockTupleExclusive;
	if (plan->operation == CMD_MERGE)
	{
		foreach(lc, (List *) linitial(plan->mergeActionLists))
		{
			if (lfirst_node(MergeAction, lc)->commandType == CMD_DELETE)
				return LockTupleExclusive;
		}
	}
	return row_modify_may_move(estate, target) ? LockTupleExclusive : ExecUpdateLockMode(estate, target);
}

bool
row_modify_returns_place(List *returning, Index target)
{
	ListCell   *lc;

	/* those in sub-SELECTs as well */
	foreach(lc, pull_vars_of_level((Node *) returning, 0))
	{
		const Var  *var = (const Var *) lfirst(lc);

		if (IsA(var, Var) && var->varno == (int) target && var->varattno < 0 &&
			var->varattno != TableOidAttributeNumber)
			return true;
	}
	return false;
}
