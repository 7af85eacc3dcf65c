/*
 * id_layout.h
 *	  An id is a non-negative bigint: (ms << 23) | (shard << 10) | sequence,
 *	  ms = milliseconds since the epoch of the cluster, 41 bits less the sign:
 *	  40 bits, enough for 34.8 years.
 *
 * Pure: no PostgreSQL function is called, so that unit tests need no server.
 */
#ifndef SHARDEXT_ID_LAYOUT_H
#define SHARDEXT_ID_LAYOUT_H

#include "postgres.h"

#define ID_SEQUENCE_BITS	10
#define ID_SHARD_BITS		13
#define ID_MS_SHIFT			(ID_SEQUENCE_BITS + ID_SHARD_BITS)

#define ID_SEQUENCE_MAX		((1 << ID_SEQUENCE_BITS) - 1)	/* 1023 */
#define ID_SHARD_MAX		((1 << ID_SHARD_BITS) - 1)	/* 8191 */

/* Last millisecond whose ids are not negative. */
#define ID_MS_MAX			((INT64CONST(1) << (63 - ID_MS_SHIFT)) - 1)

/*
 * Ids of one shard counted without gaps: tick = ms * 1024 + sequence. The
 * generator and the marks work in ticks, where "the next id" is tick + 1.
 */
#define ID_TICK_MAX			((ID_MS_MAX << ID_SEQUENCE_BITS) | ID_SEQUENCE_MAX)
#define ID_TICKS_PER_MS		(1 << ID_SEQUENCE_BITS)

static inline int64
id_layout_compose(int64 ms, int shard, int sequence)
{
	Assert(ms >= 0 && ms <= ID_MS_MAX);
	Assert(shard >= 0 && shard <= ID_SHARD_MAX);
	Assert(sequence >= 0 && sequence <= ID_SEQUENCE_MAX);
	return (ms << ID_MS_SHIFT) | ((int64) shard << ID_SEQUENCE_BITS) | sequence;
}

static inline int64
id_layout_ms(int64 id)
{
	return (int64) ((uint64) id >> ID_MS_SHIFT);
}

static inline int
id_layout_shard(int64 id)
{
	return (int) (((uint64) id >> ID_SEQUENCE_BITS) & ID_SHARD_MAX);
}

static inline int
id_layout_sequence(int64 id)
{
	return (int) (id & ID_SEQUENCE_MAX);
}

static inline int64
id_layout_from_tick(int64 tick, int shard)
{
	return id_layout_compose(tick >> ID_SEQUENCE_BITS, shard, (int) (tick & ID_SEQUENCE_MAX));
}

static inline int64
id_layout_tick(int64 id)
{
	return (id_layout_ms(id) << ID_SEQUENCE_BITS) | id_layout_sequence(id);
}

/*
 * Milliseconds from the epoch to at, both in microseconds on one scale
 * (TimestampTz); rounded down. Why the result is not a millisecond of the
 * layout, if it is not.
 */
typedef enum IdMsProblem
{
	ID_MS_OK,
	ID_MS_BEFORE_EPOCH,
	ID_MS_AFTER_END				/* the sign bit would be reached */
} IdMsProblem;

extern IdMsProblem id_layout_ms_since(int64 epoch_us, int64 at_us, int64 *ms);

/* The first microsecond for which there are no more ids. */
extern int64 id_layout_end_us(int64 epoch_us);

#endif
