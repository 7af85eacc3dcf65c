/*
 * query_shape.c
 *	  Questions about a Query that several files of this folder ask.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_class.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "plan/query_shape.h"

const TableInfo *
query_sharded_table(const RangeTblEntry *rte)
{
	const TableInfo *table = rte->rtekind == RTE_RELATION ? table_info(rte->relid) : NULL;

	return table != NULL && table->kind == TABLE_SHARDED ? table : NULL;
}

bool
query_is_flat(const Query *query)
{
	ListCell   *lc;

	if (query->hasSubLinks || query->cteList != NIL)
		return false;
	foreach(lc, query->rtable)
	{
		if (lfirst_node(RangeTblEntry, lc)->rtekind == RTE_SUBQUERY)
			return false;
	}
	return true;
}

static bool
find_row_marks(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		return query->rowMarks != NIL ||
			(!query_is_flat(query) && query_tree_walker(query, find_row_marks, context, 0));
	}
	return expression_tree_walker(node, find_row_marks, context);
}

bool
query_locks_rows(Query *query)
{
	return find_row_marks((Node *) query, NULL);
}

bool
query_writes(Query *query)
{
	return query->commandType != CMD_SELECT || query->hasModifyingCTE || query_locks_rows(query);
}

List *
query_conditions(Node *quals)
{
	List	   *result = NIL;
	ListCell   *lc;

	if (quals == NULL)
		return NIL;
	if (!is_andclause(quals))
		return list_make1(quals);
	foreach(lc, ((BoolExpr *) quals)->args)
		result = list_concat(result, query_conditions(lfirst(lc)));
	return result;
}

/* Where columns like ctid are looked for: the range tables of the Query at hand and of those around it. */
typedef struct PositionSearch
{
	List	   *range_tables;
	bool		ctid_only;
	const char *column;
} PositionSearch;

static bool
find_position(Node *node, PositionSearch *search)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;
		RangeTblEntry *rte;

		if (search->ctid_only ? var->varattno != SelfItemPointerAttributeNumber :
			(var->varattno >= 0 || var->varattno == TableOidAttributeNumber))
			return false;
		rte = rt_fetch(var->varno, (List *) list_nth(search->range_tables, var->varlevelsup));
		if (query_sharded_table(rte) == NULL)
			return false;
		search->column = get_attname(rte->relid, var->varattno, false);
		return true;
	}
	if (IsA(node, Query))
	{
		List	   *range_tables = lcons(((Query *) node)->rtable, list_copy(search->range_tables));
		PositionSearch inner = {range_tables, search->ctid_only, NULL};
		bool		found = query_tree_walker((Query *) node, find_position, &inner, 0);

		search->column = inner.column;
		return found;
	}
	return expression_tree_walker(node, find_position, search);
}

const char *
query_position_column(Query *query)
{
	PositionSearch search = {list_make1(query->rtable), false, NULL};

	if (find_position((Node *) query->jointree, &search) || find_position((Node *) query->cteList, &search) ||
		range_table_walker(query->rtable, find_position, &search, 0) ||
		find_position((Node *) query->targetList, &search))
		return search.column;
	return NULL;
}

bool
query_reads_ctid(Query *query)
{
	PositionSearch search = {list_make1(query->rtable), true, NULL};
	bool		values_only = query->commandType == CMD_INSERT && query_is_flat(query);

	return query_tree_walker(query, find_position, &search, values_only ? QTW_IGNORE_RANGE_TABLE : 0);
}

bool
query_only_joins(const Query *query)
{
	return query->commandType == CMD_SELECT && query->setOperations == NULL && !query->hasAggs &&
		query->groupClause == NIL && query->groupingSets == NIL && query->havingQual == NULL &&
		!query->hasWindowFuncs && !query->hasTargetSRFs && query->limitCount == NULL && query->limitOffset == NULL &&
		query->rowMarks == NIL && query->cteList == NIL && query->jointree != NULL;
}

bool
query_assigns_key(const List *targets, Relation table)
{
	Bitmapset  *assigned = NULL;
	ListCell   *lc;

	foreach(lc, targets)
	{
		const TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk)
			assigned = bms_add_member(assigned, tle->resno - FirstLowInvalidHeapAttributeNumber);
	}
	return bms_overlap(assigned, RelationGetIndexAttrBitmap(table, INDEX_ATTR_BITMAP_KEY));
}
