/*
 * leaf_places.h
 *	  A scan of rows that the statement names by their ctid.
 */
#ifndef SHARDEXT_LEAF_PLACES_H
#define SHARDEXT_LEAF_PLACES_H

#include "postgres.h"
#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"

/*
 * Take those of the clauses that say "ctid = .." or "ctid = ANY (..)" of varno, with what is known when the scan begins
 * (known: parameters of the plan that may be inputs), and return what says the same in the shards.
 */
extern List *leaf_places_take(List **clauses, Index varno, const Bitmapset *known, List **taken);

#endif
