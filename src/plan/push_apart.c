/*
 * push_apart.c
 *	  Parts in a statement that writes.
 *
 * Under READ COMMITTED, UPDATE, DELETE and MERGE look again at a row that somebody
 * has changed meanwhile: EvalPlanQual joins its new version to the very rows of other
 * relations that it was joined to. Of tables these are fetched again; of
 * anything else the plan keeps copies, and the node whose scanrelid is the
 * relation gives the copy. The scan of a part has none. PostgreSQL would
 * take a part, which is a sub-SELECT, into the level that writes if nothing is
 * above it. So one is put around it that stays (for its LIMIT of NULL, as in
 * push_part.c): its Subquery Scan gives the copy, and the part is not asked.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"

#include "plan/push_apart.h"
#include "plan/push_part.h"
#include "plan/push_split.h"
#include "plan/query_make.h"

/* SELECT all columns FROM the part LIMIT NULL, as an entry like that of the part. */
static RangeTblEntry *
put_apart(RangeTblEntry *part)
{
	Query	   *outputs = makeNode(Query);
	Query	   *query;
	ListCell   *lc;

	foreach(lc, part->subquery->targetList)
	{
		if (!lfirst_node(TargetEntry, lc)->resjunk)
			outputs->targetList = lappend(outputs->targetList, lfirst(lc));
	}
	query = query_select_from(part, outputs);
	query->limitCount = (Node *) makeNullConst(INT8OID, -1, InvalidOid);
	return query_make_entry(PUSH_PART_NAME, query);
}

static bool
keep_apart(Node *node, void *context)
{
	Query	   *query = (Query *) node;
	ListCell   *lc;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, keep_apart, context);
	/* a level that combines rows stays one */
	foreach(lc, push_combines_rows(query) ? NIL : query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_SUBQUERY && rte->values_lists != NIL)
			lfirst(lc) = put_apart(rte);
	}
	return query_tree_walker(query, keep_apart, context, 0);
}

void
push_keep_apart(Query *query)
{
	(void) keep_apart((Node *) query, NULL);
}
