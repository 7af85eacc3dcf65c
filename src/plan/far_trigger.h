/*
 * far_trigger.h
 *	  Triggers that read or write more than the shard of their row.
 */
#ifndef SHARDEXT_FAR_TRIGGER_H
#define SHARDEXT_FAR_TRIGGER_H

#include "postgres.h"
#include "catalog/table_map.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"

/* What an answer was read from. */
typedef struct TriggerTexts
{
	List	   *functions;		/* of PlanInvalItem * */
	List	   *tables;			/* OIDs: those that the functions name */
} TriggerTexts;

/*
 * Does the write fire a trigger of the user's that may need rows that are not in the shard of the row it fires for, or
 * may give that row another shard? What the answer was read from is added to texts.
 */
extern bool far_trigger_fires(const Query *write, const TableInfo *table, TriggerTexts *texts);

/*
 * .. or does an action of a foreign key that refers to the table (ON DELETE CASCADE and its kin) write rows that fire
 * one? Then the action has to be carried out on the coordinator.
 */
extern bool far_trigger_actions_fire(const Query *write, const TableInfo *table, TriggerTexts *texts);

/* Does it fire a trigger of the user's FOR EACH STATEMENT? It would fire in each shard, for some of the rows. */
extern bool far_trigger_is_for_statement(const Query *write, const TableInfo *table);

/* The plan is to be made again when the answer may be another one. */
extern void far_trigger_add_texts(PlannedStmt *plan, const TriggerTexts *texts);

#endif
