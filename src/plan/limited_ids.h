/*
 * limited_ids.h
 *	  UPDATE and DELETE of a few rows that a sub-SELECT names.
 */
#ifndef SHARDEXT_LIMITED_IDS_H
#define SHARDEXT_LIMITED_IDS_H

#include "postgres.h"
#include "nodes/params.h"
#include "nodes/parsenodes.h"

/*
 * Conditions on the table written that say the same, or follow from what the statement says, and that a scan of its
 * shards can use: column = ANY (ARRAY(SELECT ..)). The query is changed in place.
 */
extern void limited_ids_add(Query *query, ParamListInfo params);

/* The same for sharded tables of which outer joins of a SELECT look up rows. */
extern void limited_ids_add_to_joins(Query *query, ParamListInfo params);

#endif
