/*
 * plan_modify.c
 *	  UPDATE and DELETE of one sharded table over many shards, without joins;
 *	  also SELECT FOR UPDATE/SHARE of that shape.
 *
 * The statement itself is the fragment: every owner runs it over its shards
 * at once, here by local_run on the run query, elsewhere by the text. It must
 * mean the same shard by shard: one sharded table, subqueries over reference
 * tables and over rows that lie with its own only, nothing that orders, counts or combines rows of several
 * shards, everything shippable. What is not so is refused before anything is
 * done.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "catalog/table_map.h"
#include "exec/scan_fanout.h"
#include "exec/tuple_codec.h"
#include "plan/plan_modify.h"
#include "plan/planned_statement.h"
#include "plan/query_shape.h"
#include "plan/shard_sql.h"
#include "plan/shippable.h"
#include "plan/text_query.h"

#define HINT_ONE_SHARD "Give the shard key in WHERE, so that the statement stays inside one shard."

/* Range table index of the one sharded table the statement is about. */
static Index
fragment_table(const Query *query)
{
	if (query->commandType != CMD_SELECT)
		return query->resultRelation;
	if (list_length(query->jointree->fromlist) == 1 && IsA(linitial(query->jointree->fromlist), RangeTblRef))
		return ((RangeTblRef *) linitial(query->jointree->fromlist))->rtindex;
	return 0;
}

/* Any table but reference tables in a subquery: its rows lie elsewhere. */
static bool
reads_other_than_reference(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;
		const TableInfo *table;

		/* entries of views and of "excluded" are not read themselves */
		if (rte->rtekind != RTE_RELATION || rte->relkind == RELKIND_VIEW || rte->relkind == RELKIND_COMPOSITE_TYPE)
			return false;
		table = table_info(rte->relid);
		return table == NULL || table->kind != TABLE_REFERENCE;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, reads_other_than_reference, context, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, reads_other_than_reference, context);
}

bool
reads_only_reference_tables(Node *node)
{
	if (node != NULL && IsA(node, Query))
		return !query_tree_walker((Query *) node, reads_other_than_reference, NULL, QTW_EXAMINE_RTES_BEFORE);
	return !reads_other_than_reference(node, NULL);
}

static const Reason *
check_no_joins(const Query *query)
{
	int			nrefs = list_length(query->jointree->fromlist);

	if (query->cteList != NIL)
		return reason_make(HINT_ONE_SHARD, "It has a WITH clause.");
	if (query->commandType == CMD_MERGE)
		return reason_make(HINT_ONE_SHARD, "It is a MERGE.");
	if (nrefs > 1 || (nrefs == 1 && IsA(linitial(query->jointree->fromlist), JoinExpr)))
		return reason_make(HINT_ONE_SHARD, "It joins the table with others.");
	return NULL;
}

/* A SELECT with locks: each shard's rows must be rows of the result as they are. */
static const Reason *
check_select_shape(const Query *query)
{
	if (query->hasAggs || query->hasWindowFuncs || query->groupClause || query->groupingSets ||
		query->havingQual || query->distinctClause || query->setOperations || query->hasTargetSRFs)
		return reason_make(HINT_ONE_SHARD, "It locks rows and combines those of several shards.");
	if (query->limitCount || query->limitOffset)
		return reason_make(HINT_ONE_SHARD, "It locks rows and has LIMIT or OFFSET: which rows it would lock "
										   "depends on all shards.");
	if (query->sortClause)
		return reason_make(HINT_ONE_SHARD, "It locks rows in an order over several shards.");
	return NULL;
}

/* Key and id columns stay as they are: another value would mean another shard. */
const Reason *
plan_modify_check_assignments(const Query *query, const TableInfo *table)
{
	ListCell   *lc;

	if (query->commandType != CMD_UPDATE)
		return NULL;
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk && table_routes_by(table, tle->resno))
			return reason_make("Delete the rows and insert them again with the new value.",
							   "It assigns to column \"%s\" of \"%s\", which says in which shard a row lies.",
							   get_attname(table->relid, tle->resno, false), get_rel_name(table->relid));
	}
	return NULL;
}

const Reason *
plan_modify_check_positions(const PlanInput *input)
{
	const char *column = query_position_column(input->run_query);

	if (column != NULL)
		return reason_make("Give the shard key in WHERE, or use the primary key.",
						   "It uses column \"%s\", which means another row in each shard.", column);
	return NULL;
}

/*
 * Subqueries, also those that policies add, may read reference tables, and of
 * sharded ones what lies in the shard of the row. The table's own entry is
 * looked at apart, hence the copy without it.
 */
static const Reason *
check_subqueries(Query *query, Index rtindex, bool has_home)
{
	Query	   *copy = copyObject(query);
	RangeTblEntry *rte = rt_fetch(rtindex, copy->rtable);

	rte->rtekind = RTE_RESULT;
	if (!reads_only_reference_tables((Node *) copy) && (has_home || !query_lies_with(query, rtindex)))
		return reason_make(HINT_ONE_SHARD, "It has a subquery over a table that is not a reference table.");
	return NULL;
}

static const Reason *
check_statement(const PlanInput *input, Index rtindex)
{
	Query	   *query = input->run_query;
	const TableInfo *table = NULL;
	const Reason *reason;

	if (input->text_query == NULL)
		return reason_make(HINT_ONE_SHARD, "It comes from a rule or a function body whose text is not at hand.");
	if ((reason = check_no_joins(query)) != NULL)
		return reason;
	if (rtindex > 0)
		table = query_sharded_table(rt_fetch(rtindex, query->rtable));
	if (table == NULL)
		return reason_make(HINT_ONE_SHARD, "It is not a plain statement over one sharded table.");
	if (query->commandType == CMD_SELECT && (reason = check_select_shape(query)) != NULL)
		return reason;
	if (contain_volatile_functions((Node *) query))
		return reason_make("Compute the value first and pass it as a parameter.",
						   "It uses volatile functions, which only this node may evaluate.");
	if ((reason = plan_modify_check_assignments(query, table)) != NULL)
		return reason;
	if (query->commandType != CMD_SELECT && list_length(input->shards->keys) != 1 &&
		(reason = plan_modify_check_positions(input)) != NULL)
		return reason;
	if (!row_codec_takes(query->commandType == CMD_SELECT ? query->targetList : query->returningList))
		return reason_make(HINT_ONE_SHARD, "It returns rows of no named type, which are made here.");
	if ((reason = check_subqueries(query, rtindex, input->shards->has_home)) != NULL)
		return reason;
	return shippable_check_query(query);
}

static List *
shard_keys_of(const Query *query, Index rtindex)
{
	Oid			relid = rt_fetch(rtindex, query->rtable)->relid;
	/* what is made here is evaluated as it is: not before it is simplified */
	List	   *quals = make_ands_implicit((Expr *) eval_const_expressions(NULL, query->jointree->quals));
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, relation_shard_keys(table_info(relid), rtindex, quals))
	{
		ShardKey   *key = (ShardKey *) lfirst(lc);
		FanoutKey  *out = palloc(sizeof(FanoutKey));

		out->relid = key->relid;
		out->exprs = key->exprs;
		result = lappend(result, out);
	}
	return result;
}

PlannedStmt *
plan_modify(const PlanInput *input, const Reason **reason)
{
	Query	   *query = input->run_query;
	Index		rtindex = fragment_table(query);
	FanoutParts parts = {0};
	const ShardSql *sql;
	bool		for_this_role;
	PlannedStmt *plan;

	*reason = check_statement(input, rtindex);
	if (*reason != NULL)
		return NULL;
	sql = shard_sql_make(copyObject(text_query_of_write(query, input->text_query, &for_this_role)), false, reason);
	if (sql == NULL)
		return NULL;

	parts.command = query->commandType;
	parts.shell = rt_fetch(rtindex, query->rtable)->relid;
	parts.writes = true;
	parts.target_list = query->commandType == CMD_SELECT ? query->targetList : query->returningList;
	parts.run_query = copyObject(query);
	parts.query_string = input->query_string;
	parts.remote_sql = sql->text;
	parts.remote_params = sql->params;
	parts.shard_keys = shard_keys_of(query, rtindex);
	plan = planned_statement_make(query, (Plan *) scan_fanout_make(&parts), input->cursor_options);
	plan->dependsOnRole |= for_this_role;
	return plan;
}
