/*
 * plan_forwarded.c
 *	  What another node sends with a note.
 *
 * NOTE_SHARDS: the whole statement runs in each of exactly these shards, one
 * after the other, rows concatenated. That gives the right answer only when
 * the statement (after rewriting: views, policies) concerns one sharded table
 * once, or besides only rows that lie in the shard of its row, and no table
 * whose rows lie on the coordinator alone. Anything else is refused, although
 * the sender made sure of it: what a policy or view of this node adds is known
 * here only. A SELECT that combines rows (grouping, ORDER BY, LIMIT, ..) is carried
 * out shard by shard and combined here (plan_push_noted): the coordinator gets
 * one result for all shards of this node.
 *
 * NOTE_ROWS: rows of an INSERT, each with its shard (exec/insert_rows.c).
 *
 * NOTE_REFERENCE: this node's copy of a reference table (exec/modify_reference).
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/planner.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "base/errors.h"
#include "exec/scan_fanout.h"
#include "plan/plan_forwarded.h"
#include "plan/plan_insert.h"
#include "plan/plan_insert_select.h"
#include "plan/plan_push.h"
#include "plan/plan_reference.h"
#include "plan/planned_statement.h"
#include "plan/push_colocate.h"
#include "plan/push_exchange.h"
#include "plan/push_split.h"
#include "plan/query_shape.h"

/* Sharded tables of a statement, at all levels. */
typedef struct ShardedUse
{
	int			count;
	Oid			relid;			/* of the last one found */
} ShardedUse;

static bool
count_sharded(Node *node, void *context)
{
	ShardedUse *use = (ShardedUse *) context;

	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		/* "excluded" of ON CONFLICT has another relkind */
		if (rte->relkind == RELKIND_RELATION && query_sharded_table(rte) != NULL)
		{
			use->count++;
			use->relid = rte->relid;
		}
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, count_sharded, context, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, count_sharded, context);
}

/* The sharded table whose rows the statement gives or changes, as an index into the range table; 0: none. */
static Index
main_table(const Query *query)
{
	List	   *from = query->jointree->fromlist;
	Index		rtindex = query->resultRelation;

	if (query->commandType == CMD_SELECT && list_length(from) == 1 && IsA(linitial(from), RangeTblRef))
		rtindex = linitial_node(RangeTblRef, from)->rtindex;
	return rtindex != 0 && query_sharded_table(rt_fetch(rtindex, query->rtable)) != NULL ? rtindex : 0;
}

static bool
writes(const Query *query)
{
	return query->commandType != CMD_SELECT || query->rowMarks != NIL;
}

/* The rows that other nodes have for some shards, and no table that is sharded: carried out once for all of them. */
static PlannedStmt *
plan_noted_exchange(const PlanInput *input)
{
	FanoutParts parts = {0};

	parts.command = CMD_SELECT;
	parts.target_list = input->run_query->targetList;
	parts.run_query = copyObject(input->run_query);
	parts.query_string = input->query_string;
	parts.local_only = true;
	parts.shards = input->note.shards;
	return planned_statement_make(input->run_query, (Plan *) scan_fanout_make(&parts), input->cursor_options);
}

static PlannedStmt *
plan_noted_shards(const PlanInput *input, const Reason **reason)
{
	Query	   *query = input->run_query;
	ShardedUse	use = {0};
	Colocation	colocation;
	FanoutParts parts = {0};

	if (query->commandType == CMD_SELECT && !writes(query) && query_count_shells(query) == 0 &&
		!input->shards->has_home && exchange_is_read(query))
		return plan_noted_exchange(input);
	if (query->commandType == CMD_SELECT && !writes(query) && push_combines_rows(query))
		return plan_push_noted(input, reason);

	(void) count_sharded((Node *) query, &use);
	if (use.count > 1)
	{
		Index		rtindex = main_table(query);

		if (rtindex > 0 && (query->commandType == CMD_INSERT ? insert_select_stays(query) :
							query_lies_with(query, rtindex)))
		{
			use.count = 1;
			use.relid = rt_fetch(rtindex, query->rtable)->relid;
		}
		else if (query->commandType == CMD_SELECT && !writes(query) &&
				 push_find_colocation(query, &colocation) == NULL)
			use.count = 1;
	}
	if (use.count != 1)
	{
		*reason = reason_make(use.count > 1 ? "Look for a policy or view of this table that reads other sharded "
											  "tables." : NULL,
							  use.count > 1 ? "The statement concerns more than one sharded table when it runs "
											  "on this node." :
							  "The statement names shards but concerns no sharded table of this node.");
		return NULL;
	}
	if (input->shards->has_home)
	{
		*reason = reason_make("Make the table that a policy or view of the sharded table reads a reference table.",
							  "The statement reads a table that is neither sharded nor a reference table.");
		return NULL;
	}

	parts.command = query->commandType;
	parts.shell = use.relid;
	parts.writes = writes(query);
	parts.target_list = query->commandType == CMD_SELECT ? query->targetList : query->returningList;
	parts.run_query = copyObject(query);
	parts.query_string = input->query_string;
	parts.local_only = true;
	parts.shards = input->note.shards;
	return planned_statement_make(query, (Plan *) scan_fanout_make(&parts), input->cursor_options);
}

/* A reference table's copy is written, nothing else, by a command that plan_reference sends. */
static PlannedStmt *
plan_noted_reference(const PlanInput *input, const Reason **reason)
{
	const Query *query = input->run_query;
	const TableInfo *table = query->resultRelation == 0 ? NULL :
		table_info(rt_fetch(query->resultRelation, query->rtable)->relid);

	if (table == NULL || table->kind != TABLE_REFERENCE || query->commandType == CMD_MERGE)
	{
		*reason = reason_make(NULL, "The statement does not write a reference table of this node.");
		return NULL;
	}
	return plan_reference(input, reason);
}

/*
 * May plans for shards use parallel workers? PostgreSQL enters parallel mode around the whole statement, where it is
 * executed once; here it does nothing but read what lies on this node.
 */
static PlannedStmt *
allow_workers(const PlanInput *input, PlannedStmt *plan)
{
	Query	   *query = input->run_query;

	if (plan != NULL && max_parallel_workers_per_gather > 0 && (input->cursor_options & CURSOR_OPT_PARALLEL_OK) &&
		query->commandType == CMD_SELECT && !writes(query) && !query->hasModifyingCTE && !input->note.hold &&
		input->note.command == 0 && max_parallel_hazard(query) != PROPARALLEL_UNSAFE)
		plan->parallelModeNeeded = true;
	return plan;
}

PlannedStmt *
plan_forwarded(const PlanInput *input, const Reason **reason)
{
	switch (input->note.kind)
	{
		case NOTE_SHARDS:
			return allow_workers(input, plan_noted_shards(input, reason));
		case NOTE_ROWS:
			return plan_insert_here(input, reason);
		case NOTE_REFERENCE:
			return plan_noted_reference(input, reason);
		case NOTE_NONE:
		case NOTE_DDL:
			break;
	}
	elog(ERROR, "unexpected note of kind %d", (int) input->note.kind);
	return NULL;
}

bool
forwarded_reads_exchange(Query *query)
{
	return exchange_is_read(query);
}

void
forwarded_refuse_outside_of_cluster(const Query *query)
{
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		const RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind != RTE_RELATION || rte->relid < FirstNormalObjectId ||
			get_rel_namespace(rte->relid) == get_namespace_oid("shardext", true))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_SX_CATALOG_MISMATCH),
				 errmsg("database \"%s\" is not a node of a cluster", get_database_name(MyDatabaseId)),
				 errdetail("Another node takes it for one and has sent a statement for table \"%s\".",
						   get_rel_name(rte->relid)),
				 errhint("Remove the node from the cluster.")));
	}
}
