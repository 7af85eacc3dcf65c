/*
 * copy_check.h
 *	  Before COPY FROM begins: rights, options, the WHERE clause.
 */
#ifndef SHARDEXT_COPY_CHECK_H
#define SHARDEXT_COPY_CHECK_H

#include "postgres.h"
#include "copy/copy_input.h"
#include "parser/parse_node.h"

/* ERROR unless the user may read the statement's server file or program. */
extern void copy_check_server_file(const CopyStmt *stmt);

/* ERROR SX003 for options that sharded and reference tables do not have. */
extern void copy_check_options(const CopyStmt *stmt, Relation table);

/* ERROR unless the user may insert into the columns and read those of WHERE, and no row security stands in the way. */
extern void copy_check_rights(ParseState *pstate, ParseNamespaceItem *nsitem, const CopyStmt *stmt, Relation table);

/* COPY ... WHERE, transformed: an implicitly-ANDed list, NULL if there is none. */
extern Node *copy_check_where(ParseState *pstate, ParseNamespaceItem *nsitem, const CopyStmt *stmt, Relation table);

/* ERROR SX003 if WHERE needs ids that only the owner makes. */
extern void copy_check_where_on_ids(const CopyInput *input, Node *where);

#endif
