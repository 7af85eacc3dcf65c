/*
 * modify_rows.h
 *	  Custom Scan (Shard Modify): rows of a child plan, each changed or deleted
 *	  in its shard by its ctid.
 */
#ifndef SHARDEXT_MODIFY_ROWS_H
#define SHARDEXT_MODIFY_ROWS_H

#include "exec/insert_shards.h"

typedef struct ModifyParts
{
	InsertForm	form;
	Plan	   *child;			/* yields the values of form.attnos (but the ordinal), the shard key, carried; its
								 * rows are locked */
	const char *query_string;
	List	   *carried;		/* Vars of other tables that RETURNING needs */
	List	   *result;			/* RETURNING over form.returned and carried (INDEX_VAR), or NIL */
} ModifyParts;

extern CustomScan *modify_rows_make(const ModifyParts *parts);
extern bool modify_rows_is(const Plan *plan);
extern void modify_rows_preload(void);

#endif
