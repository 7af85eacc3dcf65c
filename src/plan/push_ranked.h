/*
 * push_ranked.h
 *	  The first rows of each partition, of a sub-SELECT that numbers them.
 */
#ifndef SHARDEXT_PUSH_RANKED_H
#define SHARDEXT_PUSH_RANKED_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "plan/push_level.h"

/*
 * If no more than the first rows of each partition are wanted of the sub-SELECT, entry varno of the query, a part that
 * gives those of each shard is put below it; false: else, and nothing is changed.
 */
extern bool push_ranked(Query *query, Index varno, PushStatement *statement);

/* .. which is all that the query reads. */
extern bool push_ranked_alone(Query *query, PushStatement *statement);

#endif
