/*
 * text_defaults.h
 *	  Defaults that only the coordinator may compute, in the text of a statement.
 */
#ifndef SHARDEXT_TEXT_DEFAULTS_H
#define SHARDEXT_TEXT_DEFAULTS_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/*
 * Puts the expressions of stable defaults (now(), a user's stable function) into
 * text_query, from run_query, which is the same statement rewritten: for DEFAULT
 * in UPDATE, ON CONFLICT and MERGE, and for what an INSERT of MERGE or of a WITH
 * clause leaves out. text_query is changed; that of a SELECT is not looked at if
 * its WITH clauses only read.
 */
extern void text_defaults_fill(Query *text_query, const Query *run_query);

/* The same for what an INSERT .. SELECT that is the statement itself leaves out; text_query is a copy of one's own. */
extern void text_defaults_fill_insert(Query *text_query, const Query *run_query);

#endif
