/*
 * id_layout.c
 *	  The part of an id that is time: conversion between microseconds and
 *	  milliseconds since the epoch, with the limits of the layout.
 */
#include "postgres.h"

#include "common/int.h"

#include "id/id_layout.h"

IdMsProblem
id_layout_ms_since(int64 epoch_us, int64 at_us, int64 *ms)
{
	int64		us;

	*ms = 0;
	if (at_us < epoch_us)
		return ID_MS_BEFORE_EPOCH;
	if (pg_sub_s64_overflow(at_us, epoch_us, &us))
		return ID_MS_AFTER_END;
	if (us / 1000 > ID_MS_MAX)
		return ID_MS_AFTER_END;
	*ms = us / 1000;
	return ID_MS_OK;
}

int64
id_layout_end_us(int64 epoch_us)
{
	int64		end;

	if (pg_add_s64_overflow(epoch_us, (ID_MS_MAX + 1) * 1000, &end))
		return PG_INT64_MAX;
	return end;
}
