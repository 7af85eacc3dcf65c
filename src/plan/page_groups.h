/*
 * page_groups.h
 *	  Groups of joined rows that each belong to one row of a table.
 */
#ifndef SHARDEXT_PAGE_GROUPS_H
#define SHARDEXT_PAGE_GROUPS_H

#include "postgres.h"

#include "nodes/parsenodes.h"

/* The table to whose rows the groups belong, each to one, and each row has one at least; 0: there is none. */
extern Index page_entry_of_groups(const Query *query);

/* Are there aggregates in ORDER BY? */
extern bool page_sorts_by_aggregates(const Query *query);

#endif
