/*
 * id_generate.c
 *	  One step of making an id.
 *
 * The next id of a shard is the one after its last, or the first one of the
 * present millisecond if that is higher. So ids grow whatever the wall clock
 * does: more than 1024 in a millisecond go on in the next ones, and when the
 * clock steps back the shard counts on from its last id.
 *
 * What keeps the ids of a busy shard from running away from the clock is a
 * bucket filled by the monotonic clock, 1024 ids for each millisecond, with
 * room for a small burst. The wall clock is never waited for.
 *
 * No id is made at or above the mark, which is durable before it is used: who
 * starts from the mark after a crash cannot repeat an id.
 */
#include "postgres.h"

#include "id/id_generate.h"

/* 1024 ticks in 1000 us */
static inline int64
ticks_of_us(int64 us)
{
	return (us / 125) * 128 + (us % 125) * 128 / 125;
}

static inline int64
us_of_ticks(int64 ticks)
{
	return (ticks * 125 + 127) / 128;
}

int64
id_generate_mark_for(int64 tick, int64 wall_ms)
{
	int64		from = Max(tick, Min(wall_ms, ID_MS_MAX) << ID_SEQUENCE_BITS);

	return Min(from + (int64) ID_MARK_LEAD_MS * ID_TICKS_PER_MS, ID_TICK_MAX + 1);
}

void
id_generate_start_from(IdState *state, int64 mark)
{
	state->last = Max(state->last, mark - 1);
	state->mark = Max(state->mark, mark);
}

IdStep
id_generate_step(IdState *state, int shard, int64 wall_ms, int64 monotonic_us, int64 *result)
{
	int64		now = ticks_of_us(monotonic_us);
	int64		paid;
	int64		next;

	if (wall_ms > ID_MS_MAX)
		return ID_STEP_EXHAUSTED;
	next = Max(state->last + 1, wall_ms << ID_SEQUENCE_BITS);
	if (next > ID_TICK_MAX)
		return ID_STEP_EXHAUSTED;

	if (next >= state->mark)
	{
		*result = id_generate_mark_for(next, wall_ms);
		return ID_STEP_NEED_MARK;
	}

	/* A monotonic clock that did step (another machine's memory image) must not stop us for long. */
	paid = Min(Max(state->paid, now), now + ID_BURST_TICKS);
	if (paid + 1 - now > ID_BURST_TICKS)
	{
		*result = us_of_ticks(paid + 1 - now - ID_BURST_TICKS);
		state->paid = paid;
		return ID_STEP_WAIT;
	}

	state->paid = paid + 1;
	state->last = next;
	*result = id_layout_from_tick(next, shard);
	return ID_STEP_MADE;
}
