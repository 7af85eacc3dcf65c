/*
 * id_layout_test.c
 *	  An id gives back what it was made of, over the whole range of the layout.
 */
#include "unit.h"

#include "id/id_layout.h"

static void
round_trip(void)
{
	bool		same = true;
	bool		not_negative = true;
	bool		bits = true;
	bool		ticks = true;

	for (int i = 0; i < 1000000; i++)
	{
		int64		ms = unit_between(0, ID_MS_MAX);
		int			shard = (int) unit_between(0, ID_SHARD_MAX);
		int			sequence = (int) unit_between(0, ID_SEQUENCE_MAX);
		int64		id = id_layout_compose(ms, shard, sequence);

		same = same && id_layout_ms(id) == ms && id_layout_shard(id) == shard && id_layout_sequence(id) == sequence;
		not_negative = not_negative && id >= 0;
		bits = bits && ((id >> 10) & 8191) == shard && (id & 1023) == sequence && (id >> 23) == ms;
		ticks = ticks && id_layout_from_tick(id_layout_tick(id), shard) == id;
	}
	check(same, "time, shard and sequence come out as they went in");
	check(not_negative, "no id is negative");
	check(bits, "the shard lies in bits 10 to 22");
	check(ticks, "an id is its tick and its shard");
}

static void
order(void)
{
	bool		grows = true;

	for (int i = 0; i < 1000000; i++)
	{
		int64		tick = unit_between(0, ID_TICK_MAX - 1);
		int			shard = (int) unit_between(0, ID_SHARD_MAX);

		grows = grows && id_layout_from_tick(tick, shard) < id_layout_from_tick(tick + 1, shard);
	}
	check(grows, "ids of one shard grow with the tick");
	check(id_layout_from_tick(ID_TICK_MAX, ID_SHARD_MAX) == PG_INT64_MAX, "the last id is the greatest bigint");
	check(id_layout_from_tick(0, 0) == 0, "the first id is 0");
}

static void
time_limits(void)
{
	int64		epoch = INT64CONST(800000000000000);
	int64		end = id_layout_end_us(epoch);
	int64		ms;

	check(id_layout_ms_since(epoch, epoch, &ms) == ID_MS_OK && ms == 0, "the epoch is millisecond 0");
	check(id_layout_ms_since(epoch, epoch + 1999, &ms) == ID_MS_OK && ms == 1, "microseconds are cut off");
	check(id_layout_ms_since(epoch, epoch - 1, &ms) == ID_MS_BEFORE_EPOCH, "before the epoch there are no ids");
	check(id_layout_ms_since(epoch, PG_INT64_MIN, &ms) == ID_MS_BEFORE_EPOCH, "-infinity is before the epoch");
	check(id_layout_ms_since(epoch, end - 1, &ms) == ID_MS_OK && ms == ID_MS_MAX, "the last microsecond still has ids");
	check(id_layout_ms_since(epoch, end, &ms) == ID_MS_AFTER_END, "the sign bit is not reached");
	check(id_layout_ms_since(epoch, PG_INT64_MAX, &ms) == ID_MS_AFTER_END, "infinity is after the end");
	check(id_layout_ms_since(-epoch, PG_INT64_MAX - 1, &ms) == ID_MS_AFTER_END, "a difference beyond 64 bits is after the end");
	check(end - epoch == INT64CONST(1099511627776) * 1000, "ids last for 2^40 milliseconds");
}

int
main(void)
{
	round_trip();
	order();
	time_limits();
	return unit_done();
}
