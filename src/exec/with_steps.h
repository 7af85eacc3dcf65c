/*
 * with_steps.h
 *	  Custom Scan (Shard With): a statement carried out as several, one after the
 *	  other, that are one command.
 */
#ifndef SHARDEXT_WITH_STEPS_H
#define SHARDEXT_WITH_STEPS_H

#include "postgres.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"

/* What the planner decided; with_steps_make packs it into copyable nodes. */
typedef struct WithParts
{
	List	   *plans;			/* of PlannedStmt *: the last one gives the result */
	List	   *names;			/* of String *: what later steps call the rows of a step, "*unique* shown"; or "" */
	int			counted;		/* the step whose rows are those of the command tag */
	List	   *target_list;	/* of the result, or NIL */
	const char *query_string;
} WithParts;

extern CustomScan *with_steps_make(const WithParts *parts);
extern void with_steps_preload(void);

#endif
