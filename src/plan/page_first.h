/*
 * page_first.h
 *	  ORDER BY .. LIMIT over joins: the rows of the page are found before they are joined.
 */
#ifndef SHARDEXT_PAGE_FIRST_H
#define SHARDEXT_PAGE_FIRST_H

#include "postgres.h"
#include "nodes/params.h"
#include "nodes/parsenodes.h"

/* Changes a SELECT in place, if a page of one side of its joins is enough; else false, and nothing is changed. */
extern bool page_first(Query *query, ParamListInfo params);

#endif
