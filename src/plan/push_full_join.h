/*
 * push_full_join.h
 *	  FULL JOINs that the shards can carry out.
 */
#ifndef SHARDEXT_PUSH_FULL_JOIN_H
#define SHARDEXT_PUSH_FULL_JOIN_H

#include "postgres.h"

#include "nodes/parsenodes.h"

/*
 * If FROM is nothing but FULL JOINs, of entries that are all joined by one column each: these columns (of Var *), in
 * the order of FROM. They are of types whose equal values have equal hashes. NIL: it is something else.
 */
extern List *full_join_keys(const Query *query);

/* Is the expression COALESCE of all of these columns: the value that a joined row's keys have? */
extern bool full_join_is_merged_key(const Query *query, const List *keys, Node *expr);

/* What the entries give (of PushUnit *), to be divided by the keys. False: it cannot be. */
extern bool full_join_units(Query *query, List **units);

#endif
