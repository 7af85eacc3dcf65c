/*
 * plan_insert_select.c
 *	  INSERT .. SELECT whose rows stay in the shards that they are read from:
 *	  the statement itself is the fragment, no row travels.
 *
 * Two things must hold. A value of the column that becomes the target's key
 * decides the shard of all sharded tables (query_shards finds that out as for
 * one known key; whatever orders, counts or combines rows of several shards is
 * no way for a key to get in). And each row comes from a row of a sharded table,
 * which only one shard has: rows of functions or reference tables, which
 * every shard has, would be inserted once for each.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"

#include "catalog/table_map.h"
#include "exec/scan_fanout.h"
#include "plan/plan_insert_select.h"
#include "plan/plan_modify.h"
#include "plan/planned_statement.h"
#include "plan/query_shape.h"
#include "plan/shard_sql.h"
#include "plan/shippable.h"
#include "plan/text_defaults.h"

static bool comes_from_shards(Node *item, const Query *query);

/* Is each row of the Query made of a row of a sharded table? */
static bool
rows_come_from_shards(const Query *query)
{
	ListCell   *lc;

	if (query->setOperations != NULL)
		return comes_from_shards(query->setOperations, query);
	foreach(lc, query->jointree->fromlist)
	{
		if (comes_from_shards((Node *) lfirst(lc), query))
			return true;
	}
	return false;
}

static bool
comes_from_shards(Node *item, const Query *query)
{
	if (IsA(item, RangeTblRef))
	{
		const RangeTblEntry *rte = rt_fetch(((RangeTblRef *) item)->rtindex, query->rtable);

		return rte->rtekind == RTE_SUBQUERY ? rows_come_from_shards(rte->subquery) : query_sharded_table(rte) != NULL;
	}
	if (IsA(item, JoinExpr))
	{
		const JoinExpr *join = (const JoinExpr *) item;

		return (join->jointype != JOIN_RIGHT && join->jointype != JOIN_FULL && comes_from_shards(join->larg, query)) ||
			(join->jointype != JOIN_LEFT && join->jointype != JOIN_FULL && comes_from_shards(join->rarg, query));
	}
	if (IsA(item, SetOperationStmt))
	{
		const SetOperationStmt *operation = (const SetOperationStmt *) item;

		return comes_from_shards(operation->larg, query) && comes_from_shards(operation->rarg, query);
	}
	return false;
}

/* "the value for the target's key = some value" for all columns of the key; false: it is computed in another way. */
static bool
add_known_key(Query *query, const TableInfo *table, Index source)
{
	for (int i = 0; i < table->nkeys; i++)
	{
		TargetEntry *tle = get_tle_by_resno(query->targetList, table->keys[i]);
		Var		   *var = tle != NULL && IsA(tle->expr, Var) ? (Var *) tle->expr : NULL;

		if (var == NULL || var->varno != (int) source || var->varlevelsup != 0)
			return false;
		query->jointree->quals = make_and_qual(query->jointree->quals, shard_key_condition(copyObject(var), i, NULL));
	}
	return true;
}

bool
insert_select_stays(Query *query)
{
	const TableInfo *table = table_info(rt_fetch(query->resultRelation, query->rtable)->relid);
	Query	   *copy;
	Index		source;

	if (query->cteList != NIL || list_length(query->jointree->fromlist) != 1 ||
		!IsA(linitial(query->jointree->fromlist), RangeTblRef))
		return false;
	source = linitial_node(RangeTblRef, query->jointree->fromlist)->rtindex;
	if (rt_fetch(source, query->rtable)->rtekind != RTE_SUBQUERY ||
		!rows_come_from_shards(rt_fetch(source, query->rtable)->subquery))
		return false;
	copy = copyObject(query);
	return add_known_key(copy, table, source) && list_length(query_shards(copy, NULL)->keys) == 1;
}

static const Reason *
check_statement(const PlanInput *input)
{
	Query	   *query = input->run_query;
	Query	   *text = input->text_query;

	if (text == NULL || text->commandType != CMD_INSERT ||
		rt_fetch(text->resultRelation, text->rtable)->relid != rt_fetch(query->resultRelation, query->rtable)->relid)
		return reason_make(NULL, "It comes from a rule or a function body, or writes through a view.");
	if (input->shards->has_home)
		return reason_make(NULL, "It reads tables that only this node has.");
	if (contain_volatile_functions((Node *) text))
		return reason_make(NULL, "It uses volatile functions, which only this node may evaluate.");
	if (!reads_only_reference_tables((Node *) query->withCheckOptions))
		return reason_make(NULL, "A policy for its rows reads a table that is not a reference table.");
	if (!insert_select_stays(query))
		return reason_make(NULL, "Its rows do not lie in the shards that they are read from.");
	return shippable_check_hidden(query, true);
}

PlannedStmt *
plan_insert_select(const PlanInput *input, const Reason **reason)
{
	Query	   *query = input->run_query;
	FanoutParts parts = {0};
	const ShardSql *sql;
	Query	   *text;

	*reason = check_statement(input);
	if (*reason != NULL)
		return NULL;
	text = copyObject(input->text_query);
	text_defaults_fill_insert(text, query);
	*reason = shard_sql_add_defaults(text, query);
	sql = *reason == NULL ? shard_sql_make(text, false, reason) : NULL;
	if (sql == NULL)
		return NULL;

	parts.command = CMD_INSERT;
	parts.shell = rt_fetch(query->resultRelation, query->rtable)->relid;
	parts.writes = true;
	parts.target_list = query->returningList;
	parts.run_query = copyObject(query);
	parts.query_string = input->query_string;
	parts.remote_sql = sql->text;
	parts.remote_params = sql->params;
	return planned_statement_make(query, (Plan *) scan_fanout_make(&parts), input->cursor_options);
}
