/*
 * shard_scope.h
 *	  What is special while a plan over the shard tables of one shard runs: the
 *	  ids it makes, the errors it raises.
 */
#ifndef SHARDEXT_SHARD_SCOPE_H
#define SHARDEXT_SHARD_SCOPE_H

#include "postgres.h"
#include "base/pg_compat.h"
#include "catalog/id_maker.h"

/* next_id() makes ids of this shard from now on. The caller has saved id_context, and restores it. */
static inline void
shard_scope_enter(int shard)
{
	id_context = (IdContext)
	{
		.shard = shard, .defer = false
	};
}

/*
 * In PG_CATCH: throw the error on; if it names a table in the shard's schema,
 * the schema of the shell. Copies what it needs into context. A negative shard
 * stands for none.
 */
pg_noreturn extern void shard_scope_rethrow(int shard, MemoryContext context);

#endif
