/*
 * sub_conditions.h
 *	  Conditions on a sub-SELECT of FROM that may be asked of the rows it is made of.
 */
#ifndef SHARDEXT_SUB_CONDITIONS_H
#define SHARDEXT_SUB_CONDITIONS_H

#include "postgres.h"

#include "nodes/parsenodes.h"

/* Could the sub-SELECT, the entry of that number, be asked for those of its rows only that meet such an equality? */
extern bool sub_takes_equality(const RangeTblEntry *rte, Index varno, const Node *equality);

/* Ask it, by the same operator: column = ANY (ARRAY(SELECT ..)). */
extern void sub_add_condition(RangeTblEntry *rte, Index varno, ScalarArrayOpExpr *condition);

#endif
