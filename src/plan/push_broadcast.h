/*
 * push_broadcast.h
 *	  Makes a query level colocated: what lies elsewhere, and is small, is sent
 *	  along with the fragment.
 */
#ifndef SHARDEXT_PUSH_BROADCAST_H
#define SHARDEXT_PUSH_BROADCAST_H

#include "postgres.h"

#include "base/errors.h"
#include "nodes/parsenodes.h"

/*
 * query: a SELECT that push_find_colocation has said no to and that refers to
 * nothing outside; changed in place. What it then needs is appended to *inputs:
 * SubLinks of kind EXPR, to be evaluated on this node, for which the
 * parameters (PARAM_EXTERN) numbered subLinkId stand; *next_param is the first free number. Or
 * the Reason why not, and the query may have been changed nevertheless.
 */
extern const Reason *push_broadcast(Query *query, int *next_param, List **inputs);

/*
 * What it costs, in rows fetched by this node, to bring together the tables of a sub-SELECT whose rows are to be laid
 * out; negative: it cannot be done in one stage, or does not pay.
 */
extern double push_cost_to_lay_out(const Query *rows);

/* One more input: the query's value. The parameter of that number, which stands for packed rows or where they lie. */
extern Node *push_add_input(List **inputs, int id, Query *query);

/* .. which stands for the only column of the only row as it is. */
extern Node *push_add_value(List **inputs, int id, Query *query);

/* In an expression of the level above the fragment: parameters become the sub-SELECTs again. */
extern Node *push_broadcast_restore(Node *node, List *inputs);

/* The inputs whose parameters the fragment uses. */
extern List *push_broadcast_used(Query *fragment, List *inputs);

#endif
