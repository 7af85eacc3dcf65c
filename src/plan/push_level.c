/*
 * push_level.c
 *	  Finds the query levels of a statement that the shards can carry out.
 *
 * From the outermost level inwards: a level that is colocated (push_colocate.h)
 * is cut in two (push_split.h), and what the shards do becomes a part
 * (push_part.h) that the rest stands over. Of a level that is not, the
 * sub-SELECTs in FROM, legs of set operations, WITH queries and uncorrelated
 * sub-SELECTs in expressions are looked at by themselves. WITH queries that are
 * read once are made sub-SELECTs first. Tables of one level that are joined by
 * colocated columns become a part together (push_groups.h).
 *
 * What is left is planned by PostgreSQL over parts and leaf scans. A level that
 * would only fetch the rows of one table is left to the leaf scan, which does
 * the same.
 *
 * Not here: levels that refer to outer ones, that lock or write rows.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/prep.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"

#include "base/pg_compat.h"
#include "base/settings.h"
#include "plan/limited_ids.h"
#include "plan/page_first.h"
#include "plan/push_arrays.h"
#include "plan/push_broadcast.h"
#include "plan/push_ctes.h"
#include "plan/push_dependents.h"
#include "plan/push_flatten.h"
#include "plan/push_groups.h"
#include "plan/push_level.h"
#include "plan/push_page.h"
#include "plan/push_part.h"
#include "plan/push_ranked.h"
#include "plan/push_regroup.h"
#include "plan/push_sets.h"
#include "plan/push_split.h"
#include "plan/query_shape.h"

static void push_query(Query *query, PushStatement *statement);

static bool
refers_outside(Node *node, void *context)
{
	Index		depth = *(Index *) context;

	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Var:
			return ((Var *) node)->varlevelsup > depth;
		case T_Aggref:
			if (((Aggref *) node)->agglevelsup > depth)
				return true;
			break;
		case T_GroupingFunc:
			if (((GroupingFunc *) node)->agglevelsup > depth)
				return true;
			break;
		case T_RangeTblEntry:
			return ((RangeTblEntry *) node)->rtekind == RTE_CTE && ((RangeTblEntry *) node)->ctelevelsup > depth;
		case T_Query:
			{
				Index		inner = depth + 1;

				return query_tree_walker((Query *) node, refers_outside, &inner, QTW_EXAMINE_RTES_BEFORE);
			}
		default:
			break;
	}
	return expression_tree_walker(node, refers_outside, context);
}

bool
push_refers_outside(Node *node)
{
	Index		depth = 0;

	return refers_outside(node, &depth);
}

bool
push_is_closed(Query *query)
{
	Index		depth = 0;

	return !query_tree_walker(query, refers_outside, &depth, QTW_EXAMINE_RTES_BEFORE);
}

/* Constructs that have a meaning for the statement as a whole only. */
static bool
has_bound_construct(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
		return ((RangeTblEntry *) node)->tablesample != NULL ||
			((RangeTblEntry *) node)->rtekind == RTE_NAMEDTUPLESTORE;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		return query->commandType != CMD_SELECT || query->rowMarks != NIL ||
			query_tree_walker(query, has_bound_construct, context, QTW_EXAMINE_RTES_BEFORE);
	}
	return expression_tree_walker(node, has_bound_construct, context);
}

static const Reason *
check_shape(Query *query)
{
	if (query->jointree == NULL || query->jointree->fromlist == NIL)
		return reason_make(NULL, "It has no FROM.");
	if (has_bound_construct((Node *) query, NULL))
		return reason_make(NULL, "It writes, locks or samples rows.");
	if (!push_is_closed(query))
		return reason_make(NULL, "It refers to rows of an outer query.");
	return NULL;
}

/* What stands above the fragment evaluates sub-SELECTs itself. */
static void
restore_values(Query *above, List *inputs)
{
	above->targetList = (List *) push_broadcast_restore((Node *) above->targetList, inputs);
	above->havingQual = push_broadcast_restore(above->havingQual, inputs);
	above->hasSubLinks = checkExprHasSubLink((Node *) above->targetList) || checkExprHasSubLink(above->havingQual);
}

/* Conditions that all arms of an OR have in common stand beside it: joins are seen that way. */
static void
factor_conditions(Node *jtnode)
{
	Node	  **quals;
	ListCell   *lc;

	if (IsA(jtnode, RangeTblRef))
		return;
	if (IsA(jtnode, FromExpr))
	{
		foreach(lc, ((FromExpr *) jtnode)->fromlist)
			factor_conditions(lfirst(lc));
		quals = &((FromExpr *) jtnode)->quals;
	}
	else
	{
		factor_conditions(castNode(JoinExpr, jtnode)->larg);
		factor_conditions(castNode(JoinExpr, jtnode)->rarg);
		quals = &castNode(JoinExpr, jtnode)->quals;
	}
	if (*quals != NULL)
		*quals = (Node *) canonicalize_qual((Expr *) *quals, false);
}

/*
 * Can the level, changed if need be, be carried out in the shards? *inputs: what these are given (push_broadcast.h).
 */
static const Reason *
find_way(Query *level, PushStatement *statement, Colocation *colocation, List **inputs)
{
	const Reason *reason = push_find_colocation(level, colocation);

	if (reason == NULL || !statement->may_broadcast)
		return reason;
	if (push_flatten(level))
		reason = push_find_colocation(level, colocation);
	if (reason == NULL)
		return NULL;
	reason = push_broadcast(level, &statement->next_param, inputs);
	if (reason == NULL && !push_group_dependents(level))
		reason = reason_make(NULL, "Columns that depend on those grouped by cannot be grouped by themselves.");
	return reason == NULL ? push_find_colocation(level, colocation) : reason;
}

/* The same for a level whose groups or windows may have to be brought together for that; another one then. */
static const Reason *
find_best_way(Query **level, PushStatement *statement, Colocation *colocation, List **inputs)
{
	Query	   *regrouped = copyObject(*level);
	const Reason *reason = find_way(*level, statement, colocation, inputs);
	List	   *others = NIL;
	Colocation	other;

	if (!statement->may_regroup || setting_enable_redistribute == REDISTRIBUTE_OFF ||
		(reason != NULL ? !statement->may_broadcast :
		 !push_gives_rows(*level, colocation) && !((*level)->groupClause != NIL && push_set_percent(*level) > 0)) ||
		!push_regroup(regrouped, reason == NULL, &statement->next_param, &others, &other))
		return reason;
	*level = regrouped;
	*colocation = other;
	*inputs = others;
	return NULL;
}

/* Inputs may need inputs of their own. */
static void
push_inputs(List *inputs, PushStatement *statement)
{
	bool		may_broadcast = statement->may_broadcast;
	const Query *around = statement->around;
	ListCell   *lc;

	statement->may_broadcast = true;
	statement->around = NULL;
	foreach(lc, inputs)
		push_query(castNode(Query, lfirst_node(SubLink, lc)->subselect), statement);
	statement->may_broadcast = may_broadcast;
	statement->around = around;
}

/* Put the shard part of the level, a copy of the query or what gives its rows, below it. As push_level. */
static const Reason *
push_plain_level(Query *query, Query *level, PushStatement *statement, bool *saves)
{
	const Reason *reason;
	Colocation	colocation;
	PushSplit	split;
	PushPart	part;
	List	   *inputs = NIL;
	bool		has_arrays;

	*saves = true;
	if (statement->may_broadcast && statement->around != NULL && level->jointree != NULL)
		push_arrays_as_inputs(level, statement->around, &statement->next_param, &inputs);
	has_arrays = inputs != NIL;
	reason = check_shape(level);
	if (reason != NULL)
		return reason;
	sx_flatten_groups(level);
	factor_conditions((Node *) level->jointree);
	/* what would be brought together for the level, as other inputs, could not use arrays */
	reason = has_arrays ? push_find_colocation(level, &colocation) :
		find_best_way(&level, statement, &colocation, &inputs);
	if (reason == NULL)
		reason = push_split(level, &colocation, !statement->local_only, &split);
	if (reason != NULL)
		return reason;
	*saves = split.saves || inputs != NIL;
	if (!*saves && !statement->local_only)
		return reason_make(NULL, "It fetches rows of one table.");
	if (!statement->local_only && query_reads_ctid(split.fragment))
		return reason_make(NULL, "It uses column \"ctid\", which means another row in each shard.");
	reason = push_part_make(split.fragment, &colocation, statement, &part);
	if (reason != NULL)
		return reason;
	part.inputs = push_broadcast_used(split.fragment, inputs);
	part.repeats = split.repeats;
	part.percent_kept = split.fragment->limitCount == NULL ? push_set_percent(split.fragment) : 0;
	push_inputs(inputs, statement);

	*query = *split.above;
	if (inputs != NIL)
		restore_values(query, inputs);
	if (has_arrays)
		push_arrays_keep_level(query);
	query->rtable = list_make1(push_part_entry(&part));
	statement->fragments = lappend(statement->fragments, split.fragment);
	return NULL;
}

/* Put the level's shard part below it. NULL, or why not; *saves = false: there would be nothing gained. */
static const Reason *
push_level(Query *query, PushStatement *statement, bool *saves)
{
	Query	   *levels[2] = {NULL, NULL};
	const Reason *reason = NULL;

	if (statement->may_broadcast && push_ranked_alone(query, statement))
		return NULL;
	if (query->setOperations == NULL)
		return push_plain_level(query, copyObject(query), statement, saves);
	*saves = true;
	if (!push_is_closed(query))
		return reason_make(NULL, "It refers to rows of an outer query.");
	levels[0] = push_set_as_input(query);
	levels[1] = push_set_as_groups(query);
	for (int i = 0; i < 2; i++)
	{
		if (levels[i] != NULL && (reason = push_plain_level(query, levels[i], statement, saves)) == NULL)
			return NULL;
	}
	return reason != NULL ? reason : reason_make(NULL, "It is a set operation.");
}

static bool
push_sublinks(Node *node, void *context)
{
	if (node == NULL || IsA(node, Query))
		return false;
	if (IsA(node, SubLink))
	{
		push_query(castNode(Query, ((SubLink *) node)->subselect), context);
		return push_sublinks(((SubLink *) node)->testexpr, context);
	}
	return expression_tree_walker(node, push_sublinks, context);
}

/* Is there a condition on the entry alone? */
static bool
is_restricted(Node *jtnode, Index varno)
{
	Node	   *quals;
	ListCell   *lc;

	if (IsA(jtnode, RangeTblRef))
		return false;
	if (IsA(jtnode, FromExpr))
	{
		foreach(lc, ((FromExpr *) jtnode)->fromlist)
		{
			if (is_restricted(lfirst(lc), varno))
				return true;
		}
		quals = ((FromExpr *) jtnode)->quals;
	}
	else
	{
		if (is_restricted(castNode(JoinExpr, jtnode)->larg, varno) ||
			is_restricted(castNode(JoinExpr, jtnode)->rarg, varno))
			return true;
		quals = castNode(JoinExpr, jtnode)->quals;
	}
	foreach(lc, query_conditions(quals))
	{
		if (bms_equal(pull_varnos_of_level(NULL, lfirst(lc), 0), bms_make_singleton(varno)))
			return true;
	}
	return false;
}

bool
push_may_be_part(const Query *query, Index varno)
{
	const Query *sub = rt_fetch(varno, query->rtable)->subquery;

	if (query->setOperations != NULL)
		return true;
	return push_combines_rows(sub) &&
		(sub->setOperations == NULL || !is_restricted((Node *) query->jointree, varno));
}

/* The Querys inside of one that did not go itself. */
static void
push_inside(Query *query, PushStatement *statement)
{
	const Query *around = statement->around;
	ListCell   *lc;

	if (statement->may_look_up && push_is_closed(query))
		limited_ids_add_to_joins(query, statement->params);
	push_groups(query, statement);
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		statement->around = query;
		if (rte->rtekind == RTE_SUBQUERY && rte->values_lists != NIL)
			continue;			/* a part */
		if (push_ranked(query, foreach_current_index(lc) + 1, statement))
			continue;
		if (rte->rtekind == RTE_SUBQUERY && push_may_be_part(query, foreach_current_index(lc) + 1))
			push_query(rte->subquery, statement);
		else if (rte->rtekind == RTE_SUBQUERY)
			push_inside(rte->subquery, statement);
	}
	statement->around = NULL;
	foreach(lc, query->cteList)
		push_query(castNode(Query, lfirst_node(CommonTableExpr, lc)->ctequery), statement);
	if (query->hasSubLinks)
		(void) query_tree_walker(query, push_sublinks, statement,
								 QTW_IGNORE_RT_SUBQUERIES | QTW_IGNORE_CTE_SUBQUERIES | QTW_IGNORE_JOINALIASES);
	statement->around = around;
}

/* "users, photos": what the level reads. */
static char *
names_of_tables(const Query *query)
{
	StringInfoData out;
	ListCell   *lc;

	initStringInfo(&out);
	foreach(lc, query->rtable)
	{
		const RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->inFromCl && rte->rtekind != RTE_JOIN && rte->rtekind != RTE_RESULT)
			appendStringInfo(&out, "%s%s", out.len > 0 ? ", " : "", rte->eref->aliasname);
	}
	return out.data;
}

/* Is there nothing below but a sub-SELECT with a LIMIT? What is to say is said of that. */
static bool
is_over_limit(const Query *query)
{
	const RangeTblEntry *rte = list_length(query->rtable) == 1 ? linitial_node(RangeTblEntry, query->rtable) : NULL;

	return rte != NULL && rte->rtekind == RTE_SUBQUERY && rte->subquery->limitCount != NULL;
}

static void
note_reason(const Query *query, const Reason *reason, PushStatement *statement)
{
	const char *names = query->setOperations != NULL ? "set operation" : names_of_tables(query);

	if (query_count_shells((Query *) query) > 0 && !is_over_limit(query))
		statement->reasons = list_append_unique(statement->reasons,
												makeString(psprintf("%s: %s", names, reason->detail)));
}

static void
make_page(Query *query, bool sublinks_stay, PushStatement *statement)
{
	Query		before = *query;
	const Reason *why = NULL;

	if (push_page(query, sublinks_stay, &why) && why != NULL)
		note_reason(&before, why, statement);
}

static void
push_query(Query *query, PushStatement *statement)
{
	const Reason *reason;
	bool		saves;

	check_stack_depth();
	if (query->commandType != CMD_SELECT)
		return;
	make_page(query, false, statement);
	if (statement->may_look_up && statement->may_broadcast)
		(void) page_first(query, statement->params);
	reason = push_level(query, statement, &saves);
	if (reason == NULL)
		return;
	if (saves)
		note_reason(query, reason, statement);
	make_page(query, true, statement);
	push_inside(query, statement);
}

bool
push_statement_level(Query *query, PushStatement *statement)
{
	bool		saves;

	if (query->commandType != CMD_SELECT || query->hasModifyingCTE)
		return false;
	push_inline_ctes(query, true);
	statement->reason = push_level(query, statement, &saves);
	if (statement->reason == NULL)
		return true;
	if (!saves)
		statement->reason = NULL;
	else
		note_reason(query, statement->reason, statement);
	return false;
}

void
push_statement_page(Query *query, PushStatement *statement)
{
	make_page(query, false, statement);
}

void
push_statement(Query *query, PushStatement *statement)
{
	if (query->commandType != CMD_SELECT || query->hasModifyingCTE)
		return;
	make_page(query, true, statement);
	push_inside(query, statement);
}
