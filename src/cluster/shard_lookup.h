/*
 * shard_lookup.h
 *	  The shard of a key given as SQL arguments of any types.
 */
#ifndef SHARDEXT_SHARD_LOOKUP_H
#define SHARDEXT_SHARD_LOOKUP_H

#include "postgres.h"

/* nvalues values of the shard key of a sharded table, converted to its types; ERROR if they cannot be. */
extern int	shard_lookup(Oid relid, int nvalues, const Datum *values, const Oid *types, const bool *nulls);

#endif
