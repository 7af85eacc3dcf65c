/*
 * push_page.h
 *	  The rows of a page before what is computed for each of them.
 */
#ifndef SHARDEXT_PUSH_PAGE_H
#define SHARDEXT_PUSH_PAGE_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/* Puts the rows of a level with a LIMIT below its sub-SELECTs, if it has such that the rows do not depend on. */
extern void push_page(Query *query);

#endif
