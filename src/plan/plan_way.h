/*
 * plan_way.h
 *	  One way to plan a statement: a step of the cascade in plan_cascade.c.
 *
 * A way returns a PlannedStmt, or NULL and the Reason why it cannot. No way
 * modifies the queries of its input.
 */
#ifndef SHARDEXT_PLAN_WAY_H
#define SHARDEXT_PLAN_WAY_H

#include "postgres.h"
#include "base/errors.h"
#include "base/statement_note.h"
#include "nodes/params.h"
#include "nodes/plannodes.h"
#include "plan/shard_quals.h"

typedef struct PlanInput
{
	Query	   *run_query;		/* rewritten */
	Query	   *text_query;		/* before rewriting; NULL if not carried */
	const char *query_string;
	int			cursor_options;
	ParamListInfo params;		/* bound parameters of a custom plan, or NULL */
	const QueryShards *shards;	/* of run_query */
	StatementNote note;			/* of query_string */
	bool		reads_ctid;		/* of a sharded table, which is to say the shard as well */
} PlanInput;

typedef PlannedStmt *(*PlanWay) (const PlanInput *input, const Reason **reason);

#endif
