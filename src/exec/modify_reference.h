/*
 * modify_reference.h
 *	  Custom Scan (Reference Modify): one statement on every copy of a reference
 *	  table.
 */
#ifndef SHARDEXT_MODIFY_REFERENCE_H
#define SHARDEXT_MODIFY_REFERENCE_H

#include "postgres.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"

typedef struct ReferenceParts
{
	Oid			table;
	List	   *target_list;	/* RETURNING, or NIL */
	Query	   *run_query;		/* for this node's copy */
	const char *query_string;
	const char *remote_sql;		/* NULL: this node's copy only (sent by another node) */
	List	   *remote_params;	/* expressions evaluated here, $1.. of remote_sql */
} ReferenceParts;

extern CustomScan *modify_reference_make(const ReferenceParts *parts);
extern void modify_reference_preload(void);

#endif
