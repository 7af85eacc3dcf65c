/*
 * text_query.c
 *	  Carries the Query as it was before rewriting from parse analysis to the
 *	  planner.
 *
 * The copy travels in the values_lists of an RTE_RESULT that is appended to the
 * range table and referenced by nobody. Rewriting, copyObject, the plan cache
 * and its revalidation keep it; a Query that is stored in the catalog must not
 * get one (planner_hook.c sees to that), since stored rules do not keep it.
 *
 * Most statements are a plain SELECT, which rewriting leaves as it is, policies
 * apart. They travel with a mark in the place of the copy: no copy, until a text
 * is really needed.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"

#include "base/pg_compat.h"
#include "plan/query_shape.h"
#include "plan/text_defaults.h"
#include "plan/text_query.h"
#include "plan/text_write.h"

#define CARRIER_NAME	"*shardext*"

/* A SELECT that rewriting can only add policies to. */
static bool
stays_as_it_is(const Query *query)
{
	ListCell   *lc;

	if (query->commandType != CMD_SELECT || !query_is_flat(query))
		return false;
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_RELATION && rte->relkind == RELKIND_VIEW)
			return false;
	}
	return true;
}

/*
 * A copy of what rewriting may change. The rows of a plain INSERT, maybe thousands, are shared: they have no Vars and
 * no sub-SELECTs, and rewriting and planning put what else they replace into lists of their own.
 */
static Query *
copy_for_text(Query *query)
{
	List	   *rows = NIL;
	Query	   *copy;
	ListCell   *lc;

	if (query->commandType != CMD_INSERT || !query_is_flat(query))
		return copyObject(query);
	foreach(lc, query->rtable)
	{
		rows = lappend(rows, lfirst_node(RangeTblEntry, lc)->values_lists);
		lfirst_node(RangeTblEntry, lc)->values_lists = NIL;
	}
	copy = copyObject(query);
	foreach(lc, query->rtable)
	{
		int			i = foreach_current_index(lc);

		lfirst_node(RangeTblEntry, lc)->values_lists = list_nth_node(RangeTblEntry, copy->rtable, i)->values_lists =
			(List *) list_nth(rows, i);
	}
	return copy;
}

void
text_query_attach(Query *query)
{
	Query	   *copy = stays_as_it_is(query) ? NULL : copy_for_text(query);
	RangeTblEntry *carrier = makeNode(RangeTblEntry);

	carrier->rtekind = RTE_RESULT;
	carrier->eref = makeAlias(CARRIER_NAME, NIL);
	carrier->values_lists = list_make1(copy);
	query->rtable = lappend(query->rtable, carrier);
}

/* Did rewriting replace or restrict anything in a Query? */
static bool
rewriting_shows(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;
		ListCell   *lc;

		if (query->commandType != CMD_SELECT || query->hasRowSecurity)
			return true;
		foreach(lc, query->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

			/* a view's expansion is known by its barrier flag, relation or OLD entry */
			if (rte->securityQuals != NIL || rte->security_barrier)
				return true;
			if (rte->rtekind == RTE_SUBQUERY && OidIsValid(rte->relid))
				return true;
			if (rte->rtekind == RTE_RELATION && rte->relkind == RELKIND_VIEW)
				return true;
		}
		return query_tree_walker(query, rewriting_shows, context, 0);
	}
	return expression_tree_walker(node, rewriting_shows, context);
}

typedef struct ViewSearch
{
	const Query *statement;
	bool		found;			/* a view's expansion */
	bool		other_rights;	/* ... that may see what the reader may not; or a WITH clause that writes */
} ViewSearch;

static bool
search_views(Node *node, void *context)
{
	ViewSearch *search = (ViewSearch *) context;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;
		ListCell   *lc;

		if (query->commandType != CMD_SELECT && query != search->statement)
			search->other_rights = true;
		foreach(lc, query->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
			Oid			role = sx_rte_check_as_user(query, rte);

			if ((rte->rtekind == RTE_RELATION && rte->relkind == RELKIND_VIEW) ||
				(rte->rtekind == RTE_SUBQUERY && OidIsValid(rte->relid)))
				search->found = true;
			if (OidIsValid(role) && role != GetUserId())
				search->other_rights = true;
		}
		return !query_is_flat(query) && query_tree_walker(query, search_views, context, 0);
	}
	return expression_tree_walker(node, search_views, context);
}

/* Policies are added anew by the node that reads the text. */
static bool
drop_policies(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		ListCell   *lc;

		foreach(lc, ((Query *) node)->rtable)
			lfirst_node(RangeTblEntry, lc)->securityQuals = NIL;
		return query_tree_walker((Query *) node, drop_policies, context, 0);
	}
	return expression_tree_walker(node, drop_policies, context);
}

/* The text of a rewritten Query that may name all it names. */
static Query *
rewritten_text(Query *run_query, bool has_views)
{
	Query	   *text = run_query->commandType != CMD_SELECT ? text_write_make(run_query, has_views) :
		copyObject(run_query);

	if (text != NULL)
		(void) drop_policies((Node *) text, NULL);
	return text;
}

/* The text of a write that has not passed parse analysis (a function body in standard form). */
static Query *
text_of_stored(Query *query)
{
	ViewSearch	search = {.statement = query};

	(void) search_views((Node *) query, &search);
	return search.found || search.other_rights ? NULL : rewritten_text(query, false);
}

Query *
text_query_without_views(Query *run_query)
{
	ViewSearch	search = {.statement = run_query};

	(void) search_views((Node *) run_query, &search);
	return search.found && !search.other_rights ? rewritten_text(run_query, true) : NULL;
}

Query *
text_query_of_rewritten(Query *run_query)
{
	ViewSearch	search = {.statement = run_query};

	(void) search_views((Node *) run_query, &search);
	return search.other_rights ? NULL : rewritten_text(run_query, search.found);
}

static bool
target_is_view(const Query *query)
{
	return query->commandType != CMD_SELECT && query->resultRelation > 0 &&
		rt_fetch(query->resultRelation, query->rtable)->relkind == RELKIND_VIEW;
}

bool
text_query_writes_view(Query *run_query, const Query *text_query)
{
	ListCell   *lc;

	if (text_query == NULL)
		return false;
	foreach(lc, text_query->cteList)
	{
		if (target_is_view(castNode(Query, lfirst_node(CommonTableExpr, lc)->ctequery)))
			return true;
	}
	return target_is_view(text_query) && text_query_without_views(run_query) == NULL;
}

Query *
text_query_of_write(Query *run_query, Query *text_query, bool *for_this_role)
{
	Query	   *without_views = text_query_without_views(run_query);

	*for_this_role = without_views != NULL;
	return without_views != NULL ? without_views : text_query;
}

/* The text of a Query that stays_as_it_is. */
static Query *
plain_text(Query *query)
{
	if (query->hasRowSecurity)
	{
		query = copyObject(query);
		(void) drop_policies((Node *) query, NULL);
	}
	return query;
}

Query *
text_query_take(Query *query)
{
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_RESULT && rte->values_lists != NIL)
		{
			Query	   *text_query = linitial_node(Query, rte->values_lists);

			rte->values_lists = NIL;
			if (rte == llast(query->rtable))
				query->rtable = list_delete_last(query->rtable);
			/* products of user rules are other statements than the one carried */
			if (query->querySource != QSRC_ORIGINAL)
				return NULL;
			if (text_query == NULL)
				return plain_text(query);
			text_defaults_fill(text_query, query);
			return text_query;
		}
	}
	if (query->commandType != CMD_SELECT)
		return text_of_stored(query);
	return rewriting_shows((Node *) query, NULL) ? NULL : query;
}
