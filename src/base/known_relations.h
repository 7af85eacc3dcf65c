/*
 * known_relations.h
 *	  Facts about relations, kept in the backend until they may have changed.
 */
#ifndef SHARDEXT_KNOWN_RELATIONS_H
#define SHARDEXT_KNOWN_RELATIONS_H

#include "postgres.h"
#include "utils/hsearch.h"

/* What each entry begins with. */
typedef struct KnownRelation
{
	Oid			relid;			/* hash key */
	bool		valid;			/* set by who keeps the facts before he looks: what arrives from there on counts */
} KnownRelation;

/* All that is known of one kind. A static variable, with name and size of the entries set. */
typedef struct KnownRelations
{
	const char *name;
	Size		entry_size;
	HTAB	   *entries;
} KnownRelations;

/* The entry of a relation, which is made if there is none: zeroes. An invalidation of the relation makes it invalid. */
extern void *known_relation(KnownRelations *known, Oid relid);

/* Something else that the facts rest on has changed. */
extern void known_relations_forget(KnownRelations *known);

#endif
