/*
 * push_page.h
 *	  The rows of a page before what is computed for each of them.
 */
#ifndef SHARDEXT_PUSH_PAGE_H
#define SHARDEXT_PUSH_PAGE_H

#include "postgres.h"
#include "nodes/parsenodes.h"

#include "base/errors.h"

/*
 * Puts the rows of a level with a LIMIT below what of its target list shards cannot compute: functions, and if
 * sublinks_stay sub-SELECTs. False: there is nothing of that kind, or it decides which rows there are.
 * *why: of a function, or NULL.
 */
extern bool push_page(Query *query, bool sublinks_stay, const Reason **why);

#endif
