/*
 * forwarded_text.h
 *	  The names of a statement that another node has sent.
 */
#ifndef SHARDEXT_FORWARDED_TEXT_H
#define SHARDEXT_FORWARDED_TEXT_H

#include "postgres.h"
#include "nodes/parsenodes.h"
#include "parser/parse_node.h"

/*
 * For post_parse_analyze_hook: *query becomes what its sender meant, if it is
 * the statement of this session's client and the client is a node.
 */
extern void forwarded_text_analyze(ParseState *pstate, Query *query);

#endif
