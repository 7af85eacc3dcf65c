/*
 * query_make.h
 *	  Pieces of Querys that are made rather than parsed.
 */
#ifndef SHARDEXT_QUERY_MAKE_H
#define SHARDEXT_QUERY_MAKE_H

#include "postgres.h"
#include "nodes/parsenodes.h"
#include "nodes/primnodes.h"

/* A constant for LIMIT; a reference to an entry in FROM; an entry for a sub-SELECT, whose columns have names. */
extern Node *query_make_count(int64 rows);
extern Node *query_make_ref(Index rtindex);
extern RangeTblEntry *query_make_entry(const char *name, Query *query);

/* A WITH clause, materialized; an entry for it, in a level that is so far below. */
extern CommonTableExpr *query_make_cte(const char *name, Query *query);
extern RangeTblEntry *query_make_cte_entry(CommonTableExpr *cte, Index levels_up);

/* SELECT all columns, which are those of like, FROM the entry [WHERE condition, which has a sub-SELECT]. */
extern Query *query_select_from(RangeTblEntry *rte, const Query *like);
extern Query *query_select_if(RangeTblEntry *rte, const Query *like, Expr *condition);

/* (SELECT count(*) FROM cte) < rows, in a level that is so far below the WITH clause. */
extern Expr *query_are_fewer(CommonTableExpr *cte, int64 rows, Index level);

extern Query *query_union_of(Query *left, Query *right);

/* The type of arrays of such values, InvalidOid: none; ARRAY(select); left operator ANY (array). */
extern Oid	query_array_type(Oid type);
extern SubLink *query_array_of(Query *select);
extern Node *query_any_of(Oid operator, Oid collation, Node *left, Node *array);

#endif
