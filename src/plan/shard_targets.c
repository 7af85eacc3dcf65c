/*
 * shard_targets.c
 *	  What a statement writes.
 *
 * An inserted row lies in the shard of its key: that is stated as a fact "target
 * column = inserted expression", so that the target resolves like a relation
 * that is read. A key that the owner's next_id() makes leaves the row free to
 * go where the rest of the statement is.
 *
 * UPDATE (also in MERGE and ON CONFLICT) may assign a routing column only what
 * provably lies in the row's own shard.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"

#include "base/pg_compat.h"
#include "plan/query_shape.h"
#include "plan/shard_targets.h"
#include "plan/shippable.h"

/* State that the new row's column is the assigned expression, if that is a column or a value. */
static bool
state_assignment(StatementWalk *walk, QueryFrame *frame, FactScope *scope, AttrNumber attno, List *tlist)
{
	Query	   *query = frame->query;
	TargetEntry *tle = get_tle_by_resno(tlist, attno);
	Operand		column = operand_column(frame, query->resultRelation, attno);
	Operand		assigned;

	if (tle == NULL || !operand_from_expr(frame, (Node *) tle->expr, &assigned))
		return false;
	if (assigned.kind == OPERAND_VALUE && IsA(assigned.value, Const) && ((Const *) assigned.value)->constisnull)
		return false;
	facts_add(&walk->facts, &column, &assigned, InvalidOid, scope, NULL);
	if (query->onConflict != NULL && query->onConflict->exclRelIndex > 0)
	{
		Operand		excluded = operand_column(frame, query->onConflict->exclRelIndex, attno);

		facts_add(&walk->facts, &excluded, &assigned, InvalidOid, scope, NULL);
	}
	return true;
}

/* INSERT: the facts of the new row's routing columns. */
static void
note_insert(StatementWalk *walk, WrittenTable *written, FactScope *scope)
{
	QueryFrame *frame = written->frame;
	const TableInfo *table = written->occurrence->table;
	bool		key_stated = true;
	int			attno = -1;

	for (int i = 0; i < table->nkeys; i++)
		key_stated &= state_assignment(walk, frame, scope, table->keys[i], frame->query->targetList);
	if (key_stated)
		return;

	while ((attno = bms_next_member(table->id_columns, attno)) >= 0)
		(void) state_assignment(walk, frame, scope, attno, frame->query->targetList);
	if (table->nkeys == 1 && frame->query->jointree->fromlist == NIL)
	{
		TargetEntry *tle = get_tle_by_resno(frame->query->targetList, table->keys[0]);

		written->free = tle == NULL || shippable_is_next_id((Node *) tle->expr) ||
			(IsA(tle->expr, Const) && ((Const *) tle->expr)->constisnull);
	}
}

static Occurrence *
find_occurrence(const StatementWalk *walk, const QueryFrame *frame, Index varno)
{
	ListCell   *lc;

	foreach(lc, walk->facts.occurrences)
	{
		Occurrence *occurrence = (Occurrence *) lfirst(lc);

		if (occurrence->frame == frame && occurrence->varno == varno)
			return occurrence;
	}
	return NULL;
}

void
targets_note(StatementWalk *walk, QueryFrame *frame, FactScope *target, FactScope *source)
{
	Query	   *query = frame->query;
	RangeTblEntry *rte = rt_fetch(query->resultRelation, query->rtable);
	const TableInfo *table = rte->rtekind == RTE_RELATION ? table_info(rte->relid) : NULL;
	WrittenTable *written;

	if (query->querySource != QSRC_ORIGINAL)
		walk->blocked = reason_make("Use a trigger instead of the rule.",
									"It is the product of a rewrite rule.");
	if (table == NULL)
	{
		walk->has_home = true;
		return;
	}
	if (table->kind == TABLE_REFERENCE)
	{
		walk->has_reference = true;
		walk->blocked = reason_make(NULL, "It writes reference table \"%s\", which has a copy on every node.",
									get_rel_name(rte->relid));
		return;
	}
	written = palloc0(sizeof(WrittenTable));
	written->frame = frame;
	written->source = source;
	written->occurrence = find_occurrence(walk, frame, query->resultRelation);
	if (written->occurrence == NULL)
		written->occurrence = facts_add_occurrence(&walk->facts, table, frame, query->resultRelation, target);
	walk->writes = lappend(walk->writes, written);
	if (query->commandType == CMD_INSERT)
		note_insert(walk, written, source);
}

bool
targets_want_values(const QueryFrame *frame, Index varno, AttrNumber attno)
{
	const Query *query = frame->query;
	const TableInfo *table;
	ListCell   *lc;

	if (query->commandType != CMD_INSERT || frame->parent != NULL || query->onConflict != NULL || !query_is_flat(query))
		return true;
	table = table_info(rt_fetch(query->resultRelation, query->rtable)->relid);
	foreach(lc, query->targetList)
	{
		const TargetEntry *tle = lfirst_node(TargetEntry, lc);
		const Var  *var = (const Var *) strip_implicit_coercions((Node *) tle->expr);

		if (!IsA(var, Var))
		{
			if (contain_var_clause((Node *) tle->expr))
				return true;
		}
		else if (var->varno == varno && var->varattno == attno && table != NULL && table_routes_by(table, tle->resno))
			return true;
	}
	return false;
}

FactScope *
targets_merge_scope(ShardFacts *facts, QueryFrame *frame, FactScope *inner)
{
	ListCell   *lc;

	foreach(lc, frame->query->mergeActionList)
	{
		MergeAction *action = lfirst_node(MergeAction, lc);

		if (sx_merge_sees_unmatched_source(action) || sx_merge_sees_unmatched_target(action))
			return fact_scope_make_nullable(facts, inner, frame,
											bms_make_singleton(frame->query->resultRelation));
	}
	return inner;
}

bool
targets_merge_is_full(const Query *query)
{
	ListCell   *lc;

	foreach(lc, query->mergeActionList)
	{
		if (sx_merge_sees_unmatched_target(lfirst_node(MergeAction, lc)))
			return true;
	}
	return false;
}

FactScope *
targets_expression_scope(StatementWalk *walk, QueryFrame *frame, FactScope *inner)
{
	Query	   *query = frame->query;
	ListCell   *lc;

	if (query->commandType != CMD_UPDATE && query->commandType != CMD_MERGE)
		return inner;
	if (!checkExprHasSubLink((Node *) query->returningList) &&
		!checkExprHasSubLink((Node *) query->withCheckOptions))
		return inner;
	if (query->commandType == CMD_MERGE)
		return fact_scope_make(NULL);
	foreach(lc, query->targetList)
	{
		if (facts_mention(&walk->facts, frame, query->resultRelation, lfirst_node(TargetEntry, lc)->resno))
			return fact_scope_make(NULL);
	}
	return inner;
}

bool
written_column_is_stable(const QueryFrame *frame, const Operand *column)
{
	const Query *query = frame->query;
	RangeTblEntry *rte;
	const TableInfo *table;
	Oid			relid;

	if (column->kind != OPERAND_COLUMN || column->frame != frame ||
		column->varno != query->resultRelation || query->commandType == CMD_DELETE)
		return true;
	rte = rt_fetch(query->resultRelation, query->rtable);
	table = rte->rtekind == RTE_RELATION ? table_info(rte->relid) : NULL;
	if (table == NULL || table_column_spec(table, column->attno, &relid) == NULL)
		return false;
	return query->commandType == CMD_INSERT ||
		(query->commandType == CMD_UPDATE && get_tle_by_resno(query->targetList, column->attno) == NULL);
}

/* One assignment of a routing column: false if the value may lie in another shard. */
static bool
demand_of_assignment(StatementWalk *walk, WrittenTable *written, TargetEntry *tle, FactScope *scope,
					 bool new_row, List **demands)
{
	const TableInfo *table = written->occurrence->table;
	Query	   *query = written->frame->query;
	AttrNumber	attno = tle->resno;
	Operand		assigned;
	Oid			relid;
	const RouteSpec *spec = table_column_spec(table, attno, &relid);
	List	   *ways;

	if (new_row && shippable_is_next_id((Node *) tle->expr))
		return true;
	if (IsA(tle->expr, Const) && ((Const *) tle->expr)->constisnull)
		return true;			/* no id, or the not-null error */
	if (!operand_from_expr(written->frame, (Node *) tle->expr, &assigned))
		return false;
	if (assigned.kind == OPERAND_COLUMN && assigned.frame == written->frame && assigned.attno == attno &&
		!new_row &&
		(assigned.varno == query->resultRelation ||
		 (query->onConflict != NULL && assigned.varno == query->onConflict->exclRelIndex)))
		return true;			/* its own value, or that of the row of the same shard it replaces */
	if (spec == NULL)
		return false;			/* part of a composite key */
	ways = facts_resolve_operand(&walk->facts, scope, &assigned, relid, spec);
	if (ways == NIL)
		return false;
	*demands = lappend(*demands, ways);
	return true;
}

static bool
demands_of_tlist(StatementWalk *walk, WrittenTable *written, List *tlist, bool new_row,
				 List **demands, const Reason **reason)
{
	const TableInfo *table = written->occurrence->table;
	ListCell   *lc;

	foreach(lc, tlist)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->resjunk || !table_routes_by(table, tle->resno))
			continue;
		if (new_row && (table->nkeys != 1 || table->keys[0] != tle->resno))
			continue;			/* the owner's guard checks id columns */
		if (!demand_of_assignment(walk, written, tle, written->source, new_row, demands))
		{
			*reason = reason_make("Delete the row and insert it anew.",
								  "Column \"%s\" of \"%s\" decides the shard of the row; "
								  "the new value may lie in another shard.",
								  get_attname(table->relid, tle->resno, false), get_rel_name(table->relid));
			return false;
		}
	}
	return true;
}

bool
targets_demands(StatementWalk *walk, List **demands, const Reason **reason)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, walk->writes)
	{
		WrittenTable *written = (WrittenTable *) lfirst(lc);
		Query	   *query = written->frame->query;

		if (query->commandType == CMD_UPDATE &&
			!demands_of_tlist(walk, written, query->targetList, false, demands, reason))
			return false;
		if (query->onConflict != NULL &&
			!demands_of_tlist(walk, written, query->onConflict->onConflictSet, false, demands, reason))
			return false;
		foreach(lc2, query->mergeActionList)
		{
			MergeAction *action = lfirst_node(MergeAction, lc2);

			if ((action->commandType == CMD_UPDATE || action->commandType == CMD_INSERT) &&
				!demands_of_tlist(walk, written, action->targetList, action->commandType == CMD_INSERT,
								  demands, reason))
				return false;
		}
	}
	return true;
}
