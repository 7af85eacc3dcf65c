/*
 * text_query.h
 *	  The Query as it was before rewriting, carried to the planner: the text for
 *	  other nodes is made from it (a rewritten one has lost its views and, for
 *	  DML, the order of its assignments).
 */
#ifndef SHARDEXT_TEXT_QUERY_H
#define SHARDEXT_TEXT_QUERY_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/* Attach a copy of query to itself, or a mark: an unreferenced entry of its range table holds it. */
extern void text_query_attach(Query *query);

/*
 * The copy that text_query_attach made, or NULL; it is taken out of query. It
 * gets the defaults that only this node may compute (text_defaults.h). A
 * SELECT that rewriting cannot have changed is its own text: what is returned is
 * query itself. Not to be modified.
 */
extern Query *text_query_take(Query *query);

/*
 * A text that names no views, for nodes that may not have them, made from the
 * rewritten Query. NULL if it names no view, or one that gives its user other
 * rights than the current user has, or one whose text cannot be told
 * (text_write.h); such a text is good for the current user only.
 */
extern Query *text_query_without_views(Query *run_query);

/*
 * A text for a SELECT that has been rewritten, views expanded and policies
 * taken out; NULL if it reads anything with other rights than the current user's.
 */
extern Query *text_query_of_rewritten(Query *run_query);

/*
 * Does the text of a write, or of one in its WITH clause, say so by a view that has to be there, too? Other nodes may
 * not have it: views that are
 * made after their tables were sharded stay where they were made.
 */
extern bool text_query_writes_view(Query *run_query, const Query *text_query);

/*
 * The text of a write for other nodes: without views, if there is such a one (*for_this_role is set then), else
 * text_query, which may be NULL.
 */
extern Query *text_query_of_write(Query *run_query, Query *text_query, bool *for_this_role);

#endif
