/*
 * route_hash.h
 *	  The 64-bit hash of a key, for the guard function of strategy "hash".
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

#endif
