/*
 * plan_cascade.h
 *	  One way of planning after the other, until one takes the statement.
 */
#ifndef SHARDEXT_PLAN_CASCADE_H
#define SHARDEXT_PLAN_CASCADE_H

#include "plan/far_trigger.h"
#include "plan/plan_way.h"

/* What a statement writes, over all its levels. */
typedef struct StatementWrites
{
	bool		sharded;
	bool		reference;
	bool		current_of;		/* WHERE CURRENT OF somewhere */
	bool		by_row;			/* triggers may give rows another shard, or go to other shards: row by row only */
	bool		far_actions;	/* .. since what foreign keys' actions write fires some */
	bool		one_shard;		/* statement triggers: in one shard, or row by row */
	TriggerTexts texts;			/* what was read to know that */
} StatementWrites;

extern void statement_writes_find(Query *query, StatementWrites *writes);

/* The plan of the first way that takes the statement; ERROR SX003 when none does. */
extern PlannedStmt *plan_cascade(const PlanInput *input, const StatementWrites *writes);

/* The plan of a write of the row that a cursor stands on. */
extern PlannedStmt *plan_row_of_cursor(const PlanInput *input, const StatementWrites *writes);

#endif
