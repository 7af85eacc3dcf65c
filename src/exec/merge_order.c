/*
 * merge_order.c
 *	  The order in which rows of several nodes are merged.
 *
 * As an ORDER BY of the fragment, whose output columns it names.
 */
#include "postgres.h"

#include "commands/explain.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "utils/lsyscache.h"

#include "base/pg_compat.h"
#include "exec/merge_order.h"

MergeOrder *
merge_order_make(List *clauses, List *columns)
{
	MergeOrder *order;
	ListCell   *lc;

	if (clauses == NIL)
		return NULL;
	order = palloc0(sizeof(MergeOrder));
	order->columns = palloc(sizeof(AttrNumber) * list_length(clauses));
	order->operators = palloc(sizeof(Oid) * list_length(clauses));
	order->collations = palloc(sizeof(Oid) * list_length(clauses));
	order->nulls_first = palloc(sizeof(bool) * list_length(clauses));
	foreach(lc, clauses)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, lc);
		TargetEntry *column = list_nth_node(TargetEntry, columns, clause->tleSortGroupRef - 1);

		order->columns[order->nkeys] = column->resno;
		order->operators[order->nkeys] = clause->sortop;
		order->collations[order->nkeys] = exprCollation((Node *) column->expr);
		order->nulls_first[order->nkeys++] = clause->nulls_first;
	}
	return order;
}

static bool
descends(Oid operator)
{
	bool		reverse = false;

	(void) get_equality_op_for_ordering_op(operator, & reverse);
	return reverse;
}

void
merge_order_explain(const MergeOrder *order, List *columns, ExplainState *es)
{
	List	   *names = NIL;

	for (int i = 0; i < order->nkeys; i++)
	{
		bool		desc = descends(order->operators[i]);
		const char *nulls = order->nulls_first[i] == desc ? "" : desc ? " NULLS LAST" : " NULLS FIRST";

		names = lappend(names, psprintf("%s%s%s", list_nth_node(TargetEntry, columns, order->columns[i] - 1)->resname,
										desc ? " DESC" : "", nulls));
	}
	ExplainPropertyList("Merge Key", names, es);
}
