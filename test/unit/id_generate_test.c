/*
 * id_generate_test.c
 *	  Whatever the wall clock does and however often a server crashes, ids of a
 *	  shard grow, none is made at or above the durable mark, and the rate follows
 *	  the monotonic clock.
 */
#include "unit.h"

#include "id/id_generate.h"

/* A server: what it knows, what is on disk, and its clocks. */
typedef struct World
{
	IdState		state;
	int64		durable_mark;
	int64		wall_ms;
	int64		monotonic_us;
	int64		waited_us;
} World;

/* The next id, doing what the steps ask for. */
static IdStep
make(World *world, int shard, int64 *id)
{
	for (;;)
	{
		int64		result = 0;
		IdStep		step = id_generate_step(&world->state, shard, world->wall_ms, world->monotonic_us, &result);

		switch (step)
		{
			case ID_STEP_MADE:
				*id = result;
				return step;
			case ID_STEP_NEED_MARK:
				world->durable_mark = Max(world->durable_mark, result);
				world->state.mark = Max(world->state.mark, result);
				break;
			case ID_STEP_WAIT:
				world->monotonic_us += result;
				world->waited_us += result;
				break;
			case ID_STEP_EXHAUSTED:
				return step;
		}
	}
}

static void
crash(World *world)
{
	memset(&world->state, 0, sizeof(world->state));
	id_generate_start_from(&world->state, world->durable_mark);
}

/* Steps of the clocks and crashes at random; the properties after each id. */
static void
random_history(void)
{
	World		world = {.wall_ms = 5000000};
	int64		last = -1;
	bool		grows = true;
	bool		below_mark = true;
	bool		right_shard = true;
	int			shard = 4711;

	for (int i = 0; i < 3000000; i++)
	{
		int64		id;

		switch (unit_random() % 5000)
		{
			case 0:
				world.wall_ms += unit_between(-100000, 100000);
				world.wall_ms = Max(world.wall_ms, 0);
				break;
			case 1:
				crash(&world);
				break;
			case 2:
				world.monotonic_us = unit_between(0, INT64CONST(1) << 40);	/* must not stop us */
				break;
			default:
				break;
		}
		if (unit_random() % 4 == 0)
		{
			world.wall_ms += 1;
			world.monotonic_us += 1000;
		}
		if (make(&world, shard, &id) != ID_STEP_MADE)
			break;
		grows = grows && id > last;
		below_mark = below_mark && id_layout_tick(id) < world.durable_mark;
		right_shard = right_shard && id_layout_shard(id) == shard;
		last = id;
	}
	check(grows, "ids grow across steps of the clocks and crashes");
	check(below_mark, "every id lies below its durable mark");
	check(right_shard, "every id lies in its shard");
}

static void
busy_millisecond(void)
{
	World		world = {.wall_ms = 1000};
	int64		ids[3000];
	bool		dense = true;

	for (int i = 0; i < 3000; i++)
		make(&world, 7, &ids[i]);
	for (int i = 1; i < 3000; i++)
		dense = dense && id_layout_tick(ids[i]) == id_layout_tick(ids[i - 1]) + 1;
	check(id_layout_ms(ids[0]) == 1000 && id_layout_sequence(ids[0]) == 0, "the first id is the first of its millisecond");
	check(id_layout_ms(ids[1023]) == 1000 && id_layout_ms(ids[1024]) == 1001 && id_layout_ms(ids[2999]) == 1002,
		  "more than 1024 ids in a millisecond continue in the next ones");
	check(dense, "without a gap");
	check(world.waited_us == 0, "and without waiting");
}

static void
clock_steps_back(void)
{
	World		world = {.wall_ms = 1000000};
	int64		before;
	int64		after;

	make(&world, 0, &before);
	world.wall_ms -= 500000;
	world.monotonic_us += 10;
	make(&world, 0, &after);
	check(id_layout_tick(after) == id_layout_tick(before) + 1, "after a step back the shard counts on from its last id");
	check(world.waited_us == 0, "the wall clock is not waited for");
	world.wall_ms += 2000000;
	make(&world, 0, &after);
	check(id_layout_ms(after) == world.wall_ms, "when the clock is ahead again ids follow it");
}

/* The wall clock stands still: only the monotonic one limits the rate. */
static void
rate(void)
{
	World		world = {.wall_ms = 1000};
	int64		id = 0;
	int64		n = 5000000;
	int64		us;

	for (int64 i = 0; i < n; i++)
		make(&world, 0, &id);
	us = world.monotonic_us;
	check(us >= (n - ID_BURST_TICKS) * 1000 / 1024 - 1000 && us <= (n - ID_BURST_TICKS) * 1000 / 1024 + 1000,
		  "no more than 1024 ids per monotonic millisecond and a burst");
	check(id_layout_tick(id) == (INT64CONST(1000) << 10) + n - 1, "no tick is left out");
}

static void
marks(void)
{
	World		world = {.wall_ms = 1000};
	int64		id;
	int			flushes = 0;
	int64		mark = 0;

	for (int i = 0; i < 60000; i++)
	{
		world.wall_ms++;
		world.monotonic_us += 1000;
		make(&world, 0, &id);
		if (world.durable_mark != mark)
			flushes++;
		mark = world.durable_mark;
	}
	check(flushes <= 60000 / ID_MARK_LEAD_MS + 1, "one mark per lead");

	/* hand-over: the new owner starts from the old one's mark */
	memset(&world.state, 0, sizeof(world.state));
	id_generate_start_from(&world.state, id_layout_tick(id) + 123456);
	make(&world, 0, &mark);
	check(id_layout_tick(mark) == id_layout_tick(id) + 123456, "a new owner starts from the mark it was told");
}

static void
end_of_layout(void)
{
	World		world = {.wall_ms = ID_MS_MAX};
	int64		id = 0;
	int			made = 0;

	while (make(&world, 0, &id) == ID_STEP_MADE)
		made++;
	check(made == 1024 && id_layout_tick(id) == ID_TICK_MAX, "the last millisecond has 1024 ids and no more");
	world.wall_ms = ID_MS_MAX + 1;
	memset(&world.state, 0, sizeof(world.state));
	check(make(&world, 0, &id) == ID_STEP_EXHAUSTED, "after the end of the layout there are no ids");
	world.wall_ms = PG_INT64_MAX / 1000;
	check(make(&world, 0, &id) == ID_STEP_EXHAUSTED, "however far after");
}

int
main(void)
{
	random_history();
	busy_millisecond();
	clock_steps_back();
	rate();
	marks();
	end_of_layout();
	return unit_done();
}
