/*
 * plan_forwarded.h
 *	  What another node sends with a note: a statement over exactly these
 *	  shards, or over this node's copy of a reference table.
 */
#ifndef SHARDEXT_PLAN_FORWARDED_H
#define SHARDEXT_PLAN_FORWARDED_H

#include "plan/plan_way.h"

/*
 * For input->note.kind NOTE_SHARDS, NOTE_ROWS and NOTE_REFERENCE (a forwarded session).
 * Never NULL without a reason; the reason is to be raised, there is no other way.
 */
extern PlannedStmt *plan_forwarded(const PlanInput *input, const Reason **reason);

/*
 * ERROR SX004 if a statement that another node has sent to a database that is no
 * node (any more) names a table: it is not the one meant.
 */
extern void forwarded_refuse_outside_of_cluster(const Query *query);

/* Does it read rows that nodes send to each other (and perhaps no table at all)? */
extern bool forwarded_reads_exchange(Query *query);

#endif
