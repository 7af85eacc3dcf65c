/*
 * id_generate.h
 *	  One step of making an id: from what is known of a shard and two clocks to
 *	  the next id, or to what has to be done first.
 *
 * Pure. The caller serialises steps of one shard, reads the clocks, makes marks
 * durable, and waits.
 */
#ifndef SHARDEXT_ID_GENERATE_H
#define SHARDEXT_ID_GENERATE_H

#include "postgres.h"

#include "id/id_layout.h"

/* How far a new mark runs ahead of the clock: one flush per shard in this time at most. */
#define ID_MARK_LEAD_MS		3000

/* Ids a shard may make at once after a rest, beyond 1024 in each millisecond. */
#define ID_BURST_TICKS		(16 * ID_TICKS_PER_MS)

/*
 * What is known of a shard's ids, in ticks (id_layout.h). Zeroed memory is a
 * valid start for a shard that never made an id.
 */
typedef struct IdState
{
	int64		last;			/* of the last id made: the next one is higher */
	int64		mark;			/* durable: ids below it may be made */
	int64		paid;			/* monotonic time, in ticks, up to which ids are paid for */
} IdState;

typedef enum IdStep
{
	ID_STEP_MADE,				/* *result is the id */
	ID_STEP_NEED_MARK,			/* make the mark *result durable, put it into the state, try again */
	ID_STEP_WAIT,				/* too fast: wait *result microseconds, try again */
	ID_STEP_EXHAUSTED			/* the layout has no more ids for this shard */
} IdStep;

/*
 * wall_ms: milliseconds since the epoch by the wall clock (0 if before it);
 * monotonic_us: microseconds of a clock that never steps.
 */
extern IdStep id_generate_step(IdState *state, int shard, int64 wall_ms, int64 monotonic_us, int64 *result);

/* A mark that leads enough for ids from tick on. */
extern int64 id_generate_mark_for(int64 tick, int64 wall_ms);

/* Forget nothing below mark: what was durable when the state was lost, or what the last owner told. */
extern void id_generate_start_from(IdState *state, int64 mark);

#endif
