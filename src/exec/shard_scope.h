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
 * In PG_CATCH: throw the error on; if it names a shard table, with the schema of
 * the shell. Copies what it needs into context.
 */
pg_noreturn extern void shard_scope_rethrow(MemoryContext context);

/*
 * SHARD_SCOPE(shard, makes_ids); { ... } SHARD_SCOPE_END(); runs the block with
 * both: errors are thrown on as above, and if makes_ids, next_id() makes ids of
 * the shard inside. As in PG_TRY, the block must not be left by return or goto.
 */
#define SHARD_SCOPE(shard_, makes_ids_) \
	do \
	{ \
		const MemoryContext scope_context_ = CurrentMemoryContext; \
		const IdContext scope_ids_ = id_context; \
		if (makes_ids_) \
			shard_scope_enter(shard_); \
		PG_TRY()

#define SHARD_SCOPE_END() \
		PG_CATCH(); \
		{ \
			id_context = scope_ids_; \
			shard_scope_rethrow(scope_context_); \
		} \
		PG_END_TRY(); \
		id_context = scope_ids_; \
	} while (0)

#endif
