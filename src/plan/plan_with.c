/*
 * plan_with.c
 *	  WITH clauses that write: each becomes a statement of its own.
 *
 * Steps: take the statement apart (plan/with_split.h); plan each part by the
 * cascade, as if the client had sent it; put the Shard With on top, which runs
 * them one after the other as one command (exec/with_steps.h).
 */
#include "postgres.h"

#include "nodes/parsenodes.h"

#include "exec/with_steps.h"
#include "plan/plan_cascade.h"
#include "plan/plan_with.h"
#include "plan/planned_statement.h"
#include "plan/text_query.h"
#include "plan/with_split.h"

static PlannedStmt *
plan_part(const PlanInput *input, const WithSplit *split, int i)
{
	PlanInput	part = *input;
	StatementWrites writes = {0};

	part.run_query = with_split_statement(split, input->run_query, i);
	part.text_query = input->text_query != NULL ? with_split_statement(split, input->text_query, i) :
		text_query_take(part.run_query);
	part.cursor_options &= ~CURSOR_OPT_SCROLL;
	part.shards = query_shards(part.run_query, input->params);
	statement_writes_find(part.run_query, &writes);
	return plan_cascade(&part, &writes);
}

PlannedStmt *
plan_with(const PlanInput *input, const Reason **reason)
{
	Query	   *query = input->run_query;
	WithSplit  *split = with_split_make(query);
	WithParts	parts = {0};

	for (int i = 0; i <= split->nclauses; i++)
	{
		bool		is_last = i == split->nclauses;

		if (!is_last && !with_split_is_statement(split, i))
			continue;
		parts.plans = lappend(parts.plans, plan_part(input, split, i));
		parts.names = lappend(parts.names, makeString(pstrdup(is_last ? "" : split->tables[i])));
	}
	parts.counted = list_length(parts.plans) - 1;
	parts.target_list = query->commandType == CMD_SELECT ? query->targetList : query->returningList;
	parts.query_string = input->query_string;
	return planned_statement_make(query, (Plan *) with_steps_make(&parts), input->cursor_options);
}
