/*
 * route_hash.h
 *	  The 64-bit hash of a key, for the guard of strategy "hash".
 */
#ifndef SHARDEXT_ROUTE_HASH_H
#define SHARDEXT_ROUTE_HASH_H

#include "route/route.h"

/*
 * The hash of a whole key, moved into the range of a signed bigint so that the
 * order of unsigned hashes is kept. Shard s of 2^k owns the s-th of 2^k equal
 * ranges of it.
 */
extern int64 route_hash_key(int nkeys, const Datum *values, FmgrInfo *procs);

/* The procs of a key of these types, allocated in mcxt; why there are none (a full sentence), NULL if it went well. */
extern const char *route_hash_guard_procs(int nkeys, const Oid *types, FmgrInfo *procs, MemoryContext mcxt);

/* The guard as SQL knows it: is low <= hash(key) <= high? */
extern Datum shardext_internal_hash_in_range(PG_FUNCTION_ARGS);

#endif
