/*
 * text_write.h
 *	  The text of an INSERT, UPDATE or DELETE that has none of its own, made from
 *	  the rewritten Query.
 */
#ifndef SHARDEXT_TEXT_WRITE_H
#define SHARDEXT_TEXT_WRITE_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/*
 * A Query whose text does what run_query does, or NULL if it cannot be told. It
 * names the table that is written, also if run_query came to it through views
 * (has_views): the caller has seen to it that these give no other rights than
 * the current user has. Policies of other tables than that one are still in it.
 */
extern Query *text_write_make(Query *run_query, bool has_views);

#endif
