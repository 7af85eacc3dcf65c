/*
 * planner_hook.c
 *	  Where PostgreSQL hands us statements that touch sharded tables, or write
 *	  reference tables.
 *
 * post_parse_analyze_hook attaches the text query to statements that may need
 * one (and gives foreign keys in shards their defaults); planner_hook
 * classifies the rewritten Query (query_shards) and gives it to the cascade
 * (plan_cascade.c).
 *
 * A statement that concerns no table of ours costs one look-up per relation
 * and goes on to standard_planner untouched. Statements that name shard tables
 * (queries of referential integrity triggers, what local_run plans) contain no
 * shells and therefore pass through as well. So does what DDL itself asks while
 * it has declared that shells read as empty.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/planner.h"
#include "parser/analyze.h"
#include "tcop/utility.h"

#include "base/errors.h"
#include "base/settings.h"
#include "catalog/cluster_secret.h"
#include "catalog/shell_am.h"
#include "catalog/table_map.h"
#include "catalog/write_guard.h"
#include "dxact/dxact.h"
#include "plan/forwarded_text.h"
#include "plan/newer_tables.h"
#include "plan/plan_cascade.h"
#include "plan/plan_direct.h"
#include "plan/plan_forwarded.h"
#include "plan/plan_router.h"
#include "plan/planner_hook.h"
#include "plan/sequence_calls.h"
#include "plan/shard_defaults.h"
#include "plan/text_query.h"
#include "plan/with_unread.h"

static post_parse_analyze_hook_type previous_post_parse_analyze = NULL;
static planner_hook_type previous_planner = NULL;
static ProcessUtility_hook_type previous_utility = NULL;

/* A view is being defined: the Query at hand will be stored. */
static bool storing_query = false;

/*
 * Is one of the relations of a Query ours to care for? Before rewriting
 * (views: *context) a view may stand for anything.
 */
static bool
concerns_us(Node *node, void *context)
{
	Query	   *query;
	ListCell   *lc;
	int			index = 0;
	bool		deeper;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, concerns_us, context);

	query = (Query *) node;
	deeper = query->hasSubLinks || query->cteList != NIL;
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
		const TableInfo *table;

		index++;
		if (rte->rtekind == RTE_SUBQUERY)
			deeper = true;
		if (rte->rtekind != RTE_RELATION || rte->relid < FirstNormalObjectId)
			continue;
		if (rte->relkind == RELKIND_VIEW)
		{
			if (*(bool *) context)
				return true;
			continue;
		}
		table = table_info(rte->relid);
		if (table != NULL && (table->kind == TABLE_SHARDED || index == query->resultRelation))
			return true;
	}
	return deeper && query_tree_walker(query, concerns_us, context, 0);
}

/* A quick no for SELECT 1 and the like; tables may also be in subqueries of the target list only. */
static inline bool
may_name_tables(const Query *query)
{
	return query->rtable != NIL || query->hasSubLinks || query->cteList != NIL;
}

static bool
statement_concerns_us(Query *query, bool views_may)
{
	if (query->commandType == CMD_UTILITY || !may_name_tables(query))
		return false;
	return concerns_us((Node *) query, &views_may);
}

/* The Query inside of a utility statement that parse analysis has put there without calling the hook. */
static Query *
embedded_query(Query *query)
{
	Node	   *statement = query->utilityStmt;
	Node	   *inner = NULL;

	if (statement == NULL)
		return NULL;
	if (IsA(statement, DeclareCursorStmt))
		inner = ((DeclareCursorStmt *) statement)->query;
	else if (IsA(statement, CreateTableAsStmt))
		inner = ((CreateTableAsStmt *) statement)->query;
	return inner != NULL && IsA(inner, Query) ? (Query *) inner : NULL;
}

static void
attach_text_query(ParseState *pstate, Query *query, JumbleState *jstate)
{
	if (previous_post_parse_analyze)
		previous_post_parse_analyze(pstate, query, jstate);

	forwarded_text_analyze(pstate, query);
	if (storing_query)
		return;
	if (query->commandType == CMD_UTILITY)
	{
		query = embedded_query(query);
		if (query == NULL)
			return;
	}
	if (!may_name_tables(query) || cluster_info() == NULL)
		return;
	shard_defaults_fill(query);
	if (statement_concerns_us(query, true))
		text_query_attach(query);
}

static void
note_storing_of_query(PlannedStmt *pstmt, const char *query_string, bool read_only_tree,
					  ProcessUtilityContext context, ParamListInfo params,
					  QueryEnvironment *query_env, DestReceiver *dest, QueryCompletion *qc)
{
	ProcessUtility_hook_type next = previous_utility ? previous_utility : standard_ProcessUtility;
	bool		before = storing_query;

	if (!IsA(pstmt->utilityStmt, ViewStmt))
	{
		next(pstmt, query_string, read_only_tree, context, params, query_env, dest, qc);
		return;
	}
	PG_TRY();
	{
		storing_query = true;
		next(pstmt, query_string, read_only_tree, context, params, query_env, dest, qc);
	}
	PG_FINALLY();
	{
		storing_query = before;
	}
	PG_END_TRY();
}

static PlannedStmt *
plan_by_postgres(Query *query, const char *query_string, int cursor_options, ParamListInfo params)
{
	return previous_planner ?
		previous_planner(query, query_string, cursor_options, params) :
		standard_planner(query, query_string, cursor_options, params);
}

/* What ALTER TABLE asks about the rows of a table that is given a foreign key (RI_Initial_Check). */
static bool
is_foreign_key_check(const Query *query, const char *query_string)
{
	static const char *const aliases[] = {"fk", "pk"};

	if (query_string == NULL || strncmp(query_string, "SELECT fk.", 10) != 0 || list_length(query->rtable) < 2)
		return false;
	for (int i = 0; i < lengthof(aliases); i++)
	{
		const RangeTblEntry *rte = list_nth_node(RangeTblEntry, query->rtable, i);

		if (rte->rtekind != RTE_RELATION || rte->inh || rte->alias == NULL ||
			strcmp(rte->alias->aliasname, aliases[i]) != 0)
			return false;
	}
	return true;
}

static PlannedStmt *plan_statement(Query *query, const char *query_string, int cursor_options, ParamListInfo params);

/*
 * A statement of a user's function while DDL reads shells as empty: a default or a check that is computed, an event
 * trigger. It is not DDL's, and finds the rows.
 */
static PlannedStmt *
plan_inside_of_ddl(Query *query, const char *query_string, int cursor_options, ParamListInfo params)
{
	bool		was_empty = shell_am_set_reads_empty(false);
	bool		was_open = write_guard_set_open(false);
	PlannedStmt *plan;

	PG_TRY();
	{
		plan = plan_statement(query, query_string, cursor_options, params);
	}
	PG_FINALLY();
	{
		(void) shell_am_set_reads_empty(was_empty);
		(void) write_guard_set_open(was_open);
	}
	PG_END_TRY();
	return plan;
}

static PlannedStmt *
plan_statement(Query *query, const char *query_string, int cursor_options, ParamListInfo params)
{
	PlanInput	input = {0};
	StatementWrites writes = {0};
	const Reason *reason = NULL;
	PlannedStmt *plan;

	if (session_is_forwarded())
	{
		dxact_divert_notify(query);
		if (may_name_tables(query) && cluster_info() == NULL)
			forwarded_refuse_outside_of_cluster(query);
	}
	else if (query->commandType == CMD_SELECT)
		sequence_calls_divert(query);
	if (!may_name_tables(query) || cluster_info() == NULL ||
		!(statement_concerns_us(query, false) || (session_is_forwarded() && forwarded_reads_exchange(query))))
		return plan_by_postgres(query, query_string, cursor_options, params);
	if (shell_am_reads_empty())
		return is_foreign_key_check(query, query_string) ?
			plan_by_postgres(query, query_string, cursor_options, params) :
			plan_inside_of_ddl(query, query_string, cursor_options, params);

	input.text_query = text_query_take(query);
	input.run_query = query;
	if (with_unread_drop(query))
	{
		if (!statement_concerns_us(query, false))
			return plan_by_postgres(query, query_string, cursor_options, params);
		if (input.text_query != NULL && input.text_query != query)
			(void) with_unread_drop(input.text_query);
	}
	if (IsolationUsesXactSnapshot())
		newer_tables_refuse(query);

	input.query_string = query_string;
	input.cursor_options = cursor_options;
	input.params = params;
	input.note.kind = NOTE_NONE;
	if (session_is_forwarded() && query_string != NULL)
		input.note = statement_note_parse(query_string);
	if (input.note.kind != NOTE_NONE)
		session_require_proven();

	if (query->commandType != CMD_SELECT || query->hasModifyingCTE)
		statement_writes_find(query, &writes);
	if (writes.current_of && session_is_forwarded())
		reason_raise(reason_make("Use the primary key of the row fetched in WHERE.",
								 "The cursor is one of the session of another node."),
					 "WHERE CURRENT OF is not supported between nodes");
	if (writes.current_of && (writes.sharded || writes.reference))
		return plan_row_of_cursor(&input, &writes);

	input.shards = query_shards(query, params);

	plan = plan_direct(&input);
	if (plan != NULL)
		return plan;

	if (input.note.kind != NOTE_SHARDS && input.note.kind != NOTE_ROWS && input.note.kind != NOTE_REFERENCE)
		return plan_cascade(&input, &writes);

	plan = plan_forwarded(&input, &reason);
	if (plan == NULL)
		reason_raise(reason, "a statement sent by another node cannot be run here");
	return plan;
}

/* A plan for a statement whose direct plan cannot run: see plan_direct.c. */
static PlannedStmt *
plan_not_directly(PlanInput *input)
{
	StatementWrites writes = {0};

	input->shards = query_shards(input->run_query, NULL);
	return plan_cascade(input, &writes);
}

void
planner_hook_preload(void)
{
	previous_post_parse_analyze = post_parse_analyze_hook;
	post_parse_analyze_hook = attach_text_query;
	previous_planner = planner_hook;
	planner_hook = plan_statement;
	previous_utility = ProcessUtility_hook;
	ProcessUtility_hook = note_storing_of_query;
	plan_router_preload();
	plan_direct_preload(plan_not_directly);
}
