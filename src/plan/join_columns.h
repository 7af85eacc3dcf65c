/*
 * join_columns.h
 *	  The columns of joins in FROM, when tables under them become something else.
 */
#ifndef SHARDEXT_JOIN_COLUMNS_H
#define SHARDEXT_JOIN_COLUMNS_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/*
 * After tables in FROM of query, and of queries in it, were replaced by functions with other columns (dropped ones are
 * real there): all joins over one get the columns of what they join. Their own names go; what referred to columns of
 * joins refers to those of tables. Leaves joins alone that are as they should be.
 */
extern void join_columns_renew(Query *query);

#endif
