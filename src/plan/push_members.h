/*
 * push_members.h
 *	  Some of a level's relations, its members, as a query of their own.
 */
#ifndef SHARDEXT_PUSH_MEMBERS_H
#define SHARDEXT_PUSH_MEMBERS_H

#include "postgres.h"

#include "nodes/parsenodes.h"

/* The inner joins of a level. */
typedef struct Joined
{
	Query	   *query;
	List	   *items;			/* RangeTblRefs, and JoinExprs of outer joins */
	List	   *conditions;
} Joined;

/* Takes apart what stands at that place of FROM. */
extern void push_take_apart(Joined *joined, Node *jtnode);

/* Is the condition on the members alone, and on some of them? */
extern bool push_concerns_only(Node *condition, const Bitmapset *members);

/* Conditions without subqueries that the members can check: of those of joined, by pointer. */
extern List *push_plain_conditions(const Joined *joined, const Bitmapset *members);

/* Is there an equality between a member and the entry? */
extern bool push_is_tied(const Joined *joined, const Bitmapset *members, Index rtindex);

/* Vars of joins become those of the tables: the joins may go then. */
extern void push_flatten_join_vars(Query *query);

/* SELECT of nothing FROM these items, in which the members stand, under conditions. Entries keep their numbers. */
extern Query *push_members_query(const Query *query, const Bitmapset *members, List *items, List *conditions);

/*
 * The query with other joins, where the first of the members stands for all of them; its entry is still to be set.
 * Columns of members that it uses become output columns of the fragment, a query of the members; whole rows of tables
 * only if the caller can do with columns that may have no equality. NULL: they cannot.
 */
extern Query *push_members_replaced(Query *query, const Bitmapset *members, FromExpr *joins, Query *fragment,
									bool rows_too);

/*
 * The level with the members, which joins join under conditions, of those of joined by pointer, as a sub-SELECT that
 * stays one: the first of the members stands for it. items is what is left of FROM. NULL: it cannot be.
 */
extern Query *push_members_stage(const Joined *joined, const Bitmapset *members, List *joins, List *conditions,
								 List *items);

/* Is it a whole row of a table? Where an outer join puts NULLs it is NULL, like each column. */
extern bool push_is_table_row(const Query *query, const Var *var);

/* The entries of the query's joins list the columns that their sides have; nothing is left of joins that are gone. */
extern void push_clean_joins(Query *query);

#endif
