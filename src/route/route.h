/*
 * route.h
 *	  A strategy is a function shard key -> logical shard. Pure: no catalog
 *	  tables of ours, no SPI, no libpq (PostgreSQL's type cache apart).
 *
 * A new strategy is one file with one Strategy and one line in route_key.c.
 */
#ifndef SHARDEXT_ROUTE_H
#define SHARDEXT_ROUTE_H

#include "postgres.h"
#include "fmgr.h"

#define ROUTE_MAX_KEYS	8
#define ROUTE_NO_SHARD	(-1)
#define ROUTE_MAX_SHARDS 8192

struct RouteSpec;

typedef struct Strategy
{
	const char *name;			/* "id", "hash" */
	bool		immutable;		/* a CHECK guard may be built from it */

	/* NULL if a key of these types can be used, else why not (a full sentence for DETAIL). */
	const char *(*check_key) (int nkeys, const Oid *types, const Oid *collations);

	/*
	 * Fill proc so that shard() accepts a value of this type in place of key
	 * keyno's; false if equal values of the two types may lie in different
	 * shards. Also called, with the key's own type, to make the spec itself.
	 */
	bool		(*make_proc) (const struct RouteSpec *spec, int keyno, Oid type, FmgrInfo *proc, MemoryContext mcxt);

	/*
	 * The shard, never ROUTE_NO_SHARD. Values are never NULL; procs are those
	 * of make_proc for the values' types. ERROR 22023 for a value outside the
	 * strategy's domain.
	 */
	int			(*shard) (const struct RouteSpec *spec, const Datum *values, FmgrInfo *procs);

	/*
	 * SQL text of a boolean expression that holds exactly for the keys of this
	 * shard, columns already quoted by the caller; NULL if there is none.
	 */
	char	   *(*guard) (const struct RouteSpec *spec, int shard, const char **columns);
} Strategy;

typedef struct RouteSpec
{
	const Strategy *strategy;
	int			shard_count;	/* 2^k */
	int			nkeys;
	Oid			types[ROUTE_MAX_KEYS];	/* base types: domains are looked through */
	Oid			collations[ROUTE_MAX_KEYS];
	FmgrInfo	hash_procs[ROUTE_MAX_KEYS]; /* hash: extended hash function of the type; id: unset */
} RouteSpec;

extern const Strategy strategy_id;
extern const Strategy strategy_hash;

extern const Strategy *strategy_lookup(const char *name);	/* NULL if unknown */
extern const char *strategy_names(void);	/* "id, hash" for hints */

/* Fill a spec; the caller has verified check_key. FmgrInfos live in mcxt. */
extern void route_spec_make(RouteSpec *spec, const Strategy *strategy, int shard_count, int nkeys,
							const Oid *types, const Oid *collations, MemoryContext mcxt);

extern int	route_shard(const RouteSpec *spec, const Datum *values);

/*
 * May a value of another type (the constant side of "key = value") be hashed
 * in place of the key's type? True for the same type and for types of the same
 * hash opfamily (int2/int4/int8, ...); *proc then hashes it.
 */
extern bool route_type_compatible(const RouteSpec *spec, int keyno, Oid type, FmgrInfo *proc, MemoryContext mcxt);

/* Are values of this (base) type OIDs of objects, which are shown by name? They differ from node to node. */
extern bool route_type_names_objects(Oid type);

/* route_shard with procs of the values' own types, as given by route_type_compatible. */
extern int	route_shard_typed(const RouteSpec *spec, const Datum *values, FmgrInfo *procs);

/* The same, but ROUTE_NO_SHARD instead of the error for a value that is no key of any row. */
extern int	route_shard_or_none(const RouteSpec *spec, const Datum *values, FmgrInfo *procs);

/* Equal values of the two keys imply the same shard. */
extern bool route_specs_colocated(const RouteSpec *a, const RouteSpec *b);

/* Number of bits of a shard number, log2 of shard_count. */
extern int	route_shard_bits(int shard_count);

#endif
