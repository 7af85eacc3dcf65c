/*
 * text_write.c
 *	  The text of an INSERT, UPDATE or DELETE that has none of its own, made from
 *	  the rewritten Query.
 *
 * The body of an SQL function in standard form is stored as a tree that passes
 * no parse analysis when it runs, and a view may exist on this node only. The
 * rewritten Query says the same, but the deparser expects what parse analysis
 * makes, and writes something else for what rewriting has changed:
 *
 *	 - targets in the order of the table's columns, while the columns of the
 *	   INSERT's VALUES or SELECT keep theirs: put back
 *	 - defaults of the table among the targets: removed (shard_sql_add_defaults knows which have to be there)
 *	 - the entry of a view that has been replaced: hidden, for it takes its name
 *	 - policies: their checks are dropped, the node adds its own
 *	 - assignments to parts of a column, which are merged, (a, b) = (SELECT ..),
 *	   a view's CHECK OPTION or security barrier, a view's row as one value: no text
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "utils/rel.h"

#include "base/pg_compat.h"
#include "plan/text_write.h"

/* Has it a shape whose text would be another statement? */
static bool
is_odd(const Query *query, bool has_views)
{
	const RangeTblEntry *target = rt_fetch(query->resultRelation, query->rtable);
	ListCell   *lc;

	if (query->querySource != QSRC_ORIGINAL || query->hasModifyingCTE ||
		target->rtekind != RTE_RELATION || target->relkind == RELKIND_VIEW)
		return true;
	/* conditions of a view with a barrier look like policies */
	if (has_views && target->securityQuals != NIL)
		return true;
	foreach(lc, query->withCheckOptions)
	{
		if (lfirst_node(WithCheckOption, lc)->kind == WCO_VIEW_CHECK)
			return true;
	}
	return false;
}

/* Assignments to parts of columns, or of several columns at once. */
static bool
assigns_oddly(Node *node, void *context)
{
	if (node == NULL || IsA(node, Query))
		return false;
	if (IsA(node, FieldStore) ||
		(IsA(node, SubscriptingRef) && ((SubscriptingRef *) node)->refassgnexpr != NULL) ||
		(IsA(node, SubLink) && ((SubLink *) node)->subLinkType == MULTIEXPR_SUBLINK) ||
		(IsA(node, Param) && ((Param *) node)->paramkind == PARAM_MULTIEXPR))
		return true;
	return expression_tree_walker(node, assigns_oddly, context);
}

/* A view's row, which rewriting has made a ROW() whose fields have the view's names? They would be lost in a text. */
static bool
has_row_of_view(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, RowExpr) && ((RowExpr *) node)->row_typeid != RECORDOID &&
		((RowExpr *) node)->row_format == COERCE_IMPLICIT_CAST)
		return true;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, has_row_of_view, context, 0);
	return expression_tree_walker(node, has_row_of_view, context);
}

/* The entries of a view in whose place there is a table now, the one for its excluded rows among them. */
static void
hide_views(Query *query)
{
	int			excluded = query->onConflict != NULL ? query->onConflict->exclRelIndex : 0;
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_RELATION && foreach_current_index(lc) + 1 != excluded &&
			(rte->relkind == RELKIND_VIEW || rte->relkind == RELKIND_COMPOSITE_TYPE))
		{
			RangeTblEntry *hidden = makeNode(RangeTblEntry);

			hidden->rtekind = RTE_RESULT;
			hidden->eref = makeAlias("*view*", NIL);
			lfirst(lc) = hidden;
		}
	}
}

/* Is it what the table itself puts in, not named, or named as DEFAULT of an identity column? */
static bool
is_tables_default(const Query *query, const RangeTblEntry *target, Relation rel, const TargetEntry *tle)
{
	AttrNumber	column = tle->resno - FirstLowInvalidHeapAttributeNumber;

	if (IsA(tle->expr, NextValueExpr))
		return true;
	return !bms_is_member(column, sx_rte_inserted_columns(query, target)) &&
		equal(tle->expr, build_column_default(rel, tle->resno));
}

/* The targets of an INSERT that its text has to say: those named, and defaults of a view. */
static List *
said_targets(const Query *query)
{
	const RangeTblEntry *target = rt_fetch(query->resultRelation, query->rtable);
	Relation	rel = table_open(target->relid, NoLock);
	List	   *tlist = NIL;
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!is_tables_default(query, target, rel, tle))
			tlist = lappend(tlist, tle);
	}
	table_close(rel, NoLock);
	return tlist;
}

/* The column of the INSERT's VALUES or SELECT that a target takes; 0: none, or more than one. */
static AttrNumber
source_column(const TargetEntry *tle, int source)
{
	List	   *vars = pull_var_clause((Node *) tle->expr, 0);
	Var		   *var = list_length(vars) == 1 ? linitial_node(Var, vars) : NULL;

	return var != NULL && var->varno == source && var->varlevelsup == 0 ? var->varattno : 0;
}

/* Puts the targets of an INSERT of several rows in the order of the rows' columns; false: they are others. */
static bool
order_targets(Query *text)
{
	int			source = linitial_node(RangeTblRef, text->jointree->fromlist)->rtindex;
	int			ncolumns = list_length(rt_fetch(source, text->rtable)->eref->colnames);
	List	   *tlist = NIL;
	ListCell   *lc;

	if (list_length(text->targetList) != ncolumns)
		return false;
	for (AttrNumber column = 1; column <= ncolumns; column++)
	{
		foreach(lc, text->targetList)
		{
			if (source_column(lfirst_node(TargetEntry, lc), source) == column)
				tlist = lappend(tlist, lfirst(lc));
		}
		if (list_length(tlist) != column)
			return false;
	}
	text->targetList = tlist;
	return true;
}

static bool
name_targets(Query *text)
{
	if (assigns_oddly((Node *) text->targetList, NULL) ||
		(text->onConflict != NULL && assigns_oddly((Node *) text->onConflict->onConflictSet, NULL)))
		return false;
	if (text->commandType != CMD_INSERT)
		return true;
	text->targetList = said_targets(text);
	return text->targetList != NIL && (text->jointree->fromlist == NIL || order_targets(text));
}

Query *
text_write_make(Query *run_query, bool has_views)
{
	Query	   *text;

	if ((run_query->commandType != CMD_INSERT && run_query->commandType != CMD_UPDATE &&
		 run_query->commandType != CMD_DELETE) || is_odd(run_query, has_views) ||
		(has_views && has_row_of_view((Node *) run_query, NULL)))
		return NULL;
	text = copyObject(run_query);
	if (!name_targets(text))
		return NULL;
	hide_views(text);
	/* a view's table comes with the flag it has in the view */
	rt_fetch(text->resultRelation, text->rtable)->inFromCl = false;
	text->withCheckOptions = NIL;
	return text;
}
