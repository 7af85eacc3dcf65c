/*
 * text_defaults.c
 *	  Defaults that only the coordinator may compute, in the text of a statement.
 *
 * The text says DEFAULT, or leaves a column out, and the node that runs it puts
 * in the table's default. If that is now(), or another function that means this
 * session's transaction, the value would be the other node's. The rewritten
 * Query has the expressions; they are put into the text, and then lifted like all
 * the others (lift.c).
 *
 * Volatile defaults stay where they are: those of sequences are unique on
 * every node, next_id() is the owner's business. The rows of a top-level INSERT
 * are shard_sql_add_defaults's. A view's columns are not the table's: a default
 * behind a view that is named in the text is left to the node.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"

#include "base/pg_compat.h"
#include "plan/shippable.h"
#include "plan/text_defaults.h"

static bool
is_coordinators(Node *expr)
{
	return contain_mutable_functions(expr) && !contain_volatile_functions(expr);
}

static TargetEntry *
find_column(const List *tlist, AttrNumber attno)
{
	ListCell   *lc;

	foreach(lc, tlist)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk && tle->resno == attno)
			return tle;
	}
	return NULL;
}

/* DEFAULT among assigned or inserted expressions. */
static void
fill_named(List *text_tlist, const List *run_tlist)
{
	ListCell   *lc;

	foreach(lc, text_tlist)
	{
		TargetEntry *text = lfirst_node(TargetEntry, lc);
		TargetEntry *run = IsA(text->expr, SetToDefault) ? find_column(run_tlist, text->resno) : NULL;

		if (run != NULL && is_coordinators((Node *) run->expr))
			text->expr = copyObject(run->expr);
	}
}

/* Columns an INSERT leaves out: target entries with their defaults, whose resno is the column. */
static List *
left_out(const List *text_tlist, const List *run_tlist, Oid relid)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, run_tlist)
	{
		TargetEntry *run = lfirst_node(TargetEntry, lc);

		if (!run->resjunk && find_column(text_tlist, run->resno) == NULL &&
			is_coordinators((Node *) run->expr) && shippable_may_insert_column(relid, run->resno))
			result = lappend(result, makeTargetEntry(copyObject(run->expr), run->resno,
													 get_attname(relid, run->resno, false), false));
	}
	return result;
}

static void
fill_merge(Query *text_query, const Query *run_query)
{
	Oid			relid = rt_fetch(text_query->resultRelation, text_query->rtable)->relid;
	ListCell   *lc1;
	ListCell   *lc2;

	forboth(lc1, text_query->mergeActionList, lc2, run_query->mergeActionList)
	{
		MergeAction *text = lfirst_node(MergeAction, lc1);
		const MergeAction *run = lfirst_node(MergeAction, lc2);

		fill_named(text->targetList, run->targetList);
		if (text->commandType == CMD_INSERT)
			text->targetList = list_concat(text->targetList, left_out(text->targetList, run->targetList, relid));
	}
}

/* DEFAULT in the rows of a VALUES. */
static void
fill_cells(RangeTblEntry *text, const RangeTblEntry *run)
{
	ListCell   *lc1;
	ListCell   *lc2;
	ListCell   *lc3;
	ListCell   *lc4;

	forboth(lc1, text->values_lists, lc2, run->values_lists)
	{
		forboth(lc3, (List *) lfirst(lc1), lc4, (List *) lfirst(lc2))
		{
			if (IsA(lfirst(lc3), SetToDefault) && is_coordinators(lfirst(lc4)))
				lfirst(lc3) = copyObject(lfirst(lc4));
		}
	}
}

/* One more column of a VALUES, the same expression in each row. */
static void
add_cells(RangeTblEntry *rte, TargetEntry *column)
{
	Node	   *expr = (Node *) column->expr;
	ListCell   *lc;

	foreach(lc, rte->values_lists)
		lfirst(lc) = lappend((List *) lfirst(lc), copyObject(expr));
	rte->coltypes = lappend_oid(rte->coltypes, exprType(expr));
	rte->coltypmods = lappend_int(rte->coltypmods, exprTypmod(expr));
	rte->colcollations = lappend_oid(rte->colcollations, exprCollation(expr));
	rte->eref->colnames = lappend(rte->eref->colnames, makeString(column->resname));
}

/* More columns of a sub-SELECT: "SELECT s.*, now() FROM (the sub-SELECT) s". */
static void
add_to_subquery(RangeTblEntry *rte, const List *columns)
{
	Query	   *outer = makeNode(Query);
	RangeTblEntry *inner = makeNode(RangeTblEntry);
	RangeTblRef *ref = makeNode(RangeTblRef);
	List	   *names = NIL;
	ListCell   *lc;

	inner->rtekind = RTE_SUBQUERY;
	inner->subquery = rte->subquery;
	inner->inFromCl = true;
	IncrementVarSublevelsUp((Node *) inner->subquery, 1, 1);
	outer->commandType = CMD_SELECT;
	outer->querySource = QSRC_ORIGINAL;
	outer->canSetTag = true;
	outer->rtable = list_make1(inner);
	ref->rtindex = 1;
	outer->jointree = makeFromExpr(list_make1(ref), NULL);
	foreach(lc, inner->subquery->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		char	   *name = psprintf("c%d", tle->resno);

		if (tle->resjunk)
			continue;
		names = lappend(names, makeString(name));
		outer->targetList = lappend(outer->targetList,
									makeTargetEntry((Expr *) makeVarFromTargetEntry(1, tle), tle->resno, name, false));
	}
	inner->alias = makeAlias("s", names);
	inner->eref = makeAlias("s", copyObject(names));
	foreach(lc, columns)
	{
		const TargetEntry *column = lfirst_node(TargetEntry, lc);

		outer->targetList = lappend(outer->targetList,
									makeTargetEntry(copyObject(column->expr), list_length(outer->targetList) + 1,
													column->resname, false));
		rte->eref->colnames = lappend(rte->eref->colnames, makeString(column->resname));
	}
	rte->subquery = outer;
}

/* An INSERT in a WITH clause, or INSERT .. SELECT. */
void
text_defaults_fill_insert(Query *text_query, const Query *run_query)
{
	Oid			relid = rt_fetch(text_query->resultRelation, text_query->rtable)->relid;
	List	   *columns = left_out(text_query->targetList, run_query->targetList, relid);
	RangeTblRef *ref;
	RangeTblEntry *source;
	int			ncolumns;
	ListCell   *lc;

	fill_named(text_query->targetList, run_query->targetList);
	if (text_query->jointree->fromlist == NIL)
	{
		text_query->targetList = list_concat(text_query->targetList, columns);
		return;
	}
	ref = linitial_node(RangeTblRef, text_query->jointree->fromlist);
	source = rt_fetch(ref->rtindex, text_query->rtable);
	if (source->rtekind == RTE_VALUES)
		fill_cells(source, rt_fetch(ref->rtindex, run_query->rtable));
	if (columns == NIL)
		return;
	ncolumns = list_length(source->eref->colnames);
	if (source->rtekind == RTE_SUBQUERY)
		add_to_subquery(source, columns);
	foreach(lc, columns)
	{
		TargetEntry *column = lfirst_node(TargetEntry, lc);
		Node	   *expr = (Node *) column->expr;

		if (source->rtekind == RTE_VALUES)
			add_cells(source, column);
		column->expr = (Expr *) makeVar(ref->rtindex, ++ncolumns, exprType(expr), exprTypmod(expr),
										exprCollation(expr), 0);
	}
	text_query->targetList = list_concat(text_query->targetList, columns);
}

/* One Query; those of its WITH clauses not. */
static void
fill_level(Query *text_query, const Query *run_query, bool is_statement)
{
	if (text_query->commandType == CMD_SELECT || text_query->commandType != run_query->commandType ||
		rt_fetch(text_query->resultRelation, text_query->rtable)->relid !=
			rt_fetch(run_query->resultRelation, run_query->rtable)->relid)
		return;
	if (text_query->commandType == CMD_UPDATE)
		fill_named(text_query->targetList, run_query->targetList);
	else if (text_query->commandType == CMD_MERGE)
		fill_merge(text_query, run_query);
	else if (text_query->commandType == CMD_INSERT && !is_statement)
		text_defaults_fill_insert(text_query, run_query);
	if (text_query->onConflict != NULL && run_query->onConflict != NULL)
		fill_named(text_query->onConflict->onConflictSet, run_query->onConflict->onConflictSet);
}

void
text_defaults_fill(Query *text_query, const Query *run_query)
{
	ListCell   *lc1;
	ListCell   *lc2;

	fill_level(text_query, run_query, true);
	if (!text_query->hasModifyingCTE)
		return;
	forboth(lc1, text_query->cteList, lc2, run_query->cteList)
	{
		Query	   *text = castNode(Query, lfirst_node(CommonTableExpr, lc1)->ctequery);

		fill_level(text, castNode(Query, lfirst_node(CommonTableExpr, lc2)->ctequery), false);
	}
}
