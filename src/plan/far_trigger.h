/*
 * far_trigger.h
 *	  Triggers that read or write more than the shard of their row.
 */
#ifndef SHARDEXT_FAR_TRIGGER_H
#define SHARDEXT_FAR_TRIGGER_H

#include "postgres.h"
#include "catalog/table_map.h"
#include "nodes/parsenodes.h"

/*
 * Does the write fire a trigger of the user's that may need rows that are not in the shard of the row it fires for, or
 * may give that row another shard? What the answer was read from is added to inval_items (of PlanInvalItem *).
 */
extern bool far_trigger_fires(const Query *write, const TableInfo *table, List **inval_items);

/* Does it fire a trigger of the user's FOR EACH STATEMENT? In each shard that would be more than once, for some of the rows. */
extern bool far_trigger_is_for_statement(const Query *write, const TableInfo *table);

#endif
