/*
 * shard_walk.h
 *	  Gathers the facts of a whole statement: every Query in it, each once.
 */
#ifndef SHARDEXT_SHARD_WALK_H
#define SHARDEXT_SHARD_WALK_H

#include "postgres.h"

#include "base/errors.h"
#include "plan/shard_facts.h"

typedef struct StatementWalk
{
	ShardFacts	facts;
	ParamListInfo params;

	/* the statement's own level */
	QueryFrame *frame;
	FactScope  *scope;

	/* what the statement touches */
	bool		has_reference;
	bool		has_home;
	List	   *writes;			/* of WrittenTable *: sharded tables written */
	const Reason *blocked;		/* cannot be a router statement, whatever the facts; NULL */

	/* bookkeeping of the walk */
	List	   *done_sublinks;
	List	   *done_ctes;		/* of WalkedCte * (shard_walk.c) */
} StatementWalk;

/* A sharded table that a Query of the statement writes. */
typedef struct WrittenTable
{
	QueryFrame *frame;			/* whose resultRelation it is */
	Occurrence *occurrence;
	FactScope  *source;			/* facts of the rows that INSERT, UPDATE or MERGE computes new values from */
	bool		free;			/* INSERT of one row whose key is left to the owner's next_id() */
} WrittenTable;

extern void statement_walk(StatementWalk *walk, Query *query, ParamListInfo params);

#endif
