/*
 * deparsed.h
 *	  Texts that have been made of Queries in this backend.
 */
#ifndef SHARDEXT_DEPARSED_H
#define SHARDEXT_DEPARSED_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/*
 * What deparse makes of the Query; from memory if it has made it of an equal one
 * before and nothing that has a name has changed since. palloc'd. The Query's
 * place in its string is cleared, as it does not count.
 */
extern char *deparsed_text(Query *query, char *(*deparse) (Query *query));

#endif
