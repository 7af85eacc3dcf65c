/*
 * index_builds.h
 *	  Notes of indexes that are being built, or dropped, concurrently in the shards.
 */
#ifndef SHARDEXT_INDEX_BUILDS_H
#define SHARDEXT_INDEX_BUILDS_H

#include "postgres.h"
#include "nodes/pg_list.h"

typedef struct IndexBuild
{
	Oid			relid;			/* the shell */
	char	   *index;			/* bare name */
	bool		drops;			/* other nodes' shells may have it as well */
} IndexBuild;

/* All notes of this node, of committed transactions and this one. */
extern List *index_builds(void);

/* The note of this index; NULL: there is none. */
extern const IndexBuild *index_build_noted(Oid relid, const char *index);

/* Write a note (the commit is flushed), or take it back. Part of the transaction. */
extern void index_build_note(Oid relid, const char *index, bool drops);
extern void index_build_forget(Oid relid, const char *index);

/*
 * Whoever builds, or undoes, has this lock: of the session, or (session =
 * false) to the end of the transaction. False if somebody else has it.
 */
extern bool index_build_lock(Oid relid, const char *index, bool session);
extern void index_build_unlock(Oid relid, const char *index);

#endif
