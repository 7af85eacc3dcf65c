/*
 * shard_sql.c
 *	  SQL text for other nodes.
 *
 * A copy of the Query is freed from what only the coordinator may compute
 * (lift.c) and written by PostgreSQL's own deparser, with all names qualified
 * and values in forms that read the same whatever the session's settings. A few
 * shapes whose text would mean something else are refused.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "catalog/namespace.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parser.h"
#include "parser/parsetree.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

#include "base/pg_compat.h"
#include "base/settings.h"
#include "plan/deparsed.h"
#include "plan/lift.h"
#include "plan/named_operators.h"
#include "plan/query_shape.h"
#include "plan/shard_sql.h"
#include "plan/shippable.h"

/* Two grouping expressions that are equal cannot be told apart in grouping sets. */
static bool
groups_twice(Query *query)
{
	ListCell   *lc;
	ListCell   *lc2;

	if (query->groupingSets == NIL)
		return false;
	foreach(lc, query->groupClause)
	{
		TargetEntry *a = get_sortgroupclause_tle(lfirst_node(SortGroupClause, lc), query->targetList);

		for_each_cell(lc2, query->groupClause, lnext(query->groupClause, lc))
		{
			TargetEntry *b = get_sortgroupclause_tle(lfirst_node(SortGroupClause, lc2), query->targetList);

			if (equal(a->expr, b->expr))
				return true;
		}
	}
	return false;
}

static bool
has_dropped_columns(const RangeTblEntry *rte)
{
	ListCell   *lc;

	if (rte->rtekind != RTE_FUNCTION)
		return false;
	foreach(lc, rte->eref->colnames)
	{
		if (strVal(lfirst(lc))[0] == '\0')
			return true;
	}
	return false;
}

/* A plpgsql assignment to an element or field is no SELECT, though it comes as one. */
static bool
assigns_element(const Query *query)
{
	ListCell   *lc;

	if (query->commandType != CMD_SELECT)
		return false;
	foreach(lc, query->targetList)
	{
		Expr	   *expr = lfirst_node(TargetEntry, lc)->expr;

		if (expr != NULL &&
			(IsA(expr, FieldStore) ||
			 (IsA(expr, SubscriptingRef) && ((SubscriptingRef *) expr)->refassgnexpr != NULL)))
			return true;
	}
	return false;
}

/* Shapes whose text would be wrong or ambiguous. */
static bool
find_odd_shape(Node *node, void *context)
{
	const Reason **reason = (const Reason **) context;
	Query	   *query;
	ListCell   *lc;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, find_odd_shape, context);
	query = (Query *) node;
	if (groups_twice(query))
		*reason = reason_make(NULL, "It groups twice by the same expression.");
	else if (assigns_element(query))
		*reason = reason_make(NULL, "It assigns to an element of a variable.");
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_JOIN && rte->join_using_alias != NULL)
			*reason = reason_make(NULL, "It gives a name to the columns of USING.");
		else if (rte->rtekind == RTE_VALUES && rte->values_lists != NIL &&
				 linitial(rte->values_lists) == NIL)
			*reason = reason_make(NULL, "It has VALUES without columns.");
		else if (has_dropped_columns(rte))
			*reason = reason_make(NULL, "A function in FROM returns a type with dropped columns.");
	}
	return *reason != NULL || (!query_is_flat(query) && query_tree_walker(query, find_odd_shape, context, 0));
}

const Reason *
shard_sql_check(Query *text_query)
{
	const Reason *reason = NULL;

	(void) find_odd_shape((Node *) text_query, &reason);
	if (reason == NULL)
		reason = named_operators_check(text_query);
	return reason != NULL ? reason : shippable_check_query(text_query);
}

/* Names of its columns, as far as they go; those of set operations are their first leg's. */
static void
name_outputs(Query *query, const List *names)
{
	ListCell   *lc;
	int			n = 0;

	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk && n < list_length(names))
			tle->resname = strVal(list_nth(names, n++));
	}
	if (query->setOperations != NULL)
	{
		Node	   *leg = query->setOperations;
		RangeTblEntry *rte;

		while (IsA(leg, SetOperationStmt))
			leg = ((SetOperationStmt *) leg)->larg;
		rte = rt_fetch(castNode(RangeTblRef, leg)->rtindex, query->rtable);
		for (n = 0; n < Min(list_length(names), list_length(rte->eref->colnames)); n++)
			lfirst(list_nth_cell(rte->eref->colnames, n)) = list_nth(names, n);
		name_outputs(rte->subquery, names);
	}
}

/* A column of a view that has been renamed has its old name in the view's query still, but not in the level around. */
static void
name_columns(const Query *query)
{
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_SUBQUERY)
			name_outputs(rte->subquery, rte->eref->colnames);
	}
}

/*
 * In ORDER BY a bare name is an output column first: make the deparser qualify
 * the columns of a single relation, by a second entry that nothing refers to.
 */
static bool
qualify_names(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		query->isReturn = false;
		name_columns(query);
		if (query->commandType == CMD_SELECT && query->sortClause != NIL && list_length(query->rtable) == 1)
		{
			RangeTblEntry *dummy = makeNode(RangeTblEntry);

			dummy->rtekind = RTE_RESULT;
			dummy->eref = makeAlias("*none*", NIL);
			query->rtable = lappend(query->rtable, dummy);
		}
		return !query_is_flat(query) && query_tree_walker(query, qualify_names, context, 0);
	}
	return expression_tree_walker(node, qualify_names, context);
}

static void
set_if_other(const char *name, const char *value, bool other)
{
	if (other)
		setting_save(name, value);
}

static char *
deparse(Query *query)
{
	int			nest_level = NewGUCNestLevel();
	char	   *text;

	set_if_other("datestyle", "ISO, MDY", DateStyle != USE_ISO_DATES);
	set_if_other("intervalstyle", "postgres", IntervalStyle != INTSTYLE_POSTGRES);
	set_if_other("extra_float_digits", "3", extra_float_digits < 1);
	set_if_other("standard_conforming_strings", "on", !standard_conforming_strings);
	sx_push_catalog_path();
	text = pg_get_querydef(query, false);
	sx_pop_catalog_path();
	AtEOXact_GUC(true, nest_level);
	return text;
}

const ShardSql *
shard_sql_make(Query *text_query, bool lift_literals, const Reason **reason)
{
	*reason = shard_sql_check(text_query);
	return *reason != NULL ? NULL : shard_sql_make_checked(text_query, lift_literals, reason);
}

const ShardSql *
shard_sql_make_checked(Query *text_query, bool lift_literals, const Reason **reason)
{
	ShardSql   *sql = palloc(sizeof(ShardSql));
	Query	   *query = copyObject(text_query);

	*reason = NULL;
	query = named_operators_qualify(query);
	sql->params = lift_query(query, lift_literals, reason);
	if (*reason != NULL)
		return NULL;
	(void) qualify_names((Node *) query, NULL);
	sql->text = deparsed_text(query, deparse);
	return sql;
}

bool
shard_sql_is_identity_always(Oid relid, AttrNumber attno)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attno));
	bool		always;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for attribute %d of relation %u", attno, relid);
	always = ((Form_pg_attribute) GETSTRUCT(tuple))->attidentity == ATTRIBUTE_IDENTITY_ALWAYS;
	ReleaseSysCache(tuple);
	return always;
}

/* May the default of a column be left to the owner of the shard? */
static bool
owner_may_compute(Node *expr)
{
	return shippable_is_next_id(expr) || !contain_mutable_functions(expr);
}

/* DEFAULT in the rows of a VALUES: what rewriting has put in its place. */
static const Reason *
check_default_cells(const Query *text_query, const Query *run_query)
{
	ListCell   *lc1;
	ListCell   *lc2;
	ListCell   *lc3;
	ListCell   *lc4;
	ListCell   *lc5;
	ListCell   *lc6;

	forboth(lc1, text_query->rtable, lc2, run_query->rtable)
	{
		RangeTblEntry *text = lfirst_node(RangeTblEntry, lc1);
		RangeTblEntry *run = lfirst_node(RangeTblEntry, lc2);

		if (text->rtekind != RTE_VALUES || run->rtekind != RTE_VALUES)
			continue;
		forboth(lc3, text->values_lists, lc4, run->values_lists)
		{
			forboth(lc5, (List *) lfirst(lc3), lc6, (List *) lfirst(lc4))
			{
				if (IsA(lfirst(lc5), SetToDefault) && !owner_may_compute(lfirst(lc6)))
					return reason_make(NULL, "A default in VALUES is computed here, row by row.");
			}
		}
	}
	return NULL;
}

const Reason *
shard_sql_add_defaults(Query *text_query, const Query *run_query)
{
	RangeTblEntry *text_target;
	RangeTblEntry *run_target;
	bool		one_row;
	ListCell   *lc;

	if (text_query->commandType != CMD_INSERT)
		return NULL;
	text_target = rt_fetch(text_query->resultRelation, text_query->rtable);
	run_target = rt_fetch(run_query->resultRelation, run_query->rtable);
	one_row = shippable_tlist_is_once(text_query, true);

	foreach(lc, run_query->targetList)
	{
		TargetEntry *run = lfirst_node(TargetEntry, lc);
		TargetEntry *text;

		if (run->resjunk || owner_may_compute((Node *) run->expr))
			continue;
		text = get_tle_by_resno(text_query->targetList, run->resno);
		if (text_target->relid != run_target->relid)
			return reason_make(NULL, "A default that depends on this session applies under a view.");
		if (text != NULL && !IsA(text->expr, SetToDefault))
			continue;			/* given, not a default */
		if (text == NULL && !shippable_may_insert_column(run_target->relid, run->resno))
			continue;			/* the owner's default has to do */
		if (!one_row)
			return reason_make(NULL, "The default of column \"%s\" is computed here, row by row.",
							   get_attname(run_target->relid, run->resno, false));
		if (text != NULL)
			text->expr = copyObject(run->expr);
		else
			text_query->targetList = lappend(text_query->targetList,
											 makeTargetEntry(copyObject(run->expr), run->resno,
															 get_attname(run_target->relid, run->resno, false),
															 false));
		if (shard_sql_is_identity_always(run_target->relid, run->resno))
			text_query->override = OVERRIDING_SYSTEM_VALUE;
	}
	return one_row ? NULL : check_default_cells(text_query, run_query);
}
