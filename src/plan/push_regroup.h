/*
 * push_regroup.h
 *	  Groups and windows that reach over shards, carried out on rows that have
 *	  been divided by what they are grouped by.
 */
#ifndef SHARDEXT_PUSH_REGROUP_H
#define SHARDEXT_PUSH_REGROUP_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "plan/push_colocate.h"

/*
 * query: a SELECT that refers to nothing outside; lie_together: there is a way to have the rows that it combines in
 * the shards. Where its groups, DISTINCT aggregates or windows, or those of the only sub-SELECT that it reads, can be
 * had whole by dividing the rows below them among the nodes, and that costs less than fetching these rows: changed in
 * place, its colocation filled in, what it needs appended to *inputs (see push_broadcast.h). False: it cannot be, or
 * does not pay; the query may have been changed nevertheless.
 */
extern bool push_regroup(Query *query, bool lie_together, int *next_param, List **inputs, Colocation *colocation);

#endif
