/*
 * row_conflict.c
 *	  INSERT .. ON CONFLICT under PostgreSQL's executor, row by row.
 *
 * ModifyTable looks for a row in the way in the table's unique indexes, puts
 * its own row in speculatively, and looks again. The indexes of a shell are
 * empty, those of the shard decide. So ModifyTable is given one index that
 * is a *double*: a relcache entry of our own without columns, whose predicate
 * and access method are functions of this file.
 *
 *	 predicate		asked with the row to be inserted: has the shard insert it, unless
 *					a row is in its way (row_access.h). Inserted: "the index is not
 *					concerned", so the executor finds no conflict, puts the row in
 *					(which has been done) and makes index entries (no: not concerned).
 *	 access method	only when a row is in the way: its scan finds that one, by its place.
 *
 * What comes then (locking the row, WHERE, policies, SET, the update) is
 * PostgreSQL's own, over row_access.c. One round trip for a row inserted, three for
 * one updated; or these for a batch of rows, which the shards are asked about before
 * the executor comes to them (row_ahead.c). Then DO UPDATE must not change what decides
 * whether a later row of the batch has one in its way.
 *
 * The double is closed by the executor like an index that was opened, and by the
 * resource owner after an error: at a time when the executor's memory is gone. So it
 * lives in the transaction's.
 */
#include "postgres.h"

#include "access/amapi.h"
#include "access/genam.h"
#include "access/relscan.h"
#include "access/sysattr.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/relcache.h"

#include "base/begun_in.h"
#include "base/pg_compat.h"
#include "catalog/shell_am.h"
#include "catalog/table_map.h"
#include "exec/row_access.h"
#include "exec/row_conflict.h"

typedef struct ConflictCheck
{
	ExprState	predicate;		/* must be first */
	Relation	shell;
	EState	   *estate;
	bool		updates;		/* DO UPDATE */
	List	   *arbiters;		/* names of indexes; NIL: all */
	struct ConflictIndex *index;

	/* the row at hand */
	bool		inserted;
	bool		own;			/* this command has put the row in the way there */
	ItemPointerData place;		/* of the row inserted, or of the one in the way */

	/* all of the backend */
	BegunIn		begun;
	struct ConflictCheck *next;
	MemoryContextCallback on_reset;
} ConflictCheck;

/* The double. */
typedef struct ConflictIndex
{
	RelationData rel;			/* must be first */
	ConflictCheck *check;
} ConflictIndex;

static ConflictCheck *checks = NULL;

static ConflictCheck *
check_of(Relation shell)
{
	for (ConflictCheck *check = checks; check != NULL; check = check->next)
	{
		if (check->shell == shell && !begun_in_past(&check->begun))
			return check;
	}
	return NULL;
}

/* ---------- the predicate ---------- */

static Datum
try_insert(ExprState *state, ExprContext *econtext, bool *isnull)
{
	ConflictCheck *check = (ConflictCheck *) state;

	*isnull = false;
	if (!check->inserted)
	{
		TM_Result	result = row_access_insert_unless(check->shell, econtext->ecxt_scantuple,
													  check->estate->es_output_cid, check->arbiters, &check->place);

		check->inserted = result == TM_Ok;
		check->own = result == TM_SelfModified;
		if (check->own && check->updates)
			ereport(ERROR,
					(errcode(ERRCODE_CARDINALITY_VIOLATION),
					 errmsg("ON CONFLICT DO UPDATE command cannot affect row a second time"),
					 errhint("Ensure that no rows proposed for insertion within the same command have duplicate "
							 "constrained values.")));
	}
	return BoolGetDatum(!check->inserted);
}

/* ---------- the access method of the double ---------- */

static IndexScanDesc
begin_scan(Relation index, int nkeys, int norderbys)
{
	return RelationGetIndexScan(index, nkeys, norderbys);
}

static void
rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys)
{
	scan->opaque = ((ConflictIndex *) scan->indexRelation)->check;
}

/* One row: the one in the way. */
static bool
next_row(IndexScanDesc scan, ScanDirection direction)
{
	const ConflictCheck *check = (const ConflictCheck *) scan->opaque;

	if (check == NULL)
		return false;
	scan->opaque = NULL;
	scan->xs_heaptid = check->place;
	scan->xs_recheck = false;
	return true;
}

static void
end_scan(IndexScanDesc scan)
{
}

static IndexAmRoutine methods = {
	.type = T_IndexAmRoutine,
	.ampredlocks = true,
	.ambeginscan = begin_scan,
	.amrescan = rescan,
	.amgettuple = next_row,
	.amendscan = end_scan,
};

/* ---------- the shell's access method ---------- */

bool
row_conflict_is_checked(Relation shell)
{
	return check_of(shell) != NULL;
}

void
row_conflict_show(Relation shell, TupleTableSlot *slot)
{
	const ConflictCheck *check = check_of(shell);

	if (check == NULL || !check->inserted)
		elog(ERROR, "relation %u has no row that was inserted", RelationGetRelid(shell));
	slot->tts_tableOid = RelationGetRelid(shell);
	slot->tts_tid = check->place;
}

void
row_conflict_done(Relation shell)
{
	check_of(shell)->inserted = false;
}

void
row_conflict_fetch(Relation shell, TupleTableSlot *slot)
{
	ExecStoreAllNullTuple(slot);
	slot->tts_tableOid = RelationGetRelid(shell);
	slot->tts_tid = check_of(shell)->place;
}

bool
row_conflict_is_own(Relation shell, ItemPointer place)
{
	ConflictCheck *check = check_of(shell);

	return check != NULL && check->own && ItemPointerEquals(&check->place, place);
}

/* ---------- begin and end ---------- */

static void
check_freed(void *arg)
{
	ConflictCheck *check = (ConflictCheck *) arg;

	for (ConflictCheck **link = &checks; *link != NULL; link = &(*link)->next)
	{
		if (*link == check)
		{
			*link = check->next;
			break;
		}
	}
	/* after an error the resource owner still has to close it; it has gone with its transaction */
	if (begun_in_this_transaction(&check->begun) && check->index->rel.rd_refcnt == 0)
		pfree(check->index);
}

/* The index that the double is made of: an arbiter, or any that keeps rows apart; InvalidOid: there is none. */
static Oid
index_to_double(Relation shell, List *arbiters)
{
	Oid			result = InvalidOid;
	ListCell   *lc;

	if (arbiters != NIL)
		return linitial_oid(arbiters);
	foreach(lc, RelationGetIndexList(shell))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		if (index->rd_index->indisunique || index->rd_index->indisexclusion)
			result = lfirst_oid(lc);
		index_close(index, NoLock);
	}
	return result;
}

/* Opened like an index: locked, and noted by the resource owner. */
static ConflictIndex *
open_double(ConflictCheck *check, Oid indexid)
{
	Size		size = MAXALIGN(sizeof(ConflictIndex)) + MAXALIGN(CLASS_TUPLE_SIZE) + sizeof(FormData_pg_index);
	ConflictIndex *result = MemoryContextAllocZero(TopTransactionContext, size);
	Relation	index = index_open(indexid, RowExclusiveLock);
	Relation	rel = &result->rel;

	rel->rd_isvalid = true;
	rel->rd_id = indexid;
	rel->rd_lockInfo = index->rd_lockInfo;
	rel->rd_rel = (Form_pg_class) ((char *) result + MAXALIGN(sizeof(ConflictIndex)));
	memcpy(rel->rd_rel, index->rd_rel, CLASS_TUPLE_SIZE);
	rel->rd_index = (Form_pg_index) ((char *) rel->rd_rel + MAXALIGN(CLASS_TUPLE_SIZE));
	memcpy(rel->rd_index, index->rd_index, offsetof(FormData_pg_index, indkey));
	rel->rd_index->indnatts = rel->rd_index->indnkeyatts = 0;
	rel->rd_indam = &methods;
	result->check = check;
	index_close(index, NoLock);
	RelationIncrementReferenceCount(rel);
	return result;
}

static List *
index_names(List *indexids)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, indexids)
		result = lappend(result, get_rel_name(lfirst_oid(lc)));
	return result;
}

/* Could what DO UPDATE writes come to be in the way of another row, or get out of it? */
static bool
update_decides_conflicts(ResultRelInfo *target, EState *estate)
{
	Relation	shell = target->ri_RelationDesc;
	const TableInfo *table = table_info(RelationGetRelid(shell));
	Bitmapset  *decisive = NULL;
	ListCell   *lc;

	for (int i = 0; i < table->nkeys; i++)
		decisive = bms_add_member(decisive, table->keys[i] - FirstLowInvalidHeapAttributeNumber);
	foreach(lc, RelationGetIndexList(shell))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		const FormData_pg_index *form = index->rd_index;

		if (form->indisunique || form->indisexclusion)
		{
			for (int i = 0; i < form->indnkeyatts; i++)
			{
				if (form->indkey.values[i] != 0)
					decisive = bms_add_member(decisive, form->indkey.values[i] - FirstLowInvalidHeapAttributeNumber);
			}
			pull_varattnos((Node *) RelationGetIndexExpressions(index), 1, &decisive);
			pull_varattnos((Node *) RelationGetIndexPredicate(index), 1, &decisive);
		}
		index_close(index, NoLock);
	}
	return bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, decisive) ||
		bms_overlap(decisive, ExecGetAllUpdatedCols(target, estate));
}

/* Have rows tried in batches, if that makes no difference. */
static void
try_ahead(RowAhead *ahead, ModifyTableState *state, const ConflictCheck *check)
{
	const TupleConstr *constraints = RelationGetDescr(check->shell)->constr;

	if (ahead == NULL || !row_ahead_is_for(ahead, check->shell) ||
		(constraints != NULL && constraints->has_generated_stored) ||
		(check->updates && update_decides_conflicts(state->resultRelInfo, check->estate)))
		return;
	row_ahead_try(ahead, state, check->arbiters);
}

static void
attach(ModifyTableState *state, RowAhead *ahead)
{
	EState	   *estate = state->ps.state;
	ResultRelInfo *target = state->resultRelInfo;
	OnConflictAction action = ((ModifyTable *) state->ps.plan)->onConflictAction;
	Oid			indexid = index_to_double(target->ri_RelationDesc, target->ri_onConflictArbiterIndexes);
	ConflictCheck *check;
	IndexInfo  *info;

	if (!OidIsValid(indexid))
		return;					/* nothing can be in the way */
	check = palloc0(sizeof(ConflictCheck));
	NodeSetTag(&check->predicate, T_ExprState);
	check->predicate.flags = EEO_FLAG_IS_QUAL;
	check->predicate.evalfunc = try_insert;
	check->shell = target->ri_RelationDesc;
	check->estate = estate;
	check->begun = begun_in_now();
	check->updates = action == ONCONFLICT_UPDATE;
	check->arbiters = index_names(target->ri_onConflictArbiterIndexes);
	check->index = open_double(check, indexid);
	check->on_reset.func = check_freed;
	check->on_reset.arg = check;
	MemoryContextRegisterResetCallback(estate->es_query_cxt, &check->on_reset);
	check->next = checks;
	checks = check;

	info = makeNode(IndexInfo);
	info->ii_Unique = true;
	info->ii_ReadyForInserts = true;
	info->ii_Predicate = list_make1(makeBoolConst(true, false));
	info->ii_PredicateState = &check->predicate;
	target->ri_NumIndices = 1;
	target->ri_IndexRelationDescs = palloc(sizeof(Relation));
	target->ri_IndexRelationDescs[0] = &check->index->rel;
	target->ri_IndexRelationInfo = palloc(sizeof(IndexInfo *));
	target->ri_IndexRelationInfo[0] = info;
	try_ahead(ahead, state, check);
}

static void
attach_if_checked(PlanState *state, RowAhead *ahead)
{
	ModifyTableState *modify = (ModifyTableState *) state;

	if (state != NULL && IsA(state, ModifyTableState) &&
		((ModifyTable *) state->plan)->onConflictAction != ONCONFLICT_NONE &&
		shell_am_is(modify->resultRelInfo->ri_RelationDesc))
		attach(modify, ahead);
}

void
row_conflict_attach(const QueryDesc *query_desc, RowAhead *ahead)
{
	MemoryContext old = MemoryContextSwitchTo(query_desc->estate->es_query_cxt);
	ListCell   *lc;

	attach_if_checked(query_desc->planstate, ahead);
	foreach(lc, query_desc->estate->es_subplanstates)
		attach_if_checked((PlanState *) lfirst(lc), NULL);
	MemoryContextSwitchTo(old);
}
