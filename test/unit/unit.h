/*
 * unit.h
 *	  What a unit test needs: check(), a repeatable random number, and the plan
 *	  line at the end.
 */
#ifndef SHARDEXT_UNIT_H
#define SHARDEXT_UNIT_H

#include "postgres.h"

static int	unit_count = 0;
static int	unit_failed = 0;

/* One "ok" line per name; failures also say where. */
#define check(condition, name) \
	do { \
		bool		passed_ = (condition); \
		printf("%s %d - %s\n", passed_ ? "ok" : "not ok", ++unit_count, name); \
		if (!passed_) \
		{ \
			unit_failed++; \
			printf("# failed at %s line %d\n", __FILE__, __LINE__); \
		} \
	} while (0)

static inline int
unit_done(void)
{
	printf("1..%d\n", unit_count);
	return unit_failed == 0 ? 0 : 1;
}

/* splitmix64, the same numbers in every run */
static uint64 unit_seed = 1;

static inline uint64
unit_random(void)
{
	uint64		z = (unit_seed += UINT64CONST(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64CONST(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64CONST(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* Between low and high, both included; often one of the ends. */
static inline int64
unit_between(int64 low, int64 high)
{
	switch (unit_random() % 8)
	{
		case 0:
			return low;
		case 1:
			return high;
		default:
			return low + (int64) (unit_random() % ((uint64) (high - low) + 1));
	}
}

#endif
